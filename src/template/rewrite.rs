//! Rewrites a template before the engine sees it, so that the engine's lenient operators become our strict functions:
//!
//! * `a < b` and the other comparisons → `__compare(site, '<', a, b)`
//! * `a in b`, `a not in b` → `__contains(site, a, b)`
//! * `a ~ b` → `__concat(site, a, b)`
//! * `steps.x.y is defined` → `__present(['steps', 'x', 'y'])`, which may ask about a path with no parent;
//!   `steps.x.y | default(1)` → `__get(['steps', 'x', 'y']) | default(1)` for the same reason
//! * `{{ expr }}` → `{{ __put(site, expr) }}`, which prints strictly and, in scripts, leaves a hole
//!
//! Every site remembers its bytes in the original source, and a map leads from the rewritten text back to it.

use std::ops::Range;

use super::error::{ErrorKind, EvalError};
use super::refs::{is_presence, static_path};
use super::scan::{Piece, Token, TokenKind};

/// A rewritten template or expression.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    pub(crate) text: String,
    /// Bytes of the original source, by site number.
    pub(crate) sites: Vec<Range<usize>>,
    /// (offset in `text`, offset in the source) at the start of each copied run.
    runs: Vec<(usize, usize)>,
}

impl Rewritten {
    /// The source bytes behind a range of the rewritten text.
    pub(crate) fn original(&self, range: Range<usize>) -> Range<usize> {
        let start = self.offset(range.start);
        start..self.offset(range.end).max(start)
    }

    fn offset(&self, at: usize) -> usize {
        let index = self.runs.partition_point(|run| run.0 <= at);
        let Some((new, old)) = index.checked_sub(1).map(|i| self.runs[i]) else { return 0 };
        let limit = self.runs.get(index).map_or(usize::MAX, |next| next.1);
        (old + (at - new)).min(limit)
    }
}

/// Rewrites all tags of a template.
pub(crate) fn template(src: &str, pieces: &[Piece]) -> Result<Rewritten, EvalError> {
    let mut edits = Edits { src, list: Vec::new(), sites: Vec::new() };
    for piece in pieces {
        match piece {
            Piece::Put(tag) => {
                let range = span(&tag.tokens);
                let site = edits.site(range.clone());
                edits.open(range.start, format!("__put({site}, "));
                edits.level(&tag.tokens)?;
                edits.presence(&tag.tokens);
                edits.close(range.end);
            }
            Piece::Block(tag) => {
                // The `in` of a loop is no membership test.
                let list = tag.tokens.iter().position(|t| &src[t.range.clone()] == "in");
                let is_loop = tag.tokens.first().is_some_and(|t| &src[t.range.clone()] == "for");
                let start = list.filter(|_| is_loop).map_or(1, |at| at + 1);
                edits.level(&tag.tokens[start..])?;
                edits.presence(&tag.tokens[start..]);
            }
            Piece::Text(_) | Piece::Comment { .. } => {}
        }
    }
    Ok(edits.apply())
}

/// Rewrites a bare expression.
pub(crate) fn expression(src: &str, tokens: &[Token]) -> Result<Rewritten, EvalError> {
    let mut edits = Edits { src, list: Vec::new(), sites: Vec::new() };
    edits.level(tokens)?;
    edits.presence(tokens);
    Ok(edits.apply())
}

/// The bytes from the first to the last token.
pub(crate) fn span(tokens: &[Token]) -> Range<usize> {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => first.range.start..last.range.end,
        _ => 0..0,
    }
}

#[derive(Debug)]
struct Edit {
    at: usize,
    /// Bytes of the source that the text replaces.
    remove: usize,
    closes: bool,
    text: String,
}

struct Edits<'a> {
    src: &'a str,
    list: Vec<Edit>,
    sites: Vec<Range<usize>>,
}

/// How tokens of one bracket level bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Operand,
    /// Ends a comparison: `and or not if else , : =`.
    Boundary,
    /// `< <= > >= == !=`
    Comparison,
    /// `in`, `not in`
    Membership,
    /// Binary `+ -`, which bind weaker than `~`.
    Sum,
    /// `~`
    Tilde,
}

