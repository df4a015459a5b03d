//! The words of events: verdicts, directions, causes, ways to leave a run and to end it.

use serde::{Deserialize, Serialize};

/// The seven results of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As wanted.
    Pass,
    /// Not as wanted.
    Fail,
    /// Not as wanted, and declared soft.
    Warn,
    /// There was nothing to judge by.
    Inconclusive,
    /// It could not be tried.
    Unavailable,
    /// Its condition was false.
    Skipped,
    /// Not answered yet.
    Pending,
}

impl Verdict {
    /// Whether what follows may go on.
    pub fn lets_go_on(self) -> bool {
        matches!(self, Verdict::Pass | Verdict::Warn | Verdict::Skipped)
    }

    /// The word used in templates, logs and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Warn => "warn",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Unavailable => "unavailable",
            Verdict::Skipped => "skipped",
            Verdict::Pending => "pending",
        }
    }
}

/// What a failure means for what is around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Go on as if it had passed.
    Continue,
    /// The block around it fails.
    Up,
    /// The run stops, keeping what was done.
    Stop,
    /// The run backs out.
    Rollback,
}

/// Where a run is heading; it only ever moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Phases in order.
    Forward,
    /// Taking back.
    Undo,
    /// The steps of every exit path.
    Always,
    /// Over.
    Ended,
}

/// Why a run did not go through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The step.
    pub path: String,
    /// The kind of trigger.
    pub kind: CauseKind,
    /// Words.
    pub reason: String,
}

/// Kinds of triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// A step failed.
    Failure,
    /// A person said no, or nobody answered in time.
    NoGo,
    /// The operator stopped it.
    Interrupt,
    /// A decision table said so, or nobody answered what it asked.
    Rule,
}

/// Why a driver left a run that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parking {
    /// A person must answer the question of this step.
    Question(String),
    /// The operator stopped it.
    Interrupted,
    /// Nothing happens until this moment (microseconds since 1970); a timer may resume the run then.
    Until(i64),
    /// The driver could not go on (for example the state directory is full).
    Trouble(String),
    /// Somebody holds the lock of the run: who and why.
    OnHold(String),
}

/// How a run ended. The exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// A step failed; what was done before is kept.
    Failed,
    /// A person or a rule said no.
    NoGo,
    /// It failed and everything that was changed and could be taken back was.
    RolledBack,
    /// Taking back failed too.
    RollbackFailed,
    /// The result of a step is not known.
    Unknown,
}
