//! Taking a lock, keeping it, giving it back.
//!
//! Who has the `flock` on the lease decides; nobody else writes to it. What stands in it says whom the lock belongs to while
//! nobody drives: a run that has changed something owns the lock until it is over, one that has not owns nothing.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::log::RunId;

use super::super::error::StoreError;
use super::super::home::Home;
use super::super::resume::read_log;
use super::super::run_dir::RunDir;
use super::dir::{LockDir, LockFile, refuse};
use super::line::{Doing, Holder, Line, Over, Refusal, Said};
use super::{LockPlace, process, shown};

pub(crate) const LEASE: &str = "lease";
const DOING: &str = "doing";

/// So long is somebody waited for who is just looking at a lease, or whose process is just ending.
const MOMENT: Duration = Duration::from_millis(700);
/// A free lease that is longer begins anew.
const LONG: usize = 64 << 10;

/// A lock that this process has. Dropped without a word, it is given back if nothing was changed and stays with the run
/// otherwise.
#[derive(Debug)]
pub struct Lease {
    dir: LockDir,
    file: LockFile,
    doing: Option<LockFile>,
    place: LockPlace,
    holder: Holder,
    changed: bool,
    settled: bool,
}

/// Why a lock was not taken.
#[derive(Debug)]
pub enum TakeError {
    /// Another run has it.
    Refused(Box<Refusal>),
    /// Its files cannot be used.
    Store(StoreError),
}

impl From<StoreError> for TakeError {
    fn from(error: StoreError) -> TakeError {
        TakeError::Store(error)
    }
}

/// What may be done with a lease that nobody has the `flock` on.
enum Fate {
    /// Take it, over whom if anybody had it.
    Take(Option<Over>),
    /// Its process is still there, although it does not have the `flock`: perhaps it is just ending.
    Ending,
    /// It belongs to a run that is not over.
    Owned { elsewhere: bool },
}

impl Lease {
    /// Takes a lock for a run of this process, in less than a second.
    ///
    /// # Errors
    /// Who has it, or why its files cannot be used.
    pub fn take(home: &Home, place: &LockPlace, who: Holder) -> Result<Lease, TakeError> {
        let dir = place.open(home)?;
        let started = Instant::now();
        loop {
            let patient = started.elapsed() < MOMENT;
            let file = dir.open_file(&place.name, LEASE)?;
            let locked = file.try_lock()?;
            if locked && !dir.is_still(&file) {
                continue;
            }
            let bytes = file.read()?;
            let said = match Said::read(&bytes) {
                Some(said) => said,
                // Whoever has the lock may be in the middle of writing.
                None if !locked && patient => {
                    sleep(Duration::from_millis(3));
                    continue;
                }
                None => return Err(damaged(&file).into()),
            };
            // A driver that has said how it leaves may still be showing that.
            let alive = said.left.is_none() && said.holder.as_ref().is_some_and(Holder::is_alive);
            let fate = if locked { Some(fate(home, &said, alive, &who)) } else { None };
            match fate {
                Some(Fate::Take(over)) => {
                    let begins_anew = said.holder.is_none() && bytes.len() > LONG;
                    return Ok(Lease::write(dir, file, place, Holder { over, ..who }, &said, begins_anew)?);
                }
                Some(Fate::Owned { elsewhere }) => {
                    return Err(refused(&dir, place, said, false, elsewhere));
                }
                None if alive => return Err(refused(&dir, place, said, true, false)),
                Some(Fate::Ending) | None if patient => {}
                Some(Fate::Ending) | None => return Err(refused(&dir, place, said, true, false)),
            }
            drop(file);
            sleep(Duration::from_millis(3));
        }
    }

    fn write(
        dir: LockDir,
        file: LockFile,
        place: &LockPlace,
        holder: Holder,
        said: &Said,
        begins_anew: bool,
    ) -> Result<Lease, StoreError> {
        if begins_anew {
            file.overwrite("")?;
        }
        file.append(&Line::Taken(holder.clone()).text())?;
        let doing = dir.open_file(&place.name, DOING).ok();
        let same = said.holder.as_ref().is_some_and(|before| before.run == holder.run);
        let changed = same && said.changed;
        let lease = Lease { dir, file, doing, place: place.clone(), holder, changed, settled: false };
        lease.doing("begins", &lease.holder.since.clone());
        Ok(lease)
    }

    /// Which lock it is.
    pub fn place(&self) -> &LockPlace {
        &self.place
    }

    /// Who has it: this run.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Notes that something is about to be changed; durable when this returns. From now on the run owns the lock, whatever
    /// becomes of this process.
    ///
    /// # Errors
    /// When that cannot be written, or the lease was removed: then nothing may be changed.
    pub fn changing(&mut self) -> Result<(), StoreError> {
        if self.changed {
            return Ok(());
        }
        self.still_there()?;
        self.file.append(&Line::Changing { run: self.holder.run.clone() }.text())?;
        self.changed = true;
        Ok(())
    }

