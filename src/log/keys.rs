//! Ed25519 keys in the forms OpenSSH uses: public key lines, fingerprints, unencrypted private key files.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::sum::Sha256Sum;
use super::wire::{self, FormatError, Reader};

pub(crate) const KEY_TYPE: &str = "ssh-ed25519";
const PRIVATE_LABEL: &str = "OPENSSH PRIVATE KEY";
const PRIVATE_MAGIC: &[u8] = b"openssh-key-v1\0";

/// 32 random bytes from which a key is made.
pub type Seed = [u8; 32];

/// Something that signs with an Ed25519 key: a key in memory, or later an agent or a token.
pub trait Signer {
    /// The key that verifies what `sign` returns.
    fn public_key(&self) -> PublicKey;
    /// A plain Ed25519 signature over `message`.
    ///
    /// # Errors
    /// When the key cannot be used now, for example because an agent is gone.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// The signer could not sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignError(pub String);

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot sign: {}", self.0)
    }
}

impl std::error::Error for SignError {}

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub(crate) [u8; 32]);

impl PublicKey {
    /// The key as OpenSSH encodes it inside keys and signatures.
    pub(crate) fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(51);
        wire::put(&mut blob, KEY_TYPE.as_bytes());
        wire::put(&mut blob, &self.0);
        blob
    }

    pub(crate) fn from_blob(blob: &[u8]) -> Result<PublicKey, FormatError> {
        let mut reader = Reader(blob);
        let kind = reader.text()?;
        if kind != KEY_TYPE {
            return Err(FormatError::new(format!(
                "key type {} is not supported, only {KEY_TYPE}",
                kind.escape_debug()
            )));
        }
        let key = PublicKey(reader.array()?);
        reader.end()?;
        Ok(key)
    }

    /// `ssh-ed25519 AAAA…`, without a comment.
    pub fn to_line(&self) -> String {
        format!("{KEY_TYPE} {}", wire::base64(&self.blob()))
    }

    /// Reads `ssh-ed25519 AAAA… [comment]`.
    ///
    /// # Errors
    /// When the line is not a public key of this type.
    pub fn parse_line(line: &str) -> Result<PublicKey, FormatError> {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some(_), Some(encoded)) => PublicKey::from_blob(&wire::unbase64(encoded)?),
            _ => Err(FormatError::new("not a public key line")),
        }
    }

    /// `SHA256:…` as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        let sum = Sha256Sum::of(&self.blob());
        format!("SHA256:{}", wire::base64(&sum.0).trim_end_matches('='))
    }

    /// Checks a signature strictly: no weak keys, no malleable encodings.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
            .is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

/// An Ed25519 private key in memory; wiped when dropped, never printed.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key that belongs to a seed.
    pub fn from_seed(seed: &Seed) -> SecretKey {
        SecretKey(SigningKey::from_bytes(seed))
    }

    /// The unencrypted OpenSSH private key file; `check` is any random number.
    pub fn to_openssh(&self, comment: &str, check: u32) -> String {
        let public = self.public_key();
        let mut private = Vec::with_capacity(200);
        private.extend(check.to_be_bytes());
        private.extend(check.to_be_bytes());
        wire::put(&mut private, KEY_TYPE.as_bytes());
        wire::put(&mut private, &public.0);
        wire::put(&mut private, &self.0.to_keypair_bytes());
        wire::put(&mut private, comment.as_bytes());
        let mut pad = 1;
        while private.len() % 8 != 0 {
            private.push(pad);
            pad += 1;
        }
        let mut file = PRIVATE_MAGIC.to_vec();
        wire::put(&mut file, b"none");
        wire::put(&mut file, b"none");
        wire::put(&mut file, b"");
        file.extend(1u32.to_be_bytes());
        wire::put(&mut file, &public.blob());
        wire::put(&mut file, &private);
        wire::armor(PRIVATE_LABEL, &file)
    }

    /// Reads an unencrypted OpenSSH private key file.
    ///
    /// # Errors
    /// When the file is encrypted, of another key type, or inconsistent.
    pub fn from_openssh(text: &str) -> Result<SecretKey, FormatError> {
        let file = wire::unarmor(PRIVATE_LABEL, text)?;
        let mut reader = Reader(&file);
        if reader.take(PRIVATE_MAGIC.len())? != PRIVATE_MAGIC {
            return Err(FormatError::new("not an OpenSSH private key"));
        }
        if reader.string()? != b"none" {
            return Err(FormatError::new("the key is encrypted; use a key without a passphrase"));
        }
        let (_kdf, _options, keys) = (reader.string()?, reader.string()?, reader.u32()?);
        let public = PublicKey::from_blob(reader.string()?)?;
        let mut private = Reader(reader.string()?);
        reader.end()?;
        if keys != 1 || private.u32()? != private.u32()? || private.text()? != KEY_TYPE {
            return Err(FormatError::new("not one unencrypted ssh-ed25519 key"));
        }
        let (_public, pair) = (private.string()?, private.array::<64>()?);
        let key = SigningKey::from_keypair_bytes(&pair).map(SecretKey);
        key.ok()
            .filter(|key| key.public_key() == public)
            .ok_or_else(|| FormatError::new("the private and the public half of the key do not match"))
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public_key().fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_file_survives_writing_and_reading() {
        let key = SecretKey::from_seed(&[5; 32]);
        for comment in ["", "a", "alice@example.com", "länger als acht"] {
            let back = SecretKey::from_openssh(&key.to_openssh(comment, 77)).unwrap();
            assert_eq!(back.public_key(), key.public_key());
        }
    }

    #[test]
    fn a_public_key_line_survives_with_and_without_comment() {
        let key = SecretKey::from_seed(&[5; 32]).public_key();
        assert_eq!(PublicKey::parse_line(&key.to_line()), Ok(key));
        assert_eq!(PublicKey::parse_line(&format!("{} me@host", key.to_line())), Ok(key));
        assert!(PublicKey::parse_line("ssh-ed25519").is_err());
        assert!(PublicKey::parse_line("ssh-rsa AAAAB3NzaC1yc2E=").is_err());
    }

    #[test]
    fn a_secret_key_does_not_print_itself() {
        let text = format!("{:?}", SecretKey::from_seed(&[5; 32]));
        assert!(text.starts_with("SecretKey(SHA256:"), "{text}");
    }
}
