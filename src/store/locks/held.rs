//! Holds on disk: reading the history of a lock, adding to it, and noticing that somebody did.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use crate::log::{HoldAction, HoldEntry, HoldHistory, HoldStatement, Sha256Sum, SignedHold, Signer, TrustStore};

use super::super::clock::RunClock;
use super::super::error::StoreError;
use super::super::home::Home;
use super::LockPlace;
use super::dir::LockDir;

pub(crate) const HOLDS: &str = "holds";
/// A person may have to find and touch a security key.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a person says about a lock.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    /// What.
    pub action: HoldAction,
    /// Why, in one line.
    pub reason: &'a str,
    /// The run whose step holds, or the run that is released.
    pub run: Option<&'a str>,
}

/// All that was said about a lock.
///
/// # Errors
/// When its history is there but cannot be read: then it holds.
pub fn holds_of(home: &Home, place: &LockPlace, trust: &TrustStore) -> Result<HoldHistory, StoreError> {
    if place.dir.is_none() && !home.locks_dir().exists() {
        return Ok(HoldHistory::default());
    }
    let dir = place.open(home)?;
    let Some(file) = dir.find_file(&place.name, HOLDS)? else { return Ok(HoldHistory::default()) };
    Ok(HoldHistory::read(&place.name, &file.read()?, trust))
}

/// The locks that have a history.
///
/// # Errors
/// When the directory cannot be used.
pub fn locks_with_history(home: &Home, shared: Option<&Path>) -> Result<Vec<String>, StoreError> {
    if shared.is_none() && !home.locks_dir().exists() {
        return Ok(Vec::new());
    }
    LockDir::open(home, shared)?.locks_with(HOLDS)
}

/// Adds a signed statement to the history of a lock, durable when this returns; gives its time.
///
/// # Errors
/// When it cannot be signed or written.
pub fn say(
    home: &Home,
    place: &LockPlace,
    word: &Word<'_>,
    principal: &str,
    signer: &dyn Signer,
) -> Result<String, StoreError> {
    append_statement(&place.open(home)?, place, word, principal, signer)
}

pub(super) fn append_statement(
    dir: &LockDir,
    place: &LockPlace,
    word: &Word<'_>,
    principal: &str,
    signer: &dyn Signer,
) -> Result<String, StoreError> {
    let file = dir.open_file(&place.name, HOLDS)?;
    file.lock_within(PATIENCE)?;
    let mut before = file.read()?;
    if before.last().is_some_and(|last| *last != b'\n') {
        // What a crash left of a line gets its end when the next one is added.
        before.push(b'\n');
    }
    let at = RunClock::start().now().t;
    let statement = HoldStatement {
        action: word.action,
        lock: place.name.clone(),
        by: principal.to_string(),
        at: at.clone(),
        run: word.run.map(str::to_string),
        bytes: before.len() as u64,
        sha256: Sha256Sum::of(&before),
        reason: word.reason.to_string(),
    };
    let signed = SignedHold::sign(statement, signer).map_err(|e| StoreError::Refused(e.to_string()))?;
    file.append(&signed.to_line())?;
    Ok(at)
}

/// Looks whether a lock is held, again and again, at the price of asking the system for a file's size.
#[derive(Debug)]
pub struct HoldWatch {
    home: Home,
    place: LockPlace,
    run: String,
    /// Opened when it is first looked at.
    dir: Option<LockDir>,
    /// Device, inode, size and time of change of the history that was read last, and what it said.
    seen: Option<([i64; 5], Option<HoldEntry>)>,
}

impl HoldWatch {
    /// A watch for a run: what its own steps hold does not hold it up.
    pub fn new(home: &Home, place: &LockPlace, run: &str) -> HoldWatch {
        HoldWatch { home: home.clone(), place: place.clone(), run: run.to_string(), dir: None, seen: None }
    }

    /// The hold that keeps the run from changing anything now.
    ///
    /// # Errors
    /// Why nobody can tell; then it holds.
    pub fn look(&mut self) -> Result<Option<HoldEntry>, StoreError> {
        let dir = match self.dir.take() {
            Some(dir) => dir,
            None => self.place.open(&self.home)?,
        };
        let found = dir.find_file(&self.place.name, HOLDS);
        self.dir = Some(dir);
        let Some(file) = found? else { return Ok(None) };
        let meta = file.file.metadata().map_err(StoreError::io("read", &file.path))?;
        let now = [meta.dev() as i64, meta.ino() as i64, meta.size() as i64, meta.ctime(), meta.ctime_nsec()];
        if let Some((then, found)) = &self.seen
            && *then == now
        {
            return Ok(found.clone());
        }
        let history = HoldHistory::read(&self.place.name, &file.read()?, &self.home.trust()?);
        let found = history.against(&self.run).cloned();
        self.seen = Some((now, found.clone()));
        Ok(found)
    }
}
