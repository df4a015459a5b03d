//! What the world is asked to do, and what it says happened. Plain data: it stands in the log.
//!
//! An [`Action`] is fully resolved: nothing in it is a template any more. Secrets stand as references; only the world
//! knows their values.

use serde::{Deserialize, Serialize};

mod changes;
mod marker;
mod sample;
mod scan;
mod watch;

pub use changes::{ChangesAction, ChangesSeen, CommitSeen};
pub use marker::{Assigned, MarkerAction, MarkerSeen, MarkerSource};
pub use sample::{LabelMatch, MatchOp, Query, ReadValue, Reading, Reduce, SampleAction, Selector, Series, Source};
pub use scan::{Hit, ScanAction, ScanOf, ScanSeen};
pub use watch::{LogMark, LogPosition, WatchAction, WatchSource, Watched};

/// One thing to do in the world, resolved and frozen at the moment its intent is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A script for bash, or the program itself where the script is one simple command.
    Shell(ShellAction),
    /// A program with its arguments, no shell.
    Exec(ExecAction),
    /// One HTTP request.
    Http(HttpAction),
    /// A change of one file.
    File(FileAction),
    /// Put back what a file step of this run found, and run its `activate` again.
    Restore(RestoreAction),
    /// Read metrics once. Changes nothing.
    Sample(SampleAction),
    /// Look at what a log gets for a time. Changes nothing.
    Watch(WatchAction),
    /// Place a hold on a lock.
    Hold(HoldAction),
    /// Look at one variable of a file or a live process. Changes nothing.
    Marker(MarkerAction),
    /// Ask git what changed between two commits. Changes nothing.
    Changes(ChangesAction),
    /// Look for what may not be there. Changes nothing.
    Scan(ScanAction),
}

/// How a process is surrounded: environment, directory, standard input, time limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Surroundings {
    /// Variables declared by the step, on top of the clean base environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, Datum)>,
    /// Working directory; none is the directory the run was started in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Bytes for standard input; none is an empty one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Datum>,
    /// Variables that hold the path of a private file, and what is in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secret_files: Vec<(String, Datum)>,
    /// Microseconds until TERM (then KILL); none is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_us: Option<u64>,
    /// Files it calls and their SHA-256 (hex), as they were when the plan was made; with any other it is not started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<(String, String)>,
}

/// A value given to the world: plain text, or the name of a secret that only the world can resolve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Datum {
    /// Text as it is.
    Plain(String),
    /// The secret of this name.
    Secret(String),
}

/// A bash script whose text is constant; the values it uses travel in the environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShellAction {
    /// Script text with `${RB_n}` where values stand.
    pub script: String,
    /// `RB_n` and its value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<(String, String)>,
    /// Environment, directory, input, limit.
    #[serde(flatten)]
    pub around: Surroundings,
}

/// A hold: nothing is changed under the lock of the run until another person lifts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldAction {
    /// Name of the lock.
    pub lock: String,
    /// Why.
    pub reason: String,
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecAction {
    /// Program (a path, or a name looked up in the step's PATH) and arguments.
    pub argv: Vec<String>,
    /// Environment, directory, input, limit.
    #[serde(flatten)]
    pub around: Surroundings,
}

/// One HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpAction {
    /// GET, POST and so on, in capitals.
    pub method: String,
    /// Absolute http or https URL, query included.
    pub url: String,
    /// Header names and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Datum)>,
    /// Request body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Redirects to follow; 0 shows the redirect itself.
    #[serde(default)]
    pub follow: u8,
    /// Microseconds for the whole request; none is the world's default of 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_us: Option<u64>,
}

/// A change of one file: atomic, with the old content kept in the run directory first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileAction {
    /// The file.
    pub path: String,
    /// What it shall be.
    pub change: FileChange,
    /// Permission bits; none keeps what is there, 0644 for a new file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Run after the write, and again after a restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activate: Option<Box<Action>>,
    /// Name of the kept old content inside the run directory (`kept/NAME`), unique to the attempt.
    pub keep: String,
}

/// The wanted state of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// Exactly this content.
    Content(String),
    /// This line is in it, appended where it is missing.
    Line(String),
    /// A copy of this file, whose SHA-256 (hex) was part of the plan when known.
    Copy {
        /// Where the content comes from.
        from: String,
        /// Wanted SHA-256 of the source; another is an error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
    /// The file does not exist.
    Absent,
}

/// Undo of a file step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreAction {
    /// The file.
    pub path: String,
    /// Name of the kept old content, as in [`FileAction::keep`].
    pub keep: String,
    /// What the log says the step found; none where nobody saw how the step ended. What is kept must be that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Before>,
    /// Run after the restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activate: Option<Box<Action>>,
}

/// What stood where a file step was about to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Where it really stands, links followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// SHA-256 of the content, hex; none when there was no file.
    pub sha256: Option<String>,
    /// Permission bits of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

/// What the world says about one attempt. A fact: nothing in it depends on what the runbook wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// How it ended.
    pub ended: Ended,
    /// Measured time in microseconds.
    pub duration_us: u64,
    /// The program that was started, as it was found; empty where none was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub program: String,
    /// Standard output, or the body of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Captured>,
    /// Standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<Captured>,
    /// Status line and headers of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpAnswer>,
    /// What became of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileDone>,
    /// What was read of metrics, in order of the queries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<Reading>,
    /// What was seen in a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<Watched>,
    /// What was found of a marker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<MarkerSeen>,
    /// What changed between two commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangesSeen>,
    /// What was found by a scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanSeen>,
    /// Where the logs of the intent ended before anything was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<LogMark>,
    /// False where it is shown that nothing was changed (never spawned, write refused, file already right); none where
    /// the world cannot know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
    /// A process that outlived the step still holds its output pipe; what it writes later is not in the log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub output_held: bool,
    /// Last lines of output for the failure screen (at most 2 KiB), standard error last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The process exited with this code.
    Exit(i32),
    /// The process was ended by this signal.
    Signal(i32),
    /// The time limit passed; the process group was ended.
    TimedOut,
    /// The operator cancelled it; the process group was ended.
    Cancelled,
    /// An HTTP answer came, or a file is as wanted.
    #[default]
    Ok,
    /// It failed for this reason (connection refused, permission denied, a name that does not resolve).
    Failed(String),
    /// It could not be tried here: the program is not installed, a needed secret has no value.
    Unavailable(String),
}

/// One output stream of an attempt: kept whole in a file, hashed, and up to the capture limit as text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Captured {
    /// File inside the run directory; empty when there was no output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Length in bytes (after masking).
    pub bytes: u64,
    /// SHA-256 of those bytes, hex.
    pub sha256: String,
    /// The text where the step asked for it and it is within [`CAPTURE_LIMIT`] and UTF-8; none otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Output up to this many bytes can be used in `expect` and `save`; beyond it a check is inconclusive.
pub const CAPTURE_LIMIT: u64 = 64 * 1024;

/// Status and headers of an HTTP answer; the body is in [`Done::stdout`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpAnswer {
    /// Status code.
    pub status: u16,
    /// Header names in lower case; repeated ones joined by `, `.
    pub headers: Vec<(String, String)>,
    /// Where the answer came from after redirects.
    pub url: String,
}

/// What a file step found and left.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FileDone {
    /// Where it really stands, links followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// SHA-256 of the content found; none when there was no file.
    pub before: Option<String>,
    /// Permission bits of the file found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_mode: Option<u32>,
    /// SHA-256 of the content left; none when there is no file.
    pub after: Option<String>,
    /// Unified diff of a text change, at most 8 KiB.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
}
