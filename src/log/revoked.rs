//! Keys that count for nothing any more: a list of public keys, or the binary list `ssh-keygen -k` makes (a KRL).

use std::collections::BTreeSet;

use super::keys::PublicKey;
use super::sum::Sha256Sum;
use super::wire::{FormatError, Reader};

const MAGIC: &[u8] = b"SSHKRL\n\0";
const CERTIFICATES: u8 = 1;
const EXPLICIT_KEY: u8 = 2;
const SHA1: u8 = 3;
const SIGNATURE: u8 = 4;
const SHA256: u8 = 5;

/// Revoked keys. Whatever such a key signed, whenever it was, is not trusted: whoever has the key may have signed it
/// today and named another day.
#[derive(Debug, Clone, Default)]
pub struct RevokedKeys {
    keys: BTreeSet<PublicKey>,
    /// Sums of key blobs: a fingerprint is all some lists give.
    sums: BTreeSet<[u8; 32]>,
}

impl RevokedKeys {
    /// Reads a list in either form OpenSSH knows. Certificates in it are passed over, since none are trusted.
    ///
    /// # Errors
    /// When anything in it is not understood: a list that is read by half would let revoked keys through.
    pub fn parse(bytes: &[u8]) -> Result<RevokedKeys, FormatError> {
        if is_krl(bytes) {
            return RevokedKeys::parse_krl(bytes);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| FormatError::new("neither text nor a list of ssh-keygen"))?;
        let mut revoked = RevokedKeys::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = PublicKey::parse_line(line);
            let key = key.map_err(|e| FormatError::new(format!("line {} is no public key: {e}", index + 1)))?;
            revoked.keys.insert(key);
        }
        Ok(revoked)
    }

    /// Whether this key is revoked.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.keys.contains(key) || self.sums.contains(&Sha256Sum::of(key.blob()).0)
    }

    /// Takes over what another list revokes.
    pub fn add(&mut self, other: RevokedKeys) {
        self.keys.extend(other.keys);
        self.sums.extend(other.sums);
    }

    /// How many keys and fingerprints there are.
    pub fn len(&self) -> usize {
        self.keys.len() + self.sums.len()
    }

    /// Nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// OpenSSH's PROTOCOL.krl.
    fn parse_krl(bytes: &[u8]) -> Result<RevokedKeys, FormatError> {
        let mut reader = Reader(&bytes[MAGIC.len()..]);
        let version = reader.u32()?;
        if version != 1 {
            return Err(FormatError::new(format!("a list of version {version} is not supported")));
        }
        // Number and date of the list, and flags.
        reader.take(3 * 8)?;
        let (_reserved, _comment) = (reader.string()?, reader.string()?);
        let mut revoked = RevokedKeys::default();
        while reader.end().is_err() {
            let kind = reader.take(1)?[0];
            let mut section = Reader(reader.string()?);
            match kind {
                CERTIFICATES => {}
                // The list counts for what it says where it was found, like `allowed_signers` does.
                SIGNATURE => {}
                EXPLICIT_KEY => {
                    while section.end().is_err() {
                        // A kind of key that is not known here cannot sign a log either.
                        revoked.keys.extend(PublicKey::from_blob(section.string()?).ok());
                    }
                }
                SHA256 => {
                    while section.end().is_err() {
                        revoked.sums.insert(section.array()?);
                    }
                }
                SHA1 => {
                    let text = "lists keys by SHA-1 fingerprints; make it with whole keys or sha256: fingerprints";
                    return Err(FormatError::new(text));
                }
                other => return Err(FormatError::new(format!("a section of type {other} is not understood"))),
            }
        }
        Ok(revoked)
    }
}

/// Whether a revocation list is in the binary form, which only `ssh-keygen -k` writes.
pub fn is_krl(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::wire::put;
    use crate::log::{SecretKey, Signer as _};

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed(&[seed; 32]).public_key()
    }

    fn krl(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut list = [MAGIC, &1u32.to_be_bytes(), &[0; 24]].concat();
        put(&mut list, b"");
        put(&mut list, b"comment");
        for (kind, data) in sections {
            list.push(*kind);
            put(&mut list, data);
        }
        list
    }

    fn strings(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        parts.iter().for_each(|part| put(&mut out, part));
        out
    }

    #[test]
    fn both_forms_name_keys() {
        let text = format!("# lost laptop\n\n{} ana@laptop\n", key(1).to_line());
        let whole = krl(&[(CERTIFICATES, vec![9; 9]), (EXPLICIT_KEY, strings(&[key(2).blob(), key(1).blob()]))]);
        let sums = krl(&[(SHA256, strings(&[&Sha256Sum::of(key(1).blob()).0]))]);
        for list in [text.into_bytes(), whole, sums] {
            let revoked = RevokedKeys::parse(&list).unwrap();
            assert!(revoked.contains(&key(1)) && !revoked.contains(&key(3)));
        }
        assert!(RevokedKeys::parse(b"").unwrap().is_empty());
    }

    #[test]
    fn a_list_that_is_not_wholly_understood_is_refused() {
        let good = krl(&[(EXPLICIT_KEY, strings(&[key(1).blob()]))]);
        let cases = [
            (b"SHA256:abc\n".to_vec(), "line 1 is no public key"),
            (vec![0xff, 0xfe], "neither text nor a list"),
            (krl(&[(SHA1, strings(&[&[0; 20]]))]), "SHA-1"),
            (krl(&[(9, Vec::new())]), "section of type 9"),
            (krl(&[(SHA256, strings(&[b"short"]))]), "32 bytes"),
            (good[..good.len() - 1].to_vec(), "cut short"),
            ([MAGIC, &2u32.to_be_bytes()].concat(), "version 2"),
        ];
        for (list, message) in cases {
            let error = RevokedKeys::parse(&list).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
