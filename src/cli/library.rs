//! Reading runbooks from files.

use super::error::CliError;
use crate::check::Includes;
use crate::log::Sha256Sum;
use crate::plan::{Library, Unreadable};
use crate::policy::Program;
use crate::runbook::{self, model::Runbook};
use crate::text::{Diagnostic, Severity, Source};
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

/// Longest file that is read.
const LIMIT: u64 = 1 << 20;

/// Runbooks on disk; paths inside them are relative to their file. Every file is read once, so that all of a command sees
/// the same text, and none outside the repository of the first one.
#[derive(Default)]
pub(crate) struct Files {
    read: RefCell<BTreeMap<PathBuf, Result<Source, String>>>,
    sound: RefCell<BTreeMap<PathBuf, (Source, Runbook)>>,
    root: OnceCell<PathBuf>,
}

impl Files {
    /// A file as a source, named as people would write it.
    pub(crate) fn source(&self, path: &Path) -> Result<Source, CliError> {
        let bytes = read_limited(path).map_err(CliError::Usage)?;
        self.root.get_or_init(|| repository(path));
        Source::from_bytes(shown(path), bytes).map_err(|d| CliError::Invalid(vec![*d]))
    }

    /// A runbook and everything wrong with it.
    pub(crate) fn checked(&self, path: &Path) -> Result<(Source, Option<Runbook>, Vec<Diagnostic>), CliError> {
        let source = self.source(path)?;
        Ok(self.looked_at(source))
    }

    /// A runbook without errors.
    pub(crate) fn sound(&self, path: &Path) -> Result<(Source, Runbook), CliError> {
        without_errors(self.checked(path)?).map_err(CliError::Invalid)
    }

    fn looked_at(&self, source: Source) -> (Source, Option<Runbook>, Vec<Diagnostic>) {
        let (book, mut problems) = runbook::read(&source);
        if let Some(book) = &book {
            problems.extend(crate::check::check(book, self));
        }
        (source, book, problems)
    }

    /// A file that another one includes.
    fn included(&self, path: &Path) -> Result<Source, String> {
        if let Some(known) = self.read.borrow().get(path) {
            return known.clone();
        }
        let within = self.root.get().map(PathBuf::as_path);
        let read = read_within(path, within).and_then(|bytes| {
            Source::from_bytes(shown(path), bytes).map_err(|d| format!("{}: {}", d.place, d.message))
        });
        self.read.borrow_mut().insert(path.to_path_buf(), read.clone());
        read
    }
}

fn without_errors(
    (source, book, problems): (Source, Option<Runbook>, Vec<Diagnostic>),
) -> Result<(Source, Runbook), Vec<Diagnostic>> {
    let errors: Vec<Diagnostic> = problems.into_iter().filter(|d| d.severity == Severity::Error).collect();
    match book {
        Some(book) if errors.is_empty() => Ok((source, book)),
        _ => Err(errors),
    }
}

impl Includes for Files {
    fn load(&self, from: &Source, path: &str) -> Result<Source, String> {
        self.included(&beside(from, path)?)
    }
}

impl Library for Files {
    fn runbook(&self, from: &Source, path: &str) -> Result<(Source, Runbook), Unreadable> {
        let path = beside(from, path).map_err(Unreadable::Missing)?;
        if let Some(known) = self.sound.borrow().get(&path) {
            return Ok(known.clone());
        }
        let source = self.included(&path).map_err(Unreadable::Missing)?;
        let found = without_errors(self.looked_at(source)).map_err(Unreadable::Invalid)?;
        self.sound.borrow_mut().insert(path, found.clone());
        Ok(found)
    }

    fn sha256(&self, source: &Source) -> String {
        sha256(source.text().as_bytes())
    }

    fn program(&self, path: &str) -> Result<Program, String> {
        let sha256 = self.file_sha256(path)?;
        let text = read_limited(Path::new(path)).ok().filter(|bytes| sha256 == self::sha256(bytes));
        Ok(Program { sha256, text: text.and_then(|bytes| String::from_utf8(bytes).ok()) })
    }

    fn file_sha256(&self, path: &str) -> Result<String, String> {
        let unreadable = |e: std::io::Error| format!("cannot read {path}: {}", words(&e));
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(format!("cannot read {path}: it is not a regular file"));
        }
        let mut hash = Sha256::new();
        let mut file = File::open(path).map_err(unreadable)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer).map_err(unreadable)? {
                0 => return Ok(Sha256Sum::so_far(&hash).to_string()),
                n => hash.update(&buffer[..n]),
            }
        }
    }
}

/// SHA-256 in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256Sum::of(bytes).to_string()
}

/// Only regular files of a sane size: a FIFO or a device would block or never end.
pub(crate) fn read_limited(path: &Path) -> Result<Vec<u8>, String> {
    read_within(path, None)
}

/// The same, and only below `root`, with all symbolic links followed. What is looked at is the file that was opened, so
/// that nothing can be put in its place in between.
fn read_within(path: &Path, root: Option<&Path>) -> Result<Vec<u8>, String> {
    let cannot = |why: &str| format!("cannot read {}: {why}", path.display());
    let failed = |e: std::io::Error| cannot(&words(&e));
    // Without waiting for somebody at the other end of a FIFO, and without a terminal becoming ours.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let before = file.metadata().map_err(failed)?;
    if before.is_dir() {
        return Err(cannot("it is a directory"));
    }
    if !before.is_file() {
        return Err(cannot("it is not a regular file"));
    }
    if let Some(root) = root {
        let real = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(failed)?;
        if !real.starts_with(root) {
            let why = "a runbook runs only files that are reviewed with it, those below";
            return Err(cannot(&format!("it is {}, and {why} {}", real.display(), root.display())));
        }
    }
    let mut bytes = Vec::new();
    (&file).take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(format!("{} is larger than 1 MiB, which no runbook is", path.display()));
    }
    let after = file.metadata().map_err(failed)?;
    let moment = |meta: &Metadata| (meta.len(), meta.mtime(), meta.mtime_nsec());
    if moment(&before) != moment(&after) {
        return Err(cannot("it changed while it was being read; try again"));
    }
    Ok(bytes)
}

/// The directory below which everything was reviewed together: the one with `.git` above the runbook; else the current
/// one, or the runbook's own where that is somewhere else.
fn repository(runbook: &Path) -> PathBuf {
    let real = std::fs::canonicalize(runbook).unwrap_or_default();
    let own = real.parent().unwrap_or(Path::new("/")).to_path_buf();
    if let Some(top) = own.ancestors().find(|dir| dir.join(".git").exists()) {
        return top.to_path_buf();
    }
    let here = std::env::current_dir().and_then(std::fs::canonicalize);
    here.ok().filter(|here| own.starts_with(here)).unwrap_or(own)
}

fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

fn beside(from: &Source, path: &str) -> Result<PathBuf, String> {
    if path.contains("://") {
        return Err(format!("cannot read {path}: only files are read, nothing is fetched"));
    }
    let dir = Path::new(from.name()).parent().unwrap_or(Path::new(""));
    Ok(tidy(&dir.join(path)))
}

/// `a/./b/../c` as `a/c`, so that one file has one name.
fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// A path as people write it.
pub(crate) fn shown(path: &Path) -> String {
    tidy(path).display().to_string()
}
