//! Public keys in the forms OpenSSH uses: lines, blobs, fingerprints. Keys of any kind can be compared and trusted;
//! signatures of Ed25519 keys can be checked here, those of other kinds by somebody else.

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};

use super::sum::Sha256Sum;
use super::wire::{self, FormatError, Reader};

/// The kind of key this program makes, and the only kind session keys have.
pub(crate) const ED25519: &str = "ssh-ed25519";
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// A kind of key: its name, the signatures it makes, and how many strings follow the name in its encoding.
struct Kind {
    name: &'static str,
    signatures: &'static [&'static str],
    fields: usize,
}

const KINDS: [Kind; 7] = [
    Kind { name: ED25519, signatures: &[ED25519], fields: 1 },
    // Not `ssh-rsa`: that signature is over a SHA-1 sum.
    Kind { name: "ssh-rsa", signatures: &["rsa-sha2-256", "rsa-sha2-512"], fields: 2 },
    Kind { name: "ecdsa-sha2-nistp256", signatures: &["ecdsa-sha2-nistp256"], fields: 2 },
    Kind { name: "ecdsa-sha2-nistp384", signatures: &["ecdsa-sha2-nistp384"], fields: 2 },
    Kind { name: "ecdsa-sha2-nistp521", signatures: &["ecdsa-sha2-nistp521"], fields: 2 },
    Kind { name: "sk-ssh-ed25519@openssh.com", signatures: &["sk-ssh-ed25519@openssh.com"], fields: 2 },
    Kind { name: "sk-ecdsa-sha2-nistp256@openssh.com", signatures: &["sk-ecdsa-sha2-nistp256@openssh.com"], fields: 3 },
];

/// A public key, of any kind OpenSSH signs with.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey {
    /// As OpenSSH encodes it inside keys and signatures; its kind is known.
    blob: Vec<u8>,
}

impl PublicKey {
    pub(crate) fn ed25519(bytes: &[u8; 32]) -> PublicKey {
        let mut blob = Vec::with_capacity(51);
        wire::put(&mut blob, ED25519.as_bytes());
        wire::put(&mut blob, bytes);
        PublicKey { blob }
    }

    /// The key as OpenSSH encodes it inside keys and signatures.
    pub(crate) fn blob(&self) -> &[u8] {
        &self.blob
    }

    pub(crate) fn from_blob(blob: &[u8]) -> Result<PublicKey, FormatError> {
        let mut reader = Reader(blob);
        let name = reader.text()?;
        let kind = kind(name)
            .ok_or_else(|| FormatError::new(format!("keys of type {} are not supported", name.escape_debug())))?;
        if name == ED25519 {
            reader.array::<32>()?;
        } else if !name.ends_with(CERTIFICATE) {
            for _ in 0..kind.fields {
                reader.string()?;
            }
        } else {
            reader = Reader(&[]);
        }
        reader.end()?;
        Ok(PublicKey { blob: blob.to_vec() })
    }

    /// `ssh-ed25519 AAAA…`, without a comment.
    pub fn to_line(&self) -> String {
        format!("{} {}", self.kind(), wire::base64(&self.blob))
    }

    /// Reads `ssh-ed25519 AAAA… [comment]`, or a key of another kind.
    ///
    /// # Errors
    /// When the line is not a public key of a kind that OpenSSH signs with.
    pub fn parse_line(line: &str) -> Result<PublicKey, FormatError> {
        let mut words = line.split_ascii_whitespace();
        let (Some(name), Some(encoded)) = (words.next(), words.next()) else {
            return Err(FormatError::new("not a public key line"));
        };
        let key = PublicKey::from_blob(&wire::unbase64(encoded)?)?;
        if key.kind() != name {
            return Err(FormatError::new(format!("the line says {} and holds {}", name.escape_debug(), key.kind())));
        }
        Ok(key)
    }

    /// The kind of key as OpenSSH names it, for example `ssh-ed25519`.
    pub fn kind(&self) -> &str {
        // `from_blob` has read it once.
        Reader(&self.blob).text().unwrap_or_default()
    }

