//! Which key signs: the one this program made, or one the user has chosen from elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use crate::log::{Message, PublicKey, Signer, check_principal, public_half, with_line};

use super::error::StoreError;
use super::openssh::OpenSshSigner;
use super::{files, keys, trust};

/// The name of the file that says which key was chosen.
const CHOICE_FILE: &str = "signing_key";
/// What a chosen key signs once, to see that it can.
const TRIAL: &str = "trial.v1@runbook";

/// The key that answers for runs, ready to sign.
pub struct SigningKey {
    /// It.
    pub signer: Box<dyn Signer + Send>,
    /// Its owner: the name the user's own trust store has for the key, or `user@host`.
    pub principal: String,
    /// The line others put into their `allowed_signers`.
    pub signers_line: String,
    /// The file it was chosen from; `None` for the key this program made.
    pub chosen: Option<PathBuf>,
    /// The key was made just now.
    pub created: bool,
}

/// A key from elsewhere.
pub(crate) struct Chosen {
    path: PathBuf,
    pub(crate) public: PublicKey,
}

/// The key this user signs with, made on first use. `say` tells a person to touch a security key. Whether anybody would
/// trust it is not asked; see [`super::Home::signing_key`].
///
/// # Errors
/// When it cannot be read, or is not the one that was chosen.
pub fn signing_key(config_dir: &Path, say: fn(&str)) -> Result<SigningKey, StoreError> {
    match chosen(config_dir)? {
        None => {
            let keys::Identity { key, principal, signers_line, created } = keys::load_or_create(config_dir)?;
            Ok(SigningKey { signer: Box::new(key), principal, signers_line, chosen: None, created })
        }
        Some(Chosen { path, public }) => {
            if public_of(&path)? != public {
                return Err(refused(&path, "holds another key than when it was chosen; run `runbook keys use` again"));
            }
            let signer = Box::new(OpenSshSigner::new(&path, public, say));
            named(config_dir, signer, Some(path))
        }
    }
}

/// Makes runs be signed with the key in a file: a private one, or a public one whose other half is in an agent or on a
/// security key. It signs once, to show that it can, and enters the user's own trust store if it is not there.
///
/// # Errors
/// When the file is no key, the key cannot sign now, or it is revoked.
pub fn use_key(config_dir: &Path, path: &Path, say: fn(&str)) -> Result<SigningKey, StoreError> {
    files::private_dir(config_dir)?;
    let path = fs::canonicalize(path).map_err(StoreError::io("read", path))?;
    let public = public_of(&path)?;
    if public.is_certificate() {
        return Err(refused(&path, "is a certificate, and certificates are not supported; use the plain key"));
    }
    if path.to_str().is_none_or(|name| name.contains('\n')) {
        return Err(refused(&path, "has a name that cannot be written down"));
    }
    trust::refuse_revoked(config_dir, &public)?;
    let signer = OpenSshSigner::new(&path, public.clone(), say);
    signer.sign(&Message::whole(TRIAL, b"trial\n")).map_err(|e| StoreError::Refused(e.to_string()))?;
    let text = format!("{}\n{}\n", path.display(), public.to_line());
    let _lock = files::lock_dir(config_dir)?;
    files::replace_file(&config_dir.join(CHOICE_FILE), text.as_bytes(), 0o600)?;
    trust::edit_locked(config_dir, |text| {
        let known = crate::log::TrustStore::parse(text)?.principal_of(&public).is_some();
        let line = keys::operator_line(&keys::principal(), public.clone());
        Ok(if known { text.to_string() } else { with_line(text, &line) })
    })?;
    named(config_dir, Box::new(signer), Some(path))
}

/// Makes runs be signed with the key this program made.
///
/// # Errors
/// When the choice cannot be removed, or the key cannot be read or made.
pub fn use_own(config_dir: &Path) -> Result<SigningKey, StoreError> {
    files::private_dir(config_dir)?;
    let path = config_dir.join(CHOICE_FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("remove", &path)(error)),
        Ok(()) => files::sync_dir(config_dir),
        Err(_) => Ok(()),
    }?;
    signing_key(config_dir, |_| ())
}

/// The key that was chosen from elsewhere, as it was then.
pub(crate) fn chosen(config_dir: &Path) -> Result<Option<Chosen>, StoreError> {
    let file = config_dir.join(CHOICE_FILE);
    let Some(bytes) = files::read_file(&file)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    let Some((path, key)) = text.split_once('\n').filter(|(path, _)| path.starts_with('/')) else {
        return Err(refused(&file, "does not name a key; run `runbook keys use` again"));
    };
    let public = PublicKey::parse_line(key).map_err(|e| StoreError::Format(file, e))?;
    Ok(Some(Chosen { path: PathBuf::from(path), public }))
}

/// The name under which this user would sign now; nothing is made or signed for it.
pub(crate) fn operator_name(config_dir: &Path) -> String {
    let store = || keys::load_trust(&config_dir.join(keys::TRUST_FILE)).ok().flatten();
    let known =
        chosen(config_dir).ok().flatten().and_then(|key| store()?.principal_of(&key.public).map(str::to_string));
    known.filter(|name| check_principal(name).is_ok()).unwrap_or_else(keys::principal)
}

/// The public half of the key in a file, private or public.
///
/// # Errors
/// When the file is no key, or holds several.
pub(crate) fn public_of(path: &Path) -> Result<PublicKey, StoreError> {
    let bytes = files::read_small(path).map_err(StoreError::io("read", path))?;
    let text = String::from_utf8(bytes).map_err(|_| refused(path, "is not a key file"))?;
    if is_private(&text) {
        return public_half(&text).or_else(|error| {
            let mut beside = path.as_os_str().to_owned();
            beside.push(".pub");
            let beside = PathBuf::from(beside);
            if beside.is_file() { public_of(&beside) } else { Err(StoreError::Format(path.to_path_buf(), error)) }
        });
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next(), lines.next()) {
        (Some(line), None) => PublicKey::parse_line(line).map_err(|e| refused(path, &format!("is not a key: {e}"))),
        (None, _) => Err(refused(path, "is empty")),
        _ => Err(refused(path, "holds several keys; give a file with one")),
    }
}

/// Whether the text of a key file is the half nobody else may see.
pub(crate) fn is_private(text: &str) -> bool {
    text.starts_with("-----BEGIN ")
}

fn named(config_dir: &Path, signer: Box<dyn Signer + Send>, chosen: Option<PathBuf>) -> Result<SigningKey, StoreError> {
    let public = signer.public_key();
    let store = keys::load_trust(&config_dir.join(keys::TRUST_FILE))?.unwrap_or_default();
    let known = store.principal_of(&public).filter(|name| check_principal(name).is_ok());
    let principal = known.map_or_else(keys::principal, str::to_string);
    let signers_line = keys::operator_line(&principal, public).to_line();
    Ok(SigningKey { signer, principal, signers_line, chosen, created: false })
}

fn refused(path: &Path, what: &str) -> StoreError {
    StoreError::Refused(format!("{} {what}", path.display()))
}
