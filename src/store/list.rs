//! A cheap list of runs: the first record of each and its last sealed one. Nothing is verified here.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use serde_json::{Value, json};

use crate::log::{MAX_LINE, RunId, segment_file};

use super::error::StoreError;
use super::files;
use super::home::Home;
use super::run_dir::segments;

/// Enough for the last batches of a log.
const TAIL_BYTES: u64 = 128 << 10;

/// One line of the list, as the log says; a log is believed only after `verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRun {
    /// The run.
    pub run: RunId,
    /// What the first record calls it: `title`, else `runbook`.
    pub title: Option<String>,
    /// `target` of the first record.
    pub target: Option<String>,
    /// Who started it.
    pub operator: Option<String>,
    /// When it started.
    pub started: Option<String>,
    /// When the last sealed record was written.
    pub last: Option<String>,
    /// Where it stands.
    pub state: RunState,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// Somebody drives it now.
    Running,
    /// It is over; the text is `status` of `run.end`.
    Ended(String),
    /// Nobody drives it, and a person is asked something.
    Parked,
    /// Nobody drives it, and it has not ended.
    Interrupted,
    /// The directory or its log cannot be read; the text says why.
    Unreadable(String),
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunState::Running => f.write_str("running"),
            RunState::Ended(how) => f.write_str(how),
            RunState::Parked => f.write_str("waiting"),
            RunState::Interrupted => f.write_str("interrupted"),
            RunState::Unreadable(_) => f.write_str("unreadable"),
        }
    }
}

impl ListedRun {
    /// The line as data.
    pub fn json(&self) -> Value {
        let why = match &self.state {
            RunState::Unreadable(why) => Some(why),
            _ => None,
        };
        json!({
            "run": self.run.to_string(), "title": self.title, "target": self.target, "operator": self.operator,
            "started": self.started, "last": self.last, "state": self.state.to_string(), "why": why,
        })
    }
}

/// All runs, newest first. A damaged one is listed as such and hides no other.
///
/// # Errors
/// When the directory of runs cannot be read.
pub fn list_runs(home: &Home) -> Result<Vec<ListedRun>, StoreError> {
    Ok(home.run_ids()?.into_iter().map(|run| list_run(home, run)).collect())
}

fn list_run(home: &Home, run: RunId) -> ListedRun {
    let blank = |state| ListedRun { run, title: None, target: None, operator: None, started: None, last: None, state };
    match read_ends(home, run) {
        Err(error) => blank(RunState::Unreadable(error.to_string())),
        Ok(None) => blank(RunState::Unreadable("the log has no first record".to_string())),
        Ok(Some(Ends { first, last, driven })) => {
            let text = |field: &str| first[field].as_str().map(str::to_string);
            ListedRun {
                run,
                title: text("title").or_else(|| text("runbook")),
                target: text("target"),
                operator: text("operator"),
                started: text("t"),
                last: last["t"].as_str().map(str::to_string),
                state: state(&last, driven),
            }
        }
    }
}

fn state(last: &Value, driven: bool) -> RunState {
    let (kind, event) = (last["type"].as_str().unwrap_or_default(), last["event"].as_str().unwrap_or_default());
    match kind {
        "run.end" => RunState::Ended(last["status"].as_str().unwrap_or("unknown").to_string()),
        _ if driven => RunState::Running,
        "approval.request" => RunState::Parked,
        "event" if event.eq_ignore_ascii_case("parked") => RunState::Parked,
        _ => RunState::Interrupted,
    }
}

struct Ends {
    first: Value,
    /// The last record that stands before a seal; null when there is none.
    last: Value,
    driven: bool,
}

fn read_ends(home: &Home, run: RunId) -> Result<Option<Ends>, StoreError> {
    let dir = home.run_path(run);
    let Some(file) = files::open_file(&dir.join(segment_file(1)))? else { return Ok(None) };
    let failed = || StoreError::io("read", &dir);
    let mut line = Vec::new();
    BufReader::new(file).take(MAX_LINE as u64).read_until(b'\n', &mut line).map_err(failed())?;
    let Ok(first) = serde_json::from_slice(&line) else { return Ok(None) };
    let (mut last, mut driven) = (Value::Null, false);
    for number in segments(&dir)?.into_iter().rev() {
        let Some(mut file) = files::open_file(&dir.join(segment_file(number)))? else { continue };
        driven |= files::is_locked(&file);
        let length = file.seek(SeekFrom::End(0)).map_err(failed())?;
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).map_err(failed())?;
        file.take(TAIL_BYTES).read_to_end(&mut tail).map_err(failed())?;
        if let Some(record) = last_sealed(&tail) {
            last = record;
            break;
        }
    }
    Ok(Some(Ends { first, last, driven }))
}

/// The record before the last seal, both whole lines.
fn last_sealed(tail: &[u8]) -> Option<Value> {
    let mut sealed = false;
    for line in tail.split_inclusive(|byte| *byte == b'\n').rev().filter(|line| line.ends_with(b"\n")) {
        let Ok(record) = serde_json::from_slice::<Value>(line) else { continue };
        let is_seal = record["type"] == "seal";
        if sealed && !is_seal {
            return Some(record);
        }
        sealed |= is_seal;
    }
    None
}
