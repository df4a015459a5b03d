//! Any of many byte strings, found in one pass that looks at every tenth place only.
//!
//! Of each needle a window of at most [`WINDOW`] bytes is chosen, and its pieces of four bytes at the first `stride`
//! offsets are remembered. Wherever a needle stands, one of those pieces stands at a multiple of `stride`; so the search
//! hashes four bytes there, asks a small bitmap, and compares whole needles only where the bitmap says so.

use std::ops::Range;

/// Longest window; longer ones would make the tables larger and the search hardly faster.
const WINDOW: usize = 13;
/// Windows of a needle that are compared for the one that is least like ordinary text.
const CHOICES: usize = 12;
/// Spreads the bytes of a piece over the bits of a slot.
const SPREAD: u32 = 0x9E37_79B1;

/// A set of byte strings, ready to be searched for.
#[derive(Default)]
pub(super) struct Needles {
    /// Sorted, each once.
    all: Vec<Vec<u8>>,
    longest: usize,
    /// Bytes of a piece: 4, fewer only where a needle is shorter.
    piece: usize,
    stride: usize,
    /// Slots of all pieces.
    pieces: Bitmap,
    /// Slots of the first four bytes of needles that are longer.
    beginnings: Bitmap,
    /// For every slot of `pieces`, folded to fewer, where its entries begin.
    starts: Vec<u32>,
    entries: Vec<Entry>,
    fold: u32,
}

/// A piece of a needle.
#[derive(Clone, Copy)]
struct Entry {
    piece: u32,
    needle: u32,
    /// Where in the needle it stands.
    offset: u32,
}

impl Needles {
    pub(super) fn new(mut all: Vec<Vec<u8>>) -> Needles {
        all.retain(|needle| !needle.is_empty());
        all.sort_unstable();
        all.dedup();
        let Some(shortest) = all.iter().map(Vec::len).min() else { return Needles::default() };
        let window = shortest.min(WINDOW);
        let piece = window.min(4);
        let stride = window - piece + 1;
        let mut pieces = Bitmap::for_entries(all.len() * stride);
        // The end of every piece is looked up here, byte by byte, and a wrong yes costs a search.
        let mut beginnings = Bitmap::for_entries(all.len() * 8);
        let mut entries = Vec::with_capacity(all.len() * stride);
        for (number, needle) in all.iter().enumerate() {
            let from = least_ordinary(needle, window);
            entries.extend((from..from + stride).map(|offset| Entry {
                piece: read(&needle[offset..], piece),
                needle: number as u32,
                offset: offset as u32,
            }));
            if needle.len() > 4 {
                beginnings.set(read(needle, 4));
            }
        }
        let bits = (usize::BITS - entries.len().leading_zeros()).clamp(4, 20);
        let fold = 32 - bits;
        entries.sort_unstable_by_key(|entry| spread(entry.piece) >> fold);
        let mut starts = vec![0; (1 << bits) + 1];
        for entry in &entries {
            pieces.set(entry.piece);
            starts[(spread(entry.piece) >> fold) as usize + 1] += 1;
        }
        for slot in 1..starts.len() {
            starts[slot] += starts[slot - 1];
        }
        let longest = all.iter().map(Vec::len).max().unwrap_or(0);
        Needles { all, longest, piece, stride, pieces, beginnings, starts, entries, fold }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Every place where a needle stands, in no particular order.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) {
        if self.all.is_empty() {
            return;
        }
        let mut at = 0;
        if self.piece == 4 {
            while let Some(bytes) = text.get(at..at + 4) {
                let piece = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                if self.pieces.has(piece) {
                    self.compare(text, at, piece, &mut found);
                }
                at += self.stride;
            }
        } else {
            while at + self.piece <= text.len() {
                let piece = read(&text[at..], self.piece);
                if self.pieces.has(piece) {
                    self.compare(text, at, piece, &mut found);
                }
                at += self.stride;
            }
        }
    }

    #[inline(never)]
    fn compare(&self, text: &[u8], at: usize, piece: u32, found: &mut impl FnMut(Range<usize>)) {
        let slot = (spread(piece) >> self.fold) as usize;
        for entry in &self.entries[self.starts[slot] as usize..self.starts[slot + 1] as usize] {
            let needle = &self.all[entry.needle as usize];
            let Some(start) = at.checked_sub(entry.offset as usize).filter(|_| entry.piece == piece) else { continue };
            if text[start..].starts_with(needle) {
                found(start..start + needle.len());
            }
        }
    }

