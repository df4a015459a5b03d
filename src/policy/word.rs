//! A word of a script as far as it is known before the shell expands it.

use std::collections::BTreeMap;
use std::ops::Range;

/// Stands for a value that is known when the step starts.
pub(super) const LATER: char = '\u{f0000}';
/// Stands for text that only the shell will know.
pub(super) const UNKNOWN: char = '\u{f0001}';

/// What is known outside of a script: variables and the values of its holes, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) holes: Vec<Option<String>>,
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    /// A value of a template that is not known yet; it will be one piece of data.
    Later,
    /// What the shell expands. Unless it is quoted it may become several words.
    Unknown {
        quoted: bool,
    },
}

/// A word, its source and where it stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Word {
    pub(super) parts: Vec<Part>,
    pub(super) raw: String,
}

/// How sure one is of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// It will be known when the step starts.
    Later,
    /// Only the shell will know.
    Unknown,
}

/// The name of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Its last part, in lower case.
    Known(String),
    Doubtful(Doubt),
}

impl Word {
    pub(super) fn literal(text: &str) -> Word {
        Word { parts: vec![Part::Text(text.to_owned())], raw: text.to_owned() }
    }

    pub(super) fn unknown() -> Word {
        Word { parts: vec![Part::Unknown { quoted: true }], raw: String::new() }
    }

    /// Its text, if all of it is known.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Its text with a mark for each part that is not known: for a shell that reads it again.
    pub(super) fn marked(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Later => LATER.to_string(),
            Part::Unknown { .. } => UNKNOWN.to_string(),
        };
        self.parts.iter().map(part).collect()
    }

    /// As written, for people.
    pub(super) fn shown(&self) -> String {
        let text = if self.raw.is_empty() { self.marked() } else { self.raw.clone() };
        text.replace([LATER, UNKNOWN], "…")
    }

    pub(super) fn doubt(&self) -> Option<Doubt> {
        self.parts.iter().filter_map(doubt).max()
    }

    /// Text before the first part that is not known.
    pub(super) fn lead(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The program it names. Behind an unknown directory the name is known all the same, unless the directory may fall
    /// into words.
    pub(super) fn name(&self) -> Name {
        let doubt = match self.doubt() {
            None => return Name::Known(base(self.text().unwrap_or_default())),
            Some(doubt) => doubt,
        };
        let splits = self.parts.contains(&Part::Unknown { quoted: false });
        match self.parts.last() {
            Some(Part::Text(tail)) if tail.contains('/') && !splits => Name::Known(base(tail)),
            _ => Name::Doubtful(doubt),
        }
    }
}

fn doubt(part: &Part) -> Option<Doubt> {
    match part {
        Part::Text(_) => None,
        Part::Later => Some(Doubt::Later),
        Part::Unknown { .. } => Some(Doubt::Unknown),
    }
}

/// The last part of a path, in lower case: some file systems do not tell capitals apart.
pub(super) fn base(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase()
}

/// Reads one word of a script; `before` holes stand in the script in front of it.
pub(super) fn read(chars: &[char], range: Range<usize>, values: &Values) -> Word {
    let before = chars[..range.start].iter().filter(|c| **c == LATER).count();
    let raw: String = chars[range.clone()].iter().collect();
    let mut reader = Reader { chars: &chars[range], at: 0, hole: before, values, parts: Vec::new() };
    reader.word();
    Word { parts: reader.parts, raw }
}

