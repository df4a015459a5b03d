//! The identity key of this machine's user, and the trust store beside it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::log::{FormatError, NAMESPACE, PublicKey, SecretKey, Seed, Signer as _, TrustStore};

use crate::drive::world::account;

use super::error::StoreError;
use super::files;

/// The private key's file name in the configuration directory.
pub const KEY_FILE: &str = "id_ed25519";
/// Its public half beside it.
const PUBLIC_FILE: &str = "id_ed25519.pub";
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
    let signers_line = format!("{principal} namespaces=\"{NAMESPACE}\" {}", key.public_key().to_line());
    if created || !is_complete(config_dir)? {
        complete(config_dir, &key, created, &principal, &signers_line)?;
    }
    Ok(Identity { key, principal, signers_line, created })
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
    match fs::read_to_string(path) {
        Ok(text) => TrustStore::parse(&text).map(Some).map_err(|e| StoreError::Format(path.to_path_buf(), e)),
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

pub(crate) fn random(bytes: &mut [u8]) -> Result<(), StoreError> {
    let failed = |e: getrandom::Error| std::io::Error::other(e.to_string());
    getrandom::fill(bytes).map_err(failed).map_err(StoreError::io("read", Path::new("the random source")))
}

fn load(config_dir: &Path) -> Result<Option<SecretKey>, StoreError> {
    let path = config_dir.join(KEY_FILE);
    let Some(file) = files::open_file(&path)? else { return Ok(None) };
    files::check_private(&path, &file.metadata().map_err(StoreError::io("read", &path))?)?;
    let text = std::io::read_to_string(file).map_err(StoreError::io("read", &path))?;
    SecretKey::from_openssh(&text).map(Some).map_err(|e: FormatError| StoreError::Format(path, e))
}

/// Makes a key under another name and links it into place, so that two first runs at once agree on one key and a crash
/// leaves no half-written one.
fn create(config_dir: &Path, principal: &str) -> Result<(SecretKey, bool), StoreError> {
    let key = SecretKey::from_seed(&random_seed()?);
    let mut random_bytes = [0; 4];
    random(&mut random_bytes)?;
    let check = u32::from_be_bytes(random_bytes);
    let path = config_dir.join(KEY_FILE);
    let tmp = config_dir.join(format!("{KEY_FILE}.{check:08x}.tmp"));
    files::create_file(&tmp, key.to_openssh(principal, check).as_bytes(), 0o600)?;
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

/// The public half is written last: while it is missing, the first use was cut short or goes on.
fn is_complete(config_dir: &Path) -> Result<bool, StoreError> {
    Ok(files::open_file(&config_dir.join(PUBLIC_FILE))?.is_some())
}

/// Writes what belongs to a key, one process at a time.
fn complete(dir: &Path, key: &SecretKey, created: bool, principal: &str, line: &str) -> Result<(), StoreError> {
    let path = dir.join(KEY_FILE);
    let lock = files::open_file(&path)?.ok_or_else(|| StoreError::WrongKind(path.clone(), "is gone"))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|e| StoreError::io("lock", &path)(e.into()))?;
    if !created && is_complete(dir)? {
        return Ok(());
    }
    add_line(&dir.join(TRUST_FILE), line)?;
    let public = format!("{} {principal}\n", key.public_key().to_line());
    files::replace_file(&dir.join(PUBLIC_FILE), public.as_bytes(), 0o644)
}

/// Adds a line that is not there yet. The file is replaced as a whole: half a line would make it unreadable.
fn add_line(path: &Path, line: &str) -> Result<(), StoreError> {
    // A team may keep its file elsewhere and link to it.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let mode = fs::metadata(path).map_or(0o600, |meta| meta.mode() & 0o777);
    let before = files::read_file(path)?.unwrap_or_default();
    if before.split(|byte| *byte == b'\n').any(|known| known == line.as_bytes()) {
        return Ok(());
    }
    let gap = if before.is_empty() || before.ends_with(b"\n") { "" } else { "\n" };
    files::replace_file(path, &[&before, gap.as_bytes(), line.as_bytes(), b"\n"].concat(), mode)
}

/// Fit to stand unquoted in a line of a trust store.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}
