//! Values nobody filled in, and passwords everybody knows.

use super::Rails;
use crate::text::{self, Code, Diagnostic, Kind, Node, Source};
use serde_json::Value;
use std::ops::Range;

/// Passwords that come with programs, or that people begin with.
const KNOWN: [&str; 20] = [
    "admin",
    "administrator",
    "password",
    "passw0rd",
    "changeme",
    "change_me",
    "secret",
    "root",
    "123456",
    "12345678",
    "postgres",
    "guest",
    "test",
    "default",
    "letmein",
    "qwerty",
    "grafana",
    "neo4j",
    "redis",
    "minio",
];
/// Words in the names of keys that hold passwords.
const SECRET_NAMES: [&str; 5] = ["password", "passwd", "passphrase", "pwd", "secret"];

/// The placeholder in a value, if there is one: `[Configure in production]`, `<git-sha>`, `CHANGEME`, `vX.Y.Z`,
/// `TIMESTAMP`, `...`.
pub fn placeholder(value: &str) -> Option<&str> {
    let trimmed = value.trim();
    if matches!(trimmed, "..." | "…" | "TBD" | "TODO") {
        return Some(trimmed);
    }
    find_placeholder(value, true).map(|range| &value[range])
}

/// The default password in a value that stands under this key, if there is one.
pub fn default_password<'v>(key: &str, value: &'v str) -> Option<&'v str> {
    let key = key.to_lowercase();
    let is_secret = SECRET_NAMES.iter().any(|name| key.contains(name));
    if is_secret && is_known(value) {
        return Some(value);
    }
    find_password(value).map(|range| &value[range])
}

/// Placeholders and passwords in a script, with their bytes.
pub(super) fn in_script(rails: &Rails<'_>, script: &str) -> Vec<(Code, String, Range<usize>)> {
    let mut found = Vec::new();
    if let Some(policy) = rails.policies.iter().find(|policy| policy.no_placeholders)
        && let Some(range) = find_placeholder(script, false)
    {
        let message = format!("policy {}: `{}` was never filled in", policy.name, &script[range.clone()]);
        found.push((Code::PLACEHOLDER, message, range));
    }
    if let Some(policy) = rails.policies.iter().find(|policy| policy.no_default_passwords)
        && let Some(range) = find_password(script)
    {
        let message = format!("policy {}: `{}` is a password everybody knows", policy.name, &script[range.clone()]);
        found.push((Code::DEFAULT_PASSWORD, message, range));
    }
    found
}

/// What is wrong with a named value, such as an input.
pub fn check_value(rails: &Rails<'_>, key: &str, value: &Value) -> Option<(Code, String)> {
    match value {
        Value::String(text) => wrong_text(rails, key, text),
        Value::Array(items) => items.iter().find_map(|item| check_value(rails, key, item)),
        Value::Object(map) => map.iter().find_map(|(key, value)| check_value(rails, key, value)),
        _ => None,
    }
}

/// Everything that is wrong with the values of a target profile.
pub fn check_target(rails: &Rails<'_>, source: &Source) -> Vec<Diagnostic> {
    let parsed = text::parse(source);
    let mut problems = Vec::new();
    if let Some(root) = &parsed.root {
        walk(rails, source, "", root, &mut problems);
    }
    problems
}

/// What to do about it.
pub(super) fn help(code: Code) -> &'static str {
    match code {
        Code::PLACEHOLDER => "write the real value, or ask for it with an input",
        _ => "take it from a secret: `{ type: secret, from: env:NAME }`, and change it where it is used",
    }
}

fn walk(rails: &Rails<'_>, source: &Source, key: &str, node: &Node, problems: &mut Vec<Diagnostic>) {
    match &node.kind {
        Kind::Seq(items) => items.iter().for_each(|item| walk(rails, source, key, item, problems)),
        Kind::Map(entries) => {
            let user = entries.iter().find(|e| matches!(e.key.as_str(), "user" | "username" | "login"));
            for entry in entries {
                // `user: x, password: x` is a default whatever x is.
                let same = user.is_some_and(|u| u.key != entry.key && u.value.scalar() == entry.value.scalar());
                let key = entry.key.to_lowercase();
                let secret = SECRET_NAMES.iter().any(|name| key.contains(name));
                if same
                    && secret
                    && let Some(policy) = rails.policies.iter().find(|policy| policy.no_default_passwords)
                {
                    let message = format!("policy {}: the password is the name of the user", policy.name);
                    let problem = Diagnostic::error(Code::DEFAULT_PASSWORD, message, source.place(entry.value.span));
                    problems.push(problem.help(help(Code::DEFAULT_PASSWORD)));
                } else {
                    walk(rails, source, &entry.key, &entry.value, problems);
                }
            }
        }
        _ => {
            let wrong = node.scalar().and_then(|text| wrong_text(rails, key, text));
            problems.extend(
                wrong.map(|(code, message)| Diagnostic::error(code, message, source.place(node.span)).help(help(code))),
            );
        }
    }
}

