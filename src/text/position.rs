//! From a position in a decoded scalar back to the byte of the file it came from.
//!
//! The source of a scalar is read again beside its decoded text: each character of the text is paired with the bytes
//! that produced it. Folding and escapes make this more than arithmetic.

use std::ops::Range;
use std::sync::OnceLock;

use super::{
    Node, Source, Span,
    node::{Scalar, Style},
};

impl Node {
    /// The byte of the file that produced byte `offset` of [`Node::scalar`]; the end of the text maps to just after
    /// its last character. Lists and mappings map to their start. `source` must be the one the node was read from.
    ///
    /// A space or line break made by folding maps to the line break it stands for, an escape to its backslash.
    pub fn map_offset(&self, source: &Source, offset: usize) -> u32 {
        let Some(scalar) = &self.scalar else { return self.span.start };
        let pairs = pairs(source.text(), self.span, scalar);
        if offset >= scalar.text.len() {
            return pairs.last().map_or(self.span.start, |last| last.source.end as u32);
        }
        let Some(pair) = pairs.get(pairs.partition_point(|pair| pair.text <= offset).saturating_sub(1)) else {
            return self.span.start;
        };
        // Inside a character of several bytes, unless an escape made it.
        let inside = offset - pair.text;
        (pair.source.start + if inside < pair.source.len() && !pair.escaped { inside } else { 0 }) as u32
    }

    /// The bytes of the file that produced a range of [`Node::scalar`].
    pub fn map_range(&self, source: &Source, range: Range<usize>) -> Span {
        let Some(scalar) = &self.scalar else { return self.span };
        let pairs = pairs(source.text(), self.span, scalar);
        let at = |offset: usize| pairs.get(pairs.partition_point(|pair| pair.text <= offset).saturating_sub(1));
        let end_of_text = pairs.last().map_or(self.span.start as usize, |last| last.source.end);
        let start = at(range.start).filter(|_| range.start < scalar.text.len()).map_or(end_of_text, |p| p.source.start);
        if range.is_empty() {
            return Span::new(start, start);
        }
        Span::new(start, at(range.end - 1).map_or(end_of_text, |pair| pair.source.end))
    }
}

/// The characters of a scalar with their sources: a long script has many places to say something about.
#[derive(Debug, Default)]
pub(super) struct Pairs(OnceLock<Vec<Pair>>);

/// A copy finds out for itself.
impl Clone for Pairs {
    fn clone(&self) -> Pairs {
        Pairs::default()
    }
}

/// One character of the decoded text and the bytes it came from.
#[derive(Debug)]
struct Pair {
    text: usize,
    source: Range<usize>,
    escaped: bool,
}

/// All characters of a scalar with their sources, in order.
fn pairs<'s>(file: &str, span: Span, scalar: &'s Scalar) -> &'s [Pair] {
    scalar.pairs.0.get_or_init(|| walk(file, span, scalar))
}

fn walk(file: &str, span: Span, scalar: &Scalar) -> Vec<Pair> {
    let mut walk = Walk { file, text: &scalar.text, done: 0, at: span.start as usize, pairs: Vec::new() };
    let end = span.end as usize;
    match scalar.style {
        Style::Plain => walk.flow(end, Style::Plain),
        // The quotes themselves are not part of the text.
        style @ (Style::Single | Style::Double) => {
            walk.at += 1;
            walk.flow(end.saturating_sub(1), style);
        }
        style @ (Style::Literal | Style::Folded) => walk.block(style),
    }
    walk.pairs
}

struct Walk<'a> {
    file: &'a str,
    text: &'a str,
    /// Bytes of `text` already paired.
    done: usize,
    /// Byte of `file` to read next.
    at: usize,
    pairs: Vec<Pair>,
}

