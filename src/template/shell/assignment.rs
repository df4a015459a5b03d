//! Assignments, array indexes and array values.

use super::lexer::{HOLE, Lexer, Word};
use super::place::{Place, Refusal};

impl Lexer<'_> {
    /// `NAME=`, `NAME+=`, `NAME[index]=` at the start of a word, and an array behind it.
    pub(super) fn assignment(&mut self, word: &mut Word) {
        let name: String =
            self.chars[self.at..self.end].iter().take_while(|c| **c == '_' || c.is_ascii_alphanumeric()).collect();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return;
        }
        let start = self.at;
        self.at += name.len();
        if self.peek() == Some('[') {
            self.nest(|l| l.refusing(Refusal::Index, Self::index));
        }
        if self.peek() == Some('+') {
            self.at += 1;
        }
        if self.peek() != Some('=') {
            self.holes.split_off(&start);
            self.at = start;
            return;
        }
        self.at += 1;
        if let Some(text) = &mut word.literal {
            text.extend(&self.chars[start..self.at]);
        }
        if self.peek() == Some('(') || self.chars[start..self.at].contains(&'[') {
            self.arrays.insert(name.clone());
        }
        word.assigns = Some(name);
        if self.peek() == Some('(') {
            self.expanded(word);
            self.nest(Self::array);
        }
    }

    /// `[ ... ]` behind a name.
    pub(super) fn index(&mut self) {
        let start = self.at;
        self.at += 1;
        let mut open = 1usize;
        while let Some(c) = self.peek() {
            match c {
                '[' => open += 1,
                ']' => open -= 1,
                '\n' => return,
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
            if open == 0 {
                break;
            }
        }
        self.note_computed(start..self.at);
    }

    /// `( word word [index]=word )` behind `NAME=`.
    fn array(&mut self) {
        self.at += 1;
        while let Some(c) = self.peek() {
            match c {
                ')' => {
                    self.at += 1;
                    return;
                }
                ' ' | '\t' | '\n' | '(' | ';' | '&' | '|' => self.at += 1,
                '#' => self.comment(),
                '[' => {
                    let start = self.at;
                    self.nest(|l| l.refusing(Refusal::Index, Self::index));
                    if !matches!(self.peek(), Some('=' | '+')) {
                        // A pattern such as `[ab]*`, not an index.
                        self.holes.split_off(&start);
                        self.at = start;
                        self.pattern_word();
                    }
                }
                _ => {
                    self.word();
                }
            }
        }
    }

    /// A word that starts with a bracket expression.
    fn pattern_word(&mut self) {
        self.at += 1;
        if !matches!(self.peek(), None | Some(' ' | '\t' | '\n' | ')')) {
            self.word();
        }
    }
}
