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

/// A squeezed text that knows where its bytes stood.
#[derive(Default)]
pub(super) struct Squeezed {
    bytes: Vec<u8>,
    places: Vec<u32>,
    length: usize,
    /// Length of the text it was made from.
    whole: usize,
}

impl Squeezed {
    /// Squeeze another text; it must be shorter than 4 GiB.
    pub(super) fn fill(&mut self, alphabet: &Alphabet, text: &[u8]) {
        if self.bytes.len() <= text.len() {
            self.bytes.resize(text.len() + 1, 0);
            self.places.resize(text.len() + 1, 0);
        }
        let (bytes, places) = (&mut self.bytes[..=text.len()], &mut self.places[..=text.len()]);
        let mut length = 0;
        let mut before = 0;
        let mut last = OTHER;
        for (place, byte) in text.iter().enumerate() {
            let this = alphabet.0[usize::from(before == b'\\')][usize::from(*byte)];
            bytes[length] = this;
            places[length] = place as u32;
            length += usize::from(this > OTHER || (this == OTHER && last != OTHER));
            last = this;
            before = *byte;
        }
        (self.length, self.whole) = (length, text.len());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Where a byte stood; after the last one, the end of the text.
    pub(super) fn place(&self, at: usize) -> usize {
        if at < self.length { self.places[at] as usize } else { self.whole }
    }

    /// No gap between these bytes is too wide to be layout.
    pub(super) fn is_dense(&self, from: usize, to: usize) -> bool {
        let places = &self.places[from..to];
        places.windows(2).all(|pair| (pair[1] - pair[0]) as usize <= WIDEST)
    }

    /// The same, with what follows the last byte.
    pub(super) fn is_dense_to_the_end(&self, from: usize) -> bool {
        let rest = self.whole - self.place(self.length.saturating_sub(1)).min(self.whole);
        rest <= WIDEST && self.is_dense(from, self.length)
    }
}
