//! The directory of one run.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::log::{RunId, segment_file, signature_file};

use super::error::StoreError;
use super::files;
use super::home::Home;
use super::keys;

/// The file of the resolved plan.
pub(crate) const PLAN_FILE: &str = "plan.json";

/// One run's directory; the directory exists.
#[derive(Debug, Clone)]
pub struct RunDir {
    run: RunId,
    path: PathBuf,
}

impl RunDir {
    /// Makes the directory of a new run, with the plan and the inputs it was made from. All of it is durable when this
    /// returns, except the name of the directory itself: that becomes so with the first record.
    ///
    /// # Errors
    /// When the directory exists already or cannot be written.
    pub fn create(home: &Home, run: RunId, plan: &[u8], inputs: &[(&str, &[u8])]) -> Result<RunDir, StoreError> {
        home.prepare()?;
        let path = home.run_path(run);
        let make = |path: &Path| DirBuilder::new().mode(0o700).create(path).map_err(StoreError::io("create", path));
        make(&path)?;
        // What steps put into them later is durable only if their own names are.
        for name in ["out", "kept", "inputs"] {
            make(&path.join(name))?;
        }
        files::create_file(&path.join(PLAN_FILE), plan, 0o600)?;
        for (name, bytes) in inputs {
            let file = path.join("inputs").join(name);
            let plain = Path::new(name).file_name().is_some_and(|only| only == *name) && !name.starts_with('.');
            if !plain {
                return Err(StoreError::WrongKind(file, "is not a plain file name"));
            }
            files::create_file(&file, bytes, 0o600)?;
        }
        files::sync_dir(&path.join("inputs"))?;
        files::sync_dir(&path)?;
        Ok(RunDir { run, path })
    }

    /// The directory of a run that exists.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(home: &Home, run: RunId) -> Result<RunDir, StoreError> {
        let path = home.run_path(run);
        let meta = fs::symlink_metadata(&path).map_err(StoreError::io("open", &path))?;
        if !meta.is_dir() {
            return Err(StoreError::WrongKind(path, "is not a directory"));
        }
        Ok(RunDir { run, path })
    }

    /// A fresh identifier from the clock and the system's random source.
    ///
    /// # Errors
    /// When the random source fails.
    pub fn new_id() -> Result<RunId, StoreError> {
        let mut random = [0; 10];
        keys::random(&mut random)?;
        let unix_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        Ok(RunId::from_parts(unix_ms, random))
    }

    /// The run.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The stored plan.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn plan(&self) -> Result<Vec<u8>, StoreError> {
        let path = self.path.join(PLAN_FILE);
        files::read_file(&path)?.ok_or(StoreError::WrongKind(path, "is missing"))
    }

    /// Opens an output file that a record names.
    ///
    /// # Errors
    /// When the name leaves the run directory or there is no such regular file.
    pub fn open_output(&self, name: &str) -> Result<File, StoreError> {
        let path = self.path.join(name);
        let plain = name.strip_prefix("out/").is_some_and(|file| !file.contains('/') && !file.starts_with('.'));
        if !plain {
            return Err(StoreError::WrongKind(path, "is not an output file of the run"));
        }
        files::open_file(&path)?.ok_or(StoreError::WrongKind(path, "is missing"))
    }

    /// Creates and locks a segment file.
    pub(crate) fn create_segment(&self, number: u32) -> Result<File, StoreError> {
        let path = self.path.join(segment_file(number));
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(&path)
            .map_err(StoreError::io("create", &path))?;
        self.lock(&file, number)?;
        Ok(file)
    }

    /// Takes the driver's lock on a segment.
    pub(crate) fn lock(&self, file: &File, number: u32) -> Result<(), StoreError> {
        let path = self.path.join(segment_file(number));
        if files::lock(file, &path)? {
            return Ok(());
        }
        // Whoever holds the lock wrote the first record of this segment and named itself in it.
        let first = files::read_file(&path)?.unwrap_or_default();
        let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let pid = serde_json::from_slice::<serde_json::Value>(line).ok().and_then(|record| record["pid"].as_u64());
        Err(StoreError::Busy { run: self.run, pid })
    }
}

/// The numbers of the segments in a directory, in order: those that have a file or a final signature.
pub(crate) fn segments(dir: &Path) -> Result<BTreeSet<u32>, StoreError> {
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(dir).map_err(StoreError::io("read", dir))? {
        let entry = entry.map_err(StoreError::io("read", dir))?;
        numbers.extend(entry.file_name().to_str().and_then(segment_number));
    }
    Ok(numbers)
}

fn segment_number(name: &str) -> Option<u32> {
    let middle = name.strip_suffix(".sig").unwrap_or(name).strip_prefix("run.")?;
    let number = if middle == "jsonl" { 1 } else { middle.strip_suffix(".jsonl")?.parse().ok()? };
    // Only the spelling we write ourselves: not run.02.jsonl, not run.1.jsonl.
    (name == segment_file(number) || name == signature_file(number)).then_some(number)
}
