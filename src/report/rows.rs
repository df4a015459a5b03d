//! What a reader of a run is told: where each block and step stands, counts, changes, and how it ended.

use crate::machine::event::{Changed, Outcome, Question, Verdict};
use crate::machine::{Status, Timestamp};
use crate::runbook::model::Effect;

/// Somebody took over a run that was left.
#[derive(Debug, Clone)]
pub struct Takeover {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Steps whose result nobody had seen.
    pub in_doubt: Vec<String>,
    /// What was decided about a changed runbook.
    pub changed: Option<Changed>,
    /// Why it may go on outside its window.
    pub override_window: Option<String>,
}

/// Which part of the run something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The phases.
    Forward,
    /// An explicit rollback.
    Rollback,
    /// A computed undo.
    Undo,
    /// The steps of every exit path.
    Always,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A phase.
    Phase,
    /// A group of steps at the same time.
    Group,
    /// A `for_each`.
    List,
    /// One item of it.
    Item,
    /// Another runbook.
    Include,
    /// Something the world does.
    Task,
    /// Something a person does.
    Manual,
    /// A go/no-go.
    Checkpoint,
    /// A pause.
    Wait,
    /// Values.
    Set,
    /// Taking back.
    Undo,
}

impl Kind {
    /// Whether it is a step and not a block of steps.
    pub fn is_step(self) -> bool {
        !matches!(self, Kind::Phase | Kind::Group | Kind::List | Kind::Item | Kind::Include)
    }
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not begun.
    NotReached,
    /// Going on.
    Running,
    /// Waiting for time: a soak, a retry, the next sample.
    Pausing,
    /// Waiting for a person.
    Asking,
    /// It was running when nobody was looking.
    InDoubt,
    /// Over.
    Finished,
}

/// One block or step of a run.
#[derive(Debug, Clone)]
pub struct Row {
    /// Path from the root.
    pub path: String,
    /// Words for people; the id where there are none.
    pub title: String,
    /// What it is.
    pub kind: Kind,
    /// Part of the run.
    pub part: Part,
    /// Nesting, phases are 0.
    pub depth: usize,
    /// Position among the steps going forward, from 1.
    pub number: Option<usize>,
    /// `file:line`.
    pub at: String,
    /// What it does to the world.
    pub effect: Effect,
    /// Where it stands.
    pub standing: Standing,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// Why, unless it passed.
    pub reason: Option<String>,
    /// Attempts started.
    pub attempts: u32,
    /// A process that outlived the step still has its output open; what it writes later is not in the log.
    pub output_held: bool,
    /// When it began.
    pub began: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Last lines of its output.
    pub tail: String,
    /// Prose for the case of a failure.
    pub note: Option<String>,
}

impl Row {
    /// Run time it took, in microseconds, once it is over.
    pub fn took_us(&self) -> Option<u64> {
        Some(self.ended?.run_us.saturating_sub(self.began?.run_us))
    }

    /// Whether a block ended without anything to judge it by, whatever its members did.
    pub fn is_unproved(&self) -> bool {
        !self.kind.is_step() && self.part == Part::Forward && self.verdict == Some(Verdict::Inconclusive)
    }

    /// Whether it ended in a way that is not good.
    pub fn is_failed(&self) -> bool {
        self.standing == Standing::Finished && self.verdict.is_some_and(|v| !v.lets_go_on())
    }
}

/// A phase, step or round that was not begun when it was due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Which.
    pub path: String,
    /// When it was due, in microseconds since 1970.
    pub due_wall_us: i64,
    /// How much later it was, in microseconds.
    pub late_us: u64,
}

/// How many steps stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Steps going forward, as far as lists are known.
    pub total: usize,
    /// Passed.
    pub ok: usize,
    /// Failed but declared soft.
    pub warned: usize,
    /// Failed, and somebody answers for it.
    pub waived: usize,
    /// Failed, inconclusive or unavailable.
    pub failed: usize,
    /// Not run because of a condition.
    pub skipped: usize,
    /// Undos that passed.
    pub undone: usize,
    /// Undos that did not.
    pub undo_failed: usize,
    /// Phases, steps and rounds that were not begun when they were due.
    pub missed: usize,
}

impl Counts {
    /// Steps going forward that are over.
    pub fn done(&self) -> usize {
        self.ok + self.warned + self.waived + self.failed + self.skipped
    }
}

/// What became of the things a run changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Changed and still so: path and, where there is one, the reason why it is not taken back.
    pub kept: Vec<(String, String)>,
    /// Changed and taken back.
    pub undone: Vec<(String, String)>,
    /// Nobody can tell, and why.
    pub unknown: Vec<(String, String)>,
}

/// How a run ended or was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is over.
    Over(Outcome),
    /// It waits for an answer to this kind of question.
    Waiting(Question),
    /// Nothing happens until this moment (microseconds since 1970); then it is to be resumed.
    Until(i64),
    /// The operator stopped it; it can be resumed.
    Interrupted,
    /// Left because somebody holds its lock.
    OnHold,
    /// The driver could not go on.
    Trouble,
    /// The log just stops: it is still running, or its driver died.
    Open,
}

pub(super) fn standing(status: &Status) -> Standing {
    match status {
        Status::Pending => Standing::NotReached,
        Status::Running | Status::Answered => Standing::Running,
        Status::Pausing { .. } | Status::Waiting { .. } => Standing::Pausing,
        Status::Asking(_) => Standing::Asking,
        Status::InDoubt => Standing::InDoubt,
        Status::Finished => Standing::Finished,
    }
}
