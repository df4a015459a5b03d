//! The key this program makes for its user, and how it is replaced by the next one.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::log::{
    FormatError, NAMESPACE, PublicKey, SecretKey, Seed, Signer as _, SignerLine, TrustStore, with_end, with_line,
};

use crate::drive::world::account;

use super::error::StoreError;
use super::openssh::OpenSsh;
use super::{clock, files, trust};

/// The private key's file name in the configuration directory.
pub const KEY_FILE: &str = "id_ed25519";
/// The public key's file name in the configuration directory.
pub const PUBLIC_FILE: &str = "id_ed25519.pub";
/// The trust store's file name in the configuration directory.
pub const TRUST_FILE: &str = "allowed_signers";

/// The key that answers for runs, and what to tell the team about it.
#[derive(Debug)]
pub struct Identity {
    /// The key.
    pub key: SecretKey,
    /// `user@host`.
    pub principal: String,
    /// The line others put into their `allowed_signers`.
    pub signers_line: String,
    /// The key was made just now.
    pub created: bool,
}

/// Loads the identity key from a configuration directory, or makes one there on first use: `id_ed25519` (0600),
/// `id_ed25519.pub`, and a line in `allowed_signers`.
///
/// # Errors
/// When the directory or the key is open to others, or cannot be read, understood or written.
pub fn load_or_create(config_dir: &Path) -> Result<Identity, StoreError> {
    files::private_dir(config_dir)?;
    let principal = principal();
    let (key, created) = match load(config_dir)? {
        Some(key) => (key, false),
        None => create(config_dir, &principal)?,
    };
    let line = operator_line(&principal, key.public_key());
    let signers_line = line.to_line();
    complete(config_dir, &line)?;
    Ok(Identity { key, principal, signers_line, created })
}

/// The public half comes last. While it is missing or another one, a first use or a rotation was cut short, and what it
/// left undone is done now.
fn complete(config_dir: &Path, line: &SignerLine) -> Result<(), StoreError> {
    let done = || own_public_key(config_dir).is_ok_and(|public| public.as_ref() == Some(&line.key));
    if done() {
        return Ok(());
    }
    let _lock = files::lock_dir(config_dir)?;
    // Somebody else may have done it while this waited.
    if done() {
        return Ok(());
    }
    trust::edit_locked(config_dir, |text| {
        let known = TrustStore::parse(text)?.principal_of(&line.key).is_some();
        Ok(if known { text.to_string() } else { with_line(text, line) })
    })?;
    write_public(config_dir, &line.key, &line.principals)
}

/// Makes a new key in place of the one that was made before. The old one stays in `allowed_signers`, valid until now, so
/// that what it signed still verifies; its private half is gone. Gives the old key and the new identity.
///
/// # Errors
/// When there is no old key, or the directory cannot be written.
pub fn rotate(config_dir: &Path) -> Result<(PublicKey, Identity), StoreError> {
    files::private_dir(config_dir)?;
    let _lock = files::lock_dir(config_dir)?;
    let old = load(config_dir)?.ok_or_else(|| {
        StoreError::Refused("there is no key to replace yet; `runbook keys` makes the first one".to_string())
    })?;
    let (old, principal) = (old.public_key(), principal());
    let (key, tmp) = write_new(config_dir, &principal)?;
    let (line, now) = (operator_line(&principal, key.public_key()), clock::now_digits());
    let edited = trust::edit_locked(config_dir, |text| {
        let store = TrustStore::parse(text)?;
        let ended = SignerLine { valid_before: Some(now.clone()), ..operator_line(&principal, old.clone()) };
        // A key that nobody wrote down counted as this machine's own; from now on only its line speaks for it.
        let known = store.principal_of(&old).is_some();
        let text = if known { with_end(text, &old, &now) } else { with_line(text, &ended) };
        Ok(with_line(&text, &line))
    });
    let path = config_dir.join(KEY_FILE);
    let placed = edited.and_then(|()| fs::rename(&tmp, &path).map_err(StoreError::io("put in place", &path)));
    if placed.is_err() {
        let _ = fs::remove_file(&tmp);
    }
    placed?;
    files::sync_dir(config_dir)?;
    write_public(config_dir, &key.public_key(), &principal)?;
    Ok((old, Identity { key, principal, signers_line: line.to_line(), created: true }))
}

/// What others write into their `allowed_signers` for somebody who may run runbooks.
pub(crate) fn operator_line(principal: &str, key: PublicKey) -> SignerLine {
    SignerLine {
        principals: principal.to_string(),
        namespaces: Some(NAMESPACE.to_string()),
        valid_after: None,
        valid_before: None,
        key,
    }
}

