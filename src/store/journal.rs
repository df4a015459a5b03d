//! The one writer of a run's log. No record on disk, no action.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use serde_json::{Map, Value};

use crate::log::{At, Head, RecordType, RunResume, RunStart, Signer, WriteError, Writer, segment_file, signature_file};

use super::error::StoreError;
use super::openssh::OverFile;
use super::run_dir::RunDir;
use super::syslog::Syslog;
use super::{clock, files, keys};

/// Blocks kept behind the end of the file, so that a full disk still lets the run say how it ended.
const RESERVE: u64 = 256 << 10;

/// Bytes that may wait for a sync. A power cut may damage all of them, and `verify` forgives no more than 2 MiB.
const MOST_UNSYNCED: u64 = 256 << 10;

/// Whether a commit must have reached the disk when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Yes: something is about to change, or a person was told something.
    Sync,
    /// No: the next commit that must takes this one along, unless too much has come together.
    Defer,
}

/// The log could not be written. Only `Record` and `DiskFull` leave it usable.
#[derive(Debug)]
pub enum JournalError {
    /// A record cannot be written in this form; nothing was written.
    Record(WriteError),
    /// The disk is full: nothing was written, and only a batch with `run.end` will be.
    DiskFull(PathBuf),
    /// Something else wrote to, shortened or removed the log; the text says which.
    Changed(PathBuf, String),
    /// Writing or syncing failed. It is not tried again: a second sync may claim success for pages already lost.
    Io(PathBuf, io::Error),
    /// An earlier failure closed the journal; the text is that failure.
    Poisoned(String),
    /// The directory, a lock, a signature or the random source.
    Store(Box<StoreError>),
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Record(error) => error.fmt(f),
            JournalError::DiskFull(path) => full(f, path),
            JournalError::Io(path, error) if is_full(error) => full(f, path),
            JournalError::Changed(path, how) => {
                write!(f, "log changed by another process: {} {how}", path.display())
            }
            JournalError::Io(path, error) => {
                write!(f, "cannot write the log {}: {}", path.display(), super::error::plain(error))
            }
            JournalError::Poisoned(first) => write!(f, "the log is closed after an error: {first}"),
            JournalError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for JournalError {}

impl From<StoreError> for JournalError {
    fn from(error: StoreError) -> JournalError {
        match error {
            StoreError::Journal(error) => error,
            other => JournalError::Store(Box::new(other)),
        }
    }
}

/// The open log of a run that is being driven. Holds the run's lock until it is dropped.
pub struct Journal {
    dir: RunDir,
    path: PathBuf,
    file: File,
    /// The locks of earlier segments.
    _locks: Vec<File>,
    writer: Writer,
    identity: Box<dyn Signer + Send>,
    size: u64,
    /// How far blocks are allocated; `None` where the file system cannot do that.
    reserved_to: Option<u64>,
    /// How many of the file's bytes have certainly reached the disk.
    synced: u64,
    /// Who is told of every head that is on disk.
    syslog: Option<Syslog>,
    state: State,
}

enum State {
    Open,
    Full,
    Poisoned(String),
}

impl Journal {
    /// Begins the log of a new run: its first record is on disk when this returns, and so is the directory's name.
    ///
    /// # Errors
    /// When the run has a log already, or it cannot be written.
    pub fn create(
        dir: &RunDir,
        identity: Box<dyn Signer + Send>,
        mut start: RunStart<'_>,
        now: &At,
    ) -> Result<Journal, JournalError> {
        add_process(&mut start.extra);
        let writer = Writer::start(&start, now, &keys::random_seed()?).map_err(JournalError::Record)?;
        let journal = Journal::open(dir, Vec::new(), writer, identity)?;
        if let Some(parent) = dir.path().parent() {
            files::sync_dir(parent)?;
        }
        Ok(journal)
    }

