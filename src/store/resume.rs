//! Going on with an interrupted run. What was found is never written to again.

use std::fs::File;

use serde_json::{Map, Value};

use crate::log::{At, Report, RunResume, SealedLog, Sha256Sum, Signer, TrustStore, Verdict, read, segment_file};

use super::error::StoreError;
use super::files;
use super::journal::Journal;
use super::run_dir::{RunDir, segments};
use super::verify::verify_dir;

/// An interrupted run, locked and read, before anything new is written.
#[derive(Debug)]
pub struct ResumePoint {
    /// Its sealed records and last head.
    pub log: SealedLog,
    /// What verifying it said; never tampered. Whether an untrusted log may go on is the caller's decision.
    pub report: Report,
    dir: RunDir,
    locks: Vec<File>,
    last_segment: u32,
    /// Length and sum of the last segment as found.
    found: (u64, Sha256Sum),
}

impl ResumePoint {
    /// Locks a run, so that nobody else drives it, verifies it and reads its sealed records.
    ///
    /// # Errors
    /// When somebody drives it, it has ended, nothing in it is sealed, or it does not verify.
    pub fn lock(dir: &RunDir, trust: &TrustStore) -> Result<ResumePoint, StoreError> {
        let numbers = segments(dir.path())?;
        let mut locks = Vec::new();
        for number in &numbers {
            let path = dir.path().join(segment_file(*number));
            let missing = || StoreError::WrongKind(path.clone(), "is missing, but its signature is there");
            let file = files::open_file(&path)?.ok_or_else(missing)?;
            dir.lock(&file, *number)?;
            locks.push(file);
        }
        // Whoever held the locks a moment ago may have added a segment.
        let last_segment = numbers.last().copied().unwrap_or_default();
        if segments(dir.path())? != numbers {
            return Err(StoreError::Busy { run: dir.run(), pid: None });
        }
        let report = verify_dir(dir.path(), trust, &[])?;
        if report.verdict == Verdict::Tampered {
            return Err(StoreError::Tampered(report.to_string()));
        }
        let bytes = read_segments(dir, numbers.iter().copied())?;
        let slices: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        let log = read(&slices).map_err(|error| StoreError::Read(dir.run(), error))?;
        if log.ended {
            return Err(StoreError::Ended(dir.run()));
        }
        let last = bytes.last().map(Vec::as_slice).unwrap_or_default();
        let found = (last.len() as u64, Sha256Sum::of(last));
        Ok(ResumePoint { log, report, dir: dir.clone(), locks, last_segment, found })
    }

    /// The monotonic time of the last sealed record; a resumed run's clock goes on from it.
    pub fn last_mono_us(&self) -> u64 {
        self.log.records.last().map_or(0, |record| record.mono_us)
    }

    /// Opens the next segment; its `run.resume` record is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(
        self,
        identity: Box<dyn Signer + Send>,
        operator: &str,
        host: &str,
        extra: Map<String, Value>,
        now: &At,
    ) -> Result<(SealedLog, Journal), StoreError> {
        let sealed_here = self.log.head.segment == self.last_segment;
        let resume = RunResume {
            run: self.log.run,
            segment: self.last_segment + 1,
            operator,
            host,
            bytes: self.found.0,
            sha256: self.found.1,
            sealed_bytes: if sealed_here { self.log.head.bytes } else { 0 },
            mono_us: self.last_mono_us(),
            extra,
        };
        let journal = Journal::resume(&self.dir, self.locks, identity, resume, now)?;
        Ok((self.log, journal))
    }
}

/// The whole contents of some segments.
pub(crate) fn read_segments(dir: &RunDir, numbers: impl Iterator<Item = u32>) -> Result<Vec<Vec<u8>>, StoreError> {
    numbers
        .map(|number| {
            let path = dir.path().join(segment_file(number));
            files::read_file(&path)?.ok_or(StoreError::WrongKind(path, "is missing"))
        })
        .collect()
}
