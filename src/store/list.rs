//! A cheap list of runs: the first record of each and its last sealed one. Nothing is verified here.

use std::fmt;
use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::FileExt as _;
use std::thread;

use rustix::fs::{Mode, OFlags, openat};
use serde_json::{Value, json};

use crate::log::{MAX_LINE, RunId, segment_file};

use super::error::{StoreError, plain};
use super::files;
use super::home::Home;
use super::locks::LockPlace;

/// How much of either end of a log is read first; nearly always enough.
const FIRST_LOOK: usize = 16 << 10;
/// Where looking for the last sealed record stops.
const LAST_LOOK: usize = 4 * MAX_LINE;
/// So many runs are listed by one thread; starting another would take longer.
const RUNS_PER_THREAD: usize = 200;

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
    /// The lock it takes.
    pub lock: Option<LockPlace>,
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
    /// The directory or its log is not what a run leaves behind; the text says why.
    Damaged(String),
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunState::Running => f.write_str("running"),
            RunState::Ended(how) => f.write_str(how),
            RunState::Parked => f.write_str("waiting"),
            RunState::Interrupted => f.write_str("interrupted"),
            RunState::Damaged(_) => f.write_str("damaged"),
        }
    }
}

impl ListedRun {
    /// Whether it can still have its lock: it is not over, or nobody knows how it left things.
    pub fn may_have_its_lock(&self) -> bool {
        !matches!(&self.state, RunState::Ended(how) if !["rollback_failed", "unknown"].contains(&how.as_str()))
    }

    /// The line as data.
    pub fn json(&self) -> Value {
        let why = match &self.state {
            RunState::Damaged(why) => Some(why),
            _ => None,
        };
        json!({
            "run": self.run.to_string(), "title": self.title, "target": self.target, "operator": self.operator,
            "started": self.started, "last": self.last, "state": self.state.to_string(), "why": why,
            "lock": self.lock.as_ref().map(|lock| &lock.name),
        })
    }
}

/// The newest runs, newest first, at most `limit`. A damaged one is listed as such and hides no other.
///
/// # Errors
/// When the directory of runs cannot be read.
pub fn list_runs(home: &Home, limit: usize) -> Result<Vec<ListedRun>, StoreError> {
    let mut ids = home.run_ids()?;
    ids.truncate(limit);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let runs = home.runs_dir();
    let root = File::open(&runs).map_err(StoreError::io("open", &runs))?;
    let list = |ids: &[RunId]| ids.iter().map(|run| list_run(&root, *run)).collect::<Vec<_>>();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(ids.len().div_ceil(RUNS_PER_THREAD));
    if threads == 1 {
        return Ok(list(&ids));
    }
    Ok(thread::scope(|scope| {
        let parts: Vec<_> =
            ids.chunks(ids.len().div_ceil(threads)).map(|part| (part, scope.spawn(move || list(part)))).collect();
        // A part that panicked is listed again here, where the panic has its place.
        parts.into_iter().flat_map(|(part, worker)| worker.join().unwrap_or_else(|_| list(part))).collect()
    }))
}

