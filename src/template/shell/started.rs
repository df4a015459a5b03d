//! Which commands a script starts: each simple command with its words and what reaches its standard input, wherever it
//! stands. What the words mean is for others to say.

use std::collections::BTreeMap;
use std::ops::Range;

use super::commands::Command;
use super::flow::Stream;
use super::last_filter;
use super::lexer::{HOLE, Lexer, read};
use crate::template::error::EvalError;
use crate::template::rewrite;
use crate::template::scan::{self, Piece};

/// A simple command, or a group of commands that reads something. Ranges are characters of the script.
#[derive(Debug, Clone, Default)]
pub(crate) struct Started {
    /// Its words; an empty range stands for a compound command.
    pub(crate) words: Vec<Range<usize>>,
    /// Assignments in front of it.
    pub(crate) assignments: Vec<Range<usize>>,
    /// Words whose text or output it reads: here-strings, and `< <(commands)`.
    pub(crate) strings: Vec<Range<usize>>,
    /// Here-documents it reads, by name.
    pub(crate) docs: Vec<usize>,
    /// Files it reads: words behind `<`.
    pub(crate) files: Vec<Range<usize>>,
    /// Commands whose output is piped into it, and the here-documents among them.
    pub(crate) feed: Option<(Range<usize>, Vec<usize>)>,
    /// It stands in `>( )`, so that something writes into it.
    pub(crate) in_sink: bool,
    /// It is a group, and a shell inside it runs what the group reads.
    pub(crate) reads_script: bool,
}

/// The body of a here-document.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) range: Range<usize>,
    /// Nothing in it is expanded.
    pub(crate) quoted: bool,
}

/// Everything that a script starts.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) commands: Vec<Started>,
    /// Here-documents by name.
    pub(crate) docs: BTreeMap<usize, Body>,
    /// Text in backticks that loses a level of backslashes before a shell reads it.
    pub(crate) backticks: Vec<Range<usize>>,
    /// Everything was understood.
    pub(crate) clear: bool,
}

/// Reads a script.
pub(crate) fn listing(script: &[char]) -> Listing {
    let lexer = read(script);
    let body = |(start, range): (&usize, &Range<usize>)| {
        (*start, Body { range: range.clone(), quoted: lexer.quoted_docs.contains(start) })
    };
    let docs = lexer.read_docs.iter().map(body).collect();
    let clear = !lexer.unreadable && !lexer.has_split_openers();
    Listing { docs, clear, backticks: lexer.murky, commands: lexer.started }
}

/// A script template as script text: each `{{ }}` is one hole, and `{% %}` are left out, so that every branch is there.
#[derive(Debug, Default)]
pub(crate) struct TemplateText {
    pub(crate) chars: Vec<char>,
    /// The byte of the template where each character comes from.
    pub(crate) places: Vec<usize>,
    /// What is known of the holes, in order.
    pub(crate) values: Vec<Option<String>>,
}

/// Reads a script template without rendering it; `known` gives the values of expressions that are known.
pub(crate) fn template_text(src: &str, known: &dyn Fn(&str) -> Option<String>) -> Result<TemplateText, EvalError> {
    let TemplateText { mut chars, mut places, mut values } = TemplateText::default();
    for piece in scan::pieces(src)? {
        match piece {
            Piece::Text(range) => {
                let start = range.start;
                for (at, c) in src[range].char_indices() {
                    chars.push(c);
                    places.push(start + at);
                }
            }
            Piece::Put(tag) => {
                // What is raw becomes script text: it is looked at when it is there.
                let raw = last_filter(src, &tag) == "raw";
                chars.push(HOLE);
                places.push(tag.outer.start);
                values.push(if raw { None } else { known(&src[rewrite::span(&tag.tokens)]) });
            }
            Piece::Block(_) | Piece::Comment { .. } => {}
        }
    }
    Ok(TemplateText { chars, places, values })
}

impl Lexer<'_> {
    /// Keeps what is known of a command that was just read.
    pub(super) fn note_started(&mut self, command: &Command) {
        let reads_script = command.reader.is_some();
        if command.is_empty() && !reads_script {
            return;
        }
        let Stream { texts, docs } = command.input.clone();
        let feed = self.flow.feed.texts.first().map(|text| (text.clone(), self.flow.feed.docs.clone()));
        let ranges = |words: &[super::lexer::Word]| words.iter().map(|word| word.range.clone()).collect();
        self.started.push(Started {
            words: ranges(&command.words),
            assignments: ranges(&command.assignments),
            strings: texts,
            docs,
            files: command.files.clone(),
            feed,
            in_sink: self.sinks > 0,
            reads_script,
        });
    }
}
