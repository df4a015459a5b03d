//! Verifies a run with everything that speaks for or against it outside its log: what this machine remembers, what later
//! runs say, countersignatures beside the log, and what a person hands in.

use std::path::{Path, PathBuf};

use crate::log::{Anchor, CountersignStatement, Countersignature, Report, RunId, TrustStore, parse_head_line};

use super::error::StoreError;
use super::home::Home;
use super::run_dir::RunDir;
use super::verify::verify_dir;
use super::{attested, files, heads, previous, timestamp};

/// Where countersignatures stand, in the run directory.
const COUNTERSIGNATURES: &str = "countersignatures";

/// A file of heads or a countersignature that a person kept elsewhere.
#[derive(Debug, Clone)]
pub struct Given {
    /// What the file is called.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// What a person hands in to hold a run against.
#[derive(Debug, Clone, Default)]
pub struct Witnesses {
    /// Files of heads, and countersignatures.
    pub heads: Vec<Given>,
    /// DSSE envelopes with in-toto statements.
    pub attestations: Vec<Given>,
    /// Certificates of the time stamp authorities that count (PEM).
    pub tsa_ca: Option<PathBuf>,
}

/// Verifies the run in a directory like [`verify_dir`], holds it against all anchors there are, and remembers how far
/// its log went if it is good.
///
/// # Errors
/// When the directory, a segment or a countersignature cannot be read. A bad log is no error but a verdict.
pub fn verify_run(home: &Home, dir: &Path, trust: &TrustStore, given: &Witnesses) -> Result<Report, StoreError> {
    // A log that is gone altogether no longer says whose it was; its directory does.
    let named = dir.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    // The run may be going on: what speaks for it is read first, or it would know more than the log that is read.
    let known = named.map(|run| kept_here(home, run, trust));
    let countersignatures = countersignatures(dir)?;
    let mut report = verify_dir(dir, trust, &[])?;
    let Some(run) = report.run.or(named) else { return Ok(report) };
    let known = known.filter(|_| named == Some(run)).unwrap_or_else(|| kept_here(home, run, trust));
    report.hold_against(&known);
    for (name, text) in countersignatures {
        report.take_countersignature(&name, &text, trust);
    }
    for Given { name, text } in &given.heads {
        if Countersignature::is_one(text) {
            report.take_countersignature(name, text, trust);
        } else {
            take_heads(&mut report, run, name, text);
        }
    }
    for attestation in &given.attestations {
        attested::take_attestation(&mut report, dir, attestation, trust)?;
    }
    timestamp::take_timestamps(&mut report, dir, given.tsa_ca.as_deref())?;
    if let Err(error) = heads::remember_report(home, dir, &report) {
        report.note(format!("this machine does not remember this log: {error}"));
    }
    Ok(report)
}

/// Holds the report about a run that is locked against all that speaks of it without being asked.
///
/// # Errors
/// When a countersignature cannot be read.
pub fn hold_against_kept(home: &Home, dir: &RunDir, trust: &TrustStore, report: &mut Report) -> Result<(), StoreError> {
    report.hold_against(&kept_here(home, dir.run(), trust));
    for (name, text) in countersignatures(dir.path())? {
        report.take_countersignature(&name, &text, trust);
    }
    Ok(())
}

/// The heads of a run that this machine keeps by itself: its memory, and what later runs say.
fn kept_here(home: &Home, run: RunId, trust: &TrustStore) -> Vec<Anchor> {
    heads::remembered(home, run).into_iter().chain(previous::named_by_successors(home, run, trust)).collect()
}

/// Lines of a syslog or any other text; other lines and other runs are passed over.
fn take_heads(report: &mut Report, run: RunId, name: &str, text: &str) {
    let source = name.escape_debug().to_string();
    let of_run = text.lines().filter_map(parse_head_line).filter(|(of, _)| *of == run);
    let anchors: Vec<Anchor> = of_run.map(|(_, head)| Anchor { source: source.clone(), head }).collect();
    report.hold_against(&anchors);
    let found = anchors.iter().filter(|anchor| report.heads.contains(&anchor.head)).count();
    if anchors.is_empty() {
        report.note(format!("{source} knows no head of this run, so nothing was compared with it"));
    } else {
        report.note(format!("{found} of {} head(s) of {source} are in this log", anchors.len()));
    }
}

/// Puts a countersignature beside the log, where every later `verify` finds it.
///
/// # Errors
/// When the same person has signed the same head, or the file cannot be written.
pub fn put_countersignature(dir: &Path, signature: &Countersignature) -> Result<PathBuf, StoreError> {
    let place = dir.join(COUNTERSIGNATURES);
    files::private_dir(&place)?;
    let CountersignStatement { by, head, .. } = &signature.statement;
    let by: String = by.chars().filter(|c| c.is_ascii_alphanumeric() || "@._-".contains(*c)).collect();
    let path = place.join(format!("{}.{}-{}", by.trim_start_matches('.'), head.segment, head.bytes));
    // Whole or not at all: half a countersignature would convict a good log.
    if path.exists() {
        return Err(StoreError::io("create", &path)(rustix::io::Errno::EXIST.into()));
    }
    files::replace_file(&path, signature.to_text().as_bytes(), 0o600)?;
    Ok(path)
}

/// The files of countersignatures, by name.
fn countersignatures(dir: &Path) -> Result<Vec<(String, String)>, StoreError> {
    let place = dir.join(COUNTERSIGNATURES);
    let entries = match std::fs::read_dir(&place) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StoreError::io("read", &place))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(StoreError::io("read", &place))?.file_name();
        // Left by somebody who was killed before it had its name.
        if name.to_string_lossy().ends_with(".tmp") {
            continue;
        }
        let bytes = files::read_file(&place.join(&name))?.unwrap_or_default();
        found.push((name.to_string_lossy().into_owned(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    found.sort();
    Ok(found)
}
