//! The files a log vouches for: output of steps while it grows, and files kept from the start.

use serde_json::{Map, Value};

use super::record::RecordType;
use super::sum::Sha256Sum;

/// A sealed statement about a file beside the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputClaim {
    /// Path relative to the run directory; never leaves it.
    pub file: String,
    /// The file has at least this many bytes.
    pub bytes: u64,
    /// SHA-256 of these first bytes.
    pub sha256: Sha256Sum,
    /// The file was finished: it has no byte more.
    pub closed: bool,
}

/// What was found where a claim points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputState {
    /// Nothing is there.
    Missing,
    /// Something is there that is no regular file, or it cannot be read; the text says which.
    Unreadable(String),
    /// A file is there.
    Found {
        /// Its length.
        bytes: u64,
        /// SHA-256 of the first bytes the claim is about; `None` when it has fewer.
        prefix: Option<Sha256Sum>,
    },
}

/// The claims of a record: `stdout`, `stderr` and `output` of step records, each of `files` of the first record of a
/// segment, and `plan` in `changed` where a resumed run turns to another plan.
///
/// # Errors
/// When a claim has not the form `{"file","bytes","sha256"}` or its path could leave the run directory.
pub(crate) fn claims(kind: RecordType, payload: &Map<String, Value>) -> Result<Vec<OutputClaim>, String> {
    let closed = kind != RecordType::StepOutput;
    let values: Vec<&Value> = match kind {
        RecordType::StepOutput | RecordType::StepEnd => {
            ["stdout", "stderr", "output"].iter().filter_map(|stream| payload.get(*stream)).collect()
        }
        RecordType::RunStart | RecordType::RunResume => {
            let files = payload.get("files").and_then(Value::as_array).into_iter().flatten();
            // Only a resumption changes anything.
            let changed = payload.get("changed").filter(|_| kind == RecordType::RunResume);
            files.chain(changed.and_then(|changed| changed.get("plan"))).collect()
        }
        _ => Vec::new(),
    };
    values.into_iter().filter(|value| value.is_object()).map(|value| claim(value, closed)).collect()
}

/// What is wrong with a file, given what was found there.
pub(crate) fn contradiction(claim: &OutputClaim, state: &OutputState) -> Option<String> {
    let what = match &claim.file {
        file if file.starts_with("out/") => "output file",
        file if file.starts_with("plan.") => "stored plan",
        _ => "file",
    };
    let (file, sealed) = (format!("{what} {}", claim.file.escape_debug()), claim.bytes);
    match state {
        OutputState::Missing => Some(format!("{file} is missing")),
        OutputState::Unreadable(why) => Some(format!("{file} cannot be checked: {why}")),
        OutputState::Found { bytes, .. } if *bytes < sealed => {
            Some(format!("{file} is shorter ({bytes} bytes) than the sealed {sealed} bytes"))
        }
        OutputState::Found { prefix, .. } if *prefix != Some(claim.sha256) => {
            Some(format!("{file} was altered within its first {sealed} bytes"))
        }
        OutputState::Found { bytes, .. } if claim.closed && *bytes > sealed => {
            Some(format!("{file} has {} bytes more than were sealed", bytes - sealed))
        }
        OutputState::Found { .. } => None,
    }
}

fn claim(value: &Value, closed: bool) -> Result<OutputClaim, String> {
    let file = value["file"].as_str();
    let (bytes, sha256) = (value["bytes"].as_u64(), value["sha256"].as_str().and_then(Sha256Sum::from_hex));
    match (file, bytes, sha256) {
        (Some(file), Some(bytes), Some(sha256)) if stays_inside(file) => {
            Ok(OutputClaim { file: file.to_string(), bytes, sha256, closed })
        }
        (Some(file), Some(_), Some(_)) => {
            Err(format!("output path '{}' leaves the run directory", file.escape_debug()))
        }
        _ => Err("a named output file lacks its length or SHA-256".to_string()),
    }
}

fn stays_inside(path: &str) -> bool {
    path.len() < 4096 && path.split('/').all(is_plain_name)
}

/// Whether a log may name a file so: not hidden, nothing that leads elsewhere or draws on a terminal.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(|c: char| c.is_control() || c == '/' || c == '\\')
}