fn wrong_text(rails: &Rails<'_>, key: &str, text: &str) -> Option<(Code, String)> {
    if let Some(policy) = rails.policies.iter().find(|policy| policy.no_placeholders)
        && let Some(found) = placeholder(text)
    {
        return Some((Code::PLACEHOLDER, format!("policy {}: `{key}` was never filled in: `{found}`", policy.name)));
    }
    let policy = rails.policies.iter().find(|policy| policy.no_default_passwords)?;
    default_password(key, text)?;
    // The value itself may be the one that is used: it is not repeated.
    Some((Code::DEFAULT_PASSWORD, format!("policy {}: `{key}` holds a password everybody knows", policy.name)))
}

/// Placeholders inside a text. In a script fewer things are: `TIMESTAMP` may be a variable there and `<file` a file.
fn find_placeholder(text: &str, value: bool) -> Option<Range<usize>> {
    let bracketed = find_enclosed(text, '[', ']', |inside| {
        let word = inside.split_whitespace().next().unwrap_or_default();
        ["configure", "insert", "fill", "your", "todo", "replace", "enter"].contains(&word.to_lowercase().as_str())
    });
    let angled = find_enclosed(text, '<', '>', |inside| {
        let name = |c: char| c.is_ascii_alphanumeric() || "-_ .".contains(c);
        let starts = inside.starts_with(|c: char| c.is_ascii_alphabetic());
        let plain = starts && inside.len() <= 40 && inside.chars().all(name);
        plain && (value || inside.contains(['-', '_']) && !inside.contains([' ', '.']))
    });
    let words: &[&str] = match value {
        true => &[
            "CHANGEME",
            "CHANGE_ME",
            "CHANGE-ME",
            "REPLACEME",
            "REPLACE_ME",
            "vX.Y.Z",
            "X.Y.Z",
            "TIMESTAMP",
            "YYYYMMDD",
        ],
        false => &["CHANGEME", "CHANGE_ME", "CHANGE-ME", "REPLACEME", "REPLACE_ME", "vX.Y.Z"],
    };
    let word = words.iter().find_map(|word| find_word(text, word));
    [bracketed, angled, word].into_iter().flatten().min_by_key(|range| range.start)
}

fn find_enclosed(text: &str, open: char, close: char, is: impl Fn(&str) -> bool) -> Option<Range<usize>> {
    text.match_indices(open).find_map(|(start, _)| {
        let inside = &text[start + 1..];
        let end = inside.find([close, open, '\n'])?;
        (inside[end..].starts_with(close) && is(&inside[..end])).then_some(start..start + end + 2)
    })
}

/// A word that is no part of a longer one.
fn find_word(text: &str, word: &str) -> Option<Range<usize>> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(start, _)| start..start + word.len())
        .find(|range| !text[..range.start].ends_with(inside) && !text[range.end..].starts_with(inside))
}

/// `admin:admin`, `admin/admin`, `user:password@host`, `PASSWORD=admin`, `--password admin`.
fn find_password(text: &str) -> Option<Range<usize>> {
    let separators = |c: char| c.is_whitespace() || "'\"`;|&(){}[],<>".contains(c);
    let mut start = 0;
    let mut before = "";
    for word in text.split(separators) {
        let range = start..start + word.len();
        start = range.end + text[range.end..].chars().next().map_or(0, char::len_utf8);
        if word.is_empty() {
            continue;
        }
        if is_default_pair(word) || is_default_assignment(word) || is_password_option(before) && is_known(word) {
            return Some(range);
        }
        before = word;
    }
    None
}

fn is_known(value: &str) -> bool {
    KNOWN.contains(&value.trim().to_lowercase().as_str())
}

/// `admin:admin`, also in front of the host of a URL.
fn is_default_pair(word: &str) -> bool {
    let credentials = match word.split_once("://") {
        Some((_, rest)) => match rest.split(['/', '?', '#']).next().and_then(|authority| authority.rsplit_once('@')) {
            Some((credentials, _)) => credentials,
            None => return false,
        },
        None => word,
    };
    let of_url = credentials.len() != word.len();
    match credentials.split_once([':', '/']) {
        Some((user, password)) => (is_known(user) || of_url) && (is_known(password) && (of_url || user == password)),
        None => false,
    }
}

/// `DB_PASSWORD=admin`, `--password=admin`.
fn is_default_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, value)| {
        let name = name.to_lowercase();
        SECRET_NAMES.iter().any(|secret| name.contains(secret)) && is_known(value)
    })
}

fn is_password_option(word: &str) -> bool {
    matches!(word, "--password" | "--passwd" | "--pass")
}
