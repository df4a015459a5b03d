//! What follows a dollar sign, and backticks.

use std::ops::Range;

use super::commands::Until;
use super::judge::LintKind;
use super::lexer::{HOLE, Lexer};
use super::place::{Place, Refusal};

impl Lexer<'_> {
    /// A `$` and its expansion; `quoted` inside double quotes and here-documents.
    pub(super) fn dollar(&mut self, quoted: bool) {
        match self.look(1) {
            Some('(') if self.look(2) == Some('(') && self.arithmetic(self.at + 3) => {}
            Some('(') => {
                self.at += 2;
                self.substitution();
            }
            Some('{') => self.nest(|l| l.refusing(Refusal::Parameter, |l| l.parameter(quoted))),
            Some('[') => {
                self.at += 1;
                self.nest(|l| l.refusing(Refusal::Arithmetic, Self::index));
            }
            Some('\'') if !quoted => self.ansi_c(),
            Some('"') if !quoted => {
                self.at += 1;
                self.double();
            }
            Some(HOLE) => {
                self.at += 1;
                self.refusing(Refusal::AfterDollar, |l| l.hole(Place::Bare));
            }
            Some('$' | '?' | '!' | '#' | '@' | '*' | '-') => self.at += 2,
            _ => {
                self.at += 1;
                self.note_expansion();
            }
        }
    }

    /// The commands of `$( )`, `<( )` or `>( )`, up to and with the closing parenthesis; the cursor is behind the opening.
    pub(super) fn substitution(&mut self) {
        self.nest(|l| {
            let outside = std::mem::take(&mut l.pending);
            l.list(Until::Paren);
            l.pending = outside;
        });
    }

    /// Reads `... ))` from `inner` as arithmetic if it is some: the parentheses must close together. The cursor moves
    /// behind it, or stays. Where they never close, bash and this reader may disagree: no hole of the script is safe.
    pub(super) fn arithmetic(&mut self, inner: usize) -> bool {
        if self.not_arithmetic.contains(&inner) {
            return false;
        }
        let start = self.at;
        let mut closed = false;
        self.at = inner;
        self.nest(|l| l.refusing(Refusal::Arithmetic, |l| closed = l.arithmetic_body()));
        if closed {
            self.note_computed(inner..self.at);
        } else {
            self.unreadable |= self.peek().is_none();
            self.not_arithmetic.insert(inner);
            self.holes.split_off(&start);
            self.at = start;
        }
        closed
    }

    fn arithmetic_body(&mut self) -> bool {
        let mut open = 0usize;
        while let Some(c) = self.peek() {
            match c {
                '(' => open += 1,
                ')' if open > 0 => open -= 1,
                ')' => {
                    let closed = self.look(1) == Some(')');
                    self.at += if closed { 2 } else { 0 };
                    return closed;
                }
                _ => {}
            }
            match c {
                HOLE => self.hole(Place::Bare),
                '\\' => self.escape(None),
                '\'' => self.single(),
                '"' => self.double(),
                '`' => self.backticks(false),
                '$' => self.dollar(false),
                _ => self.at += 1,
            }
        }
        false
    }

    /// Remembers the names that arithmetic reads.
    pub(super) fn note_computed(&mut self, range: Range<usize>) {
        let text: String = self.chars[range].iter().collect();
        let names = text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        self.computed
            .extend(names.filter(|n| !n.is_empty() && !n.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned));
    }

    /// Remembers the variable whose name is at the cursor.
    fn note_expansion(&mut self) -> Option<String> {
        let rest = self.chars.get(self.at..self.end).unwrap_or_default();
        let name: String = rest.iter().take_while(|c| **c == '_' || c.is_ascii_alphanumeric()).collect();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.expansions.insert(self.at, name.clone());
        Some(name)
    }

    /// `${...}`; the caller refuses the holes inside.
    fn parameter(&mut self, quoted: bool) {
        self.at += 2;
        let mut indirect = false;
        while matches!(self.peek(), Some('#' | '!')) && self.look(1) != Some('}') {
            indirect |= self.peek() == Some('!');
            self.at += 1;
        }
        if let Some(name) = self.note_expansion().filter(|_| indirect) {
            self.reread.insert(name, (LintKind::Eval, "is used in `${!...}`, which runs commands hidden in it"));
        }
        while self.peek().is_some_and(|c| c == '_' || c.is_ascii_alphanumeric() || matches!(c, '@' | '*' | '?' | '$')) {
            self.at += 1;
        }
        if self.peek() == Some('[') {
            self.nest(Self::index);
        }
        if self.peek() == Some(':') && !matches!(self.look(1), Some('-' | '=' | '?' | '+')) {
            // Offset and length of a substring are arithmetic.
            let length = self.chars[self.at..self.end].iter().take_while(|c| **c != '}').count();
            self.note_computed(self.at..self.at + length);
        }
        // A single quote quotes in `${x#'}'}` but is plain text in "${x:-it's}".
        let patterns = matches!(self.peek(), Some('#' | '%' | '/' | '^' | ','));
        while let Some(c) = self.peek() {
            match c {
                '}' => {
                    self.at += 1;
                    return;
                }
                HOLE => self.hole(Place::Bare),
                '\\' => self.escape(None),
                '\'' if !quoted || patterns => self.single(),
                '"' => self.double(),
                '`' => self.backticks(quoted),
                '$' => self.dollar(quoted),
                _ => self.at += 1,
            }
        }
    }

    /// `$'...'`
    fn ansi_c(&mut self) {
        self.at += 2;
        while let Some(c) = self.peek() {
            match c {
                HOLE => self.hole(Place::AnsiC),
                '\\' => self.escape(None),
                _ => self.at += 1,
            }
            if c == '\'' {
                return;
            }
        }
    }

    /// `` `...` ``: the shell finds the closing mark first and takes backslashes away, then reads the commands. Where
    /// backslashes would change what is read, holes are refused.
    pub(super) fn backticks(&mut self, quoted: bool) {
        let (close, murky) = self.closing_backtick(quoted);
        let (end, before) = (self.end, self.backticked);
        self.at += 1;
        if murky {
            self.murky.push(self.at..close);
        }
        self.end = close;
        self.backticked = true;
        let read = |l: &mut Self| {
            let outside = std::mem::take(&mut l.pending);
            while l.at < l.end {
                l.list(Until::End);
                l.at += 1;
            }
            l.pending = outside;
        };
        self.nest(|l| if murky { l.refusing(Refusal::Backticks, read) } else { read(l) });
        self.end = end;
        self.backticked = before;
        self.at = (close + 1).min(end);
    }

    fn closing_backtick(&self, quoted: bool) -> (usize, bool) {
        let mut murky = false;
        let mut at = self.at + 1;
        while at < self.end {
            match self.chars[at] {
                '`' => return (at, murky),
                '\\' => {
                    let next = self.chars.get(at + 1).copied();
                    murky |= matches!(next, Some('\\' | '$' | '`' | HOLE)) || quoted && next == Some('"');
                    at += 2;
                }
                _ => at += 1,
            }
        }
        (self.end, murky)
    }
}
