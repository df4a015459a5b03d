//! Run identifiers: the bits of a UUIDv7 as 26 characters of Crockford base32, so they sort by time.

use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 26;

/// The identifier of one run. Paths are built only from this parsed form, never from text somebody typed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u128);

impl RunId {
    /// Builds an identifier from the wall clock in milliseconds since 1970 and 80 random bits.
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> RunId {
        RunId(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid().as_u128())
    }

    /// The 128 bits, for what has room for nothing else.
    pub fn bits(self) -> u128 {
        self.0
    }

    /// The moment the identifier was made, in milliseconds since 1970.
    pub fn unix_ms(self) -> u64 {
        (self.0 >> 80) as u64
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; LENGTH];
        let mut rest = self.0;
        for slot in text.iter_mut().rev() {
            *slot = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        text.iter().try_for_each(|byte| write!(f, "{}", *byte as char))
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}

/// The text is not a run identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRunId;

impl fmt::Display for BadRunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a run id: expected 26 characters from 0-9 and A-Z without I, L, O and U")
    }
}

impl std::error::Error for BadRunId {}

impl FromStr for RunId {
    type Err = BadRunId;

    /// Accepts only the one canonical spelling.
    fn from_str(text: &str) -> Result<RunId, BadRunId> {
        // 26 characters hold 130 bits: a first character above 7 would overflow.
        if text.len() != LENGTH || !(b'0'..=b'7').contains(&text.as_bytes()[0]) {
            return Err(BadRunId);
        }
        let mut bits = 0u128;
        for byte in text.bytes() {
            let digit = ALPHABET.iter().position(|a| *a == byte).ok_or(BadRunId)?;
            bits = bits << 5 | digit as u128;
        }
        let uuid = uuid::Uuid::from_u128(bits);
        let version_7 = uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122;
        version_7.then_some(RunId(bits)).ok_or(BadRunId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_survives_printing_and_parsing(ms in 0u64..1 << 48, random: [u8; 10]) {
            let id = RunId::from_parts(ms, random);
            prop_assert_eq!(id.to_string().parse::<RunId>(), Ok(id));
            prop_assert_eq!(id.unix_ms(), ms);
        }

        #[test]
        fn text_order_is_time_order(a in 0u64..1 << 48, b in 0u64..1 << 48, r: [u8; 10]) {
            let (x, y) = (RunId::from_parts(a, r), RunId::from_parts(b, r));
            prop_assert_eq!(x.to_string().cmp(&y.to_string()), a.cmp(&b));
        }
    }

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        let id = RunId::from_parts(1_795_000_000_000, [7; 10]).to_string();
        let cases = ["", "..", "../../etc/passwd-aaaaaaaaaaa", &id.to_lowercase(), &id[1..], &format!("8{}", &id[1..])];
        for case in cases {
            assert_eq!(case.parse::<RunId>(), Err(BadRunId), "{case:?}");
        }
        assert_eq!(id.replace('7', "I").parse::<RunId>(), Err(BadRunId));
    }
}
