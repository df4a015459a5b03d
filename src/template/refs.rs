//! The names a template reads, with their places.

use std::collections::BTreeSet;
use std::ops::Range;

use super::library::CONSTANTS;
use super::scan::{Piece, Token, TokenKind};

/// The names a template or expression reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refs {
    /// One entry per place, in source order.
    pub all: Vec<Ref>,
}

/// One place where a name is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    /// The known part of the path: `["steps", "live", "colour"]`.
    pub path: Vec<String>,
    /// Its bytes in the source.
    pub range: Range<usize>,
    /// The path goes on with something only known at run time, as in `target.colours[vars.idle].url`.
    pub open: bool,
    /// The place only asks whether the name exists (`is defined`) or gives a `default`.
    pub tested: bool,
}

impl Ref {
    /// The path with dots: `steps.live.colour`.
    pub fn name(&self) -> String {
        self.path.join(".")
    }
}

impl Refs {
    /// The distinct dotted names, sorted.
    pub fn names(&self) -> BTreeSet<String> {
        self.all.iter().map(Ref::name).collect()
    }

    /// The distinct first segments, sorted.
    pub fn roots(&self) -> BTreeSet<&str> {
        self.all.iter().filter_map(|r| r.path.first()).map(String::as_str).collect()
    }
}

/// The names read by a template.
pub(crate) fn of_pieces(src: &str, pieces: &[Piece]) -> Refs {
    let mut walk = Walk { src, scopes: vec![BTreeSet::new()], refs: Refs::default() };
    for piece in pieces {
        match piece {
            Piece::Put(tag) => walk.tokens(&tag.tokens),
            Piece::Block(tag) => walk.block(&tag.tokens),
            Piece::Text(_) | Piece::Comment { .. } => {}
        }
    }
    walk.refs
}

/// The names read by an expression.
pub(crate) fn of_tokens(src: &str, tokens: &[Token]) -> Refs {
    let mut walk = Walk { src, scopes: vec![BTreeSet::new()], refs: Refs::default() };
    walk.tokens(tokens);
    walk.refs
}

struct Walk<'a> {
    src: &'a str,
    /// Names bound by `for` and `set`, innermost scope last.
    scopes: Vec<BTreeSet<&'a str>>,
    refs: Refs,
}

const WORDS: [&str; 13] =
    ["true", "True", "false", "False", "none", "None", "and", "or", "not", "if", "else", "in", "is"];

impl<'a> Walk<'a> {
    fn text(&self, token: &Token) -> &'a str {
        &self.src[token.range.clone()]
    }

    fn block(&mut self, tokens: &[Token]) {
        let Some((first, rest)) = tokens.split_first() else { return };
        match self.text(first) {
            "for" => {
                let split = rest.iter().position(|t| self.text(t) == "in").unwrap_or(rest.len());
                let mut scope: BTreeSet<&str> = rest[..split].iter().map(|t| self.text(t)).collect();
                scope.insert("loop");
                // The list is read in the outer scope; a filter behind it (`if item.x`) in the inner one.
                let filter = rest.iter().position(|t| self.text(t) == "if").unwrap_or(rest.len()).max(split);
                self.tokens(&rest[(split + 1).min(filter)..filter]);
                self.scopes.push(scope);
                self.tokens(&rest[filter..]);
            }
            "endfor" => {
                if self.scopes.len() > 1 {
                    self.scopes.pop();
                }
            }
            "set" => {
                let split = rest.iter().position(|t| self.text(t) == "=").unwrap_or(rest.len());
                self.tokens(&rest[split..]);
                let names: Vec<&str> = rest[..split].iter().map(|t| self.text(t)).collect();
                if let Some(scope) = self.scopes.last_mut() {
                    scope.extend(names);
                }
            }
            _ => self.tokens(rest),
        }
    }

    fn tokens(&mut self, tokens: &[Token]) {
        let mut i = 0;
        while i < tokens.len() {
            if self.starts_path(tokens, i) {
                i = self.path(tokens, i);
            } else {
                i += 1;
            }
        }
    }

    fn starts_path(&self, tokens: &[Token], i: usize) -> bool {
        let text = |i: usize| tokens.get(i).map_or("", |t| self.text(t));
        let before = if i == 0 { "" } else { text(i - 1) };
        let after_is = before == "is" || before == "not" && i >= 2 && text(i - 2) == "is";
        tokens[i].kind == TokenKind::Name
            && !matches!(before, "." | "|")
            && !after_is
            && !WORDS.contains(&text(i))
            && !matches!(text(i + 1), "=" | "(")
    }

    /// Reads one path; returns the index of the token after its known part.
    fn path(&mut self, tokens: &[Token], start: usize) -> usize {
        let (end, segments) = static_path(self.src, tokens, start);
        let root = self.text(&tokens[start]);
        let text = |i: usize| tokens.get(i).map_or("", |t| self.text(t));
        let open = matches!(text(end), "[");
        let asks =
            text(end) == "is" && (is_presence(text(end + 1)) || text(end + 1) == "not" && is_presence(text(end + 2)));
        let tested = asks || text(end) == "|" && text(end + 1) == "default";
        let local = self.scopes.iter().any(|s| s.contains(root));
        let constant = segments.len() == 1 && CONSTANTS.iter().any(|(name, _)| *name == root);
        if !local && !constant {
            let range = tokens[start].range.start..tokens[end - 1].range.end;
            self.refs.all.push(Ref { path: segments, range, open, tested });
        }
        end
    }
}

pub(crate) fn is_presence(word: &str) -> bool {
    word == "defined" || word == "undefined"
}

/// The longest `name.name["name"].0` starting at `start`: the index after it and its segments. A method call's name is
/// not part of it.
pub(crate) fn static_path(src: &str, tokens: &[Token], start: usize) -> (usize, Vec<String>) {
    let text = |i: usize| tokens.get(i).map_or("", |t| &src[t.range.clone()]);
    let kind = |i: usize| tokens.get(i).map(|t| t.kind);
    let mut segments = vec![text(start).to_owned()];
    let mut end = start + 1;
    loop {
        if text(end) == "."
            && matches!(kind(end + 1), Some(TokenKind::Name | TokenKind::Number))
            && text(end + 2) != "("
        {
            segments.push(text(end + 1).to_owned());
            end += 2;
        } else if text(end) == "["
            && matches!(kind(end + 1), Some(TokenKind::Text | TokenKind::Number))
            && text(end + 2) == "]"
            && !text(end + 1).contains('\\')
        {
            let key = text(end + 1);
            let quoted = kind(end + 1) == Some(TokenKind::Text);
            segments.push(if quoted { key[1..key.len() - 1].to_owned() } else { key.to_owned() });
            end += 3;
        } else {
            return (end, segments);
        }
    }
}
