//! The masker: replaces every known form of every secret by `***` before a byte is written, hashed or shown.
//!
//! Best effort by nature: a secret that a program encrypts, compresses or prints letter by letter is not recognised.
//!
//! Each text is searched three times: as it is, without the layout of base64, and without the layout of hexadecimal
//! digits. What is found in any of them is covered.

mod needles;
mod squeeze;

use std::borrow::Cow;
use std::ops::Range;

use super::forms::Forms;
use needles::Needles;
#[cfg(test)]
use squeeze::WIDEST;
use squeeze::{Alphabet, Squeezed};

/// What stands where a secret stood.
pub(crate) const MASK: &str = "***";

/// Longer pieces are taken in parts, so that memory does not grow with them.
const PART: usize = 64 * 1024;

/// All forms of all secrets. Without secrets it passes bytes through untouched.
///
/// Memory: the forms, up to some fifty times the secrets; for each stream twice [`PART`], the longest form and the layout
/// in it.
#[derive(Default)]
pub struct Masker {
    exact: Needles,
    lanes: Vec<Lane>,
}

/// Forms whose layout does not count.
struct Lane {
    alphabet: Alphabet,
    needles: Needles,
}

impl Masker {
    /// A masker for these forms.
    pub(crate) fn new(forms: Forms) -> Masker {
        let lane = |alphabet, needles: Vec<Vec<u8>>| Lane { alphabet, needles: Needles::new(needles) };
        let mut lanes = vec![lane(Alphabet::base64(), forms.base64), lane(Alphabet::hex(), forms.hex)];
        lanes.retain(|lane| !lane.needles.is_empty());
        Masker { exact: Needles::new(forms.exact), lanes }
    }

    /// A masker for these texts as they are; for tests.
    #[cfg(test)]
    pub(crate) fn exactly(texts: &[&str]) -> Masker {
        let exact = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        Masker::new(Forms { exact, ..Forms::default() })
    }

    /// Whether there is nothing to mask.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.lanes.is_empty()
    }

    /// The text with every secret replaced.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.bytes(text.as_bytes()) {
            None => Cow::Borrowed(text),
            Some(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
        }
    }

    /// The bytes with every secret replaced; none where there is none in them.
    pub fn bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(bytes.len());
        let mut stream = MaskStream::default();
        let found = stream.push(self, bytes, |part| out.extend_from_slice(part));
        let more = stream.finish(self, |part| out.extend_from_slice(part));
        (found + more > 0).then_some(out)
    }
}

/// The state of masking one stream that arrives in pieces.
///
/// A secret may be split over any number of pieces, secrets may be prefixes of each other and may overlap. So what may be
/// the beginning of a secret is held back until it is certain what it is, and the union of all matches is covered, not
/// only the first of two that overlap.
#[derive(Default)]
pub struct MaskStream {
    held: Vec<u8>,
    /// How many of the held bytes belong to a match whose `***` is already out.
    covered: usize,
    found: Vec<Range<usize>>,
    squeezed: Squeezed,
}

impl MaskStream {
    /// Take a piece; `emit` gets what may be written. Returns how many secrets were replaced.
    pub fn push(&mut self, masker: &Masker, piece: &[u8], mut emit: impl FnMut(&[u8])) -> u64 {
        if masker.is_empty() {
            emit(piece);
            return 0;
        }
        let mut replaced = 0;
        for part in piece.chunks(PART) {
            self.held.extend_from_slice(part);
            let certain = self.search(masker);
            replaced += self.release(certain, &mut emit);
        }
        replaced
    }

    /// The stream has ended: nothing is held back any more.
    pub fn finish(&mut self, masker: &Masker, mut emit: impl FnMut(&[u8])) -> u64 {
        if masker.is_empty() {
            return 0;
        }
        self.search(masker);
        self.release(self.held.len(), &mut emit)
    }

