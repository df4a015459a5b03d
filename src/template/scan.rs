//! Splits a template into text and tags, and the inside of tags into tokens. The engine has its own reader; this one
//! exists because the engine does not tell where names, operators and holes stand in the source.

use std::ops::Range;

use super::error::{ErrorKind, EvalError};

/// One piece of a template, in source order.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// Literal text, the inside of `{% raw %}` included.
    Text(Range<usize>),
    /// `{{ expression }}`.
    Put(Tag),
    /// `{% if .. %}` and the like.
    Block(Tag),
    /// `{## ... ##}`.
    Comment { trim: Trim },
}

/// A `{{ }}` or `{% %}`.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    /// Delimiters included.
    pub(crate) outer: Range<usize>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) trim: Trim,
}

/// Which neighbouring whitespace `{{-` and `-}}` remove.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trim {
    pub(crate) before: bool,
    pub(crate) after: bool,
}

/// What a token of an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Name,
    Text,
    Number,
    Mark,
}

/// One token of an expression and its bytes in the source.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) range: Range<usize>,
}

/// Deepest nesting of brackets.
const MAX_DEPTH: usize = 64;

/// Most names, operators and values in one expression. The engine calls itself once for each operator of a chain, so a
/// longer one could exhaust the stack.
const MAX_TOKENS: usize = 2000;

/// Most `{% %}` tags of one template; the engine calls itself for each `elif` too.
const MAX_BLOCKS: usize = 500;

/// The tags the language has; everything else of the engine is refused.
const BLOCKS: [&str; 7] = ["if", "elif", "else", "endif", "for", "endfor", "set"];

/// Splits a template into its pieces.
pub(crate) fn pieces(src: &str) -> Result<Vec<Piece>, EvalError> {
    let mut pieces = Vec::new();
    let (mut at, mut blocks) = (0, 0);
    while let Some(start) = next_tag(src, at) {
        blocks += usize::from(src[start..].starts_with("{%"));
        if blocks > MAX_BLOCKS {
            let message = format!("a template has at most {MAX_BLOCKS} `{{% %}}` tags");
            return Err(EvalError::new(ErrorKind::Limit, message, start..start + 2));
        }
        if start > at {
            pieces.push(Piece::Text(at..start));
        }
        at = match &src[start..start + 2] {
            "{{" => read_put(src, start, &mut pieces)?,
            "{%" => read_block(src, start, &mut pieces)?,
            _ => read_comment(src, start, &mut pieces)?,
        };
    }
    if at < src.len() {
        pieces.push(Piece::Text(at..src.len()));
    }
    Ok(pieces)
}

/// The tokens of a bare expression.
pub(crate) fn expression_tokens(src: &str) -> Result<Vec<Token>, EvalError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut depth = 0;
    while let Some(token) = next_token(src, at)? {
        at = token.range.end;
        nest(src, &token, &mut depth)?;
        tokens.push(token);
        bounded(&tokens)?;
    }
    Ok(tokens)
}

fn bounded(tokens: &[Token]) -> Result<(), EvalError> {
    match tokens.get(MAX_TOKENS) {
        None => Ok(()),
        Some(token) => {
            let message = format!("an expression has at most {MAX_TOKENS} names, operators and values");
            Err(EvalError::new(ErrorKind::Limit, message, token.range.clone()))
        }
    }
}

fn next_tag(src: &str, from: usize) -> Option<usize> {
    let rest = &src[from..];
    rest.match_indices('{')
        .map(|(i, _)| i)
        .find(|&i| {
            let here = &rest[i..];
            here.starts_with("{{") || here.starts_with("{%") || here.starts_with("{##")
        })
        .map(|i| from + i)
}

fn read_put(src: &str, start: usize, pieces: &mut Vec<Piece>) -> Result<usize, EvalError> {
    let tag = read_tag(src, start, "}}")?;
    if tag.tokens.is_empty() {
        return Err(EvalError::new(ErrorKind::Syntax, "`{{ }}` needs an expression", tag.outer));
    }
    let end = tag.outer.end;
    pieces.push(Piece::Put(tag));
    Ok(end)
}

fn read_block(src: &str, start: usize, pieces: &mut Vec<Piece>) -> Result<usize, EvalError> {
    if let Some(raw) = read_word_tag(src, start, "raw") {
        return read_raw(src, start, raw, pieces);
    }
    let tag = read_tag(src, start, "%}")?;
    let word = tag.tokens.first().map_or("", |t| &src[t.range.clone()]);
    if !BLOCKS.contains(&word) {
        let range = tag.tokens.first().map_or(tag.outer.clone(), |t| t.range.clone());
        return Err(EvalError::new(ErrorKind::Syntax, format!("`{word}` is not a template tag"), range)
            .help("there are if, elif, else, endif, for, endfor, set, raw and endraw"));
    }
    if word == "set" && !tag.tokens.iter().any(|t| &src[t.range.clone()] == "=") {
        return Err(EvalError::new(ErrorKind::Syntax, "`set` needs a value", tag.outer)
            .help("write {% set name = expression %}"));
    }
    let end = tag.outer.end;
    pieces.push(Piece::Block(tag));
    Ok(end)
}

