//! Reads bash well enough to know in which quotes, expansion, here-document or comment every hole stands.
//!
//! This file has the reader's state, words and quotes; `assignment` has assignments and arrays, `expansion` has what follows a dollar sign, `commands` has lists,
//! compound commands and redirections, `heredoc` has here-documents, `judge` looks at whole commands. A wrong guess can
//! only misquote a reference to a variable: a value is never part of the text that the shell parses.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::flow::{Flow, Reader};
use super::heredoc::HereDoc;
use super::judge::{Finding, LintKind};
use super::place::{Hole, Place, Refusal};
use super::started::Started;

/// The character that stands for a hole in the text given to `walk`.
pub(crate) const HOLE: char = crate::template::engine::OPEN;

/// Nested substitutions, groups and quotes beyond this are not read; holes there are refused.
const MAX_DEPTH: usize = 60;

/// What was found in a script.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The holes in order.
    pub(crate) holes: Vec<Hole>,
    /// Advice about holes, by hole number.
    pub(crate) findings: Vec<(usize, Finding)>,
}

/// Reads a script.
pub(crate) fn walk(script: &[char]) -> Walk {
    read(script).finish()
}

/// A script read to its end.
pub(super) fn read(script: &[char]) -> Lexer<'_> {
    let mut lexer = Lexer::new(script);
    while lexer.at < lexer.end {
        lexer.list(super::commands::Until::End);
        lexer.at += 1; // a stray closing mark: go on behind it
    }
    lexer
}

pub(crate) struct Lexer<'a> {
    pub(super) chars: &'a [char],
    pub(super) at: usize,
    /// Where the text being read ends: the script, or the backticks or here-document inside it.
    pub(super) end: usize,
    /// Holes by position.
    pub(super) holes: BTreeMap<usize, Hole>,
    /// Set inside constructs that refuse every hole, however deep.
    pub(super) refuse: Option<Refusal>,
    pub(super) backticked: bool,
    depth: usize,
    /// Here-documents announced on this line.
    pub(super) pending: Vec<HereDoc>,
    /// Positions behind `((` that turned out not to start arithmetic.
    pub(super) not_arithmetic: BTreeSet<usize>,
    pub(super) findings: Vec<(usize, Finding)>,
    /// Names read by arithmetic anywhere in the script.
    pub(super) computed: BTreeSet<String>,
    /// Variables set from a hole.
    pub(super) assigned: Vec<(String, usize)>,
    /// Variables that are arrays somewhere in the script.
    pub(super) arrays: BTreeSet<String>,
    /// Variables set by `declare`, `local` and their kin, and the words that do it.
    pub(super) declared: Vec<(String, Range<usize>)>,
    /// Variables that the shell expands, by position.
    pub(super) expansions: BTreeMap<usize, String>,
    /// Variables set from other variables: to, from.
    pub(super) copied: Vec<(String, String)>,
    /// Variables whose value is read again as shell text, and by whom.
    pub(super) reread: BTreeMap<String, (LintKind, &'static str)>,
    /// Here-documents that a shell surely or maybe reads as its script, before and after their bodies were read.
    pub(super) script_docs: BTreeMap<usize, Reader>,
    pub(super) read_docs: BTreeMap<usize, Range<usize>>,
    /// Pipes and groups around the command being read.
    pub(super) flow: Flow,
    /// Something in the script is not understood.
    pub(super) unreadable: bool,
    /// The commands that were read.
    pub(super) started: Vec<Started>,
    /// Here-documents whose delimiter is quoted.
    pub(super) quoted_docs: BTreeSet<usize>,
    /// Text in backticks that has to lose backslashes before it is read.
    pub(super) murky: Vec<Range<usize>>,
    /// How many `>( )` stand around the cursor.
    pub(super) sinks: usize,
}

/// A word of a command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Word {
    pub(crate) range: Range<usize>,
    /// The text after quote removal, if nothing in it is expanded.
    pub(crate) literal: Option<String>,
    /// The literal text before the first hole or expansion.
    pub(crate) lead: String,
    pub(crate) quoted: bool,
    /// `NAME=` or `NAME[..]=` at the start: the name.
    pub(crate) assigns: Option<String>,
}

impl Word {
    /// The text if the word is unquoted and literal, as keywords are.
    pub(crate) fn keyword(&self) -> &str {
        if self.quoted { "" } else { self.literal.as_deref().unwrap_or_default() }
    }
}

