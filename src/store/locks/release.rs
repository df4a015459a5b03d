//! Which locks belong to whom, and taking one away from a run that will not go on.

use std::path::Path;

use crate::log::HoldAction;

use super::super::error::StoreError;
use super::super::home::Home;
use super::super::signing::SigningKey;
use super::dir::{LockDir, refuse};
use super::held::append_statement;
use super::lease::{LEASE, damaged, doing_of};
use super::line::{Line, Refusal, Released, Said};
use super::{LockPlace, held::Word};

/// A lock that a run has.
#[derive(Debug, Clone)]
pub struct Releasable {
    /// Which.
    pub place: LockPlace,
    /// Id of the run.
    pub run: String,
}

/// Who has a lock now; none when nobody has. Nothing is locked to find out.
///
/// # Errors
/// When its files cannot be used.
pub fn standing(home: &Home, place: &LockPlace) -> Result<Option<Refusal>, StoreError> {
    if place.dir.is_none() && !home.locks_dir().exists() {
        return Ok(None);
    }
    let dir = place.open(home)?;
    let Some(file) = dir.find_file(&place.name, LEASE)? else { return Ok(None) };
    let said = Said::read(&file.read()?).ok_or_else(|| damaged(&file))?;
    let Some(holder) = said.holder else { return Ok(None) };
    let doing = doing_of(&dir, &place.name).filter(|doing| doing.run == holder.run);
    let (live, lock) = (said.left.is_none() && holder.is_alive(), place.name.clone());
    Ok(Some(Refusal { lock, holder: Some(holder), live, elsewhere: false, left: said.left, doing }))
}

/// The lock of the one run whose id begins like this.
///
/// # Errors
/// When no run that has a lock does, or several do.
pub fn find_owned(home: &Home, shared: Option<&Path>, run: &str) -> Result<Releasable, StoreError> {
    let wanted = run.to_ascii_uppercase();
    if wanted.len() < 4 {
        return Err(StoreError::TooShort(run.to_string()));
    }
    let dir = LockDir::open(home, shared)?;
    let mut found = Vec::new();
    for name in dir.locks_with(LEASE)? {
        let place = LockPlace { name, dir: shared.map(Path::to_path_buf) };
        let holder = standing(home, &place)?.and_then(|refusal| refusal.holder);
        found.extend(holder.filter(|h| h.run.starts_with(&wanted)).map(|h| Releasable { place, run: h.run }));
    }
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (None, _) => refuse(format!(
            "no run that begins with '{}' has a lock in {}; a shared directory is given with --lock-dir",
            run.escape_debug(),
            super::shown(dir.path())
        )),
        _ => refuse(format!("several runs that have a lock begin with '{}'; give more of the id", run.escape_debug())),
    }
}

/// Takes a lock away from a run that nobody drives. The signed statement stands in the history of the lock first.
///
/// # Errors
/// When somebody drives the run, it does not have the lock any more, or that cannot be written.
pub fn release(home: &Home, owned: &Releasable, why: &str, key: &SigningKey) -> Result<(), StoreError> {
    let dir = owned.place.open(home)?;
    let Some(file) = dir.find_file(&owned.place.name, LEASE)? else { return refuse("the lock is free already".into()) };
    if !file.try_lock()? {
        return refuse(format!("run {} is being driven; end it first", owned.run));
    }
    let said = Said::read(&file.read()?).ok_or_else(|| damaged(&file))?;
    let left = said.left.is_some();
    let Some(holder) = said.holder.filter(|holder| holder.run == owned.run) else {
        return refuse(format!("run {} does not have the lock any more", owned.run));
    };
    if !left && holder.is_alive() && holder.pid != std::process::id() {
        return refuse(format!("run {} is being driven by pid {}; end it first", owned.run, holder.pid));
    }
    let word = Word { action: HoldAction::Release, reason: why, run: Some(&owned.run) };
    let at = append_statement(&dir, &owned.place, &word, &key.principal, key.signer.as_ref())?;
    let released = Some(Released { by: key.principal.clone(), why: why.to_string() });
    file.append(&Line::GivenBack { run: owned.run.clone(), at, released }.text())
}
