//! Signatures in OpenSSH's SSHSIG form, so that `ssh-keygen -Y verify` can check them too.

use sha2::{Digest as _, Sha512};

use super::keys::{ED25519, PublicKey};
use super::secret::SecretKey;
use super::signer::{CheckError, Message, SignError, SignatureChecker, Signer};
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
    /// The innermost part: the kind of signature and its values.
    pub(super) signature: Vec<u8>,
}

impl SshSig {
    /// Signs the SHA-256 sum of a message with a key that needs no more than that.
    ///
    /// # Errors
    /// When the signer cannot sign, or wants the message itself.
    pub fn sign(signer: &dyn Signer, namespace: &str, sum: &Sha256Sum) -> Result<SshSig, SignError> {
        signer.sign(&Message { namespace, sum: *sum, length: u64::MAX, tail: &[] })
    }

    /// What a key in memory makes.
    pub(crate) fn by_key(key: &SecretKey, namespace: &str, sum: &Sha256Sum) -> SshSig {
        let hash = HashAlgorithm::Sha256;
        let mut signature = Vec::with_capacity(83);
        wire::put(&mut signature, ED25519.as_bytes());
        wire::put(&mut signature, &key.sign_bytes(&signed_bytes(namespace, hash, &sum.0)));
        SshSig { key: key.public_key(), namespace: namespace.to_string(), hash, signature }
    }

    /// The armored text, byte for byte what ssh-keygen writes.
    pub fn to_armor(&self) -> String {
        let mut blob = Vec::with_capacity(220);
        blob.extend(MAGIC);
        blob.extend(VERSION.to_be_bytes());
        wire::put(&mut blob, self.key.blob());
        wire::put(&mut blob, self.namespace.as_bytes());
        wire::put(&mut blob, b"");
        wire::put(&mut blob, self.hash.name().as_bytes());
        wire::put(&mut blob, &self.signature);
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
        let signature = reader.string()?;
        reader.end()?;
        check_form(&key, signature)?;
        let sig = SshSig { key, namespace, hash, signature: signature.to_vec() };
        if sig.to_armor() != text {
            return Err(FormatError::new("not in the canonical form"));
        }
        Ok(sig)
    }

    /// Checks an Ed25519 signature over a message of which only the SHA-256 sum is at hand.
    ///
    /// # Errors
    /// When the namespace, hash or kind of key is another one, or the signature does not fit.
    pub fn verify_sum(&self, namespace: &str, sum: &Sha256Sum) -> Result<(), FormatError> {
        self.check_claims(namespace, true)?;
        self.verify_hash(&sum.0)
    }

    /// Checks an Ed25519 signature over a whole message, whichever of the two hashes it used.
    ///
    /// # Errors
    /// When the namespace or kind of key is another one, or the signature does not fit.
    pub fn verify_message(&self, namespace: &str, message: &[u8]) -> Result<(), FormatError> {
        self.check_claims(namespace, false)?;
        match self.hash {
            HashAlgorithm::Sha256 => self.verify_hash(&Sha256Sum::of(message).0),
            HashAlgorithm::Sha512 => self.verify_hash(&Sha512::digest(message)),
        }
    }

    /// Checks the signature over the log's own kind of message, of which sum and bytes are at hand; `others` checks what
    /// is not Ed25519.
    ///
    /// # Errors
    /// When the namespace or hash is another one, the signature does not fit, or nobody can tell.
    pub(crate) fn check(&self, message: &Message<'_>, others: &dyn SignatureChecker) -> Result<(), CheckError> {
        self.check_claims(message.namespace, true).map_err(bad)?;
        match message.bytes() {
            Some(bytes) if !self.key.is_ed25519() => self.ask(others, bytes),
            _ => self.verify_hash(&message.sum.0).map_err(bad),
        }
    }

    /// The same for a message somebody else wrote, who may have used SHA-512.
    pub(crate) fn check_message(
        &self,
        namespace: &str,
        message: &[u8],
        others: &dyn SignatureChecker,
    ) -> Result<(), CheckError> {
        if self.key.is_ed25519() {
            return self.verify_message(namespace, message).map_err(bad);
        }
        self.check_claims(namespace, false).map_err(bad)?;
        self.ask(others, message)
    }

    fn ask(&self, others: &dyn SignatureChecker, message: &[u8]) -> Result<(), CheckError> {
        others.check(&self.to_armor(), &self.namespace, message)
    }

    fn check_claims(&self, namespace: &str, only_sha256: bool) -> Result<(), FormatError> {
        if only_sha256 && self.hash != HashAlgorithm::Sha256 {
            return Err(FormatError::new("made with sha512, expected sha256"));
        }
        if self.namespace != namespace {
            let found = self.namespace.escape_debug();
            return Err(FormatError::new(format!("namespace is '{found}', expected '{namespace}'")));
        }
        Ok(())
    }

    fn verify_hash(&self, hash: &[u8]) -> Result<(), FormatError> {
        if !self.key.is_ed25519() {
            return Err(FormatError::new(format!("made by a key of type {}, which needs ssh-keygen", self.key.kind())));
        }
        // `parse` and `by_key` put 64 bytes at the end of an Ed25519 signature.
        let Some(signature) = self.signature.last_chunk::<64>() else {
            return Err(FormatError::new("cut short"));
        };
        if self.key.verifies(&signed_bytes(&self.namespace, self.hash, hash), signature) {
            Ok(())
        } else {
            Err(FormatError::new("signature is not valid for these bytes"))
        }
    }
}

fn bad(error: FormatError) -> CheckError {
    CheckError::Bad(error.to_string())
}

/// The innermost part is of a kind its key makes, and holds what that kind holds.
fn check_form(key: &PublicKey, signature: &[u8]) -> Result<(), FormatError> {
    let mut reader = Reader(signature);
    let kind = reader.text()?;
    if kind == "ssh-rsa" {
        return Err(FormatError::new("signature type ssh-rsa is made over SHA-1, which proves nothing any more"));
    }
    if !key.signs_as(kind) {
        let (kind, key) = (kind.escape_debug(), key.kind());
        return Err(FormatError::new(format!("signature type {kind} is not one of a key of type {key}")));
    }
    if kind == ED25519 {
        reader.array::<64>()?;
    } else {
        reader.string()?;
    }
    if kind.starts_with("sk-") {
        // Flags and a counter of the security key.
        reader.take(5)?;
    }
    reader.end()
}

/// What an SSHSIG really signs: the namespace and the hash, never the message itself.
pub(crate) fn signed_bytes(namespace: &str, algorithm: HashAlgorithm, hash: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(120);
    bytes.extend(MAGIC);
    wire::put(&mut bytes, namespace.as_bytes());
    wire::put(&mut bytes, b"");
    wire::put(&mut bytes, algorithm.name().as_bytes());
    wire::put(&mut bytes, hash);
    bytes
}
