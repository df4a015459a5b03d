//! What the lines of a log say: which patterns came, and which kinds of lines were not there before.

use std::collections::HashSet;

use regex::Regex;

use crate::machine::action::Watched;

/// A longer line is judged by its beginning.
const LONGEST: usize = 16 * 1024;
/// So many kinds of lines are told apart; a log with more has no patterns.
const KINDS: usize = 100_000;
const SHOWN: usize = 20;

pub(super) struct Lines {
    must: Vec<(Regex, Option<String>)>,
    must_not: Vec<(Regex, Option<String>)>,
    /// Kinds of lines that were there before.
    known: HashSet<String>,
    known_before: usize,
    compare: bool,
    new: Vec<String>,
    lines: u64,
    /// The line that is not over yet.
    open: Vec<u8>,
}

impl Lines {
    pub(super) fn new(must: &[String], must_not: &[String]) -> Result<Lines, String> {
        let patterns = |from: &[String]| {
            from.iter()
                .map(|pattern| match Regex::new(pattern) {
                    Ok(regex) => Ok((regex, None)),
                    Err(_) => Err(format!("`{pattern}` is not a pattern")),
                })
                .collect::<Result<Vec<_>, String>>()
        };
        Ok(Lines {
            must: patterns(must)?,
            must_not: patterns(must_not)?,
            known: HashSet::new(),
            known_before: 0,
            compare: false,
            new: Vec::new(),
            lines: 0,
            open: Vec::new(),
        })
    }

    /// A piece of what stood there before.
    pub(super) fn knew(&mut self, piece: &[u8]) {
        self.each(piece, |lines, line| {
            if lines.known.len() < KINDS {
                lines.known.insert(kind(line));
            }
        });
    }

    /// All that is known has been said: from now on lines are compared with it. A last line without its end counts.
    pub(super) fn compare(&mut self) {
        if !self.open.is_empty() {
            self.knew(b"\n");
        }
        self.known_before = self.known.len();
        self.compare = true;
    }

    /// A piece of what came.
    pub(super) fn take(&mut self, piece: &[u8]) {
        self.each(piece, |lines, line| {
            lines.lines += 1;
            for (pattern, first) in lines.must.iter_mut().chain(&mut lines.must_not) {
                if first.is_none() && pattern.is_match(line) {
                    *first = Some(shown(line));
                }
            }
            if lines.compare && lines.known.len() < KINDS && lines.known.insert(kind(line)) && lines.new.len() < SHOWN {
                lines.new.push(shown(line));
            }
        });
    }

    pub(super) fn forbidden_came(&self) -> bool {
        self.must_not.iter().any(|(_, first)| first.is_some())
    }

    /// What there was to see; a last line without its end counts as it stands.
    pub(super) fn seen(&mut self) -> Watched {
        if !self.open.is_empty() {
            self.take(b"\n");
        }
        let firsts = |patterns: &[(Regex, Option<String>)]| patterns.iter().map(|(_, first)| first.clone()).collect();
        Watched {
            lines: self.lines,
            must: firsts(&self.must),
            must_not: firsts(&self.must_not),
            new: self.new.clone(),
            new_count: (self.known.len() - self.known_before) as u64,
            known: self.known_before as u64,
            ..Watched::default()
        }
    }

    fn each(&mut self, piece: &[u8], mut see: impl FnMut(&mut Lines, &str)) {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.keep(&rest[..end]);
            let line = std::mem::take(&mut self.open);
            see(self, String::from_utf8_lossy(&line).trim_end_matches('\r'));
            rest = &rest[end + 1..];
        }
        self.keep(rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.open.len());
        self.open.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// A line without what differs from one to the next: every word with a digit in it is the same word.
fn kind(line: &str) -> String {
    let mut kind = String::with_capacity(line.len());
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| word(c) != word(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        let differs = word(first) && part.chars().any(|c| c.is_ascii_digit());
        kind.push_str(if differs { "#" } else { part });
        rest = after;
    }
    // `1.5`, `12:30:01` and `10.0.0.7` are one number each, however many parts they have.
    while let Some(at) = ["#.#", "#:#", "#-#", "#,#"].iter().find_map(|several| kind.find(several)) {
        kind.replace_range(at..at + 3, "#");
    }
    kind
}

fn shown(line: &str) -> String {
    super::super::metrics::short(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(must: &[&str], must_not: &[&str]) -> Lines {
        let owned = |from: &[&str]| from.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        Lines::new(&owned(must), &owned(must_not)).unwrap()
    }

    #[test]
    fn numbers_times_addresses_and_ids_do_not_make_a_line_new() {
        let cases = [
            ("2026-11-21 04:00:01 INFO took 12 ms", "2025-01-02 23:59:59 INFO took 4711 ms"),
            ("GET /items/17 from 10.0.0.7:4242", "GET /items/9 from 192.168.1.1:80"),
            ("job 3f2a-11 done in 1.5s", "job 9b7c-42 done in 0.25s"),
        ];
        for (one, other) in cases {
            assert_eq!(kind(one), kind(other));
        }
        assert_ne!(kind("INFO started"), kind("ERROR started"));
    }

    #[test]
    fn a_line_cut_into_pieces_is_one_line() {
        let mut lines = lines(&["^ready$"], &["error"]);
        for piece in [&b"rea"[..], b"dy\nan er", b"ror ca", b"me"] {
            lines.take(piece);
        }
        let seen = lines.seen();
        assert_eq!((seen.lines, seen.must[0].as_deref()), (2, Some("ready")));
        assert_eq!(seen.must_not[0].as_deref(), Some("an error came"));
    }

    #[test]
    fn only_kinds_of_lines_that_were_not_there_before_are_new() {
        let mut lines = lines(&[], &[]);
        lines.knew(b"took 1 ms\nslow query 7\nopen li");
        lines.compare();
        lines.take(b"took 99 ms\npanic at worker 3\npanic at worker 4\n");
        let seen = lines.seen();
        assert_eq!(seen.new, ["panic at worker 3"]);
        assert_eq!((seen.known, seen.new_count, seen.lines), (3, 1, 3));
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        assert_eq!(Lines::new(&["(".into()], &[]).err().unwrap(), "`(` is not a pattern");
    }
}
