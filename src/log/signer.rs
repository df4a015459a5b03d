//! Who signs, and who checks what cannot be checked here: keys in files, agents and tokens are reached through these.

use std::fmt;

use super::keys::PublicKey;
use super::sshsig::SshSig;
use super::sum::Sha256Sum;

/// What is to be signed. A key in memory needs only the sum; a program that signs wants the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// What the signature is for, for example `log.v1@runbook`.
    pub namespace: &'a str,
    /// The SHA-256 sum of the whole message.
    pub sum: Sha256Sum,
    /// The length of the whole message in bytes.
    pub length: u64,
    /// Its last bytes. Those before them are in a file already.
    pub tail: &'a [u8],
}

impl<'a> Message<'a> {
    /// A message that is at hand as a whole.
    pub fn whole(namespace: &'a str, bytes: &'a [u8]) -> Message<'a> {
        Message { namespace, sum: Sha256Sum::of(bytes), length: bytes.len() as u64, tail: bytes }
    }

    /// All of its bytes, if they are at hand.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        (self.tail.len() as u64 == self.length).then_some(self.tail)
    }
}

/// Something that signs: a key in memory, or a program that reaches a file, an agent or a security key.
pub trait Signer {
    /// The key that verifies what `sign` returns.
    fn public_key(&self) -> PublicKey;

    /// A signature over the SHA-256 sum of the message.
    ///
    /// # Errors
    /// When the key cannot be used now, for example because an agent is gone.
    fn sign(&self, message: &Message<'_>) -> Result<SshSig, SignError>;

    /// The sum of a message is not enough, all of its bytes must be there.
    fn wants_bytes(&self) -> bool {
        false
    }
}

/// The signer could not sign; the text says why and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignError(pub String);

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot sign: {}", self.0)
    }
}

impl std::error::Error for SignError {}

/// Checks signatures of kinds of keys that this module does not know the mathematics of.
pub trait SignatureChecker: fmt::Debug + Send + Sync {
    /// Whether an SSHSIG, armored, is good for these bytes. Its form, key and namespace have been looked at.
    ///
    /// # Errors
    /// When it is not, or nobody can tell.
    fn check(&self, armor: &str, namespace: &str, message: &[u8]) -> Result<(), CheckError>;
}

/// Why a signature was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckError {
    /// It is not good.
    Bad(String),
    /// Nobody could tell, for example because a program is missing.
    Unchecked(String),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckError::Bad(text) | CheckError::Unchecked(text) => f.write_str(text),
        }
    }
}

/// Knows Ed25519 only, and says so of everything else.
#[derive(Debug)]
pub(crate) struct Ed25519Only;

impl SignatureChecker for Ed25519Only {
    fn check(&self, _armor: &str, _namespace: &str, _message: &[u8]) -> Result<(), CheckError> {
        Err(CheckError::Unchecked("only Ed25519 signatures can be checked here".to_string()))
    }
}

/// Takes what it does not know for good: for reading a log whose signatures somebody else judges.
#[derive(Debug)]
pub(crate) struct LeftToVerify;

impl SignatureChecker for LeftToVerify {
    fn check(&self, _armor: &str, _namespace: &str, _message: &[u8]) -> Result<(), CheckError> {
        Ok(())
    }
}
