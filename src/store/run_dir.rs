//! The directory of one run.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::log::{RunId, is_plain_name, segment_file, signature_file};

use super::error::StoreError;
use super::files;
use super::home::Home;
use super::keys;

/// The file of the resolved plan.
pub(crate) const PLAN_FILE: &str = "plan.json";

/// The file of the plan that a later segment turns to.
fn plan_file(segment: u32) -> String {
    format!("plan.{segment}.json")
}

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
        for name in ["out", "kept", "inputs", "inbox"] {
            make(&path.join(name))?;
        }
        files::create_file(&path.join(PLAN_FILE), plan, 0o600)?;
        let dir = RunDir { run, path };
        for (name, bytes) in inputs {
            files::create_file(&dir.input_path(name)?, bytes, 0o600)?;
        }
        files::sync_dir(&dir.path.join("inputs"))?;
        files::sync_dir(&dir.path)?;
        Ok(dir)
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

    /// A directory anywhere that holds a run, such as a copy of one.
    pub fn at(path: &Path, run: RunId) -> RunDir {
        RunDir { run, path: path.to_path_buf() }
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

    /// Removes the directory of a run that never began: one without a log.
    ///
    /// # Errors
    /// When it has a log, or cannot be removed.
    pub fn discard(self) -> Result<(), StoreError> {
        if !segments(&self.path)?.is_empty() {
            return Err(StoreError::WrongKind(self.path, "has a log and stays"));
        }
        fs::remove_dir_all(&self.path).map_err(StoreError::io("remove", &self.path))
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

    /// The plan that the opening record of a later segment names by its file.
    ///
    /// # Errors
    /// When the name is not that of the segment's plan, or it cannot be read.
    pub fn accepted_plan(&self, segment: u32, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.path.join(plan_file(segment));
        if name != plan_file(segment) {
            return Err(StoreError::WrongKind(self.path.join(name), "is not the plan of the segment that names it"));
        }
        files::read_file(&path)?.ok_or(StoreError::WrongKind(path, "is missing"))
    }

    /// Stores the plan that a segment about to be opened turns to, with the files it was made from; returns the plan's
    /// name. All of it is durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store_plan(&self, segment: u32, plan: &[u8], inputs: &[(String, Vec<u8>)]) -> Result<String, StoreError> {
        for (name, bytes) in inputs {
            // What an earlier attempt left behind belongs to a segment that was never opened.
            files::replace_file(&self.input_path(name)?, bytes, 0o600)?;
        }
        files::replace_file(&self.path.join(plan_file(segment)), plan, 0o600)?;
        Ok(plan_file(segment))
    }

    /// A file the plan was made from, as kept when the run began or turned to another plan; none when it was not kept.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn input(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.input_path(name)?;
        files::read_in(&self.path, &format!("inputs/{name}"))
    }

    fn input_path(&self, name: &str) -> Result<PathBuf, StoreError> {
        let file = self.path.join("inputs").join(name);
        let plain = is_plain_name(name) && !name.starts_with('.');
        if plain { Ok(file) } else { Err(StoreError::WrongKind(file, "is not a plain file name")) }
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
        files::open_in(&self.path, name)?.ok_or(StoreError::WrongKind(path, "is missing"))
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
