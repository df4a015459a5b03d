//! What can go wrong with the files, in words a person can act on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::log::{FormatError, PublicKey, ReadError, RunId};

use super::journal::JournalError;

/// A file or directory of the store is not as it must be.
#[derive(Debug)]
pub enum StoreError {
    /// A system call failed.
    Io {
        /// What was being done, as in "cannot {doing} {path}".
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        error: io::Error,
    },
    /// Neither `HOME` nor the XDG variable is an absolute path; the text names the variable.
    NoHome(&'static str),
    /// Others than the owner can read or write what is private.
    TooOpen {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The path belongs to somebody else or is not what it should be; the text says which.
    WrongKind(PathBuf, &'static str),
    /// A key or trust store file does not follow its format.
    Format(PathBuf, FormatError),
    /// Another process drives this run.
    Busy {
        /// The run.
        run: RunId,
        /// That process, if the log says.
        pid: Option<u64>,
    },
    /// No run has this id or begins like this.
    NoSuchRun(String),
    /// Several runs begin like this.
    Ambiguous(String, Vec<RunId>),
    /// The abbreviation has fewer than four characters.
    TooShort(String),
    /// The run is over.
    Ended(RunId),
    /// The run is not over.
    NotEnded(RunId),
    /// Only this other key may do that.
    OtherKey(PublicKey),
    /// The log cannot be read as far as its last seal.
    Read(RunId, ReadError),
    /// The log does not verify; the text is the report.
    Tampered(String),
    /// What was asked for makes no sense or would do harm; the text says why and what to do.
    Refused(String),
    /// The log cannot be written.
    Journal(JournalError),
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        move |error| StoreError::Io { doing, path: path.to_path_buf(), error }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Io { doing, path, error } => write!(f, "cannot {doing} {}: {}", path.display(), plain(error)),
            StoreError::NoHome(variable) => {
                write!(f, "no place for runbook's files: set HOME or {variable} to an absolute path")
            }
            StoreError::TooOpen { path, mode } => {
                let (path, private) = (path.display(), if path.is_dir() { "700" } else { "600" });
                write!(f, "{path} is open to others (mode {mode:o}); run: chmod {private} {path}")
            }
            StoreError::WrongKind(path, what) => write!(f, "{} {what}", path.display()),
            StoreError::Format(path, error) => write!(f, "{}: {error}", path.display()),
            StoreError::Busy { run, pid: Some(pid) } => write!(f, "run {run} is being driven by pid {pid}"),
            StoreError::Busy { run, pid: None } => write!(f, "run {run} is being driven by another process"),
            StoreError::NoSuchRun(text) => write!(f, "no run begins with '{}'", text.escape_debug()),
            StoreError::TooShort(text) => {
                write!(f, "'{}' is too short for a run id; give at least 4 characters", text.escape_debug())
            }
            StoreError::Ambiguous(text, runs) => {
                write!(f, "'{}' may be any of {} runs:", text.escape_debug(), runs.len())?;
                runs.iter().take(10).try_for_each(|run| write!(f, " {run}"))?;
                if runs.len() > 10 { f.write_str(" …") } else { Ok(()) }
            }
            StoreError::Ended(run) => write!(f, "run {run} has ended and cannot go on"),
            StoreError::NotEnded(run) => write!(f, "run {run} has not ended; resume it first"),
            StoreError::OtherKey(key) => {
                write!(f, "only the key that opened the log may sign it: {}", key.fingerprint())
            }
            StoreError::Read(run, error @ ReadError::NothingSealed) => {
                write!(f, "run {run}: {error}: it never began, or its log was cut; there is nothing to go on from")
            }
            StoreError::Read(run, error) => write!(f, "run {run}: {error}"),
            StoreError::Tampered(report) => write!(f, "the log does not verify\n{report}"),
            StoreError::Refused(text) => f.write_str(text),
            StoreError::Journal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StoreError {}

/// What the system said, without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    let words = error.to_string();
    let words = words.split(" (os error").next().unwrap_or_default();
    let mut chars = words.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

impl From<JournalError> for StoreError {
    fn from(error: JournalError) -> StoreError {
        StoreError::Journal(error)
    }
}
