//! What looks like a hard-coded secret: known forms of tokens, credentials in addresses, literal values of names that
//! say what they hold, and text that is as random as a key. A line is judged by itself, and its values are never told.

mod formats;
mod names;
mod values;

pub use names::is_secret_name;

use formats::Formats;
use names::{Strength, strength};
use regex::Regex;
use values::{Literal, literal, looks_random, reference};

/// Something found on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    /// The name it is given to, if there is one.
    pub name: Option<String>,
    /// What it is, in words.
    pub what: &'static str,
}

/// Whether words without quotes are values, as in configuration and shell, or names, as in programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `password: hunter2` is a value.
    Plain,
    /// `password = other` refers to something else.
    Code,
}

impl Language {
    /// By the ending of a file's name; what is not known to be a program is taken at its word.
    pub fn of(file: &str) -> Language {
        const CODE: [&str; 23] = [
            "c", "cc", "cpp", "cs", "dart", "ex", "go", "h", "hpp", "java", "js", "jsx", "kt", "lua", "mjs", "php",
            "py", "rb", "rs", "scala", "swift", "ts", "tsx",
        ];
        let ending = file.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
        if ending.is_some_and(|ending| CODE.contains(&ending)) { Language::Code } else { Language::Plain }
    }
}

/// Everything it takes to judge lines.
pub struct Detector {
    formats: Formats,
    given: Regex,
    element: Regex,
    word: Regex,
    long: Regex,
}

impl Detector {
    /// Compiles the patterns once.
    pub fn new() -> Detector {
        // All patterns are constants; a test compiles them.
        let regex = |pattern: &str| Regex::new(pattern).expect("the pattern is a constant that a test compiles");
        Detector {
            formats: Formats::new(),
            given: regex(r#"([A-Za-z_][A-Za-z0-9_.-]*)["'\]]*(?:\s*:\s*[\w.<>&\[\]]+\s*=|\s*(?:=>|:=|[:=]))\s*"#),
            element: regex(r"<([A-Za-z_][\w.-]*)>([^<]+)</"),
            word: regex(r"(?:--|^\s*(?:ENV|ARG)\s+)([A-Za-z_][\w-]*)\s+(\S+)"),
            long: regex(r"[A-Za-z0-9+/_=-]{24,}"),
        }
    }

    /// What looks like a secret on this line.
    pub fn line(&self, line: &str, language: Language) -> Vec<Find> {
        let given = self.given(line, language);
        let name = || given.first().map(|(name, _)| (*name).to_string());
        if let Some(what) = self.formats.find(line) {
            return vec![Find { name: name(), what }];
        }
        let mut found: Vec<Find> = Vec::new();
        for (name, value) in &given {
            let what = match (strength(name), value) {
                (Some(Strength::Says), Literal::Text(_)) => "a literal value",
                (Some(Strength::SaysOfKey), Literal::Text(value)) if value.len() >= 6 && !is_number(value) => {
                    "a literal value"
                }
                (Some(Strength::SaysOfText), Literal::Text(value)) if !is_number(value) => "a literal value",
                (Some(_), Literal::Default(_)) => "a literal default value",
                _ => continue,
            };
            found.push(Find { name: Some((*name).to_string()), what });
        }
        if found.is_empty() && self.long.find_iter(line).any(|text| looks_random(line, text.range())) {
            found.push(Find { name: name(), what: "a value as random as a key" });
        }
        found.dedup();
        found
    }

    /// Names and the values they are given on a line.
    fn given<'l>(&self, line: &'l str, language: Language) -> Vec<(&'l str, Literal<'l>)> {
        let mut given = Vec::new();
        for found in self.given.captures_iter(line) {
            let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else { continue };
            let value = match line[..name.start()].ends_with("${") {
                // Not a name that is given a value, but a reference, which may hold a default.
                true => reference(&line[name.start() - 2..]),
                false => literal(&line[whole.end()..], language),
            };
            given.push((name.as_str(), value));
        }
        let pairs = self.element.captures_iter(line).chain(self.word.captures_iter(line));
        for found in pairs {
            let (Some(name), Some(value)) = (found.get(1), found.get(2)) else { continue };
            given.push((name.as_str(), literal(value.as_str(), Language::Plain)));
        }
        given
    }
}

impl Default for Detector {
    fn default() -> Detector {
        Detector::new()
    }
}

fn is_number(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))
}

#[cfg(test)]
mod tests;