/// `user@host` as this machine knows them.
pub fn principal() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|user| is_plain(user)));
    let user = user.or_else(|| account().0.filter(|user| is_plain(user)));
    let user = user.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()));
    format!("{user}@{}", host())
}

/// The name of this machine.
pub fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if is_plain(&name) { name } else { "localhost".to_string() }
}

/// Reads a trust store file; `None` when there is none.
///
/// # Errors
/// When it cannot be read or a line is not understood.
pub fn load_trust(path: &Path) -> Result<Option<TrustStore>, StoreError> {
    match files::read_small(path) {
        Ok(bytes) => {
            let not_text = |_| StoreError::WrongKind(path.to_path_buf(), "is not UTF-8 text");
            let text = String::from_utf8(bytes).map_err(not_text)?;
            let store = TrustStore::parse(&text).map_err(|e| StoreError::Format(path.to_path_buf(), e))?;
            Ok(Some(store.with_checker(Arc::new(OpenSsh))))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}

/// The public half of this machine's key, without touching the private one.
///
/// # Errors
/// When the file is there but not a public key.
pub(crate) fn own_public_key(config_dir: &Path) -> Result<Option<PublicKey>, StoreError> {
    let path = config_dir.join(PUBLIC_FILE);
    let Some(bytes) = files::read_file(&path)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    PublicKey::parse_line(&text).map(Some).map_err(|e| StoreError::Format(path, e))
}

/// 32 bytes from the system's random source.
pub(crate) fn random_seed() -> Result<Seed, StoreError> {
    let mut seed = [0; 32];
    random(&mut seed)?;
    Ok(seed)
}

/// 128 bits from the system's random source.
///
/// # Errors
/// When it fails.
pub fn random_nonce() -> Result<[u8; 16], StoreError> {
    let mut nonce = [0; 16];
    random(&mut nonce)?;
    Ok(nonce)
}

pub(crate) fn random(bytes: &mut [u8]) -> Result<(), StoreError> {
    let failed = |e: getrandom::Error| std::io::Error::other(e.to_string());
    getrandom::fill(bytes).map_err(failed).map_err(StoreError::io("read", Path::new("the random source")))
}

fn load(config_dir: &Path) -> Result<Option<SecretKey>, StoreError> {
    let path = config_dir.join(KEY_FILE);
    let Some(file) = files::open_file(&path)? else { return Ok(None) };
    files::check_private(&path, &file.metadata().map_err(StoreError::io("read", &path))?)?;
    let text = std::io::read_to_string(file.take(files::MAX_SMALL)).map_err(StoreError::io("read", &path))?;
    SecretKey::from_openssh(&text).map(Some).map_err(|e: FormatError| StoreError::Format(path, e))
}

/// Makes a key under another name and links it into place, so that two first runs at once agree on one key and a crash
/// leaves no half-written one.
fn create(config_dir: &Path, principal: &str) -> Result<(SecretKey, bool), StoreError> {
    let path = config_dir.join(KEY_FILE);
    let (key, tmp) = write_new(config_dir, principal)?;
    let linked = fs::hard_link(&tmp, &path);
    fs::remove_file(&tmp).map_err(StoreError::io("remove", &tmp))?;
    files::sync_dir(config_dir)?;
    match linked {
        Ok(()) => Ok((key, true)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => match load(config_dir)? {
            Some(key) => Ok((key, false)),
            None => Err(StoreError::io("create", &path)(error)),
        },
        Err(error) => Err(StoreError::io("create", &path)(error)),
    }
}

/// A new key in a file of its own, 0600.
fn write_new(config_dir: &Path, principal: &str) -> Result<(SecretKey, PathBuf), StoreError> {
    let key = SecretKey::from_seed(&random_seed()?);
    let mut random_bytes = [0; 4];
    random(&mut random_bytes)?;
    let check = u32::from_be_bytes(random_bytes);
    let tmp = config_dir.join(format!("{KEY_FILE}.{check:08x}.tmp"));
    files::create_file(&tmp, key.to_openssh(principal, check).as_bytes(), 0o600)?;
    Ok((key, tmp))
}

fn write_public(config_dir: &Path, key: &PublicKey, principal: &str) -> Result<(), StoreError> {
    let line = format!("{} {principal}\n", key.to_line());
    files::replace_file(&config_dir.join(PUBLIC_FILE), line.as_bytes(), 0o644)
}

/// Fit to stand unquoted in a line of a trust store.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}