    /// Begins the next segment of an interrupted run. `locks` are the locked earlier segments.
    pub(crate) fn resume(
        dir: &RunDir,
        locks: Vec<File>,
        identity: Box<dyn Signer + Send>,
        mut resume: RunResume<'_>,
        now: &At,
    ) -> Result<Journal, JournalError> {
        add_process(&mut resume.extra);
        let writer = Writer::resume(&resume, now, &keys::random_seed()?).map_err(JournalError::Record)?;
        Journal::open(dir, locks, writer, identity)
    }

    fn open(
        dir: &RunDir,
        locks: Vec<File>,
        mut writer: Writer,
        identity: Box<dyn Signer + Send>,
    ) -> Result<Journal, JournalError> {
        // A key that cannot sign is found out before there is a file.
        let batch = writer.seal(identity.as_ref()).map_err(JournalError::Record)?;
        let file = dir.create_segment(writer.segment())?;
        let path = dir.path().join(segment_file(writer.segment()));
        let mut journal = Journal {
            dir: dir.clone(),
            path,
            file,
            _locks: locks,
            writer,
            identity,
            size: 0,
            reserved_to: Some(0),
            synced: 0,
            syslog: None,
            state: State::Open,
        };
        journal.write(&batch, Durability::Sync)?;
        files::sync_dir(dir.path())?;
        Ok(journal)
    }

    /// Appends one batch with its seal in one write, and syncs it if asked, with all that was deferred before it. Each
    /// `step.start` gets a new session key. No records at all: only the sync.
    ///
    /// # Errors
    /// After `Record` nothing was written and the journal goes on; after `DiskFull` it takes only a batch with
    /// `run.end`; after any other error it takes nothing more.
    pub fn commit(
        &mut self,
        records: &[(RecordType, Map<String, Value>)],
        durability: Durability,
        now: &At,
    ) -> Result<(), JournalError> {
        let ends = records.iter().any(|(kind, _)| *kind == RecordType::RunEnd);
        match &self.state {
            State::Poisoned(first) => return Err(JournalError::Poisoned(first.clone())),
            State::Full if !ends => return Err(JournalError::DiskFull(self.path.clone())),
            State::Full | State::Open => {}
        }
        if records.is_empty() {
            return if durability == Durability::Sync { self.sync() } else { Ok(()) };
        }
        // An agent may be gone by the end of a run. What happened before is written down all the same.
        let end = records.iter().position(|(kind, _)| *kind == RecordType::RunEnd).unwrap_or(0);
        let (happened, records) = records.split_at(if self.identity.wants_bytes() { end } else { 0 });
        if !happened.is_empty() {
            self.commit(happened, Durability::Sync, now)?;
        }
        let before = self.writer.clone();
        let written = self.build(records, now).and_then(|batch| self.write(&batch, durability));
        match &written {
            Ok(()) => {}
            Err(JournalError::Record(_)) => self.writer = before,
            Err(JournalError::DiskFull(_)) => {
                self.writer = before;
                self.state = State::Full;
            }
            Err(error) => self.state = State::Poisoned(error.to_string()),
        }
        written
    }

    /// Signs the whole log of a run that ended, puts the signature beside it, and lets the run go.
    ///
    /// # Errors
    /// When the run has not ended, or the signature cannot be made or written; the log itself is whole all the same.
    pub fn finish(mut self) -> Result<(), JournalError> {
        if let State::Poisoned(first) = &self.state {
            return Err(JournalError::Poisoned(first.clone()));
        }
        let signer = OverFile { signer: self.identity.as_ref(), path: &self.path };
        let signature = self.writer.countersign(&signer).map_err(JournalError::Record)?;
        self.sync()?;
        // Gives the reserved blocks back; that they stay would do no harm.
        let _ = self.file.set_len(self.size);
        let path = self.dir.path().join(signature_file(self.writer.segment()));
        Ok(files::replace_file(&path, signature.as_bytes(), 0o600)?)
    }

    /// What the last seal covers: what an anchor or an approval names.
    pub fn head(&self) -> Head {
        self.writer.head()
    }

    /// From now on, tells a syslog daemon of every head that is on disk, the present one included.
    pub fn tell_to(&mut self, syslog: Option<Syslog>) {
        self.syslog = syslog;
        if self.synced == self.size {
            self.tell();
        }
    }

