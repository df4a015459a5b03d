//! Time stamps of other people's authorities (RFC 3161): proof that a log existed before a moment, whatever the clock of
//! this machine said. The `openssl` program makes the query and checks the answer.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::log::{Report, Verdict, segment_file};

use super::error::{StoreError, plain};
use super::files;
use super::run_dir::segments;

/// A time stamp could not be asked for, checked or kept.
#[derive(Debug)]
pub enum TimestampError {
    /// The `openssl` program cannot be started; the text says why.
    NoOpenssl(String),
    /// What `openssl` said.
    Openssl(String),
    /// The authority refused; the text is its status.
    Refused(String),
    /// The segment has a time stamp.
    Stamped(PathBuf),
    /// A file.
    Store(StoreError),
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimestampError::NoOpenssl(why) => write!(f, "time stamps need the openssl program: {why}"),
            TimestampError::Openssl(said) => write!(f, "openssl: {said}"),
            TimestampError::Refused(status) => write!(f, "the authority gave no time stamp: {status}"),
            TimestampError::Stamped(path) => {
                write!(f, "{} is there already; the earlier time stamp is the better one", path.display())
            }
            TimestampError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TimestampError {}

impl From<StoreError> for TimestampError {
    fn from(error: StoreError) -> TimestampError {
        TimestampError::Store(error)
    }
}

/// The bytes to send to an authority for the last segment of a run, and where its answer will stand.
///
/// # Errors
/// When the segment is stamped already or `openssl` fails.
pub fn timestamp_query(dir: &Path) -> Result<(Vec<u8>, PathBuf), TimestampError> {
    let segment = dir.join(segment_file(segments(dir)?.last().copied().unwrap_or(1)));
    let stamp = stamp_of(&segment);
    if stamp.exists() {
        return Err(TimestampError::Stamped(stamp));
    }
    let asked = openssl(&[
        OsStr::new("-query"),
        OsStr::new("-sha256"),
        OsStr::new("-cert"),
        OsStr::new("-data"),
        segment.as_os_str(),
    ])?;
    if asked.status.success() { Ok((asked.stdout, stamp)) } else { Err(TimestampError::Openssl(last_line(&asked))) }
}

/// Keeps an authority's answer beside the segment and returns the time it states. Whose answer it is says `verify` with
/// the authority's certificates.
///
/// # Errors
/// When the answer is a refusal or none at all, or cannot be written.
pub fn put_timestamp(stamp: &Path, answer: &[u8]) -> Result<String, TimestampError> {
    let tmp = with_suffix(stamp, ".new");
    let _ = std::fs::remove_file(&tmp);
    files::create_file(&tmp, answer, 0o600)?;
    let time = time_of(&tmp);
    let removed = std::fs::remove_file(&tmp).map_err(StoreError::io("remove", &tmp));
    let time = time?;
    removed?;
    files::replace_file(stamp, answer, 0o600)?;
    Ok(time)
}

/// Takes in the time stamps beside the segments of a run. Without certificates they are only mentioned; with them, there
/// must be one and each must be good.
pub(crate) fn take_timestamps(report: &mut Report, dir: &Path, ca: Option<&Path>) -> Result<(), StoreError> {
    let segments: Vec<PathBuf> = segments(dir)?.into_iter().map(|number| dir.join(segment_file(number))).collect();
    let stamped: Vec<PathBuf> = segments.into_iter().filter(|segment| stamp_of(segment).exists()).collect();
    let Some(ca) = ca else {
        for segment in &stamped {
            report
                .note(format!("{}.tsr was not checked: --tsa-ca names the authority's certificates", name_of(segment)));
        }
        return Ok(());
    };
    if stamped.is_empty() {
        report.find(Verdict::Incomplete, "there is no time stamp to check; `runbook timestamp` gets one".to_string());
    }
    for segment in &stamped {
        match check(segment, ca) {
            Ok(time) => report.note(format!("{} existed before {time}, says its time stamp", name_of(segment))),
            Err((verdict, why)) => report.find(verdict, format!("{}.tsr: {why}", name_of(segment))),
        }
    }
    Ok(())
}

fn check(segment: &Path, ca: &Path) -> Result<String, (Verdict, String)> {
    let unchecked = |error: TimestampError| (Verdict::Incomplete, format!("it cannot be checked: {error}"));
    let stamp = stamp_of(segment);
    let [verify, data, token, authority] = ["-verify", "-data", "-in", "-CAfile"].map(OsStr::new);
    let arguments = [verify, data, segment.as_os_str(), token, stamp.as_os_str(), authority, ca.as_os_str()];
    let verified = openssl(&arguments).map_err(unchecked)?;
    if verified.status.success() {
        return time_of(&stamp).map_err(unchecked);
    }
    let said = String::from_utf8_lossy(&verified.stderr);
    Err(if said.contains("message imprint mismatch") {
        (Verdict::Tampered, "it is the time stamp of another file, or the log was altered after it".to_string())
    } else if said.contains("certificate verify error") || said.contains("load certs") || said.contains("CAfile") {
        let why = format!("no authority of {} made it ({})", ca.display(), last_line(&verified));
        (Verdict::Untrusted, why)
    } else {
        (Verdict::Tampered, format!("it is no good time stamp ({})", last_line(&verified)))
    })
}

/// The time an answer states, if it is a granted one.
fn time_of(answer: &Path) -> Result<String, TimestampError> {
    let shown = openssl(&[OsStr::new("-reply"), OsStr::new("-text"), OsStr::new("-in"), answer.as_os_str()])?;
    if !shown.status.success() {
        return Err(TimestampError::Openssl(last_line(&shown)));
    }
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    match (line("Status:"), line("Time stamp:")) {
        (Some(status), Some(time)) if status.starts_with("Granted") => Ok(time.to_string()),
        (status, _) => {
            let why = line("Status description:").filter(|why| *why != "unspecified");
            let why = why.map(|why| format!("{}, {}", status.unwrap_or("no status"), why));
            Err(TimestampError::Refused(
                why.unwrap_or(status.unwrap_or("no status").to_string()).escape_debug().to_string(),
            ))
        }
    }
}

fn openssl(arguments: &[&OsStr]) -> Result<Output, TimestampError> {
    let run = Command::new("openssl").arg("ts").args(arguments).env("LC_ALL", "C").output();
    run.map_err(|error| TimestampError::NoOpenssl(plain(&error)))
}

/// The part of an error that names the reason: `openssl` writes `…:routines:function:reason:file:line:more`.
fn last_line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines = said.lines().filter(|line| line.contains(":error:"));
    let mut reasons = lines.filter_map(|line| line.split_once(":error:")?.1.split(':').nth(3));
    reasons.next_back().or_else(|| said.lines().next_back()).unwrap_or("it failed").escape_debug().to_string()
}

fn stamp_of(segment: &Path) -> PathBuf {
    with_suffix(segment, ".tsr")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn name_of(segment: &Path) -> String {
    segment.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
