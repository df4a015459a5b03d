//! Signatures in OpenSSH's SSHSIG form, so that `ssh-keygen -Y verify` can check them too.

use sha2::{Digest as _, Sha512};

use super::keys::{KEY_TYPE, PublicKey, SignError, Signer};
use super::sum::Sha256Sum;
use super::wire::{self, FormatError, Reader};

const LABEL: &str = "SSH SIGNATURE";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;

/// The hash an SSHSIG was made over. The log uses only SHA-256; people's approvals may use OpenSSH's default, SHA-512.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// `sha256`.
    Sha256,
    /// `sha512`.
    Sha512,
}

impl HashAlgorithm {
    fn name(self) -> &'static str {
        match self {
            HashAlgorithm::Sha256 => "sha256",
            HashAlgorithm::Sha512 => "sha512",
        }
    }
}

/// A parsed signature; says nothing yet about whether it is valid or whose key made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSig {
    /// The key that claims to have signed.
    pub key: PublicKey,
    /// What the signature is for, for example `log.v1@runbook`.
    pub namespace: String,
    /// The hash of the message that was signed.
    pub hash: HashAlgorithm,
    signature: [u8; 64],
}

impl SshSig {
    /// Signs the SHA-256 sum of a message.
    ///
    /// # Errors
    /// When the signer cannot sign.
    pub fn sign(signer: &dyn Signer, namespace: &str, sum: &Sha256Sum) -> Result<SshSig, SignError> {
        let hash = HashAlgorithm::Sha256;
        let signature = signer.sign(&signed_bytes(namespace, hash, &sum.0))?;
        Ok(SshSig { key: signer.public_key(), namespace: namespace.to_string(), hash, signature })
    }

    /// The armored text, byte for byte what ssh-keygen writes.
    pub fn to_armor(&self) -> String {
        let mut signature = Vec::with_capacity(83);
        wire::put(&mut signature, KEY_TYPE.as_bytes());
        wire::put(&mut signature, &self.signature);
        let mut blob = Vec::with_capacity(220);
        blob.extend(MAGIC);
        blob.extend(VERSION.to_be_bytes());
        wire::put(&mut blob, &self.key.blob());
        wire::put(&mut blob, self.namespace.as_bytes());
        wire::put(&mut blob, b"");
        wire::put(&mut blob, self.hash.name().as_bytes());
        wire::put(&mut blob, &signature);
        wire::armor(LABEL, &blob)
    }

    /// Reads an armored signature; only the one spelling `to_armor` gives is accepted.
    ///
    /// # Errors
    /// When the text is not such a signature, or is one spelled differently.
    pub fn parse(text: &str) -> Result<SshSig, FormatError> {
        let blob = wire::unarmor(LABEL, text)?;
        let mut reader = Reader(&blob);
        if reader.take(MAGIC.len())? != MAGIC || reader.u32()? != VERSION {
            return Err(FormatError::new("not an SSHSIG of version 1"));
        }
        let key = PublicKey::from_blob(reader.string()?)?;
        let namespace = reader.text()?.to_string();
        if !reader.string()?.is_empty() {
            return Err(FormatError::new("the reserved field is not empty"));
        }
        let hash = match reader.string()? {
            b"sha256" => HashAlgorithm::Sha256,
            b"sha512" => HashAlgorithm::Sha512,
            _ => return Err(FormatError::new("hash algorithm is neither sha256 nor sha512")),
        };
        let mut inner = Reader(reader.string()?);
        reader.end()?;
        if inner.text()? != KEY_TYPE {
            return Err(FormatError::new(format!("signature type is not {KEY_TYPE}")));
        }
        let sig = SshSig { key, namespace, hash, signature: inner.array()? };
        inner.end()?;
        if sig.to_armor() != text {
            return Err(FormatError::new("not in the canonical form"));
        }
        Ok(sig)
    }

    /// Checks the signature over a message of which only the SHA-256 sum is at hand.
    ///
    /// # Errors
    /// When the namespace or hash is another one, or the signature does not fit.
    pub fn verify_sum(&self, namespace: &str, sum: &Sha256Sum) -> Result<(), FormatError> {
        if self.hash != HashAlgorithm::Sha256 {
            return Err(FormatError::new("made with sha512, expected sha256"));
        }
        self.verify_hash(namespace, &sum.0)
    }

    /// Checks the signature over a whole message, whichever of the two hashes it used.
    ///
    /// # Errors
    /// When the namespace is another one, or the signature does not fit.
    pub fn verify_message(&self, namespace: &str, message: &[u8]) -> Result<(), FormatError> {
        match self.hash {
            HashAlgorithm::Sha256 => self.verify_hash(namespace, &Sha256Sum::of(message).0),
            HashAlgorithm::Sha512 => self.verify_hash(namespace, &Sha512::digest(message)),
        }
    }

    fn verify_hash(&self, namespace: &str, hash: &[u8]) -> Result<(), FormatError> {
        if self.namespace != namespace {
            let found = self.namespace.escape_debug();
            return Err(FormatError::new(format!("namespace is '{found}', expected '{namespace}'")));
        }
        if self.key.verifies(&signed_bytes(namespace, self.hash, hash), &self.signature) {
            Ok(())
        } else {
            Err(FormatError::new("signature is not valid for these bytes"))
        }
    }
}

/// What an SSHSIG really signs: the namespace and the hash, never the message itself.
fn signed_bytes(namespace: &str, algorithm: HashAlgorithm, hash: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(120);
    bytes.extend(MAGIC);
    wire::put(&mut bytes, namespace.as_bytes());
    wire::put(&mut bytes, b"");
    wire::put(&mut bytes, algorithm.name().as_bytes());
    wire::put(&mut bytes, hash);
    bytes
}
