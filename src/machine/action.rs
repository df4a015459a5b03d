//! What the world is asked to do, and what it says happened. Plain data: it stands in the log.
//!
//! An [`Action`] is fully resolved: nothing in it is a template any more. Secrets stand as references; only the world
//! knows their values.

use serde::{Deserialize, Serialize};

mod changes;
mod marker;
mod scan;

pub use changes::{ChangesAction, ChangesSeen, CommitSeen};
pub use marker::{Assigned, MarkerAction, MarkerSeen, MarkerSource};
pub use scan::{Hit, ScanAction, ScanOf, ScanSeen};

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

/// Metrics to read at one moment, side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleAction {
    /// What to read.
    pub queries: Vec<Query>,
    /// Microseconds for each source; what does not answer in time has no value.
    pub timeout_us: u64,
}

/// One number to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// The name its reading gets.
    pub name: String,
    /// Where from.
    pub from: Source,
    /// Microseconds for this one, instead of those of the whole sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_us: Option<u64>,
}

/// Where a number comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A query of Prometheus' HTTP API, version 1.
    Prometheus {
        /// Base address of the server.
        url: String,
        /// PromQL. It must yield one series, or a reducer must make one number of several.
        query: String,
        /// A range query looks this many microseconds back; none is an instant query.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over_us: Option<u64>,
        /// Distance of the samples of a range query, in microseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step_us: Option<u64>,
        /// How several numbers become one.
        #[serde(default)]
        reduce: Reduce,
    },
    /// The sum over all matching series of a page in Prometheus' text format.
    Page {
        /// The page.
        url: String,
        /// Which series.
        select: Selector,
        /// Each series on its own instead of their sum.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        each: bool,
    },
    /// A cumulative histogram of such a page, summed over all its matching series by bucket.
    PageBuckets {
        /// The page.
        url: String,
        /// Which series; the name without `_bucket`.
        select: Selector,
        /// Each histogram on its own instead of their sum.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        each: bool,
    },
    /// A request, script or program; what it yields is judged elsewhere.
    Act(Box<Action>),
}

/// How several numbers become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// There must be one; several are an error.
    #[default]
    Only,
    /// The newest of a range.
    Last,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The arithmetic mean.
    Mean,
    /// The sum.
    Sum,
    /// The value that 95 of 100 do not exceed.
    P95,
    /// How many there are.
    Count,
}

/// Series of a metrics page: a name and conditions on labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// Name of the metric.
    pub name: String,
    /// Conditions; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelMatch>,
}

/// A condition on a label, as in PromQL. A label that is not there is an empty text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelMatch {
    /// Name of the label.
    pub label: String,
    /// `=`, `!=`, `=~` or `!~`; patterns are anchored at both ends.
    pub op: MatchOp,
    /// Text or pattern.
    pub value: String,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

/// What was read of one query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The query's name.
    pub name: String,
    /// What was there.
    pub value: ReadValue,
}

/// A value as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadValue {
    /// A finite number.
    Number(f64),
    /// What a request, script or program yielded.
    Done(Box<Done>),
    /// Cumulative counts by upper bound, ascending; the bound of the last is none: +Inf.
    Buckets(Vec<(Option<f64>, f64)>),
    /// Counters or histograms of a page, each on its own, by name.
    Series(Vec<Series>),
    /// The source answered, and there was nothing: no series.
    Empty,
    /// The source answered with something that is not a number, such as NaN of 0/0.
    NotANumber,
    /// The source did not answer, or not what can be read, for this reason.
    Unreadable(String),
}

/// One counter or histogram of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name with its labels in alphabetical order, without `le`.
    pub name: String,
    /// Cumulative counts by upper bound, ascending; the bound of the last is none: +Inf. A counter has only that one.
    pub counts: Vec<(Option<f64>, f64)>,
}

/// New lines of a log, for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchAction {
    /// The log.
    pub source: WatchSource,
    /// How long, in microseconds.
    pub for_us: u64,
    /// Where to begin in a file; none is its end at the start of the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<LogPosition>,
    /// Patterns of which each must match a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must: Vec<String>,
    /// Patterns that no line may match; the first that does ends the attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must_not: Vec<String>,
    /// Lines are also compared, numbers and ids set aside, with those in this output file of an earlier attempt. It is
    /// inside the run directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_in: Option<String>,
}

/// Where lines come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchSource {
    /// A file, followed by its name: a log that is rotated is followed into its next file.
    File(String),
    /// What a script or program prints while it runs; it is ended when the time is over.
    Command(Box<Action>),
}

/// A place in a log file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Which file, whatever its name is by now; 0 when there was none yet.
    pub inode: u64,
    /// Bytes from its beginning.
    pub offset: u64,
}

/// Where a log ended when an attempt began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogMark {
    /// The log, as the intent names it.
    pub path: String,
    /// Its end.
    pub position: LogPosition,
}

/// What was seen in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Whole lines that came.
    pub lines: u64,
    /// Where looking ended; none for a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<LogPosition>,
    /// For each `must` the first line that matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must: Vec<Option<String>>,
    /// For each `must_not` the first line that matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must_not: Vec<Option<String>>,
    /// Lines of a pattern that was not there before: the first of each, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new: Vec<String>,
    /// How many such patterns there were.
    #[serde(default)]
    pub new_count: u64,
    /// How many patterns were known before.
    #[serde(default)]
    pub known: u64,
    /// How often the file was replaced or cut meanwhile.
    #[serde(default)]
    pub rotations: u32,
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
