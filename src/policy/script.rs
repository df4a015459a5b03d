//! What the commands of a script read: here-documents, strings, and what earlier commands of a pipe print.

use super::commands::{Input, joined};
use super::word::{self, Name, UNKNOWN, Values, Word};
use crate::template::{Listing, Started};
use std::ops::Range;

/// A script and what is known around it.
pub(super) struct Script<'a> {
    pub(super) chars: &'a [char],
    pub(super) listing: &'a Listing,
    pub(super) values: &'a Values,
}

impl Script<'_> {
    pub(super) fn word(&self, range: &Range<usize>) -> Word {
        word::read(self.chars, range.clone(), self.values)
    }

    pub(super) fn raw(&self, range: &Range<usize>) -> String {
        self.chars[range.clone()].iter().collect()
    }

    pub(super) fn input(&self, started: &Started, outer: &Input) -> Input {
        if let Some(range) = started.strings.last() {
            return self.of_string(range);
        }
        if let Some(doc) = started.docs.last() {
            return self.doc(*doc);
        }
        if let Some(file) = started.files.last() {
            return match self.word(file).text() {
                Some("/dev/null") => Input::Closed,
                _ => Input::Unknown(self.raw(file)),
            };
        }
        match &started.feed {
            Some((range, docs)) => self.output(range, docs),
            None if started.in_sink => Input::Unknown(String::new()),
            None => outer.clone(),
        }
    }

    /// What a function reads, the shells inside it read as well.
    pub(super) fn feeds_a_function(&self, started: &Started) -> bool {
        let Some(name) = started.words.first().map(|range| self.raw(range)).filter(|name| !name.is_empty()) else {
            return false;
        };
        !matches!(self.input(started, &Input::Closed), Input::Closed) && {
            let text: String = self.chars.iter().collect();
            [format!("{name}()"), format!("{name} ()"), format!("function {name}")]
                .iter()
                .any(|head| text.contains(head))
        }
    }

    fn of_string(&self, range: &Range<usize>) -> Input {
        let raw = self.raw(range);
        match raw.strip_prefix("<(").and_then(|rest| rest.strip_suffix(')')) {
            Some(_) => self.output(&(range.start + 2..range.end - 1), &[]),
            None => Input::Text(self.word(range).marked()),
        }
    }

    fn doc(&self, doc: usize) -> Input {
        match self.listing.docs.get(&doc) {
            Some(body) => Input::Text(word::body(self.chars, body.range.clone(), body.quoted, self.values)),
            None => Input::Unknown(String::new()),
        }
    }

    /// What commands print, where they are `echo`, `printf` or `cat` of a here-document, passed on by `cat` and `tee`.
    fn output(&self, range: &Range<usize>, docs: &[usize]) -> Input {
        let unknown = || Input::Unknown(self.raw(range));
        let inside = |started: &&Started| place(started).start >= range.start && place(started).end <= range.end;
        let mut commands = self.listing.commands.iter().filter(inside);
        let Some(first) = commands.next() else { return unknown() };
        let words = |started: &Started| started.words.iter().map(|range| self.word(range)).collect::<Vec<_>>();
        let passes_on = |started: &Started| {
            let words = words(started);
            let plain =
                words.get(1..).unwrap_or_default().iter().all(|w| w.text() == Some("-") || w.text() == Some("-u"));
            matches!(words.first().map(Word::name), Some(Name::Known(name)) if name == "tee" || name == "cat" && plain)
        };
        if !commands.all(passes_on) || first.feed.is_some() {
            return unknown();
        }
        match (printed(&words(first)), docs) {
            (Some(text), _) => Input::Text(text),
            (None, [doc]) if passes_on(first) => self.doc(*doc),
            (None, []) if passes_on(first) && !first.strings.is_empty() => self.of_string(&first.strings[0]),
            _ => unknown(),
        }
    }
}

/// From the first to the last word of a command.
pub(super) fn place(started: &Started) -> Range<usize> {
    let words = || started.words.iter().chain(&started.assignments).chain(&started.strings).filter(|w| !w.is_empty());
    let start = words().map(|range| range.start).min().unwrap_or_default();
    start..words().map(|range| range.end).max().unwrap_or(start)
}

/// What `echo` and simple uses of `printf` print.
fn printed(words: &[Word]) -> Option<String> {
    let (first, arguments) = words.split_first()?;
    match first.name() {
        Name::Known(name) if name == "echo" => {
            let options = arguments.iter().take_while(|w| matches!(w.text(), Some("-n" | "-e" | "-E" | "-ne" | "-en")));
            let options = options.count();
            Some(unescaped(&joined(&arguments[options..])))
        }
        Name::Known(name) if name == "printf" => {
            let (format, values) = arguments.split_first()?;
            let format = format.marked();
            match (format.contains('%'), values) {
                (false, _) => Some(unescaped(&format)),
                (true, values) if format.matches('%').count() == format.matches("%s").count() => {
                    let separator = if format.matches("%s").count() == 1 { unescaped(&format) } else { return None };
                    Some(values.iter().map(|value| separator.replace("%s", &value.marked())).collect())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `\n` and its siblings as `echo -e` and `printf` read them; other escapes stay, as a shell would drop the backslash.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek().copied()) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some('\\')) => out.push('\\'),
            ('\\', Some('x' | '0'..='7' | 'u' | 'U' | 'c')) => {
                out.push(UNKNOWN);
                continue;
            }
            _ => {
                out.push(c);
                continue;
            }
        }
        rest.next();
    }
    out
}