fn read_comment(src: &str, start: usize, pieces: &mut Vec<Piece>) -> Result<usize, EvalError> {
    let Some(length) = src[start + 3..].find("##}") else {
        return Err(EvalError::new(ErrorKind::Syntax, "this comment is not closed", start..start + 3)
            .help("close it with `##}`"));
    };
    let end = start + 3 + length + 3;
    let inside = &src[start + 3..end - 3];
    let trim = Trim { before: inside.starts_with('-'), after: inside.ends_with('-') };
    pieces.push(Piece::Comment { trim });
    Ok(end)
}

/// A tag of one word such as `{% raw %}`: where it ends and its trims.
fn read_word_tag(src: &str, start: usize, word: &str) -> Option<(usize, Trim)> {
    let mut rest = src[start..].strip_prefix("{%")?;
    let before = rest.starts_with('-');
    rest = rest.strip_prefix(['-', '+']).unwrap_or(rest).trim_start();
    rest = rest.strip_prefix(word)?.trim_start();
    let after = rest.starts_with('-');
    rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    let rest = rest.strip_prefix("%}")?;
    Some((src.len() - rest.len(), Trim { before, after }))
}

fn read_raw(src: &str, start: usize, raw: (usize, Trim), pieces: &mut Vec<Piece>) -> Result<usize, EvalError> {
    let (inside, open) = raw;
    let found = src[inside..]
        .match_indices("{%")
        .map(|(i, _)| inside + i)
        .find_map(|at| read_word_tag(src, at, "endraw").map(|end| (at, end)));
    let Some((close_at, (end, close))) = found else {
        return Err(EvalError::new(ErrorKind::Syntax, "this raw part is not closed", start..inside)
            .help("close it with {% endraw %}"));
    };
    pieces.push(Piece::Comment { trim: open });
    pieces.push(Piece::Text(inside..close_at));
    pieces.push(Piece::Comment { trim: close });
    Ok(end)
}

fn read_tag(src: &str, start: usize, close: &str) -> Result<Tag, EvalError> {
    let mut at = start + 2;
    let before = src[at..].starts_with('-');
    if src[at..].starts_with(['-', '+']) {
        at += 1;
    }
    let mut tokens: Vec<Token> = Vec::new();
    let mut depth = 0usize;
    loop {
        let rest = src[at..].trim_start();
        at = src.len() - rest.len();
        let after = rest.starts_with('-') && rest[1..].starts_with(close);
        let signed = after || rest.starts_with('+') && rest[1..].starts_with(close);
        if depth == 0 && (rest.starts_with(close) || signed) {
            let end = at + close.len() + usize::from(signed);
            return Ok(Tag { outer: start..end, tokens, trim: Trim { before, after } });
        }
        let Some(token) = next_token(src, at)? else {
            return Err(EvalError::new(
                ErrorKind::Syntax,
                format!("`{}` is not closed", &src[start..start + 2]),
                start..start + 2,
            )
            .help(format!(
                "close it with `{close}`; text that really contains `{}` goes between {{% raw %}} and {{% endraw %}}",
                &src[start..start + 2]
            )));
        };
        nest(src, &token, &mut depth)?;
        at = token.range.end;
        tokens.push(token);
        bounded(&tokens)?;
    }
}

/// Counts brackets.
fn nest(src: &str, token: &Token, depth: &mut usize) -> Result<(), EvalError> {
    match &src[token.range.clone()] {
        "(" | "[" | "{" => *depth += 1,
        ")" | "]" | "}" => *depth = depth.saturating_sub(1),
        _ => {}
    }
    match *depth > MAX_DEPTH {
        true => Err(EvalError::new(ErrorKind::Limit, "the brackets are nested too deeply", token.range.clone())),
        false => Ok(()),
    }
}

fn next_token(src: &str, from: usize) -> Result<Option<Token>, EvalError> {
    let rest = src[from..].trim_start();
    let start = src.len() - rest.len();
    let Some(first) = rest.chars().next() else { return Ok(None) };
    let token = |kind, length: usize| Ok(Some(Token { kind, range: start..start + length }));
    if first == '_' || first.is_alphabetic() {
        let length = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        if rest.starts_with("__") {
            return Err(EvalError::new(ErrorKind::Syntax, "names may not start with `__`", start..start + length));
        }
        return token(TokenKind::Name, length);
    }
    if first == '"' || first == '\'' {
        return match string_length(rest, first) {
            Some(length) => token(TokenKind::Text, length),
            None => Err(EvalError::new(ErrorKind::Syntax, "this string is not closed", start..start + 1)),
        };
    }
    if first.is_ascii_digit() {
        return token(TokenKind::Number, number_length(rest, src[..start].ends_with('.')));
    }
    let two = ["**", "//", "==", "!=", "<=", ">="].iter().any(|op| rest.starts_with(op));
    token(TokenKind::Mark, if two { 2 } else { first.len_utf8() })
}

fn string_length(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(i + 1),
            _ => {}
        }
    }
    None
}

/// Digits, one fraction, an exponent; `a.0.b` has no fractions.
fn number_length(rest: &str, after_dot: bool) -> usize {
    let bytes = rest.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let mut i = 0;
    while digit(i) {
        i += 1;
    }
    if !after_dot && bytes.get(i) == Some(&b'.') && bytes.get(i + 1).is_some_and(u8::is_ascii_digit) {
        i += 1;
        while digit(i) {
            i += 1;
        }
    }
    if bytes[..i].last().is_some_and(|b| matches!(b, b'e' | b'E')) && !rest.starts_with("0x") {
        if matches!(bytes.get(i), Some(b'+' | b'-')) {
            i += 1;
        }
        while digit(i) {
            i += 1;
        }
    }
    i
}
