//! What reaches the standard input of a command: pipes and here-documents, also through groups of commands.

use std::ops::Range;

use super::commands::Command;
use super::lexer::Lexer;
use super::place::Refusal;

/// Text that reaches the standard input of a command.
#[derive(Debug, Default, Clone)]
pub(crate) struct Stream {
    /// Commands that write it, or the text itself.
    pub(crate) texts: Vec<Range<usize>>,
    /// Here-documents, whose bodies may stand further on.
    pub(crate) docs: Vec<usize>,
}

impl Stream {
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.docs.is_empty()
    }
}

/// A shell that runs its input: surely or maybe, and what is wrong with that.
pub(crate) type Reader = (bool, Refusal);

/// The pipeline being read and the groups around it, in one list of commands.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Where the pipeline starts.
    start: usize,
    /// Here-documents announced in it.
    docs: Vec<usize>,
    /// What is piped into the command being read.
    pub(crate) feed: Stream,
    /// The command stands behind a `|`.
    pub(crate) piped: bool,
    /// Something in the list runs the input of the list.
    pub(crate) reader: Option<Reader>,
    /// `{ ... }`, loops and `if`, which share one input and one output.
    groups: Vec<Flow>,
    /// What is piped into the list or group.
    base: Stream,
}

impl Lexer<'_> {
    /// Starts a list that reads what the command around it reads; gives what `leave` needs.
    pub(super) fn enter(&mut self) -> Flow {
        let feed = self.flow.feed.clone();
        let inner = Flow { start: self.at, base: feed.clone(), feed, ..Flow::default() };
        std::mem::replace(&mut self.flow, inner)
    }

    /// Ends a list; gives what in it runs its input.
    pub(super) fn leave(&mut self, outer: Flow) -> Option<Reader> {
        while !self.flow.groups.is_empty() {
            self.close_group();
        }
        let inner = std::mem::replace(&mut self.flow, outer);
        self.flow.take_over(&inner);
        inner.reader
    }

    pub(super) fn open_group(&mut self) {
        let mut outer = self.enter();
        self.flow.groups = std::mem::take(&mut outer.groups);
        self.flow.groups.push(outer);
    }

    /// The end of a group; gives what in it runs its input.
    pub(super) fn close_group(&mut self) -> Option<Reader> {
        let outer = self.flow.groups.pop()?;
        let mut inner = std::mem::replace(&mut self.flow, outer);
        self.flow.groups = std::mem::take(&mut inner.groups);
        self.flow.take_over(&inner);
        inner.reader
    }

    /// The cursor is behind `;`, a newline, `&&` ...
    pub(super) fn end_pipeline(&mut self) {
        self.flow.start = self.at;
        self.flow.piped = false;
        self.flow.feed = self.flow.base.clone();
    }

    /// The cursor is at `|`: all that was read of the pipeline goes to the next command.
    pub(super) fn pipe(&mut self) {
        let written = self.flow.start..self.at;
        self.flow.feed = Stream { texts: Vec::from([written]), docs: self.flow.docs.clone() };
        self.flow.piped = true;
    }

    /// A here-document of the command being read.
    pub(super) fn note_doc(&mut self, command: &mut Command, doc: usize) {
        command.input.docs.push(doc);
        self.flow.docs.push(doc);
    }
}

impl Flow {
    fn take_over(&mut self, inner: &Flow) {
        self.docs.extend(&inner.docs);
        if !self.piped {
            self.reader = self.reader.or(inner.reader);
        }
    }
}
