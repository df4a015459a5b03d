//! Here-documents: the delimiter behind `<<`, and the bodies that follow the line.

use super::lexer::{HOLE, Lexer};
use super::place::{Place, Refusal};

/// A here-document whose body is still to come.
#[derive(Debug)]
pub(crate) struct HereDoc {
    /// Where the script announces it; its name among the inputs of a command.
    start: usize,
    delimiter: String,
    /// Nothing in the body is expanded.
    quoted: bool,
    /// `<<-`: leading tabs do not count.
    tabs: bool,
    /// The delimiter contains a hole, so the end of the body is unknown.
    unknown: bool,
}

impl Lexer<'_> {
    /// Reads the delimiter; the cursor is behind `<<` or `<<-`. Gives the position that names the here-document.
    pub(super) fn announce(&mut self, tabs: bool) -> usize {
        self.skip_blanks();
        let start = self.at;
        let mut doc = HereDoc { start, delimiter: String::new(), quoted: false, tabs, unknown: false };
        let mut quote = None;
        while let Some(c) = self.peek() {
            match (quote, c) {
                (_, HOLE) => {
                    doc.unknown = true;
                    self.refusing(Refusal::Delimiter, |l| l.hole(Place::Bare));
                    continue;
                }
                (Some(open), _) if c == open => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(c);
                    doc.quoted = true;
                }
                (None, '\\') | (Some('"'), '\\') => {
                    doc.quoted = true;
                    self.at += 1;
                    match self.peek() {
                        Some(HOLE) => continue,
                        Some(next) => doc.delimiter.push(next),
                        None => break,
                    }
                }
                (None, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')') => break,
                _ => doc.delimiter.push(c),
            }
            self.at += 1;
        }
        self.pending.push(doc);
        start
    }

    /// Reads the announced bodies; the cursor is behind the newline.
    pub(super) fn bodies(&mut self) {
        for doc in std::mem::take(&mut self.pending) {
            let (body_end, after) = self.body_end(&doc);
            let body = self.at..body_end;
            let end = self.end;
            self.end = body_end;
            match (doc.unknown, doc.quoted) {
                (true, _) => self.refusing(Refusal::Delimiter, |l| l.body(Place::HereDoc)),
                (_, true) => self.quoted_body(),
                _ => self.body(Place::HereDoc),
            }
            self.end = end;
            self.at = after;
            if let Some((sure, reason)) = self.script_docs.get(&doc.start).copied() {
                self.hand_over(&body, sure, reason);
            }
            if doc.quoted {
                self.quoted_docs.insert(doc.start);
            }
            self.read_docs.insert(doc.start, body);
        }
    }

    fn body(&mut self, place: Place) {
        self.nest(|l| {
            while let Some(c) = l.peek() {
                l.inside_double(c, place);
            }
        });
    }

    fn quoted_body(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                HOLE => self.refusing(Refusal::QuotedHereDoc, |l| l.hole(Place::HereDoc)),
                _ => self.at += 1,
            }
        }
    }

    /// Where the body ends and where the script goes on.
    fn body_end(&self, doc: &HereDoc) -> (usize, usize) {
        let mut line_start = self.at;
        while line_start < self.end {
            let (line, next) = self.logical_line(line_start, doc.quoted);
            let line = if doc.tabs { line.trim_start_matches('\t') } else { &line };
            if !doc.unknown && line == doc.delimiter {
                return (line_start, next);
            }
            line_start = next;
        }
        (self.end, self.end)
    }

    /// A line without its newline; a backslash at its end joins the next one, unless the delimiter is quoted.
    fn logical_line(&self, start: usize, quoted: bool) -> (String, usize) {
        let mut line = String::new();
        let mut at = start;
        while at < self.end {
            match self.chars[at] {
                '\n' => return (line, at + 1),
                '\\' if !quoted && self.chars.get(at + 1) == Some(&'\n') => at += 2,
                '\\' if !quoted && at + 1 < self.end => {
                    line.push('\\');
                    line.push(self.chars[at + 1]);
                    at += 2;
                }
                c => {
                    line.push(c);
                    at += 1;
                }
            }
        }
        (line, self.end)
    }
}
