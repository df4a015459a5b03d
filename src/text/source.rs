//! Files as they were read, and places in them.

use std::{fmt, ops::Range, sync::Arc};

use super::{Code, Diagnostic};

/// One file: the name the user gave it and its text. Cloning shares the text.
#[derive(Clone)]
pub struct Source(Arc<Inner>);

struct Inner {
    name: String,
    text: Arc<str>,
    /// Byte offset of the first byte of each line.
    lines: Vec<u32>,
}

impl Source {
    /// Wraps text that is already known to be UTF-8. `name` is the path as the user gave it.
    ///
    /// Spans are 32 bit, so text beyond 4 GiB is cut; [`super::parse`] refuses far smaller files.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Source {
        let mut text: Arc<str> = text.into();
        if text.len() > u32::MAX as usize {
            let end = (0..=u32::MAX as usize).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
            text = text[..end].into();
        }
        let lines = line_starts(&text);
        Source(Arc::new(Inner { name: name.into(), text, lines }))
    }

    /// Reads bytes as UTF-8; the diagnostic names the line and column of the first byte that is not.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Source, Box<Diagnostic>> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Source::new(name, text)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let byte = error.as_bytes()[at];
                let source = Source::new(name, String::from_utf8_lossy(error.as_bytes()).into_owned());
                let place = source.place(Span::new(at, at + char::REPLACEMENT_CHARACTER.len_utf8()));
                Err(Box::new(
                    Diagnostic::error(Code::NOT_UTF8, format!("byte 0x{byte:02X} is not UTF-8 text"), place)
                        .help("save the file as UTF-8"),
                ))
            }
        }
    }

    /// The path as the user gave it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The whole text, as it stands in the file.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The bytes of `span`; empty when the span is not one of this source.
    pub fn slice(&self, span: Span) -> &str {
        self.text().get(span.range()).unwrap_or("")
    }

    /// A place in this source.
    pub fn place(&self, span: Span) -> Place {
        Place { source: self.clone(), span }
    }

    /// Line and column of a byte offset, both counted from 1; columns are characters, not bytes.
    pub fn line_col(&self, offset: u32) -> (usize, usize) {
        let line = self.line_index(offset);
        let start = self.0.lines[line] as usize;
        let end = floor_boundary(self.text(), offset as usize).max(start);
        (line + 1, self.text()[start..end].chars().count() + 1)
    }

    /// Number of lines; text after the last line break counts as one, even when it is empty.
    pub(crate) fn line_count(&self) -> usize {
        self.0.lines.len()
    }

    /// The line (from 0) that holds `offset`.
    pub(crate) fn line_index(&self, offset: u32) -> usize {
        self.0.lines.partition_point(|&start| start <= offset).saturating_sub(1)
    }

    /// The line (from 0) without its line break; out of range is an empty span at the end.
    pub(crate) fn line_span(&self, line: usize) -> Span {
        let text = self.text();
        let start = self.0.lines.get(line).map_or(text.len(), |&start| start as usize);
        let end = self.0.lines.get(line + 1).map_or(text.len(), |&next| next as usize);
        Span::new(start, start + text[start..end].trim_end_matches(['\n', '\r']).len())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?}, {} bytes)", self.name(), self.text().len())
    }
}

/// Two sources are equal when name and text are.
impl PartialEq for Source {
    fn eq(&self, other: &Source) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.name() == other.name() && self.text() == other.text())
    }
}

impl Eq for Source {}

/// A range of bytes of one source, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span from byte offsets; an end before the start gives an empty span.
    pub fn new(start: usize, end: usize) -> Span {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span { start: narrow(start), end: narrow(end.max(start)) }
    }

    /// The same as a range for slicing.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether the span holds no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A span together with the source it belongs to. Displays as `file:line:column`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Source,
    /// The bytes in it.
    pub span: Span,
}

impl Place {
    /// Line and column of the first byte, both counted from 1; columns are characters.
    pub fn line_col(&self) -> (usize, usize) {
        self.source.line_col(self.span.start)
    }

    /// The text at this place.
    pub fn text(&self) -> &str {
        self.source.slice(self.span)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_col();
        write!(f, "{}:{line}:{column}", self.source.name())
    }
}

/// The largest character boundary at or before `offset`.
pub(crate) fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn line_starts(text: &str) -> Vec<u32> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (at, byte) in bytes.iter().enumerate() {
        // A lone carriage return is a line break of YAML too.
        if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
            starts.push(at as u32 + 1);
        }
    }
    starts
}
