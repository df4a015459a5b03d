//! The masker: replaces every known form of every secret by `***` before a byte is written, hashed or shown.
//!
//! Best effort by nature: a secret that a program encrypts, compresses or prints letter by letter is not recognised.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, Input, MatchKind};

/// What stands where a secret stood.
pub(crate) const MASK: &str = "***";

/// All forms of all secrets in one automaton. Without secrets it passes bytes through untouched.
pub(crate) struct Masker {
    forms: Option<AhoCorasick>,
    longest: usize,
}

impl Masker {
    /// A masker for these byte strings; empty ones are ignored.
    pub(crate) fn new(forms: impl IntoIterator<Item = Vec<u8>>) -> Masker {
        let forms: Vec<Vec<u8>> = forms.into_iter().filter(|form| !form.is_empty()).collect();
        let longest = forms.iter().map(Vec::len).max().unwrap_or(0);
        // Building fails only beyond 2^31 states, which no set of secrets that fits into memory as text reaches.
        let forms = (longest > 0).then(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(&forms)
                .expect("secrets are far smaller than the automaton's limit")
        });
        Masker { forms, longest }
    }

    /// The text with every secret replaced.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.forms.is_none() {
            return Cow::Borrowed(text);
        }
        let mut out = Vec::with_capacity(text.len());
        let mut stream = MaskStream::default();
        let found = stream.push(self, text.as_bytes(), |part| out.extend_from_slice(part));
        let more = stream.finish(self, |part| out.extend_from_slice(part));
        match found + more {
            0 => Cow::Borrowed(text),
            _ => Cow::Owned(String::from_utf8_lossy(&out).into_owned()),
        }
    }
}

/// The state of masking one stream that arrives in pieces.
///
/// A secret may be split over any number of pieces, secrets may be prefixes of each other and may overlap. So the last
/// `longest - 1` bytes are held back until it is certain that no longer or earlier match covers them, and the union of
/// all matches is covered, not only the first of two that overlap.
#[derive(Default)]
pub(crate) struct MaskStream {
    held: Vec<u8>,
    /// How many of the held bytes belong to a match whose `***` is already out.
    covered: usize,
}

impl MaskStream {
    /// Take a piece; `emit` gets what may be written. Returns how many secrets were replaced.
    pub(crate) fn push(&mut self, masker: &Masker, piece: &[u8], mut emit: impl FnMut(&[u8])) -> u64 {
        match &masker.forms {
            None => {
                emit(piece);
                0
            }
            Some(forms) => {
                self.held.extend_from_slice(piece);
                let certain = self.held.len().saturating_sub(masker.longest - 1);
                self.release(forms, certain, &mut emit)
            }
        }
    }

    /// The stream has ended: nothing is held back any more.
    pub(crate) fn finish(&mut self, masker: &Masker, mut emit: impl FnMut(&[u8])) -> u64 {
        match &masker.forms {
            None => 0,
            Some(forms) => self.release(forms, self.held.len(), &mut emit),
        }
    }

    /// Emit everything before `certain`: any match that starts there lies wholly inside `held`.
    fn release(&mut self, forms: &AhoCorasick, certain: usize, emit: &mut impl FnMut(&[u8])) -> u64 {
        let mut replaced = 0;
        let mut search = 0;
        let mut covered = self.covered;
        while let Some(found) = forms.find(Input::new(&self.held).range(search..)) {
            if found.start() >= certain {
                break;
            }
            if found.start() >= covered {
                emit(&self.held[covered..found.start()]);
                emit(MASK.as_bytes());
                replaced += 1;
            }
            covered = covered.max(found.end());
            search = found.start() + 1;
        }
        if covered < certain {
            emit(&self.held[covered..certain]);
        }
        self.held.drain(..certain);
        self.covered = covered.saturating_sub(certain);
        replaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masker(forms: &[&str]) -> Masker {
        Masker::new(forms.iter().map(|form| form.as_bytes().to_vec()))
    }

    fn in_pieces(masker: &Masker, pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut stream = MaskStream::default();
        for piece in pieces {
            stream.push(masker, piece, |part| out.extend_from_slice(part));
        }
        stream.finish(masker, |part| out.extend_from_slice(part));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_secret_that_is_the_beginning_of_another_leaks_nothing_of_the_longer_one() {
        let masker = masker(&["hunter2", "hunter2-longer"]);
        assert_eq!(masker.text("pw=hunter2-longer;hunter2-long"), "pw=***;***-long");
    }

    #[test]
    fn overlapping_secrets_are_covered_together() {
        assert_eq!(masker(&["abcdef", "defghi"]).text("x abcdefghi y"), "x *** y");
    }

    #[test]
    fn without_secrets_bytes_pass_untouched_and_at_once() {
        let masker = masker(&[]);
        let mut seen = Vec::new();
        MaskStream::default().push(&masker, b"\xff\x00raw", |part| seen.push(part.to_vec()));
        assert_eq!(seen, [b"\xff\x00raw".to_vec()]);
        assert!(matches!(masker.text("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn no_split_in_two_or_three_leaks() {
        let masker = masker(&["hunter2", "hunter2-longer", "longer-than", "aaaa", "ter2-lo"]);
        let text = b"a hunter2-longer-than hunter2 aaaaaaa hunter2-longe";
        let whole = in_pieces(&masker, &[text]);
        assert_eq!(whole, "a *** *** *** ***nge");
        for first in 0..=text.len() {
            assert_eq!(in_pieces(&masker, &[&text[..first], &text[first..]]), whole);
            for second in first..=text.len() {
                assert_eq!(in_pieces(&masker, &[&text[..first], &text[first..second], &text[second..]]), whole);
            }
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(in_pieces(&masker, &single), whole);
    }

    /// What the masker must do, said slowly: every byte inside any occurrence is covered.
    fn slowly(forms: &[String], text: &str) -> String {
        let bytes = text.as_bytes();
        let mut out = Vec::new();
        let mut covered = 0;
        for at in 0..bytes.len() {
            let longest = forms.iter().filter(|form| bytes[at..].starts_with(form.as_bytes())).map(String::len).max();
            if let Some(length) = longest {
                if at >= covered {
                    out.extend_from_slice(MASK.as_bytes());
                }
                covered = covered.max(at + length);
            }
            if at >= covered {
                out.push(bytes[at]);
            }
        }
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn every_split_gives_what_the_slow_way_gives(
            forms in proptest::collection::vec("[abc]{1,5}", 1..4),
            text in "[abc]{0,40}",
        ) {
            let masker = Masker::new(forms.iter().map(|form| form.as_bytes().to_vec()));
            let expected = slowly(&forms, &text);
            for at in 0..=text.len() {
                let (left, right) = text.as_bytes().split_at(at);
                prop_assert_eq!(in_pieces(&masker, &[left, right]), expected.clone());
            }
        }
    }
}