    /// It is a certificate: a key with a certificate authority's signature over it.
    pub fn is_certificate(&self) -> bool {
        self.kind().ends_with(CERTIFICATE)
    }

    /// It lives on a security key that wants to be touched for every signature.
    pub fn is_security_key(&self) -> bool {
        self.kind().starts_with("sk-")
    }

    /// Signatures of this key can be checked without another program.
    pub(crate) fn is_ed25519(&self) -> bool {
        self.kind() == ED25519
    }

    /// Whether this kind of key makes this kind of signature.
    pub(crate) fn signs_as(&self, signature: &str) -> bool {
        kind(self.kind()).is_some_and(|kind| kind.signatures.contains(&signature))
    }

    /// `SHA256:…` as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        let sum = Sha256Sum::of(&self.blob);
        format!("SHA256:{}", wire::base64(&sum.0).trim_end_matches('='))
    }

    /// Checks an Ed25519 signature strictly: no weak keys, no malleable encodings.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        // The 32 bytes are all that follows the name and the two lengths.
        let Some(Ok(bytes)) = self.is_ed25519().then(|| self.blob[self.blob.len() - 32..].try_into()) else {
            return false;
        };
        VerifyingKey::from_bytes(&bytes)
            .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
            .is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

/// Whether a word can be the first of a public key line.
pub(crate) fn is_kind(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|prefix| word.starts_with(prefix))
}

/// What a name stands for; a certificate is of the kind of its key.
fn kind(name: &str) -> Option<&'static Kind> {
    let plain = match name.strip_suffix(CERTIFICATE) {
        Some(base) if base.starts_with("sk-") => format!("{base}@openssh.com"),
        Some(base) => base.to_string(),
        None => name.to_string(),
    };
    KINDS.iter().find(|kind| kind.name == plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{SecretKey, Signer as _};

    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAAEcG9pbg==";

    #[test]
    fn a_public_key_line_survives_with_and_without_comment() {
        let key = SecretKey::from_seed(&[5; 32]).public_key();
        assert_eq!(PublicKey::parse_line(&key.to_line()), Ok(key.clone()));
        assert_eq!(PublicKey::parse_line(&format!("{} me@host", key.to_line())), Ok(key));
        let other = PublicKey::parse_line(ECDSA).unwrap();
        assert_eq!((other.kind(), other.to_line().as_str()), ("ecdsa-sha2-nistp256", ECDSA));
    }

    #[test]
    fn what_is_no_key_is_refused_in_words() {
        let ed = SecretKey::from_seed(&[5; 32]).public_key();
        let dss = wire::base64(b"\0\0\0\x07ssh-dss\0\0\0\x01p");
        for (line, message) in [
            ("ssh-ed25519".to_string(), "not a public key line"),
            ("ssh-rsa AAAAB3NzaC1yc2E=".to_string(), "cut short"),
            (format!("ssh-dss {dss}"), "keys of type ssh-dss are not supported"),
            (ed.to_line().replace("ssh-ed25519", "ssh-rsa"), "the line says ssh-rsa and holds ssh-ed25519"),
        ] {
            let error = PublicKey::parse_line(&line).unwrap_err().to_string();
            assert!(error.contains(message), "{line}: {error}");
        }
    }

    #[test]
    fn each_kind_signs_only_as_it_may_and_never_over_sha1() {
        let key = |name: &str| PublicKey { blob: [&(name.len() as u32).to_be_bytes(), name.as_bytes()].concat() };
        let rsa = key("ssh-rsa");
        assert!(rsa.signs_as("rsa-sha2-512") && !rsa.signs_as("ssh-rsa") && !rsa.signs_as(ED25519));
        assert!(key("ssh-rsa-cert-v01@openssh.com").signs_as("rsa-sha2-256"));
        assert!(key("sk-ssh-ed25519-cert-v01@openssh.com").signs_as("sk-ssh-ed25519@openssh.com"));
        assert!(!key("ecdsa-sha2-nistp384").signs_as("ecdsa-sha2-nistp256"));
    }
}
