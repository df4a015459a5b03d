//! The wire encoding OpenSSH uses inside keys and signatures: strings with a 32-bit length, and PEM-like armor.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// A key, signature or trust store that does not follow its format; the text says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError(pub(crate) String);

impl FormatError {
    pub(crate) fn new(what: impl Into<String>) -> FormatError {
        FormatError(what.into())
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FormatError {}

/// Appends one length-prefixed string.
pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
}

/// Reads encoded values from the front of a slice.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or_else(|| FormatError::new("cut short"))?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FormatError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], FormatError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, FormatError> {
        std::str::from_utf8(self.string()?).map_err(|_| FormatError::new("not UTF-8"))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        self.string()?.try_into().map_err(|_| FormatError::new(format!("a field is not {N} bytes long")))
    }

    pub(crate) fn end(&self) -> Result<(), FormatError> {
        if self.0.is_empty() { Ok(()) } else { Err(FormatError::new("trailing bytes")) }
    }
}

/// Wraps bytes in the armor `label` names, 70 columns wide, as ssh-keygen does.
pub(crate) fn armor(label: &str, bytes: &[u8]) -> String {
    let encoded = BASE64.encode(bytes);
    let mut text = String::with_capacity(encoded.len() + encoded.len() / 70 + 2 * label.len() + 40);
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(70));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// The bytes inside an armor.
pub(crate) fn unarmor(label: &str, text: &str) -> Result<Vec<u8>, FormatError> {
    let body = text
        .strip_prefix(&format!("-----BEGIN {label}-----\n"))
        .ok_or_else(|| FormatError::new(format!("does not begin with -----BEGIN {label}-----")))?
        .strip_suffix(&format!("-----END {label}-----\n"))
        .ok_or_else(|| FormatError::new(format!("does not end with -----END {label}-----")))?;
    let joined: String = body.split('\n').collect();
    unbase64(&joined)
}

/// Strict base64 with padding.
pub(crate) fn unbase64(text: &str) -> Result<Vec<u8>, FormatError> {
    BASE64.decode(text).map_err(|e| FormatError::new(format!("bad base64: {e}")))
}

/// Base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}
