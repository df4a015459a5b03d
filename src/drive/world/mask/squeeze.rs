//! A text without what stands between the letters of an encoding: line ends, indentation, colons.
//!
//! `base64` wraps at 76 columns, `openssl` at 64, YAML indents, `xxd -p` wraps at 60, fingerprints have colons. In the
//! squeezed text an encoded secret is one piece, whatever its layout was.

/// Dropped.
const BETWEEN: u8 = 0;
/// Any byte that is no letter of the encoding; several in a row are one.
const OTHER: u8 = 1;

/// More than this between two letters is not layout any more.
pub(super) const WIDEST: usize = 48;

/// What becomes of a byte: after anything, and after a backslash.
pub(super) struct Alphabet([[u8; 256]; 2]);

impl Alphabet {
    /// Both alphabets of base64 as one: `-` is `+` and `_` is `/`.
    pub(super) fn base64() -> Alphabet {
        Alphabet::of(b" \t\r\n\\", |byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => Some(byte),
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            _ => None,
        })
    }

    /// Hexadecimal digits of either case; `x` is dropped, so that `\x41` and `0x41` are digits.
    pub(super) fn hex() -> Alphabet {
        Alphabet::of(b" \t\r\n\\:-,xX", |byte| byte.is_ascii_hexdigit().then(|| byte.to_ascii_lowercase()))
    }

    fn of(between: &[u8], letter: impl Fn(u8) -> Option<u8>) -> Alphabet {
        let mut plain = [OTHER; 256];
        for byte in 0..=255u8 {
            plain[usize::from(byte)] = letter(byte).unwrap_or(OTHER);
        }
        between.iter().for_each(|byte| plain[usize::from(*byte)] = BETWEEN);
        let mut escaped = plain;
        // A line end inside a string of JSON.
        b"nrt".iter().for_each(|byte| escaped[usize::from(*byte)] = BETWEEN);
        Alphabet([plain, escaped])
    }
}

/// Bytes of the text between two marks.
const BLOCK: usize = 64;

/// A squeezed text that knows where its bytes stood.
#[derive(Default)]
pub(super) struct Squeezed {
    bytes: Vec<u8>,
    length: usize,
    /// How long the squeezed text was at every block of the whole one.
    marks: Vec<u32>,
}

impl Squeezed {
    /// Squeeze another text; it must be shorter than 4 GiB.
    pub(super) fn fill(&mut self, alphabet: &Alphabet, text: &[u8]) {
        // One byte more than fits: each is written before it is known whether it stays.
        if self.bytes.len() <= text.len() {
            self.bytes.resize(text.len() + 1, 0);
        }
        self.marks.clear();
        let mut length = 0;
        let (mut before, mut last) = (0, OTHER);
        for block in text.chunks(BLOCK) {
            self.marks.push(length as u32);
            let out = &mut self.bytes[length..=length + block.len()];
            let mut at = 0;
            for byte in block {
                let this = alphabet.0[usize::from(before == b'\\')][usize::from(*byte)];
                out[at] = this;
                at += usize::from(stays(this, last));
                (last, before) = (this, *byte);
            }
            length += at;
        }
        self.length = length;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Where a byte stood in the text it was made from; after the last one, the end of the text.
    pub(super) fn place(&self, alphabet: &Alphabet, text: &[u8], at: usize) -> usize {
        let block = self.marks.partition_point(|mark| *mark as usize <= at).saturating_sub(1);
        let mut length = self.marks.get(block).map_or(0, |mark| *mark as usize);
        for place in block * BLOCK..text.len() {
            let last = if place == 0 { OTHER } else { alphabet.meaning(text, place - 1) };
            if stays(alphabet.meaning(text, place), last) {
                if length == at {
                    return place;
                }
                length += 1;
            }
        }
        text.len()
    }
}

/// Without branches: what comes next in ordinary text cannot be predicted.
#[inline(always)]
fn stays(this: u8, last: u8) -> bool {
    (this > OTHER) | ((this == OTHER) & (last != OTHER))
}

impl Alphabet {
    /// What the byte at a place becomes.
    fn meaning(&self, text: &[u8], place: usize) -> u8 {
        self.0[usize::from(place > 0 && text[place - 1] == b'\\')][usize::from(text[place])]
    }

    /// No gap in this text is too wide to be layout.
    pub(super) fn is_dense(&self, text: &[u8], from: usize, to: usize) -> bool {
        let mut gap = 0;
        (from..to).all(|place| {
            gap = if self.meaning(text, place) == BETWEEN { gap + 1 } else { 0 };
            gap < WIDEST
        })
    }
}