impl Walk<'_> {
    /// Plain and quoted scalars: white space with a line break in it folds, everything else stands for itself.
    fn flow(&mut self, end: usize, style: Style) {
        while self.at < end && self.done < self.text.len() {
            let rest = &self.file[self.at..end];
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            match rest.as_bytes()[0] {
                _ if blank > 0 && rest[..blank].contains(['\n', '\r']) => self.fold(blank),
                b'\\' if style == Style::Double && rest[1..].starts_with(['\n', '\r']) => self.joined_lines(end),
                b'\\' if style == Style::Double => self.take(escape_len(rest), true),
                b'\'' if style == Style::Single => self.take(2, true),
                _ => self.take(char_len(rest), false),
            }
        }
    }

    /// `blank` bytes of white space with line breaks: one break is a space, of more the first is dropped.
    fn fold(&mut self, blank: usize) {
        let breaks = breaks(self.file, self.at..self.at + blank);
        let made = if breaks.len() == 1 { &breaks[..] } else { &breaks[1..] };
        for line_break in made {
            self.pair(line_break.clone(), true);
        }
        self.at += blank;
    }

    /// A backslash at the end of a line: the break and the next line's indentation vanish, empty lines stay.
    fn joined_lines(&mut self, end: usize) {
        let rest = &self.file[self.at + 1..end];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        let start = self.at + 1;
        for line_break in breaks(self.file, start..start + blank).into_iter().skip(1) {
            self.pair(line_break, true);
        }
        self.at = start + blank;
    }

    /// Literal and folded blocks. The span starts at the first line with text, in the column of the indentation.
    fn block(&mut self, style: Style) {
        let leading = self.text.len() - self.text.trim_start_matches('\n').len();
        let line = line_start(self.file, self.at);
        let indent = if leading == self.text.len() { usize::MAX } else { self.at - line };
        self.at = lines_back(self.file, line, leading);
        while self.done < self.text.len() && self.at < self.file.len() {
            self.skip_indent(indent);
            while self.at < self.file.len() && !self.file[self.at..].starts_with(['\n', '\r']) {
                let len = char_len(&self.file[self.at..]);
                self.take(len, false);
                if self.done == self.text.len() {
                    return;
                }
            }
            if style == Style::Folded && self.done > leading { self.folded_break(indent) } else { self.line_break() }
        }
    }

    /// The break after a text line of a folded block, together with the empty lines that follow it.
    fn folded_break(&mut self, indent: usize) {
        let mut breaks = Vec::new();
        while let Some(len) = break_len(&self.file[self.at..]) {
            breaks.push(self.at..self.at + len);
            self.at += len;
            let here = self.at;
            self.skip_indent(indent);
            if break_len(&self.file[self.at..]).is_none() {
                self.at = here;
                break;
            }
        }
        let rest = &self.text[self.done..];
        let newlines = rest.len() - rest.trim_start_matches('\n').len();
        let at_end = newlines == rest.len();
        let made = match breaks.len() {
            // The file ends without a line break, but the text has one.
            0 => return self.pair(self.at..self.at, true),
            1 => &breaks[..],
            // The first break is dropped between two lines that are not further indented.
            count if newlines + 1 == count && !at_end => &breaks[1..],
            _ => &breaks[..],
        };
        for line_break in made.iter().take(newlines.max(1)) {
            self.pair(line_break.clone(), true);
        }
    }

    fn line_break(&mut self) {
        match break_len(&self.file[self.at..]) {
            Some(len) => self.take(len, true),
            // The file ends without a line break, but the text has one.
            None => self.pair(self.at..self.at, true),
        }
    }

    fn skip_indent(&mut self, indent: usize) {
        let spaces = self.file[self.at..].bytes().take_while(|byte| *byte == b' ').count();
        self.at += spaces.min(indent);
    }

    fn take(&mut self, len: usize, escaped: bool) {
        self.pair(self.at..self.at + len, escaped);
        self.at += len;
    }

    fn pair(&mut self, source: Range<usize>, escaped: bool) {
        if self.done < self.text.len() {
            self.pairs.push(Pair { text: self.done, source, escaped });
            self.done += char_len(&self.text[self.done..]);
        }
    }
}

/// Bytes of an escape sequence of a double-quoted scalar; a surrogate pair is one.
fn escape_len(rest: &str) -> usize {
    match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') if is_high_surrogate(rest) => 12,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 1 + char_len(&rest[1..]),
    }
}

fn is_high_surrogate(rest: &str) -> bool {
    let unit = rest.get(2..6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    unit.is_some_and(|unit| (0xD800..0xDC00).contains(&unit))
}

fn char_len(text: &str) -> usize {
    text.chars().next().map_or(1, char::len_utf8)
}

fn break_len(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => Some(2),
        [b'\r' | b'\n', ..] => Some(1),
        _ => None,
    }
}

fn breaks(file: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let len = break_len(&file[at..]);
        found.extend(len.map(|len| at..at + len));
        at += len.unwrap_or(1);
    }
    found
}

fn line_start(file: &str, at: usize) -> usize {
    file[..at].rfind(['\n', '\r']).map_or(0, |found| found + 1)
}

/// The start of the line `count` lines above the one that starts at `line`.
fn lines_back(file: &str, line: usize, count: usize) -> usize {
    (0..count).fold(line, |line, _| {
        let before = file[..line].strip_suffix("\r\n").or(file[..line].strip_suffix(['\n', '\r']));
        before.map_or(0, |before| line_start(file, before.len()))
    })
}