impl<'a> Lexer<'a> {
    fn new(chars: &'a [char]) -> Lexer<'a> {
        Lexer {
            chars,
            at: 0,
            end: chars.len(),
            holes: BTreeMap::new(),
            refuse: None,
            backticked: false,
            depth: 0,
            pending: Vec::new(),
            not_arithmetic: BTreeSet::new(),
            findings: Vec::new(),
            computed: BTreeSet::new(),
            assigned: Vec::new(),
            arrays: BTreeSet::new(),
            declared: Vec::new(),
            expansions: BTreeMap::new(),
            copied: Vec::new(),
            reread: BTreeMap::new(),
            script_docs: BTreeMap::new(),
            read_docs: BTreeMap::new(),
            flow: Flow::default(),
            unreadable: false,
            started: Vec::new(),
            quoted_docs: BTreeSet::new(),
            murky: Vec::new(),
            sinks: 0,
        }
    }

    fn finish(mut self) -> Walk {
        self.judge_variables();
        self.refuse_split_openers();
        let positions = self.chars.iter().enumerate().filter(|(_, c)| **c == HOLE).map(|(i, _)| i);
        let lost = Hole { place: Place::Refused(Refusal::Unreadable), backticked: false, after_name: false };
        let numbers: BTreeMap<usize, usize> = positions.clone().enumerate().map(|(n, at)| (at, n)).collect();
        let holes = positions.map(|at| self.holes.get(&at).copied().unwrap_or(lost)).collect();
        let mut findings: Vec<(usize, Finding)> =
            self.findings.into_iter().filter_map(|(at, finding)| Some((*numbers.get(&at)?, finding))).collect();
        findings.sort();
        findings.dedup();
        Walk { holes, findings }
    }

    /// An opening such as `$((` with a line continuation inside is not recognised; nothing is promised then.
    fn refuse_split_openers(&mut self) {
        if self.has_split_openers() || self.unreadable {
            self.refuse_in(&(0..self.chars.len()), Refusal::Unreadable);
        }
    }

    pub(super) fn has_split_openers(&self) -> bool {
        self.chars.windows(4).any(|w| {
            let second = match w[0] {
                '$' => "([{'\"",
                '(' => "(",
                '<' => "<(",
                _ => return false,
            };
            w[1] == '\\' && w[2] == '\n' && (second.contains(w[3]) || w[3] == '\\')
        })
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.look(0)
    }

    pub(super) fn look(&self, ahead: usize) -> Option<char> {
        let at = self.at + ahead;
        if at < self.end { self.chars.get(at).copied() } else { None }
    }

    pub(super) fn starts(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.look(i) == Some(c))
    }

    /// Runs a nested reader, unless the nesting is too deep: then the rest stays unread.
    pub(super) fn nest(&mut self, read: impl FnOnce(&mut Self)) {
        if self.depth >= MAX_DEPTH {
            self.at = self.end;
            self.unreadable = true;
            return;
        }
        self.depth += 1;
        read(self);
        self.depth -= 1;
    }

    /// Runs a reader in which all holes are refused for `reason`; the outermost reason wins.
    pub(super) fn refusing(&mut self, reason: Refusal, read: impl FnOnce(&mut Self)) {
        let before = self.refuse;
        self.refuse = before.or(Some(reason));
        read(self);
        self.refuse = before;
    }

    /// Records the hole at the cursor and steps over it.
    pub(super) fn hole(&mut self, place: Place) {
        let place = self.refuse.map_or(place, Place::Refused);
        let hole = Hole { place, backticked: self.backticked, after_name: self.after_name() };
        self.holes.insert(self.at, hole);
        self.at += 1;
    }

    /// Whether the text before the cursor is `$name`.
    fn after_name(&self) -> bool {
        let before = &self.chars[..self.at];
        let name = before.iter().rev().take_while(|c| **c == '_' || c.is_ascii_alphanumeric()).count();
        name > 0 && before.len() > name && before[before.len() - name - 1] == '$'
    }

    /// Holes that were read inside `range`.
    pub(super) fn holes_in(&self, range: &Range<usize>) -> Vec<usize> {
        self.holes.range(range.clone()).map(|(at, _)| *at).collect()
    }

    /// Refuses all holes of a range that was already read.
    pub(super) fn refuse_in(&mut self, range: &Range<usize>, reason: Refusal) {
        for (_, hole) in self.holes.range_mut(range.clone()) {
            if !matches!(hole.place, Place::Refused(_)) {
                hole.place = Place::Refused(reason);
            }
        }
    }