/// The body of a here-document as the command gets it, with marks.
pub(super) fn body(chars: &[char], range: Range<usize>, quoted: bool, values: &Values) -> String {
    if quoted {
        return chars[range].iter().collect();
    }
    let before = chars[..range.start].iter().filter(|c| **c == LATER).count();
    let mut reader = Reader { chars: &chars[range], at: 0, hole: before, values, parts: Vec::new() };
    while let Some(c) = reader.peek(0) {
        reader.inside_double(c);
    }
    Word { parts: reader.parts, raw: String::new() }.marked()
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    /// Number of the next hole.
    hole: usize,
    values: &'a Values,
    parts: Vec<Part>,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn push(&mut self, c: char) {
        self.push_text(c.encode_utf8(&mut [0; 4]));
    }

    fn push_text(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    fn unknown(&mut self, quoted: bool) {
        self.parts.push(Part::Unknown { quoted });
    }

    fn unknown_to_the_end(&mut self) {
        self.at = self.chars.len();
        self.unknown(false);
    }

    fn word(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => {
                    let next = self.peek(1);
                    self.at += 2;
                    next.filter(|c| *c != '\n').into_iter().for_each(|c| self.push(c));
                }
                '\'' => self.single(),
                '"' => self.double(),
                '$' => self.dollar(false),
                '`' => self.backticks(false),
                LATER => self.hole(),
                UNKNOWN => {
                    self.at += 1;
                    self.unknown(false);
                }
                '<' | '>' if self.peek(1) == Some('(') => {
                    self.at += 1;
                    self.skip('(', ')', true);
                }
                '*' | '?' | '[' => {
                    self.at += 1;
                    // A lone `[` is a command, and `?` or `*` alone are not names of commands anybody forbids.
                    match c == '[' && self.chars.len() == 1 {
                        true => self.push(c),
                        false => self.unknown(false),
                    }
                }
                '{' if self.expands_braces() => self.unknown_to_the_end(),
                '(' => self.unknown_to_the_end(),
                _ => {
                    self.at += 1;
                    self.push(c);
                }
            }
        }
    }

    fn expands_braces(&self) -> bool {
        let rest: String = self.chars[self.at..].iter().collect();
        rest.contains('}') && (rest.contains(',') || rest.contains(".."))
    }

    fn hole(&mut self) {
        let value = self.values.holes.get(self.hole).cloned().flatten();
        self.hole += 1;
        self.at += 1;
        match value {
            Some(value) => self.push_text(&value),
            None => self.parts.push(Part::Later),
        }
    }

    fn single(&mut self) {
        self.at += 1;
        self.push_text("");
        while let Some(c) = self.peek(0) {
            match c {
                '\'' => {
                    self.at += 1;
                    return;
                }
                LATER => self.hole(),
                UNKNOWN => {
                    self.at += 1;
                    self.unknown(true);
                }
                _ => {
                    self.at += 1;
                    self.push(c);
                }
            }
        }
    }

    fn double(&mut self) {
        self.at += 1;
        self.push_text("");
        while let Some(c) = self.peek(0) {
            if c == '"' {
                self.at += 1;
                return;
            }
            self.inside_double(c);
        }
    }

    fn inside_double(&mut self, c: char) {
        match c {
            '\\' => match self.peek(1) {
                Some('\n') => self.at += 2,
                Some(next) if matches!(next, '$' | '`' | '"' | '\\') => {
                    self.at += 2;
                    self.push(next);
                }
                _ => {
                    self.at += 1;
                    self.push('\\');
                }
            },
            '$' => self.dollar(true),
            '`' => self.backticks(true),
            LATER => self.hole(),
            UNKNOWN => {
                self.at += 1;
                self.unknown(true);
            }
            _ => {
                self.at += 1;
                self.push(c);
            }
        }
    }

    fn backticks(&mut self, quoted: bool) {
        self.at += 1;
        while let Some(c) = self.peek(0) {
            self.at += if c == '\\' { 2 } else { 1 };
            self.hole += usize::from(c == LATER);
            if c == '`' {
                break;
            }
        }
        self.unknown(quoted);
    }

    fn dollar(&mut self, quoted: bool) {
        match self.peek(1) {
            Some('\'') if !quoted => {
                self.at += 2;
                self.ansi_c();
            }
            Some('"') if !quoted => {
                self.at += 1;
                self.double();
            }
            Some('(') => {
                self.at += 1;
                self.skip('(', ')', quoted);
            }
            Some('[') => {
                self.at += 1;
                self.skip('[', ']', quoted);
            }
            Some('{') => {
                let name: String = self.chars[self.at + 2..].iter().take_while(|c| is_name(**c)).collect();
                if self.peek(2 + name.chars().count()) == Some('}') {
                    self.at += 3 + name.chars().count();
                    return self.variable(&name, quoted);
                }
                self.at += 1;
                self.skip('{', '}', quoted);
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(c) => {
                self.at += 2;
                self.unknown(quoted);
            }
            Some(c) if is_name(c) => {
                let name: String = self.chars[self.at + 1..].iter().take_while(|c| is_name(**c)).collect();
                self.at += 1 + name.chars().count();
                self.variable(&name, quoted);
            }
            _ => {
                self.at += 1;
                self.push('$');
            }
        }
    }

    fn variable(&mut self, name: &str, quoted: bool) {
        match self.values.variables.get(name) {
            Some(value) if quoted || !value.contains([' ', '\t', '\n', '*', '?', '[']) => {
                let value = value.clone();
                self.push_text(&value);
            }
            _ => self.unknown(quoted),
        }
    }

    /// Steps over what brackets enclose, quotes respected; to the end where they do not close.
    fn skip(&mut self, open: char, close: char, quoted: bool) {
        let mut depth = 0usize;
        let mut quote = None;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match (quote, c) {
                (Some('\''), '\'') => quote = None,
                (Some('\''), _) => {}
                (_, '\\') => self.at += 1,
                (Some('"'), '"') => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                _ if c == open => depth += 1,
                _ if c == close => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.hole += usize::from(c == LATER);
            if depth == 0 && quote.is_none() {
                return self.unknown(quoted);
            }
        }
        self.unknown(false);
    }

    /// `$'...'`; the cursor is behind the opening quote.
    fn ansi_c(&mut self) {
        self.push_text("");
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '\'' => return,
                '\\' => self.ansi_c_escape(),
                LATER => {
                    self.at -= 1;
                    self.hole();
                }
                UNKNOWN => self.unknown(true),
                _ => self.push(c),
            }
        }
    }

    fn ansi_c_escape(&mut self) {
        let Some(c) = self.peek(0) else { return };
        self.at += 1;
        let plain = match c {
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'e' | 'E' => Some('\u{1b}'),
            'f' => Some('\u{c}'),
            'v' => Some('\u{b}'),
            '\\' | '\'' | '"' | '?' => Some(c),
            'x' => self.number(2, 16),
            'u' => self.number(4, 16),
            'U' => self.number(8, 16),
            '0'..='7' => {
                self.at -= 1;
                self.number(3, 8)
            }
            _ => None,
        };
        match plain {
            Some(c) => self.push(c),
            None => self.unknown(true),
        }
    }

    fn number(&mut self, most: usize, radix: u32) -> Option<char> {
        let digits: String = self.chars[self.at..].iter().take(most).take_while(|c| c.is_digit(radix)).collect();
        self.at += digits.len();
        u32::from_str_radix(&digits, radix).ok().and_then(char::from_u32)
    }
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}
