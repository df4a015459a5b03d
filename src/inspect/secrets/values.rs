//! Values: literal, or a reference to something that is kept elsewhere.

use super::Language;
use std::collections::HashMap;
use std::ops::Range;

/// What stands behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literal<'a> {
    /// This text.
    Text(&'a str),
    /// A reference, with this text where it has no value: `${NAME:-text}`.
    Default(&'a str),
    /// Nothing, or something that is not there.
    No,
}

/// The value at the beginning of a text.
pub(super) fn literal(text: &str, language: Language) -> Literal<'_> {
    let text = near(text);
    let prefix = text.find(['"', '\'', '`']).filter(|at| text[..*at].chars().all(|c| c.is_ascii_alphabetic()));
    // Prefixes of strings in programs, such as b"" or f"".
    let quoted = prefix.filter(|at| *at <= 2).and_then(|at| {
        let quote = text[at..].chars().next()?;
        let body = &text[at + 1..];
        Some((quote, &body[..closing(body, quote)]))
    });
    let (value, quoted) = match quoted {
        Some(('`', _)) if language == Language::Plain => return Literal::No,
        Some((_, value)) => (value, true),
        None if language == Language::Code => return Literal::No,
        None => (bare(text), false),
    };
    if let Some(default) = default_of(value) {
        return if is_nothing(default, true) { Literal::No } else { Literal::Default(default) };
    }
    if is_nothing(value, quoted) || is_reference(value) { Literal::No } else { Literal::Text(value) }
}

/// `${NAME:-text}` at the beginning of a text.
pub(super) fn reference(text: &str) -> Literal<'_> {
    let text = near(text);
    let whole = &text[..text.find('}').map_or(text.len(), |at| at + 1)];
    match default_of(whole) {
        Some(default) if !is_nothing(default, true) => Literal::Default(default),
        _ => Literal::No,
    }
}

/// No value that matters is longer, and some files are one line of megabytes.
fn near(text: &str) -> &str {
    text.char_indices().nth(1000).map_or(text, |(at, _)| &text[..at])
}

fn closing(body: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = body.char_indices().find(|(_, letter)| {
        let closes = *letter == quote && !escaped;
        escaped = *letter == '\\' && !escaped;
        closes
    });
    end.map_or(body.len(), |(at, _)| at)
}

/// A value without quotes ends at white space or at what ends a value in a list.
fn bare(text: &str) -> &str {
    let braced = text.starts_with("${") || text.starts_with("{{");
    let end = match braced {
        true => text.rfind('}').map(|at| at + 1),
        false => text.find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '}' | ']')),
    };
    &text[..end.unwrap_or(text.len())]
}

/// `${NAME:-text}` and `${NAME-text}` hold the text.
fn default_of(value: &str) -> Option<&str> {
    let inner = value.strip_prefix("${")?.strip_suffix('}')?;
    let name = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let rest = &inner[name..];
    rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-')).filter(|text| !is_reference(text))
}

/// Values that are none: empty, words for nothing, types, placeholders.
fn is_nothing(value: &str, quoted: bool) -> bool {
    const WORDS: [&str; 14] = [
        "null",
        "none",
        "nil",
        "true",
        "false",
        "undefined",
        "string",
        "str",
        "optional",
        "required",
        "yes",
        "no",
        "~",
        "redacted",
    ];
    let lower = value.to_ascii_lowercase();
    let placeholder = value.chars().all(|c| matches!(c, '*' | 'x' | 'X' | '.' | '-' | '_' | '?'));
    let structure = !quoted && value.starts_with(['{', '[', '(', '|', '>', '&', '*', '!', '=', ':', '#', '/']);
    value.is_empty() || placeholder || structure || WORDS.contains(&lower.as_str())
}

/// Whether a value says where the real one is.
pub(super) fn is_reference(value: &str) -> bool {
    const BEGINS: [&str; 21] = [
        "$",
        "%",
        "<",
        "env:",
        "file:",
        "vault:",
        "vault.",
        "op://",
        "arn:",
        "ssm:",
        "secret:",
        "ref+",
        "keyring:",
        "/",
        "process.env",
        "os.environ",
        "os.getenv",
        "ENV[",
        "env.",
        "secrets.",
        "!",
    ];
    BEGINS.iter().any(|begin| value.starts_with(begin)) || value.contains("{{") || value.contains("${") || {
        // `[Configure in production]`
        value.starts_with('[') && value.ends_with(']')
    }
}

/// Whether a piece of a line has the look of a random key in base64: letters of both kinds, digits, no repetition.
pub(super) fn looks_random(line: &str, at: Range<usize>) -> bool {
    let text = line[at.clone()].trim_matches(['=', '-', '_', '/']);
    let before = line.as_bytes()[at.start.saturating_sub(16)..at.start].to_ascii_lowercase();
    let text_lower = text.to_ascii_lowercase();
    let digest = ["sha1-", "sha256-", "sha384-", "sha512-", "md5-"].iter().any(|name| text_lower.starts_with(name))
        || ["sha1:", "sha256:", "sha384:", "sha512:", "md5:", "ssh-ed25519 ", "ssh-rsa "]
            .iter()
            .any(|name| before.ends_with(name.as_bytes()));
    let count = |is: fn(char) -> bool| text.chars().filter(|c| is(*c)).count();
    let mixed = count(|c| c.is_ascii_uppercase()) >= 3
        && count(|c| c.is_ascii_lowercase()) >= 3
        && count(|c| c.is_ascii_digit()) >= 3;
    // Paths and names in words have many of these.
    let words = count(|c| matches!(c, '/' | '-' | '_')) > 3;
    text.len() >= 24 && mixed && !words && !digest && entropy(text) >= 4.0
}

/// Bits for each character.
fn entropy(text: &str) -> f64 {
    let mut counts: HashMap<char, f64> = HashMap::new();
    for letter in text.chars() {
        *counts.entry(letter).or_default() += 1.0;
    }
    let all: f64 = counts.values().sum();
    counts.values().map(|count| -(count / all) * (count / all).log2()).sum()
}