impl<'a> Edits<'a> {
    fn text(&self, token: &Token) -> &'a str {
        &self.src[token.range.clone()]
    }

    fn site(&mut self, range: Range<usize>) -> usize {
        self.sites.push(range);
        self.sites.len() - 1
    }

    fn open(&mut self, at: usize, text: String) {
        self.list.push(Edit { at, remove: 0, closes: false, text });
    }

    fn close(&mut self, at: usize) {
        self.list.push(Edit { at, remove: 0, closes: true, text: ")".into() });
    }

    fn replace(&mut self, range: Range<usize>, text: String) {
        self.list.push(Edit { at: range.start, remove: range.len(), closes: false, text });
    }

    /// Rewrites one bracket level, then the brackets inside it.
    fn level(&mut self, tokens: &[Token]) -> Result<(), EvalError> {
        let roles = self.roles(tokens);
        for range in split(&roles, &[Role::Boundary]) {
            self.comparison(&tokens[range.clone()], &roles[range])?;
        }
        let mut i = 0;
        while i < tokens.len() {
            let close = self.group_end(tokens, i);
            if close > i {
                self.level(&tokens[i + 1..close])?;
            }
            i = close + 1;
        }
        Ok(())
    }

    /// The index of the bracket that closes the one at `i`, or `i` itself.
    fn group_end(&self, tokens: &[Token], i: usize) -> usize {
        if !matches!(self.text(&tokens[i]), "(" | "[" | "{") {
            return i;
        }
        let mut depth = 0usize;
        for (j, token) in tokens.iter().enumerate().skip(i) {
            match self.text(token) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return j;
            }
        }
        i
    }

    fn roles(&self, tokens: &[Token]) -> Vec<Role> {
        let mut roles = Vec::with_capacity(tokens.len());
        let mut inside = 0;
        for (i, token) in tokens.iter().enumerate() {
            if i < inside {
                roles.push(Role::Operand);
                continue;
            }
            inside = self.group_end(tokens, i) + 1;
            let before = if i == 0 { "" } else { self.text(&tokens[i - 1]) };
            let after = tokens.get(i + 1).map_or("", |t| self.text(t));
            let in_test = before == "is" || before == "not" && i >= 2 && self.text(&tokens[i - 2]) == "is";
            let operand_before = roles.last() == Some(&Role::Operand);
            roles.push(match (token.kind, self.text(token)) {
                (TokenKind::Name, _) if matches!(before, "." | "|") || in_test => Role::Operand,
                (TokenKind::Name, "not") if after == "in" => Role::Membership,
                (TokenKind::Name, "in") => Role::Membership,
                (TokenKind::Name, "and" | "or" | "not" | "if" | "else") => Role::Boundary,
                (TokenKind::Mark, "," | ":" | "=") => Role::Boundary,
                (TokenKind::Mark, "<" | "<=" | ">" | ">=" | "==" | "!=") => Role::Comparison,
                (TokenKind::Mark, "+" | "-") if operand_before && !is_factor(before) => Role::Sum,
                (TokenKind::Mark, "~") => Role::Tilde,
                _ => Role::Operand,
            });
        }
        roles
    }

    /// Rewrites one run between boundaries: at most one comparison, its operands' `~` chains.
    fn comparison(&mut self, tokens: &[Token], roles: &[Role]) -> Result<(), EvalError> {
        let operators: Vec<usize> = (0..tokens.len())
            .filter(|&i| match roles[i] {
                Role::Comparison => true,
                Role::Membership => i == 0 || roles[i - 1] != Role::Membership,
                _ => false,
            })
            .collect();
        if let Some(&at) = operators.first() {
            if operators.len() > 1 {
                return Err(EvalError::new(ErrorKind::Syntax, "comparisons may not be chained", span(tokens))
                    .help("join them with `and`: `1 < x and x < 5`"));
            }
            let width =
                roles[at..].iter().take_while(|role| matches!(role, Role::Comparison | Role::Membership)).count();
            let range = span(&tokens[at..at + width]);
            if at == 0 || at + width == tokens.len() {
                return Err(EvalError::new(ErrorKind::Syntax, "a comparison needs a value on both sides", range));
            }
            let site = self.site(span(tokens));
            let call = match (self.text(&tokens[at]), width) {
                ("in", 1) => format!("__contains({site}, "),
                ("not", _) => format!("not __contains({site}, "),
                (operator, _) => format!("__compare({site}, '{operator}', "),
            };
            self.open(span(tokens).start, call);
            self.replace(range, ",".into());
        }
        for range in split(roles, &[Role::Comparison, Role::Membership, Role::Sum]) {
            self.concatenation(&tokens[range.clone()], &roles[range]);
        }
        if !operators.is_empty() {
            self.close(span(tokens).end);
        }
        Ok(())
    }

    fn concatenation(&mut self, tokens: &[Token], roles: &[Role]) {
        let tildes: Vec<usize> = (0..tokens.len()).filter(|&i| roles[i] == Role::Tilde).collect();
        if tildes.is_empty() {
            return;
        }
        let range = span(tokens);
        let site = self.site(range.clone());
        self.open(range.start, format!("__concat({site}, "));
        for i in tildes {
            self.replace(tokens[i].range.clone(), ",".into());
        }
        self.close(range.end);
    }

    /// `a.b is [not] defined` and `a.b | default(..)` with a fixed path, in brackets or not; other operands keep the
    /// engine's own test. Comes last, so that what it writes stands inside of everything opened at the same place.
    fn presence(&mut self, tokens: &[Token]) {
        for i in 0..tokens.len() {
            let before = if i == 0 { "" } else { self.text(&tokens[i - 1]) };
            if tokens[i].kind != TokenKind::Name || matches!(before, "." | "|" | "is") {
                continue;
            }
            let (end, path) = static_path(self.src, tokens, i);
            let text = |i: usize| tokens.get(i).map_or("", |t| &self.src[t.range.clone()]);
            let list: Vec<String> = path.iter().map(|s| format!("'{}'", s.replace('\'', "\\'"))).collect();
            if text(end) == "|" && text(end + 1) == "default" {
                self.replace(span(&tokens[i..end]), format!("__get([{}])", list.join(", ")));
                continue;
            }
            let negated = text(end + 1) == "not";
            let word = end + 1 + usize::from(negated);
            if text(end) != "is" || !is_presence(text(word)) {
                continue;
            }
            let wanted = (text(word) == "defined") != negated;
            let call = format!("({}__present([{}]))", if wanted { "" } else { "not " }, list.join(", "));
            self.replace(tokens[i].range.start..tokens[word].range.end, call);
        }
    }

    fn apply(mut self) -> Rewritten {
        let count = self.list.len();
        let mut ordered: Vec<(usize, bool, usize, Edit)> = self
            .list
            .drain(..)
            .enumerate()
            .map(|(i, e)| (e.at, !e.closes, if e.closes { count - i } else { i }, e))
            .collect();
        // At one place: what closes comes first (inner before outer), then what opens (outer before inner).
        ordered.sort_by_key(|(at, opens, order, _)| (*at, *opens, *order));
        let mut out = Rewritten { sites: self.sites, ..Rewritten::default() };
        let mut copied = 0;
        for (at, _, _, edit) in ordered {
            if at > copied || out.runs.is_empty() {
                out.runs.push((out.text.len(), copied));
                out.text.push_str(&self.src[copied..at]);
            }
            out.runs.push((out.text.len(), at));
            out.text.push_str(&edit.text);
            copied = copied.max(at + edit.remove);
        }
        out.runs.push((out.text.len(), copied));
        out.text.push_str(&self.src[copied..]);
        out
    }
}

fn is_factor(word: &str) -> bool {
    matches!(word, "*" | "/" | "//" | "%" | "**" | "+" | "-")
}

/// The index ranges between the given roles; empty ones left out.
fn split(roles: &[Role], at: &[Role]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for (i, role) in roles.iter().enumerate() {
        if at.contains(role) {
            ranges.push(start..i);
            start = i + 1;
        }
    }
    ranges.push(start..roles.len());
    ranges.retain(|r| !r.is_empty());
    ranges
}