fn list_run(root: &File, run: RunId) -> ListedRun {
    let blank = |state| ListedRun {
        run,
        title: None,
        target: None,
        operator: None,
        started: None,
        last: None,
        lock: None,
        state,
    };
    match read_ends(root, run) {
        Err(why) => blank(RunState::Damaged(why)),
        Ok(Ends { first, last, driven }) => {
            let text = |field: &str| first[field].as_str().map(str::to_string);
            ListedRun {
                run,
                title: text("title").or_else(|| text("runbook")),
                target: text("target"),
                operator: text("operator"),
                started: text("t"),
                last: last["t"].as_str().map(str::to_string),
                lock: first["lock"]["name"].as_str().map(|name| LockPlace::new(name, first["lock"]["dir"].as_str())),
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
        "" => RunState::Damaged("nothing in its log is sealed".to_string()),
        "approval.request" => RunState::Parked,
        // A run that is left without having changed anything gives its lock back last of all.
        "event" if ["parked", "unlocked"].contains(&event.to_ascii_lowercase().as_str()) => RunState::Parked,
        _ => RunState::Interrupted,
    }
}

struct Ends {
    first: Value,
    /// The last record that stands before a seal; null when there is none.
    last: Value,
    driven: bool,
}

/// The first record and the last sealed one. No link is followed and nothing is waited for.
fn read_ends(root: &File, run: RunId) -> Result<Ends, String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = openat(root, run.to_string(), flags, Mode::empty()).map(File::from);
    let dir = dir.map_err(|error| match error {
        rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => "it is not a directory".to_string(),
        other => format!("it cannot be opened: {}", plain(&other.into())),
    })?;
    let Some(opening) = open_segment(&dir, 1)? else { return Err("run.jsonl is missing".to_string()) };
    let unreadable = |error: io::Error| format!("its log cannot be read: {}", plain(&error));
    let first = opening.first_record().map_err(unreadable)?.ok_or("its log has no first record")?;
    let mut ends = Ends { first, last: Value::Null, driven: false };
    let mut segment = Some(opening);
    for number in 2.. {
        let Some(segment_found) = segment else { break };
        let last = segment_found.last_sealed().map_err(unreadable)?;
        // The lock is asked for only where it says something.
        ends.driven |=
            last.as_ref().is_none_or(|last| last["type"] != "run.end") && files::is_locked(&segment_found.file);
        ends.last = last.unwrap_or(ends.last);
        segment = open_segment(&dir, number)?;
    }
    Ok(ends)
}

/// One file of a log. A short one is read once, whole: most of the time goes into asking the system.
struct Segment {
    file: File,
    size: u64,
    /// Its beginning, up to [`FIRST_LOOK`].
    start: Vec<u8>,
}

fn open_segment(dir: &File, number: u32) -> Result<Option<Segment>, String> {
    let name = segment_file(number);
    // NONBLOCK: a FIFO in place of the file must not hang us.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(dir, &name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => return Err(format!("{name} is a symbolic link")),
        Err(error) => return Err(format!("{name} cannot be opened: {}", plain(&error.into()))),
    };
    let unreadable = |error: io::Error| format!("{name} cannot be read: {}", plain(&error));
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(format!("{name} is not a regular file"));
    }
    let start = read_at(&file, 0, FIRST_LOOK.min(meta.len() as usize)).map_err(unreadable)?;
    Ok(Some(Segment { file, size: meta.len(), start }))
}

impl Segment {
    fn first_record(&self) -> io::Result<Option<Value>> {
        let line = |start: &[u8]| start.iter().position(|byte| *byte == b'\n').map(|end| start[..end].to_vec());
        let found = match line(&self.start) {
            None if self.start.len() == FIRST_LOOK => line(&read_at(&self.file, 0, MAX_LINE)?),
            found => found,
        };
        Ok(found.and_then(|line| serde_json::from_slice(&line).ok()))
    }

    /// The record before the last seal, looked for from the end.
    fn last_sealed(&self) -> io::Result<Option<Value>> {
        if self.size <= self.start.len() as u64 {
            return Ok(last_sealed_in(&self.start));
        }
        let mut length = FIRST_LOOK;
        loop {
            let from = self.size.saturating_sub(length as u64);
            let found = last_sealed_in(&read_at(&self.file, from, (self.size - from) as usize)?);
            if found.is_some() || from == 0 || length >= LAST_LOOK {
                return Ok(found);
            }
            length *= 8;
        }
    }
}

/// Up to `length` bytes; fewer where the file ends before.
fn read_at(file: &File, from: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut read = 0;
    while read < length {
        match file.read_at(&mut bytes[read..], from + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// The record before the last seal, both whole lines.
fn last_sealed_in(tail: &[u8]) -> Option<Value> {
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