    /// Blanks and line continuations.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t') => self.at += 1,
                Some('\\') if self.look(1) == Some('\n') => self.at += 2,
                _ => return,
            }
        }
    }

    /// One word; always consumes something unless the cursor is at the end.
    pub(super) fn word(&mut self) -> Word {
        self.word_until(false)
    }

    /// The right side of `=~`, where parentheses and `|` belong to the word.
    pub(super) fn regex_word(&mut self) -> Word {
        self.word_until(true)
    }

    fn word_until(&mut self, regex: bool) -> Word {
        let mut word = Word { range: self.at..self.at, literal: Some(String::new()), ..Word::default() };
        self.assignment(&mut word);
        let mut parens = 0usize;
        while let Some(c) = self.peek() {
            match c {
                '(' if regex => {
                    parens += 1;
                    self.literal(&mut word, c);
                }
                ')' if regex && parens > 0 => {
                    parens -= 1;
                    self.literal(&mut word, c);
                }
                ' ' | '\t' | '|' | '&' | ';' | '<' | '>' if regex && parens > 0 => self.literal(&mut word, c),
                '|' if regex => self.literal(&mut word, c),
                '<' | '>' if self.look(1) == Some('(') => {
                    self.expanded(&mut word);
                    let sink = usize::from(c == '>');
                    self.at += 2;
                    self.sinks += sink;
                    self.substitution();
                    self.sinks -= sink;
                }
                '(' if self.at > word.range.start && matches!(self.chars[self.at - 1], '?' | '*' | '+' | '@' | '!') => {
                    self.expanded(&mut word);
                    self.glob_group();
                }
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                _ => self.part(&mut word, c),
            }
        }
        if self.at == word.range.start && self.at < self.end {
            self.at += 1;
        }
        word.range.end = self.at;
        word
    }

    /// One quoted, expanded or plain part of a word.
    fn part(&mut self, word: &mut Word, c: char) {
        match c {
            HOLE => {
                self.expanded(word);
                self.hole(Place::Bare);
            }
            '\\' => self.escape(Some(word)),
            '\'' => self.quoted(word, Self::single),
            '"' => self.quoted(word, Self::double),
            '`' => {
                self.expanded(word);
                self.backticks(false);
            }
            '$' => {
                word.quoted |= matches!(self.look(1), Some('\'' | '"'));
                self.expanded(word);
                self.dollar(false);
            }
            _ => self.literal(word, c),
        }
    }

    fn literal(&mut self, word: &mut Word, c: char) {
        if let Some(text) = &mut word.literal {
            text.push(c);
        }
        self.at += 1;
    }

    /// From here on the word is not literal; what was literal so far is its lead.
    pub(super) fn expanded(&mut self, word: &mut Word) {
        if let Some(text) = word.literal.take() {
            word.lead = text;
        }
    }

    /// A quoted part: literal if it has no holes and expansions.
    fn quoted(&mut self, word: &mut Word, read: impl FnOnce(&mut Self)) {
        word.quoted = true;
        let start = self.at;
        read(self);
        let inside = &self.chars[(start + 1).min(self.at)..self.at];
        let inside = inside.strip_suffix(&['"']).or_else(|| inside.strip_suffix(&['\''])).unwrap_or(inside);
        let special = [HOLE, '$', '`', '\\'];
        let cut = inside.iter().position(|c| special.contains(c));
        if let Some(text) = &mut word.literal {
            text.extend(&inside[..cut.unwrap_or(inside.len())]);
        }
        if cut.is_some() {
            self.expanded(word);
        }
    }

    /// A backslash and what it escapes.
    pub(super) fn escape(&mut self, word: Option<&mut Word>) {
        self.at += 1;
        match self.peek() {
            Some(HOLE) => self.refusing(Refusal::AfterBackslash, |l| l.hole(Place::Bare)),
            Some(c) => {
                self.at += 1;
                // A line continuation is as if it were not there.
                if let Some(word) = word.filter(|_| c != '\n') {
                    word.quoted = true;
                    if let Some(text) = &mut word.literal {
                        text.push(c);
                    }
                }
            }
            None => {}
        }
    }

    /// `?( ... )` and its siblings.
    fn glob_group(&mut self) {
        self.nest(|l| {
            l.at += 1;
            while let Some(c) = l.peek() {
                match c {
                    ')' => {
                        l.at += 1;
                        return;
                    }
                    ' ' | '\t' | '\n' | '|' | '&' | ';' => l.at += 1,
                    '(' => l.glob_group(),
                    _ => {
                        l.word();
                    }
                }
            }
        });
    }

    /// `'...'`
    pub(super) fn single(&mut self) {
        self.at += 1;
        while let Some(c) = self.peek() {
            match c {
                HOLE => self.hole(Place::Single),
                _ => self.at += 1,
            }
            if c == '\'' {
                return;
            }
        }
    }

    /// `"..."`
    pub(super) fn double(&mut self) {
        self.nest(|l| {
            l.at += 1;
            while let Some(c) = l.peek() {
                match c {
                    '"' => {
                        l.at += 1;
                        return;
                    }
                    _ => l.inside_double(c, Place::Double),
                }
            }
        });
    }

    /// One character of a double-quoted string or a here-document, where only `\`, `$` and backticks are special.
    pub(super) fn inside_double(&mut self, c: char, place: Place) {
        match c {
            HOLE => self.hole(place),
            '\\' => self.escape(None),
            '`' => self.backticks(true),
            '$' => self.dollar(true),
            _ => self.at += 1,
        }
    }

    /// A comment, up to the end of the line.
    pub(super) fn comment(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                '\n' => return,
                HOLE => self.refusing(Refusal::Comment, |l| l.hole(Place::Bare)),
                _ => self.at += 1,
            }
        }
    }
}
