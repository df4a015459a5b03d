//! Ed25519 private keys: in memory, and in OpenSSH's private key files.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};

use super::keys::{ED25519, PublicKey};
use super::signer::{Message, SignError, Signer};
use super::sshsig::SshSig;
use super::wire::{self, FormatError, Reader};

const LABEL: &str = "OPENSSH PRIVATE KEY";
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// 32 random bytes from which a key is made.
pub type Seed = [u8; 32];

/// An Ed25519 private key in memory; wiped when dropped, never printed.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key that belongs to a seed.
    pub fn from_seed(seed: &Seed) -> SecretKey {
        SecretKey(SigningKey::from_bytes(seed))
    }

    /// A plain Ed25519 signature over some bytes, without anything OpenSSH adds.
    pub fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }

    /// The unencrypted OpenSSH private key file; `check` is any random number.
    pub fn to_openssh(&self, comment: &str, check: u32) -> String {
        let public = self.0.verifying_key().to_bytes();
        let mut private = Vec::with_capacity(200);
        private.extend(check.to_be_bytes());
        private.extend(check.to_be_bytes());
        wire::put(&mut private, ED25519.as_bytes());
        wire::put(&mut private, &public);
        wire::put(&mut private, &self.0.to_keypair_bytes());
        wire::put(&mut private, comment.as_bytes());
        let mut pad = 1;
        while private.len() % 8 != 0 {
            private.push(pad);
            pad += 1;
        }
        let mut file = MAGIC.to_vec();
        wire::put(&mut file, b"none");
        wire::put(&mut file, b"none");
        wire::put(&mut file, b"");
        file.extend(1u32.to_be_bytes());
        wire::put(&mut file, PublicKey::ed25519(&public).blob());
        wire::put(&mut file, &private);
        wire::armor(LABEL, &file)
    }

    /// Reads an unencrypted OpenSSH private key file.
    ///
    /// # Errors
    /// When the file is encrypted, of another key type, or inconsistent.
    pub fn from_openssh(text: &str) -> Result<SecretKey, FormatError> {
        let file = wire::unarmor(LABEL, text)?;
        let header = Header::read(&file)?;
        if header.encrypted {
            return Err(FormatError::new("the key is encrypted; use a key without a passphrase"));
        }
        let mut private = Reader(header.private);
        if private.u32()? != private.u32()? || private.text()? != ED25519 {
            return Err(FormatError::new("not one unencrypted ssh-ed25519 key"));
        }
        let (_public, pair) = (private.string()?, private.array::<64>()?);
        let key = SigningKey::from_keypair_bytes(&pair).map(SecretKey);
        key.ok()
            .filter(|key| key.public_key() == header.public)
            .ok_or_else(|| FormatError::new("the private and the public half of the key do not match"))
    }
}

/// The public half of an OpenSSH private key file of any kind; it is never encrypted.
///
/// # Errors
/// When the text is not such a file.
pub fn public_half(text: &str) -> Result<PublicKey, FormatError> {
    Header::read(&wire::unarmor(LABEL, text)?).map(|header| header.public)
}

/// What stands around the private half.
struct Header<'a> {
    encrypted: bool,
    public: PublicKey,
    private: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(file: &'a [u8]) -> Result<Header<'a>, FormatError> {
        let mut reader = Reader(file);
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(FormatError::new("not an OpenSSH private key"));
        }
        let encrypted = reader.string()? != b"none";
        let (_kdf, _options, keys) = (reader.string()?, reader.string()?, reader.u32()?);
        if keys != 1 {
            return Err(FormatError::new(format!("the file holds {keys} keys, not one")));
        }
        let public = PublicKey::from_blob(reader.string()?)?;
        let private = reader.string()?;
        // Some ciphers put a tag behind the last string.
        if !encrypted {
            reader.end()?;
        }
        Ok(Header { encrypted, public, private })
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        PublicKey::ed25519(&self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &Message<'_>) -> Result<SshSig, SignError> {
        Ok(SshSig::by_key(self, message.namespace, &message.sum))
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
            let file = key.to_openssh(comment, 77);
            assert_eq!(SecretKey::from_openssh(&file).unwrap().public_key(), key.public_key());
            assert_eq!(public_half(&file), Ok(key.public_key()));
        }
        assert!(public_half(&key.public_key().to_line()).is_err());
    }

    #[test]
    fn a_secret_key_does_not_print_itself() {
        let text = format!("{:?}", SecretKey::from_seed(&[5; 32]));
        assert!(text.starts_with("SecretKey(SHA256:"), "{text}");
    }
}
