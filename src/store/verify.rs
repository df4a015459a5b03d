//! Verifies a run directory: hands the pure verifier the files, and looks at output files for it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use crate::drive::beneath;
use crate::log::{
    Evidence, Finding, FindingKind, Head, OutputClaim, OutputState, Report, RunId, Segment, Sha256Sum, TrustStore,
    Verdict, segment_file, signature_file, verify,
};

use super::error::StoreError;
use super::files;
use super::run_dir::{PLAN_FILE, segments};

/// A run that ends while it is verified is looked at again; it can end only once, and be resumed hardly more often.
const LOOKS: usize = 5;

/// Verifies the run in a directory against a trust store and the heads somebody else kept. A directory named like a run
/// must hold that run. Output files are streamed; no path leaves the directory and no link is followed. A run that
/// somebody drives meanwhile is incomplete and `running`.
///
/// # Errors
/// When the directory or a segment cannot be read. A bad log is no error but a verdict.
pub fn verify_dir(dir: &Path, trust: &TrustStore, known_heads: &[Head]) -> Result<Report, StoreError> {
    let mut driven = is_driven(dir)?;
    for _ in 1..LOOKS {
        let before = driven;
        let report = verify_files(dir, trust, known_heads)?;
        driven = is_driven(dir)?;
        if report.verdict != Verdict::Incomplete || !before && !driven {
            return Ok(report);
        }
        if driven {
            return Ok(of_running(report));
        }
        // Its driver let go of it after its log was read, and may have ended it.
    }
    verify_files(dir, trust, known_heads)
}

/// Whether somebody holds the lock of one of the segments.
fn is_driven(dir: &Path) -> Result<bool, StoreError> {
    for number in segments(dir)? {
        if files::open_file(&dir.join(segment_file(number)))?.is_some_and(|file| files::is_locked(&file)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// That the log of a running run stops somewhere says nothing; that it is running says it all.
fn of_running(mut report: Report) -> Report {
    report.running = true;
    report.findings.retain(|finding| finding.kind != FindingKind::Verdict(Verdict::Incomplete));
    let text = "the run is being driven right now: verify it again when it is over".to_string();
    report.findings.push(Finding { kind: FindingKind::Note, text });
    report
}

/// The same, without asking whether the run is being driven: for whoever drives it.
pub(crate) fn verify_files(dir: &Path, trust: &TrustStore, known_heads: &[Head]) -> Result<Report, StoreError> {
    let mut found = Vec::new();
    for number in segments(dir)? {
        // In this order: where the signature of a run that ends just now was found, its whole log is found too.
        let signature = files::read_file(&dir.join(signature_file(number)))?;
        let bytes = files::read_file(&dir.join(segment_file(number)))?;
        found.push((number, bytes, signature));
    }
    let segments: Vec<Segment<'_>> = found
        .iter()
        .map(|(number, bytes, signature)| Segment {
            number: *number,
            bytes: bytes.as_deref(),
            signature: signature.as_deref(),
        })
        .collect();
    let plan = files::read_file(&dir.join(PLAN_FILE))?;
    let expect_run = dir.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<RunId>().ok());
    let evidence = Evidence { segments: &segments, trust, expect_run, known_heads, plan: plan.as_deref() };
    let root = File::open(dir).map_err(StoreError::io("open", dir))?;
    let mut report = verify(&evidence, &mut |claim| look_at(&root, claim));
    if report.plan_sha256.is_some() && plan.is_none() {
        let text = format!("{PLAN_FILE} is missing: what was run cannot be compared with the plan");
        report.find(Verdict::Tampered, text);
    }
    if let Some((previous, head)) = report.prev_run
        && let Some(text) = contradicts_previous(&dir.with_file_name(previous.to_string()), previous, head)
    {
        report.findings.push(Finding { kind: FindingKind::Note, text });
    }
    Ok(report)
}

/// This log vouches for the run before it. When that run lies beside it, is it still as long as it was?
fn contradicts_previous(dir: &Path, run: RunId, head: Head) -> Option<String> {
    let file = segment_file(head.segment);
    if !dir.is_dir() {
        return Some(format!("the previous run {run} is not here, so it was not compared"));
    }
    let claim = OutputClaim { file: file.clone(), bytes: head.bytes, sha256: head.sha256, closed: false };
    let state = File::open(dir).map(|root| look_at(&root, &claim));
    match state {
        Ok(OutputState::Found { prefix: Some(sum), .. }) if sum == head.sha256 => None,
        _ => Some(format!(
            "the previous run {run} was cut or rewritten: this log knows {} bytes of its {file}",
            head.bytes
        )),
    }
}

fn look_at(root: &File, claim: &OutputClaim) -> OutputState {
    // NONBLOCK: a FIFO in place of the file must not hang us.
    let opened = beneath::open(root, &claim.file, OFlags::RDONLY | OFlags::NONBLOCK, 0);
    match opened.and_then(|file| measure(file, claim.bytes)) {
        Ok(state) => state,
        Err(error) if error.kind() == io::ErrorKind::NotFound => OutputState::Missing,
        Err(error) => OutputState::Unreadable(error.to_string()),
    }
}

fn measure(file: File, prefix: u64) -> io::Result<OutputState> {
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Ok(OutputState::Unreadable("not a regular file".to_string()));
    }
    let mut hash = Sha256::new();
    let mut rest = file.take(prefix);
    let (mut block, mut read) = (vec![0; 1 << 16], 0u64);
    loop {
        match rest.read(&mut block) {
            Ok(0) => break,
            Ok(count) => {
                hash.update(&block[..count]);
                read += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let prefix = (read == prefix).then(|| Sha256Sum::so_far(&hash));
    Ok(OutputState::Found { bytes: meta.len().max(read), prefix })
}
