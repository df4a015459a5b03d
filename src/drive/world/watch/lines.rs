//! What the lines of a log say: which patterns came, and which kinds of lines were not there before.

use std::collections::HashSet;

use regex::Regex;
use sha2::{Digest as _, Sha256};

use super::super::live::Stream;
use super::kind::kind;
use crate::machine::action::Watched;

/// Patterns see the whole of a line that is not longer. Of a longer one they see the beginning, and nothing is said of the
/// rest but that it was not seen.
pub(super) const LONGEST: usize = 1024 * 1024;
/// So many kinds of lines are told apart; with more nobody can say which are new.
const KINDS: usize = 100_000;
const SHOWN: usize = 20;

pub(super) struct Lines {
    must: Vec<(Regex, Option<String>)>,
    must_not: Vec<(Regex, Option<String>)>,
    /// Sums of the kinds of lines that were there before; kinds themselves can be as long as lines.
    known: HashSet<[u8; 16]>,
    known_before: usize,
    /// There was a kind for which there was no room.
    kinds_full: bool,
    compare: bool,
    new: Vec<String>,
    lines: u64,
    /// Lines that were longer than can be looked at.
    too_long: u64,
    /// The lines that are not over yet, one of each stream.
    open: [Open; 2],
}

/// A line that is not over yet.
#[derive(Default)]
struct Open {
    bytes: Vec<u8>,
    is_cut: bool,
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
            kinds_full: false,
            compare: false,
            new: Vec::new(),
            lines: 0,
            too_long: 0,
            open: Default::default(),
        })
    }

    /// A piece of what stood there before.
    pub(super) fn knew(&mut self, piece: &[u8]) {
        self.each(Stream::Stdout, piece, |lines, line, _| {
            lines.is_new(line);
        });
    }

    /// All that is known has been said: from now on lines are compared with it. A last line without its end counts.
    pub(super) fn compare(&mut self) {
        if !self.open[Stream::Stdout as usize].bytes.is_empty() {
            self.knew(b"\n");
        }
        self.known_before = self.known.len();
        self.compare = true;
    }

    /// A piece of what came.
    pub(super) fn take(&mut self, stream: Stream, piece: &[u8]) {
        self.each(stream, piece, |lines, line, is_cut| {
            lines.lines += 1;
            lines.too_long += u64::from(is_cut);
            for (pattern, first) in lines.must.iter_mut().chain(&mut lines.must_not) {
                if first.is_none() && pattern.is_match(line) {
                    *first = Some(shown(line));
                }
            }
            if lines.compare && lines.is_new(line) && lines.new.len() < SHOWN {
                lines.new.push(shown(line));
            }
        });
    }

    pub(super) fn forbidden_came(&self) -> bool {
        self.must_not.iter().any(|(_, first)| first.is_some())
    }

    /// What there was to see; a last line without its end counts as it stands.
    pub(super) fn seen(&mut self) -> Watched {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if !self.open[stream as usize].bytes.is_empty() {
                self.take(stream, b"\n");
            }
        }
        let firsts = |patterns: &[(Regex, Option<String>)]| patterns.iter().map(|(_, first)| first.clone()).collect();
        Watched {
            lines: self.lines,
            must: firsts(&self.must),
            must_not: firsts(&self.must_not),
            new: self.new.clone(),
            new_count: (self.known.len() - self.known_before) as u64,
            known: self.known_before as u64,
            kinds_full: self.kinds_full,
            too_long: self.too_long,
            ..Watched::default()
        }
    }

    fn each(&mut self, stream: Stream, piece: &[u8], mut see: impl FnMut(&mut Lines, &str, bool)) {
        let at = stream as usize;
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.open[at].keep(&rest[..end]);
            let mut line = std::mem::take(&mut self.open[at]);
            see(self, String::from_utf8_lossy(&line.bytes).trim_end_matches('\r'), line.is_cut);
            line.bytes.clear();
            self.open[at] = Open { bytes: line.bytes, is_cut: false };
            rest = &rest[end + 1..];
        }
        self.open[at].keep(rest);
    }

    /// Whether this kind was not known; it is from now on, if there is room.
    fn is_new(&mut self, line: &str) -> bool {
        let sum = Sha256::digest(kind(line));
        let mut short = [0; 16];
        short.copy_from_slice(&sum[..16]);
        let is_known = self.known.contains(&short);
        if !is_known && self.known.len() >= KINDS {
            self.kinds_full = true;
            return false;
        }
        !is_known && self.known.insert(short)
    }
}

