//! Lists of commands, compound commands and redirections.

use std::ops::Range;

use super::flow::{Reader, Stream};
use super::lexer::{Lexer, Word};
use super::place::Refusal;

/// Where a list of commands ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The end of the text.
    End,
    /// A closing parenthesis.
    Paren,
    /// `;;`, `;&`, `;;&` or `esac`.
    Clause,
}

/// What ended a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    End,
    Closed,
    Esac,
}

/// The simple command being read.
#[derive(Debug, Default)]
pub(crate) struct Command {
    pub(crate) words: Vec<Word>,
    pub(crate) assignments: Vec<Word>,
    /// Its here-documents and here-strings.
    pub(crate) input: Stream,
    /// Files it reads: the words behind `<`.
    pub(crate) files: Vec<Range<usize>>,
    /// It is a group of commands, of which one runs its input.
    pub(crate) reader: Option<Reader>,
}

/// Words after which a command may start.
const OPENERS: [&str; 7] = ["then", "else", "elif", "do", "!", "time", "coproc"];

impl Lexer<'_> {
    /// Reads commands up to and with the mark that ends the list.
    pub(super) fn list(&mut self, until: Until) -> Ended {
        self.list_of_reader(until).0
    }

    /// The same; also gives what in the list runs the input of the list.
    fn list_of_reader(&mut self, until: Until) -> (Ended, Option<Reader>) {
        let outer = self.enter();
        let ended = self.commands(until);
        (ended, self.leave(outer))
    }

    fn commands(&mut self, until: Until) -> Ended {
        let mut command = Command::default();
        loop {
            self.skip_blanks();
            let Some(c) = self.peek() else {
                self.judge(&mut command);
                return Ended::End;
            };
            match c {
                '\n' => {
                    // A pipeline goes on behind `|` and a newline.
                    let goes_on = self.flow.piped && command.is_empty();
                    self.judge(&mut command);
                    self.at += 1;
                    self.bodies();
                    if !goes_on {
                        self.end_pipeline();
                    }
                }
                '#' => self.comment(),
                ';' => {
                    self.judge(&mut command);
                    if self.semicolons() && until == Until::Clause {
                        return Ended::Closed;
                    }
                    self.end_pipeline();
                }
                '&' if self.look(1) == Some('>') => {
                    self.at += 1;
                    self.redirection(&mut command);
                }
                '|' if self.look(1) != Some('|') => {
                    self.judge(&mut command);
                    self.pipe();
                    self.at += if self.look(1) == Some('&') { 2 } else { 1 };
                }
                '&' | '|' => {
                    self.judge(&mut command);
                    self.at += if self.look(1) == Some(c) { 2 } else { 1 };
                    self.end_pipeline();
                }
                '(' => self.open_paren(&mut command),
                ')' => {
                    self.judge(&mut command);
                    // The caller of an open-ended list steps over a stray parenthesis; a clause goes on behind it.
                    match until {
                        Until::Paren => {
                            self.at += 1;
                            return Ended::Closed;
                        }
                        Until::End => return Ended::Closed,
                        Until::Clause => self.at += 1,
                    }
                }
                '<' | '>' if self.look(1) != Some('(') => self.redirection(&mut command),
                _ => {
                    if self.command_word(&mut command, until) {
                        return Ended::Esac;
                    }
                }
            }
        }
    }

    /// Consumes `;` or a clause end; true for the latter.
    fn semicolons(&mut self) -> bool {
        let ends = matches!(self.look(1), Some(';' | '&'));
        self.at += match (self.look(1), self.look(2)) {
            (Some(';'), Some('&')) => 3,
            (Some(';' | '&'), _) => 2,
            _ => 1,
        };
        ends
    }

    fn open_paren(&mut self, command: &mut Command) {
        if self.look(1) == Some('(') && self.arithmetic(self.at + 2) {
            command.words.push(marker());
            return;
        }
        self.at += 1;
        self.skip_blanks();
        if self.peek() == Some(')') && command.words.len() == 1 {
            // `name ()`: the body is a command of its own.
            self.at += 1;
            command.words.clear();
            return;
        }
        self.nest(|l| command.reader = l.list_of_reader(Until::Paren).1);
        command.words.push(marker());
    }

    /// One word of a command, or the compound command it starts. True if it was the `esac` that ends a clause.
    fn command_word(&mut self, command: &mut Command, until: Until) -> bool {
        let word = self.word();
        if matches!(self.peek(), Some('<' | '>')) && self.chars.get(word.range.start) == Some(&'{') {
            // `{name}> file` sets a variable to the new descriptor.
            self.refuse_in(&word.range, Refusal::VariableName);
        }
        // Also in `coproc NAME [[ ... ]]` and `time -p [[ ... ]]`.
        if word.keyword() == "[[" {
            self.compound(command, Self::condition);
            return false;
        }
        let number = word.keyword().chars().all(|c| c.is_ascii_digit()) && word.keyword() != "";
        let variable = word.keyword().starts_with('{') && word.keyword().ends_with('}');
        if (number || variable) && matches!(self.peek(), Some('<' | '>')) {
            return false;
        }
        if !command.words.is_empty() {
            command.words.push(word);
            return false;
        }
        match word.keyword() {
            "esac" if until == Until::Clause => {
                self.judge(command);
                return true;
            }
            "case" => self.compound(command, Self::case),
            "for" | "select" => {
                self.open_group();
                self.for_head(command);
            }
            "}" | "done" | "fi" => {
                command.reader = self.close_group();
                command.words.push(word);
            }
            "function" => {
                self.skip_blanks();
                self.word();
                self.skip_blanks();
                if self.starts("()") {
                    self.at += 2;
                }
            }
            "{" | "if" | "while" | "until" => self.open_group(),
            keyword if OPENERS.contains(&keyword) => {}
            _ if word.assigns.is_some() => command.assignments.push(word),
            _ => command.words.push(word),
        }
        false
    }

    fn compound(&mut self, command: &mut Command, read: impl FnOnce(&mut Self)) {
        self.nest(read);
        command.words.push(marker());
    }

    /// `for name in words` or `for ((...))`; the words are read as arguments.
    fn for_head(&mut self, command: &mut Command) {
        self.skip_blanks();
        if self.starts("((") && self.arithmetic(self.at + 2) {
            return;
        }
        let name = self.word();
        self.refuse_in(&name.range, Refusal::VariableName);
        self.skip_space();
        let before = self.at;
        if self.word().keyword() != "in" {
            self.at = before;
            return;
        }
        command.words.push(marker());
    }

    /// Blanks, newlines (with the here-documents they bring) and comments.
    fn skip_space(&mut self) {
        loop {
            self.skip_blanks();
            match self.peek() {
                Some('\n') => {
                    self.at += 1;
                    self.bodies();
                }
                Some('#') => self.comment(),
                _ => return,
            }
        }
    }

    /// `case word in pattern) commands ;; ... esac`; the cursor is behind `case`.
    fn case(&mut self) {
        self.skip_space();
        self.word();
        self.skip_space();
        self.word(); // in
        loop {
            self.skip_space();
            let parenthesis = self.peek() == Some('(');
            if parenthesis {
                self.at += 1;
            }
            let done = self.pattern(parenthesis);
            if done || self.list(Until::Clause) != Ended::Closed {
                return;
            }
        }
    }

    /// `a | b )`; true if there was `esac` (or nothing) instead.
    fn pattern(&mut self, parenthesis: bool) -> bool {
        let mut first = !parenthesis;
        loop {
            self.skip_blanks();
            match self.peek() {
                None => return true,
                Some(')') => {
                    self.at += 1;
                    return false;
                }
                Some('|' | '\n' | ';' | '&' | '<' | '>') if !self.starts("<(") => self.at += 1,
                Some(_) => {
                    let word = self.word();
                    if std::mem::take(&mut first) && word.keyword() == "esac" {
                        return true;
                    }
                }
            }
        }
    }

    /// `[[ ... ]]`; the cursor is behind `[[`.
    fn condition(&mut self) {
        let mut before = Word::default();
        let mut operand = 0..0;
        loop {
            self.skip_space();
            match self.peek() {
                None => return,
                Some('(' | ')' | '&' | '|' | ';' | '<' | '>') => {
                    self.at += 1;
                    before = Word::default();
                    continue;
                }
                Some(_) => {}
            }
            let word = if before.keyword() == "=~" { self.regex_word() } else { self.word() };
            self.judge_operand(before.keyword(), &operand, &word.range);
            if word.keyword() == "]]" {
                return;
            }
            operand = before.range;
            before = word;
        }
    }

    /// `[[ a -eq b ]]` evaluates both sides as arithmetic, `-v` and `-R` evaluate a name.
    fn judge_operand(&mut self, operator: &str, left: &Range<usize>, right: &Range<usize>) {
        match operator {
            "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" => {
                for side in [left, right] {
                    self.refuse_in(side, Refusal::Arithmetic);
                    self.note_computed(side.clone());
                }
            }
            "-v" | "-R" => self.refuse_in(right, Refusal::VariableName),
            _ => {}
        }
    }

    /// `< file`, `>> file`, `2>&1`, `<<EOF`, `<<< word`.
    fn redirection(&mut self, command: &mut Command) {
        let (here, from) = (self.starts("<<<"), self.peek() == Some('<'));
        let descriptor = self.look(1) == Some('&');
        if here {
            self.at += 3;
        } else if self.starts("<<") {
            let tabs = self.look(2) == Some('-');
            self.at += if tabs { 3 } else { 2 };
            let doc = self.announce(tabs);
            return self.note_doc(command, doc);
        } else {
            self.at += 1;
            while matches!(self.peek(), Some('>' | '<' | '&' | '|')) && self.look(1) != Some('(') {
                self.at += 1;
            }
        }
        self.skip_blanks();
        if !matches!(self.peek(), None | Some('\n' | ';' | ')' | '#')) {
            let word = self.word();
            // Also `< <(commands)`.
            if here || from && self.chars[word.range.clone()].starts_with(&['<', '(']) {
                command.input.texts.push(word.range);
            } else if from && !descriptor {
                command.files.push(word.range);
            }
        }
    }
}

/// Stands for a compound command, so that what follows is not in command position.
fn marker() -> Word {
    Word::default()
}
