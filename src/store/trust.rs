//! The user's trust store as files: who is trusted for what, and which keys are not trusted any more.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::log::{FormatError, PublicKey, RevokedKeys, SignerLine, TrustStore, check_principal, is_krl, with_line};

use super::error::StoreError;
use super::signing::{self, is_private, public_of};
use super::{files, keys, openssh};

/// The name of the revocation list in the configuration directory.
pub const REVOKED_FILE: &str = "revoked_keys";

/// What trusting a key changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The key is new in the file.
    Added,
    /// The same person had it for something else.
    Changed,
    /// It stood there already.
    Nothing,
}

/// Reads a public key that is to be trusted.
///
/// # Errors
/// When the file is not one public key; a private key is refused, since nobody should pass one around.
pub fn read_public_key(path: &Path) -> Result<PublicKey, StoreError> {
    let bytes = files::read_small(path).map_err(StoreError::io("read", path))?;
    if is_private(&String::from_utf8_lossy(&bytes)) {
        return Err(StoreError::Refused(format!(
            "{0} is a private key, which belongs to one person only; give the public half, {0}.pub",
            path.display()
        )));
    }
    public_of(path)
}

/// Writes down whose key it is and what for. The same person's line for the same key is replaced.
///
/// # Errors
/// When the name is not one, the key is a certificate, revoked or already somebody else's, or the file cannot be written.
pub fn trust(config_dir: &Path, line: &SignerLine) -> Result<Change, StoreError> {
    files::private_dir(config_dir)?;
    check_principal(&line.principals).map_err(|e| StoreError::Refused(e.to_string()))?;
    if line.key.is_certificate() {
        return Err(StoreError::Refused("certificates are not supported; trust the plain key".to_string()));
    }
    refuse_revoked(config_dir, &line.key)?;
    let _lock = files::lock_dir(config_dir)?;
    let store = keys::load_trust(&config_dir.join(keys::TRUST_FILE))?.unwrap_or_default();
    let others = store.lines().iter().filter(|other| other.key == line.key);
    let mut change = Change::Added;
    for other in others {
        if other.principals != line.principals {
            return Err(StoreError::Refused(format!(
                "{} is the key of {} already: one key is one person",
                line.key.fingerprint(),
                other.principals.escape_debug()
            )));
        }
        change = if other == line { Change::Nothing } else { Change::Changed };
    }
    if change != Change::Nothing {
        edit_locked(config_dir, |text| Ok(with_line(text, line)))?;
    }
    Ok(change)
}

/// Adds a key to the revocation list; `false` when it was there. `what` is a key file, or the fingerprint of a key that
/// this user trusts or signs with.
///
/// # Errors
/// When it is no such key, or the list cannot be read or written.
pub fn revoke(config_dir: &Path, what: &str) -> Result<(PublicKey, bool), StoreError> {
    files::private_dir(config_dir)?;
    let key = if what.starts_with("SHA256:") { by_fingerprint(config_dir, what)? } else { public_of(Path::new(what))? };
    let _lock = files::lock_dir(config_dir)?;
    let path = config_dir.join(REVOKED_FILE);
    if load_revoked(&path)?.unwrap_or_default().contains(&key) {
        return Ok((key, false));
    }
    let list = files::read_file(&path)?.unwrap_or_default();
    let longer = if is_krl(&list) { longer_krl(config_dir, &list, &key)? } else { longer_text(list, &key) };
    files::replace_file(&path, &longer, 0o600)?;
    Ok((key, true))
}

/// Reads a revocation list, a text of public keys or a KRL; `None` when there is none.
///
/// # Errors
/// When it cannot be read or is not wholly understood.
pub fn load_revoked(path: &Path) -> Result<Option<RevokedKeys>, StoreError> {
    let Some(bytes) = files::read_file(path)? else { return Ok(None) };
    RevokedKeys::parse(&bytes).map(Some).map_err(|e| StoreError::Format(path.to_path_buf(), e))
}

pub(crate) fn refuse_revoked(config_dir: &Path, key: &PublicKey) -> Result<(), StoreError> {
    let revoked = load_revoked(&config_dir.join(REVOKED_FILE))?.unwrap_or_default();
    if revoked.contains(key) {
        return Err(StoreError::Refused(format!("{} is revoked and will never be trusted again", key.fingerprint())));
    }
    Ok(())
}

/// Changes the text of `allowed_signers`, for whoever holds the lock of the directory.
pub(crate) fn edit_locked(
    config_dir: &Path,
    change: impl FnOnce(&str) -> Result<String, FormatError>,
) -> Result<(), StoreError> {
    let path = config_dir.join(keys::TRUST_FILE);
    // A team may keep its file elsewhere and link to it.
    let path = fs::canonicalize(&path).unwrap_or(path);
    let mode = fs::metadata(&path).map_or(0o600, |meta| meta.mode() & 0o777);
    let bytes = files::read_file(&path)?.unwrap_or_default();
    let format = |e: FormatError| StoreError::Format(path.clone(), e);
    let text = String::from_utf8(bytes).map_err(|_| StoreError::WrongKind(path.clone(), "is not UTF-8 text"))?;
    let mut changed = change(&text).map_err(format)?;
    if changed == text {
        return Ok(());
    }
    if !changed.ends_with('\n') {
        changed.push('\n');
    }
    // What we write must be something we can read.
    TrustStore::parse(&changed).map_err(format)?;
    files::replace_file(&path, changed.as_bytes(), mode)
}

fn by_fingerprint(config_dir: &Path, fingerprint: &str) -> Result<PublicKey, StoreError> {
    let store = keys::load_trust(&config_dir.join(keys::TRUST_FILE))?.unwrap_or_default();
    let trusted = store.lines().iter().map(|line| line.key.clone());
    let own = [keys::own_public_key(config_dir)?, signing::chosen(config_dir)?.map(|chosen| chosen.public)];
    trusted.chain(own.into_iter().flatten()).find(|key| key.fingerprint() == fingerprint).ok_or_else(|| {
        let fingerprint = fingerprint.escape_debug();
        StoreError::Refused(format!("no key here has the fingerprint {fingerprint}; give the file of the public key"))
    })
}

fn longer_text(mut list: Vec<u8>, key: &PublicKey) -> Vec<u8> {
    if !list.is_empty() && !list.ends_with(b"\n") {
        list.push(b'\n');
    }
    list.extend(format!("{}\n", key.to_line()).bytes());
    list
}

/// Only ssh-keygen writes its own form; it does so on a copy.
fn longer_krl(config_dir: &Path, list: &[u8], key: &PublicKey) -> Result<Vec<u8>, StoreError> {
    let copy = config_dir.join("revoked_keys.new");
    let public = config_dir.join("revoked_key.pub.new");
    let made = (|| {
        files::replace_file(&copy, list, 0o600)?;
        files::replace_file(&public, format!("{}\n", key.to_line()).as_bytes(), 0o600)?;
        openssh::add_to_krl(&copy, &public)
            .map_err(|why| StoreError::Refused(format!("cannot add to {REVOKED_FILE}: {why}")))?;
        let bytes = files::read_file(&copy)?.unwrap_or_default();
        let parsed = RevokedKeys::parse(&bytes).map_err(|e| StoreError::Format(copy.clone(), e))?;
        if parsed.contains(key) { Ok(bytes) } else { Err(StoreError::WrongKind(copy.clone(), "lacks the new key")) }
    })();
    let _ = fs::remove_file(&copy);
    let _ = fs::remove_file(&public);
    made
}
