//! The parts of a secret that are secrets of their own: lines, values of a document, the password in an address.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::ordinary;
use crate::text::{Kind, Node, Source, parse};

/// Deeper and longer documents are taken line by line only.
const LONGEST_DOCUMENT: usize = 64 * 1024;

/// The parts, some of them perhaps short or there twice.
pub(super) fn of(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    // `echo "$KEY"` may indent, wrap or number the lines of a key: each line is a secret of its own.
    for line in lines(secret) {
        parts.extend(value_of_assignment(line).map(<[u8]>::to_vec));
        parts.push(line.to_vec());
    }
    if let Ok(text) = std::str::from_utf8(secret) {
        parts.extend(values(text).into_iter().map(String::into_bytes));
        parts.extend(credentials(text).into_iter().map(String::into_bytes));
    }
    // What everybody knows is no secret, wherever it stands.
    parts.retain(|part| !std::str::from_utf8(part).is_ok_and(ordinary::is_ordinary));
    parts
}

/// Lines without the marks of PEM, which all keys share, and without names that have nothing beside them.
fn lines(secret: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = secret.split(|byte| *byte == b'\n').map(|line| line.trim_ascii());
    let name = |byte: &u8| byte.is_ascii_alphabetic() || b"-_. \"".contains(byte);
    let is_name = move |line: &[u8]| {
        let opened =
            line.strip_suffix(b":").or_else(|| line.strip_suffix(b": {")).or_else(|| line.strip_suffix(b": ["));
        opened.is_some_and(|line| line.iter().all(name))
    };
    lines.filter(move |line| !line.starts_with(b"-----") && !is_name(line))
}

/// What stands behind `NAME=` in a file of variables.
fn value_of_assignment(line: &[u8]) -> Option<&[u8]> {
    let at = line.iter().position(|byte| *byte == b'=')?;
    let name = line[..at].strip_prefix(b"export ").unwrap_or(&line[..at]);
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let value = line[at + 1..].trim_ascii();
    let quoted = [b'"', b'\''].into_iter().find_map(|quote| value.strip_prefix(&[quote])?.strip_suffix(&[quote]));
    is_name.then(|| quoted.unwrap_or(value))
}

/// The values of a JSON or YAML document that is more than one value.
fn values(text: &str) -> Vec<String> {
    let document = text.trim_start().starts_with(['{', '[']) || text.contains('\n');
    if !document || text.len() > LONGEST_DOCUMENT {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(text) {
        leaves_of_json(&json, &mut found);
    } else if !text.contains("-----BEGIN ") || text.contains(": ") {
        let source = Source::new("secret", text);
        if let Some(root) = parse(&source).root {
            leaves_of_yaml(&root, &mut found);
        }
    }
    found
}

fn leaves_of_json(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => found.extend(with_inner(text)),
        serde_json::Value::Number(number) => found.push(number.to_string()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| leaves_of_json(item, found)),
        serde_json::Value::Object(map) => map.values().for_each(|item| leaves_of_json(item, found)),
        _ => {}
    }
}

fn leaves_of_yaml(node: &Node, found: &mut Vec<String>) {
    match &node.kind {
        Kind::Seq(items) => items.iter().for_each(|item| leaves_of_yaml(item, found)),
        Kind::Map(entries) => entries.iter().for_each(|entry| leaves_of_yaml(&entry.value, found)),
        _ => found.extend(node.scalar().into_iter().flat_map(with_inner)),
    }
}

/// A value, the lines of a long one, and the key in it.
fn with_inner(value: &str) -> Vec<String> {
    let lines = lines(value.as_bytes()).map(|line| String::from_utf8_lossy(line).into_owned());
    let mut all: Vec<String> = lines.collect();
    all.push(value.to_owned());
    all.extend(credentials(value));
    all
}

/// The password of `scheme://user:password@host`, the token of `Bearer TOKEN`, both halves of `Basic BASE64`.
fn credentials(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let authority = text[at + 3..].split(['/', '?', '#', ' ', '\n', '"']).next().unwrap_or_default();
        if let Some((_, password)) = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) {
            found.push(password.to_owned());
            found.extend(unescaped(password));
        }
    }
    if let Some((scheme, token)) = text.split_once(' ')
        && ["bearer", "basic", "token", "apikey"].contains(&scheme.to_ascii_lowercase().as_str())
    {
        found.push(token.trim().to_owned());
        let pair = STANDARD.decode(token.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((pair, (_, password))) = pair.as_ref().and_then(|pair| Some((pair, pair.split_once(':')?))) {
            found.extend([pair.clone(), password.to_owned()]);
        }
    }
    found
}

/// `%40` as `@`.
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok().filter(|plain| plain != text)
}

/// The base64 of each PEM block, its lines joined.
pub(super) fn key_bodies(secret: &[u8]) -> Vec<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(secret) else { return Vec::new() };
    // A key in a variable often has its line ends written out.
    let text = text.replace("\\n", "\n");
    let blocks = text.split("-----BEGIN ").skip(1).filter_map(|block| block.split("-----END ").next());
    let body = |block: &str| {
        let lines = block.lines().skip(1).filter(|line| !line.contains(':'));
        lines.flat_map(str::bytes).filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>()
    };
    blocks.map(body).filter(|body| body.len() >= super::WRAPPED).collect()
}