    /// The last head of a log that is good and on disk: what may be remembered of it. Syncs what was deferred.
    pub fn durable_head(&mut self) -> Option<Head> {
        let good = !matches!(self.state, State::Poisoned(_)) && self.sync().is_ok();
        good.then(|| self.head())
    }

    /// The run's directory.
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    fn build(&mut self, records: &[(RecordType, Map<String, Value>)], now: &At) -> Result<Vec<u8>, JournalError> {
        for (kind, payload) in records {
            let added = if *kind == RecordType::StepStart {
                self.writer.step_start(now, payload, &keys::random_seed()?)
            } else {
                self.writer.append(*kind, now, payload)
            };
            added.map_err(JournalError::Record)?;
        }
        let signer = OverFile { signer: self.identity.as_ref(), path: &self.path };
        self.writer.seal(&signer).map_err(JournalError::Record)
    }

    fn write(&mut self, batch: &[u8], durability: Durability) -> Result<(), JournalError> {
        self.check_unchanged()?;
        self.reserve(batch.len() as u64)?;
        let io_error = |error| JournalError::Io(self.path.clone(), error);
        let mut rest = batch;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io_error(io::ErrorKind::WriteZero.into())),
                // Only a part fitted: either the rest fits too, or the next try says why not.
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing was written, so the file still ends with a whole batch.
                Err(error) if is_full(&error) && rest.len() == batch.len() => {
                    return Err(JournalError::DiskFull(self.path.clone()));
                }
                Err(error) => return Err(io_error(error)),
            }
        }
        self.size += batch.len() as u64;
        let must = durability == Durability::Sync || self.size - self.synced > MOST_UNSYNCED;
        if must { self.sync() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if self.synced < self.size {
            self.file.sync_data().map_err(|error| {
                self.state = State::Poisoned(error.to_string());
                JournalError::Io(self.path.clone(), error)
            })?;
            self.synced = self.size;
            self.tell();
        }
        Ok(())
    }

    /// Only what is on disk is told: a power cut must not make it a lie.
    fn tell(&self) {
        if let Some(syslog) = &self.syslog {
            syslog.tell(self.writer.run(), &self.writer.head());
        }
    }

    /// The file is as long as we left it and still has its one name.
    fn check_unchanged(&self) -> Result<(), JournalError> {
        let meta = self.file.metadata().map_err(|error| JournalError::Io(self.path.clone(), error))?;
        let changed = |how: String| Err(JournalError::Changed(self.path.clone(), how));
        match meta.nlink() {
            0 => changed("was removed or replaced".to_string()),
            1 if meta.size() == self.size => Ok(()),
            1 => changed(format!("has {} bytes, {} were written", meta.size(), self.size)),
            _ => changed("has a second name (hard link)".to_string()),
        }
    }

    /// Keeps blocks allocated beyond this batch. When there are none left, the last reserve stays for `run.end`.
    fn reserve(&mut self, batch: u64) -> Result<(), JournalError> {
        let Some(reserved_to) = self.reserved_to else { return Ok(()) };
        let end = self.size + batch;
        if end + RESERVE <= reserved_to || matches!(self.state, State::Full) {
            return Ok(());
        }
        let length = batch + 2 * RESERVE;
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.size, length) {
            Ok(()) => self.reserved_to = Some(self.size + length),
            Err(Errno::NOSPC | Errno::DQUOT) => return Err(JournalError::DiskFull(self.path.clone())),
            Err(_) => self.reserved_to = None,
        }
        Ok(())
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).field("size", &self.size).finish_non_exhaustive()
    }
}

fn full(f: &mut fmt::Formatter<'_>, path: &Path) -> fmt::Result {
    write!(f, "the disk of {} is full: free some space, then resume the run", path.display())
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn add_process(extra: &mut Map<String, Value>) {
    extra.entry("pid").or_insert_with(|| std::process::id().into());
    extra.entry("boot_id").or_insert_with(|| clock::boot_id().into());
}