    /// The first place from which the rest of the text is the beginning of a longer needle, for which `possible` holds;
    /// the end of the text where there is none.
    pub(super) fn open_end(&self, text: &[u8], possible: impl Fn(usize) -> bool) -> usize {
        let from = (text.len() + 1).saturating_sub(self.longest);
        let open = |at: &usize| {
            let rest = &text[*at..];
            (rest.len() < 4 || self.beginnings.has(read(rest, 4))) && self.goes_on(rest) && possible(*at)
        };
        (from..text.len()).find(open).unwrap_or(text.len())
    }

    /// Whether a needle begins with this and has more.
    fn goes_on(&self, beginning: &[u8]) -> bool {
        let after = self.all.partition_point(|needle| needle.as_slice() <= beginning);
        self.all.get(after).is_some_and(|needle| needle.starts_with(beginning))
    }
}

/// Where the window with the most different bytes begins: a ruler of dashes stands in every log, the middle of a key in
/// none.
fn least_ordinary(needle: &[u8], window: usize) -> usize {
    let room = needle.len() - window;
    let step = (room / CHOICES).max(1);
    let different = |from: usize| {
        let mut seen = [0u64; 4];
        needle[from..from + window].iter().for_each(|byte| seen[usize::from(byte >> 6)] |= 1 << (byte & 63));
        seen.iter().map(|part| part.count_ones()).sum::<u32>()
    };
    // The first of equals.
    (0..room + 1).step_by(step).rev().max_by_key(|from| different(*from)).unwrap_or(0)
}

fn read(bytes: &[u8], count: usize) -> u32 {
    bytes[..count].iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte))
}

fn spread(piece: u32) -> u32 {
    piece.wrapping_mul(SPREAD)
}

/// A set of pieces that may say yes where the answer is no.
struct Bitmap {
    words: Vec<u64>,
    shift: u32,
}

impl Default for Bitmap {
    fn default() -> Bitmap {
        Bitmap::for_entries(0)
    }
}

impl Bitmap {
    /// Sixteen bits for each entry, from 512 bytes to 256 KiB.
    fn for_entries(entries: usize) -> Bitmap {
        let bits = (usize::BITS - (entries * 16).leading_zeros()).clamp(12, 21);
        Bitmap { words: vec![0; 1 << (bits - 6)], shift: 32 - bits }
    }

    fn set(&mut self, piece: u32) {
        let slot = spread(piece) >> self.shift;
        self.words[(slot >> 6) as usize] |= 1 << (slot & 63);
    }

    #[inline(always)]
    fn has(&self, piece: u32) -> bool {
        let slot = spread(piece) >> self.shift;
        // The slot has as many bits as the table: the check is for the compiler.
        self.words.get((slot >> 6) as usize).is_some_and(|word| word >> (slot & 63) & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(needles: &[&str], text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        Needles::new(needles.iter().map(|n| n.as_bytes().to_vec()).collect()).find(text.as_bytes(), |r| found.push(r));
        found.sort_by_key(|range| (range.start, range.end));
        found
    }

    #[test]
    fn needles_are_found_at_the_very_beginning_and_end() {
        assert_eq!(found(&["hunter2-long", "2-longer"], "hunter2-longer"), [0..12, 6..14]);
        assert!(found(&["hunter2-long"], "hunter2-lon").is_empty());
    }

    #[test]
    fn an_end_is_open_where_a_needle_may_go_on() {
        let needles = Needles::new(vec![b"hunter2".to_vec(), b"hunter2-long".to_vec(), b"2-lo".to_vec()]);
        for (text, open) in [("a hunter2", 2), ("a hunter", 2), ("hunter3", 7), ("xh", 1), ("2-lo", 4), ("", 0)] {
            assert_eq!(needles.open_end(text.as_bytes(), |_| true), open, "{text}");
        }
        assert_eq!(needles.open_end(b"hunter2 h", |at| at != 8), 9);
    }

    #[test]
    fn a_window_is_not_chosen_among_dashes() {
        let needle = b"-----BEGIN KEY-----MIIEvQIBADANBgkqhkiG9w0BAQ";
        assert!(least_ordinary(needle, 13) >= 15);
    }

    proptest! {
        #[test]
        fn everything_is_found_that_is_there(
            needles in proptest::collection::vec("[abc]{1,20}", 1..6),
            text in "[abc]{0,80}",
        ) {
            let needles: Vec<&str> = needles.iter().map(String::as_str).collect();
            let mut expected: Vec<Range<usize>> = Vec::new();
            for needle in &needles {
                let starts = (0..text.len()).filter(|at| text[*at..].starts_with(needle));
                expected.extend(starts.map(|at| at..at + needle.len()));
            }
            expected.sort_by_key(|range| (range.start, range.end));
            expected.dedup();
            prop_assert_eq!(found(&needles, &text), expected);
        }
    }
}