impl Open {
    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.is_cut |= bytes.len() > room;
    }
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
    fn a_line_cut_into_pieces_is_one_line() {
        let mut lines = lines(&["^ready$"], &["error"]);
        for piece in [&b"rea"[..], b"dy\nan er", b"ror ca", b"me"] {
            lines.take(Stream::Stdout, piece);
        }
        let seen = lines.seen();
        assert_eq!((seen.lines, seen.must[0].as_deref()), (2, Some("ready")));
        assert_eq!(seen.must_not[0].as_deref(), Some("an error came"));
    }

    #[test]
    fn each_stream_has_lines_of_its_own() {
        let mut lines = lines(&["^ready$"], &["^FATAL$"]);
        lines.take(Stream::Stdout, b"rea");
        lines.take(Stream::Stderr, b"FAT");
        lines.take(Stream::Stdout, b"dy\n");
        lines.take(Stream::Stderr, b"AL");
        let seen = lines.seen();
        assert_eq!(
            (seen.lines, seen.must[0].as_deref(), seen.must_not[0].as_deref()),
            (2, Some("ready"), Some("FATAL"))
        );
    }

    #[test]
    fn only_kinds_of_lines_that_were_not_there_before_are_new() {
        let mut lines = lines(&[], &[]);
        lines.knew(b"took 1 ms\nslow query 7\nopen li");
        lines.compare();
        lines.take(Stream::Stdout, b"took 99 ms\npanic at worker 3\npanic at worker 4\n");
        let seen = lines.seen();
        assert_eq!(seen.new, ["panic at worker 3"]);
        assert_eq!((seen.known, seen.new_count, seen.lines), (3, 1, 3));
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        assert_eq!(Lines::new(&["(".into()], &[]).err().unwrap(), "`(` is not a pattern");
    }

    #[test]
    fn patterns_see_all_of_a_long_line_and_what_is_longer_still_is_counted() {
        let mut watched = lines(&["FATAL$"], &["panic"]);
        watched.take(Stream::Stdout, format!("{} FATAL\n", "x".repeat(LONGEST - 6)).as_bytes());
        let seen = watched.seen();
        assert!(seen.must[0].is_some());
        assert_eq!((seen.lines, seen.too_long), (1, 0));
        for _ in 0..3 {
            watched.take(Stream::Stdout, &vec![b'x'; LONGEST / 2]);
        }
        watched.take(Stream::Stdout, b" panic\nshort\n");
        let seen = watched.seen();
        assert_eq!((seen.lines, seen.too_long, &seen.must_not[0]), (3, 1, &None));
    }

    /// Letters only, or it would be no kind of its own.
    fn word(mut number: usize) -> String {
        let mut word = String::from("w");
        while number > 0 {
            word.push(char::from(b'g' + (number % 20) as u8));
            number /= 20;
        }
        word
    }

    #[test]
    fn more_kinds_than_can_be_told_apart_are_not_taken_for_known() {
        let known: String = (1..=KINDS + 1).map(|number| word(number) + "\n").collect();
        let mut full = lines(&[], &[]);
        full.knew(known.as_bytes());
        full.compare();
        full.take(Stream::Stdout, b"FATAL deadlock\n");
        let seen = full.seen();
        assert_eq!((seen.known, seen.new_count, seen.kinds_full), (KINDS as u64, 0, true));
    }

    #[test]
    fn a_line_that_is_known_fills_nothing() {
        let known: String = (1..=KINDS).map(|number| word(number) + "\n").collect();
        let mut full = lines(&[], &[]);
        full.knew(known.as_bytes());
        full.knew(known.as_bytes());
        full.compare();
        full.take(Stream::Stdout, known.as_bytes());
        assert!(!full.seen().kinds_full);
    }

    #[test]
    fn a_thousand_lines_with_random_ids_are_of_one_kind() {
        let mut watched = lines(&[], &[]);
        watched.knew(b"request 7d9f3f1e-1c22-4c5e-9d5b-0a0b0c0d0e0f done\n");
        watched.compare();
        for number in 0..1000_u32 {
            let id = hex_of(&Sha256::digest(number.to_le_bytes())[..16]);
            let uuid = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
            watched.take(Stream::Stdout, format!("request {uuid} done\n").as_bytes());
        }
        let seen = watched.seen();
        assert_eq!((seen.lines, seen.new), (1000, Vec::<String>::new()));
    }

    fn hex_of(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