    /// Makes sure that nobody has removed the lease from under this run.
    ///
    /// # Errors
    /// When somebody has.
    pub fn still_there(&self) -> Result<(), StoreError> {
        if self.dir.is_still(&self.file) {
            return Ok(());
        }
        refuse(format!(
            "the lease of the lock `{}` ({}) was removed while the run had it, so another run may have begun",
            self.place.name.escape_debug(),
            shown(&self.file.path)
        ))
    }

    /// Tells others what the run does now. They do without when it cannot be written.
    pub fn doing(&self, words: &str, at: &str) {
        let Some(file) = &self.doing else { return };
        let doing = Doing { run: self.holder.run.clone(), words: words.to_string(), at: at.to_string() };
        let _ = file.overwrite(&serde_json::to_string(&doing).unwrap_or_default());
    }

    /// The run is over, or leaves without having changed anything.
    ///
    /// # Errors
    /// When that cannot be written; the next run finds out by itself where it can.
    pub fn give_back(&mut self, at: &str) -> Result<(), StoreError> {
        self.settled = true;
        self.file.append(&given_back(&self.holder.run, at))?;
        self.file.unlock()
    }

    /// The driver leaves; the run keeps the lock.
    ///
    /// # Errors
    /// When that cannot be written; the run has the lock all the same.
    pub fn leave(&mut self, how: &str, at: &str) -> Result<(), StoreError> {
        self.settled = true;
        let (run, at, how) = (self.holder.run.clone(), at.to_string(), how.to_string());
        self.file.append(&Line::Left { run, at, how }.text())?;
        self.file.unlock()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.settled && !self.changed {
            let _ = self.file.append(&given_back(&self.holder.run, &self.holder.since));
        }
    }
}

impl Holder {
    /// This process as the driver of a run, taking a lock at `since` (UTC, RFC 3339).
    pub fn myself(run: &str, title: &str, operator: &str, host: &str, since: &str) -> Holder {
        let (pid, start, boot) = process::myself();
        let text = str::to_string;
        Holder {
            run: text(run),
            title: text(title),
            operator: text(operator),
            host: text(host),
            pid,
            start,
            boot,
            since: text(since),
            over: None,
        }
    }
}

/// What becomes of a lease whose `flock` this process has.
fn fate(home: &Home, said: &Said, alive: bool, who: &Holder) -> Fate {
    let Some(holder) = &said.holder else {
        return Fate::Take(said.released.clone().filter(|over| over.run != who.run));
    };
    let over = |how: &str| Fate::Take(Some(Over { run: holder.run.clone(), how: how.to_string() }));
    if alive && holder.pid != who.pid {
        return Fate::Ending;
    }
    if holder.run == who.run {
        return Fate::Take(None);
    }
    if is_over(home, &holder.run) {
        return over("it was over, and had not given the lock back");
    }
    if holder.is_elsewhere(&who.host) {
        return Fate::Owned { elsewhere: true };
    }
    if said.changed {
        return Fate::Owned { elsewhere: false };
    }
    over("it died before it changed anything")
}

/// Whether the log of a run of this user says that it ended in a known state.
fn is_over(home: &Home, run: &str) -> bool {
    let Ok(run) = run.parse::<RunId>() else { return false };
    let log = RunDir::open(home, run).and_then(|dir| read_log(&dir));
    let Some(last) = log.ok().filter(|log| log.ended).and_then(|log| log.records.last().cloned()) else { return false };
    !matches!(last.text("status"), Some("rollback_failed" | "unknown") | None)
}

fn refused(dir: &LockDir, place: &LockPlace, said: Said, live: bool, elsewhere: bool) -> TakeError {
    let Said { holder, left, .. } = said;
    let doing = doing_of(dir, &place.name).filter(|doing| holder.as_ref().is_some_and(|h| h.run == doing.run));
    TakeError::Refused(Box::new(Refusal { lock: place.name.clone(), holder, live, elsewhere, left, doing }))
}

/// What the run that has a lock said last that it does.
pub(crate) fn doing_of(dir: &LockDir, lock: &str) -> Option<Doing> {
    let file = dir.find_file(lock, DOING).ok()??;
    serde_json::from_slice(&file.read().ok()?).ok()
}

pub(crate) fn given_back(run: &str, at: &str) -> String {
    Line::GivenBack { run: run.to_string(), at: at.to_string(), released: None }.text()
}

pub(crate) fn damaged(file: &LockFile) -> StoreError {
    let at = shown(&file.path);
    StoreError::Refused(format!(
        "{at} cannot be understood, so nobody knows whether a run has this lock; make sure that none does, then: mv {at} {at}.damaged"
    ))
}
