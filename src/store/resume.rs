//! Going on with an interrupted run. What was found is never written to again.

use std::collections::BTreeSet;
use std::fs::File;

use serde_json::{Map, Value};

use crate::log::{
    At, Message, NAMESPACE, Report, RunResume, SealedLog, Sha256Sum, Signer, TrustStore, Verdict, WriteError, read,
    segment_file, signature_file,
};

use super::error::StoreError;
use super::files;
use super::journal::{Journal, JournalError};
use super::openssh::OverFile;
use super::run_dir::{RunDir, segments};
use super::verify::verify_files;

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
        let point = ResumePoint::find(dir, trust)?;
        if point.log.ended { Err(StoreError::Ended(dir.run())) } else { Ok(point) }
    }

    fn find(dir: &RunDir, trust: &TrustStore) -> Result<ResumePoint, StoreError> {
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
        if segments(dir.path())? != numbers {
            return Err(StoreError::Busy { run: dir.run(), pid: None });
        }
        let report = verify_files(dir.path(), trust, &[])?;
        if report.verdict == Verdict::Tampered {
            return Err(StoreError::Tampered(report.to_string()));
        }
        let bytes = read_segments(dir, &numbers)?;
        let slices: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        let log = read(&slices).map_err(|error| StoreError::Read(dir.run(), error))?;
        if report.head != Some(log.head) {
            // What was verified is not what was read a moment later; the head stands for all of it.
            return Err(StoreError::WrongKind(dir.path().to_path_buf(), "was changed while its log was read"));
        }
        let last = bytes.last().map(Vec::as_slice).unwrap_or_default();
        let found = (last.len() as u64, Sha256Sum::of(last));
        let last_segment = numbers.last().copied().unwrap_or_default();
        Ok(ResumePoint { log, report, dir: dir.clone(), locks, last_segment, found })
    }

    /// The monotonic time of the last sealed record; a resumed run's clock goes on from it.
    pub fn last_mono_us(&self) -> u64 {
        self.log.records.last().map_or(0, |record| record.mono_us)
    }

    /// The number of the segment that `open` makes.
    pub fn next_segment(&self) -> u32 {
        self.last_segment + 1
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
            segment: self.next_segment(),
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

/// Signs the whole log of a run that ended but was interrupted before its final signature.
///
/// # Errors
/// When somebody drives the run, it has not ended, it does not verify, or `identity` is not the key that opened its last
/// segment.
pub fn countersign(dir: &RunDir, trust: &TrustStore, identity: &dyn Signer) -> Result<(), StoreError> {
    let point = ResumePoint::find(dir, trust)?;
    if !point.log.ended {
        return Err(StoreError::NotEnded(dir.run()));
    }
    if point.log.identity != identity.public_key() {
        return Err(StoreError::OtherKey(point.log.identity));
    }
    let (length, sum) = point.found;
    let log = dir.path().join(segment_file(point.last_segment));
    let signer = OverFile { signer: identity, path: &log };
    let signed = signer.sign(&Message { namespace: NAMESPACE, sum, length, tail: &[] });
    let signed = signed.map_err(WriteError::Sign).map_err(JournalError::Record)?;
    let path = dir.path().join(signature_file(point.last_segment));
    files::replace_file(&path, signed.to_armor().as_bytes(), 0o600)
}

/// The sealed records of a run, without locking it: for showing it. Whether they can be believed is what `verify` says.
///
/// # Errors
/// When nothing in it is sealed, or it is damaged.
pub fn read_log(dir: &RunDir) -> Result<SealedLog, StoreError> {
    let bytes = read_segments(dir, &segments(dir.path())?)?;
    let slices: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
    read(&slices).map_err(|error| StoreError::Read(dir.run(), error))
}

fn read_segments(dir: &RunDir, numbers: &BTreeSet<u32>) -> Result<Vec<Vec<u8>>, StoreError> {
    let read = |number: &u32| {
        let path = dir.path().join(segment_file(*number));
        files::read_file(&path)?.ok_or(StoreError::WrongKind(path, "is missing"))
    };
    numbers.iter().map(read).collect()
}
