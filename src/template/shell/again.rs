//! Text that is read a second time by another shell: values in it are refused, variables that hold values are found.

use std::ops::Range;

use super::commands::Command;
use super::flow::{Reader, Stream};
use super::judge::{Finding, LintKind};
use super::lexer::{Lexer, Word};
use super::place::{Place, Refusal};
use super::second::{self, Input};

impl Lexer<'_> {
    /// Judges the words of a command that may hand text to another shell.
    pub(super) fn judge_second_reading(&mut self, program: &str, words: &[Word]) {
        let arguments = words.get(1..).unwrap_or_default();
        if matches!(program, "eval" | "trap" | "alias") {
            for word in arguments {
                self.read_again(&word.range, Refusal::Eval);
            }
        }
        if matches!(program, "source" | ".") {
            self.judge_script_file(arguments);
        }
        let texts = texts(words);
        let sure = second::starts_others(program);
        for (i, text) in texts.iter().enumerate() {
            let (base, rest) = (second::base(text), &texts[i + 1..]);
            if base == "ssh" {
                let command = i + 1 + second::remote_command(rest);
                for word in words.get(command..).unwrap_or_default() {
                    self.hand_over(&word.range, sure, Refusal::RemoteShell);
                }
            } else if second::is_shell(base) {
                match second::script_argument(base, rest).map(|at| words.get(i + 1 + at)) {
                    Some(Some(script)) => self.hand_over(&script.range, sure, Refusal::ShellArgument),
                    Some(None) => {}
                    None if sure => self.judge_script_file(&words[i + 1..]),
                    None => {}
                }
            }
        }
    }

    /// Judges what a command reads: its here-documents and here-strings, or what is piped into it.
    pub(super) fn judge_input(&mut self, words: &[Word], own: &Stream) {
        let (sure, reason) = match second::input(&texts(words)) {
            Input::Data => return,
            Input::Script => (true, Refusal::ShellInput),
            Input::Remote => (true, Refusal::RemoteInput),
            Input::Unclear => (false, Refusal::ShellInput),
        };
        if !own.is_empty() {
            return self.hand_over_stream(own, (sure, reason));
        }
        let feed = self.flow.feed.clone();
        self.hand_over_stream(&feed, (sure, reason));
        if !self.flow.piped {
            self.flow.reader = self.flow.reader.or(Some((sure, reason)));
        }
    }

    /// What reaches the input of a shell.
    pub(super) fn hand_over_stream(&mut self, stream: &Stream, (sure, reason): Reader) {
        for range in &stream.texts {
            self.hand_over(range, sure, reason);
        }
        for doc in &stream.docs {
            match self.read_docs.get(doc).cloned() {
                Some(range) => self.hand_over(&range, sure, reason),
                None => drop(self.script_docs.insert(*doc, (sure, reason))),
            }
        }
    }

    /// Text that surely (or maybe) is read by another shell.
    pub(super) fn hand_over(&mut self, range: &Range<usize>, sure: bool, reason: Refusal) {
        if sure {
            return self.read_again(range, reason);
        }
        for hole in self.holes_in(range) {
            let finding = Finding { kind: reason.lint(), message: reason.message().into(), help: reason.help().into() };
            self.findings.push((hole, finding));
        }
        self.note_reread(range, reason);
    }

    /// Refuses the holes of a text that another shell reads, whatever they were before.
    fn read_again(&mut self, range: &Range<usize>, reason: Refusal) {
        for (_, hole) in self.holes.range_mut(range.clone()) {
            hole.place = Place::Refused(reason);
        }
        self.note_reread(range, reason);
    }

    fn note_reread(&mut self, range: &Range<usize>, reason: Refusal) {
        let names: Vec<String> = self.expansions.range(range.clone()).map(|(_, name)| name.clone()).collect();
        for name in names {
            self.reread.entry(name).or_insert((reason.lint(), reason.reader()));
        }
    }

    /// `bash <(echo ...)`: the output of a command is the script.
    fn judge_script_file(&mut self, arguments: &[Word]) {
        let file = arguments
            .iter()
            .find(|word| self.chars.get(word.range.start..).is_some_and(|c| c.starts_with(&['<', '('])));
        if let Some(file) = file {
            self.read_again(&file.range, Refusal::ShellInput);
        }
    }

    /// Variables that hold values, and those that are set from them.
    pub(super) fn judge_reread(&mut self) {
        let mut known = 0;
        while known < self.assigned.len() {
            let (name, hole) = self.assigned[known].clone();
            known += 1;
            for (to, from) in &self.copied {
                let next = (to.clone(), hole);
                if *from == name && !self.assigned.contains(&next) {
                    self.assigned.push(next);
                }
            }
        }
        for (name, hole) in &self.assigned {
            if let Some((kind, reader)) = self.reread.get(name) {
                let message = format!("`{name}` comes from a value and {reader}");
                let help = "give it as an argument, or let the other shell read it from its environment".into();
                self.findings.push((*hole, Finding { kind: *kind, message, help }));
            }
        }
    }
}

impl Command {
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.assignments.is_empty()
    }
}

/// Words as text; what is expanded is left out, `$` stands for it.
fn texts(words: &[Word]) -> Vec<String> {
    words.iter().map(|word| word.literal.clone().unwrap_or_else(|| format!("{}$", word.lead))).collect()
}

impl Refusal {
    fn lint(self) -> LintKind {
        match self {
            Refusal::RemoteShell | Refusal::RemoteInput => LintKind::RemoteShell,
            Refusal::Eval => LintKind::Eval,
            _ => LintKind::NestedShell,
        }
    }

    fn reader(self) -> &'static str {
        match self {
            Refusal::RemoteShell | Refusal::RemoteInput => "is read as shell text on another machine",
            Refusal::Eval => "is read as shell text by `eval` or `trap`",
            _ => "is read as shell text by another shell",
        }
    }
}