    /// Find everything in what is held. Returns how much of it is certain: no secret that is not yet complete begins
    /// before.
    fn search(&mut self, masker: &Masker) -> usize {
        let MaskStream { held, found, squeezed, .. } = self;
        found.clear();
        masker.exact.find(held, |range| found.push(range));
        let mut certain = masker.exact.open_end(held, |_| true);
        for Lane { alphabet, needles } in &masker.lanes {
            squeezed.fill(alphabet, held);
            needles.find(squeezed.bytes(), |range| {
                let from = squeezed.place(alphabet, held, range.start);
                let to = squeezed.place(alphabet, held, range.end - 1) + 1;
                if alphabet.is_dense(held, from, to) {
                    found.push(from..to);
                }
            });
            let open = needles.open_end(squeezed.bytes(), |at| {
                alphabet.is_dense(held, squeezed.place(alphabet, held, at), held.len())
            });
            certain = certain.min(squeezed.place(alphabet, held, open));
        }
        found.sort_unstable_by_key(|range| range.start);
        certain
    }

    /// Emit everything before `certain`: any match that starts there lies wholly inside `held`.
    fn release(&mut self, certain: usize, emit: &mut impl FnMut(&[u8])) -> u64 {
        let mut replaced = 0;
        let mut covered = self.covered;
        for found in self.found.iter().take_while(|found| found.start < certain) {
            if found.start >= covered {
                emit(&self.held[covered..found.start]);
                emit(MASK.as_bytes());
                replaced += 1;
            }
            covered = covered.max(found.end);
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
        Masker::exactly(forms)
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

    #[test]
    fn layout_does_not_hide_a_secret_however_the_stream_is_split() {
        let secret = "correct horse battery staple, and twelve more words of it";
        let masker = Masker::new(Forms::of([secret.as_bytes()]));
        let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("user:{secret} (end)"));
        let wrapped: Vec<String> =
            base64.as_bytes().chunks(17).map(|l| String::from_utf8_lossy(l).into_owned()).collect();
        let hex = super::super::forms::hex(secret.as_bytes());
        let pairs: Vec<&str> = (0..secret.len()).map(|at| &hex[2 * at..2 * at + 2]).collect();
        let c_array = pairs.iter().map(|pair| format!("0x{}", pair.to_uppercase())).collect::<Vec<_>>().join(", ");
        for shown in [
            wrapped.join("\n"),
            wrapped.join("\r\n    "),
            wrapped.join("\\n"),
            pairs.join(":"),
            pairs.join(" ").to_uppercase(),
            format!("\\x{}", pairs.join("\\x")),
            c_array,
        ] {
            let text = format!("before {shown} after");
            let whole = in_pieces(&masker, &[text.as_bytes()]);
            assert!(whole.contains("***") && whole.len() < 40, "{whole}");
            for at in 0..text.len() {
                assert_eq!(in_pieces(&masker, &[&text.as_bytes()[..at], &text.as_bytes()[at..]]), whole, "{at}");
            }
            let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(in_pieces(&masker, &single), whole);
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_not_held_back() {
        let masker = masker(&["hunter2-longer"]);
        let mut seen = Vec::new();
        MaskStream::default().push(&masker, b"starting\nhunt", |part| seen.extend_from_slice(part));
        assert_eq!(seen, b"starting\n");
    }

    #[test]
    fn what_is_held_back_is_bounded_whatever_comes() {
        let secret = "correct horse battery staple, and twelve more words of it";
        let masker = Masker::new(Forms::of([secret.as_bytes()]));
        let hex = super::super::forms::hex(secret.as_bytes());
        let endless_layout = [&hex.as_bytes()[..40], &[b' '; 300_000]].concat();
        let wide_layout: Vec<u8> =
            hex[..40].bytes().flat_map(|digit| [&[b'\n'; WIDEST - 1][..], &[digit]].concat()).collect();
        for text in [endless_layout, wide_layout.repeat(40), secret.as_bytes()[..50].repeat(2000)] {
            let mut stream = MaskStream::default();
            for piece in text.chunks(1000) {
                stream.push(&masker, piece, |_| {});
                assert!(stream.held.len() <= 2 * hex.len() * WIDEST, "{}", stream.held.len());
            }
        }
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
            let masker = masker(&forms.iter().map(String::as_str).collect::<Vec<_>>());
            let expected = slowly(&forms, &text);
            for at in 0..=text.len() {
                let (left, right) = text.as_bytes().split_at(at);
                prop_assert_eq!(in_pieces(&masker, &[left, right]), expected.clone());
            }
        }
    }
}
