//! Past-tense facts. A run is the fold of its events; nothing else is state.

use super::action::{Action, Done};
use crate::decide::{Because, Ruling, Sample};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

mod people;

pub use people::{Answer, Asked, Question, Refusal, Signed};

/// One fact about a run. Paths name steps from the root: `phase.step`, `phase.group[item].step`, `x~undo`, `x~probe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run began; the plan of this digest is followed.
    RunStarted(RunStarted),
    /// A phase, group, list or included runbook began.
    BlockStarted {
        /// Which.
        path: String,
        /// Items of a list: key and value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        items: Option<Vec<(String, Value)>>,
        /// Resolved inputs of an included runbook.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inputs: Option<Map<String, Value>>,
    },
    /// It ended.
    BlockFinished {
        /// Which.
        path: String,
        /// How.
        verdict: Verdict,
        /// Why, unless it passed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What its failure means for what is around it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        then: Option<Then>,
        /// Outputs of an included runbook.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        saved: Map<String, Value>,
    },
    /// A step or block was not run because its condition was false.
    Skipped {
        /// Which.
        path: String,
        /// The condition and the values it used.
        reason: String,
    },
    /// The intent to do something. What is needed to take it back is frozen here.
    StepStarted(Box<StepStarted>),
    /// The world's answer to a started attempt.
    AttemptFinished {
        /// Which step.
        path: String,
        /// Which attempt.
        attempt: u32,
        /// What happened.
        done: Box<Done>,
    },
    /// An answer that came after the step was given up. A fact, kept for people.
    LateResult {
        /// Which step.
        path: String,
        /// Which attempt.
        attempt: u32,
        /// What happened.
        done: Box<Done>,
    },
    /// A step will be tried or sampled again.
    AttemptScheduled {
        /// Which step.
        path: String,
        /// The coming attempt.
        attempt: u32,
        /// Run time (microseconds) before which it does not start.
        not_before_us: u64,
        /// Consecutive good samples so far.
        #[serde(default)]
        streak: u32,
        /// Why the last one was not enough.
        reason: String,
    },
    /// A step is over.
    StepFinished {
        /// Which.
        path: String,
        /// How.
        verdict: Verdict,
        /// Why, unless it passed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What a failure means for what is around it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        then: Option<Then>,
        /// Values kept as `steps.ID.NAME`, or for `set` as `vars.NAME`.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        saved: Map<String, Value>,
    },
    /// A soak began.
    WaitStarted {
        /// Which step.
        path: String,
        /// Run time (microseconds) at which it is over.
        until_us: u64,
    },
    /// What T is the end of has ended: T is this moment from now on.
    Anchored {
        /// What ended.
        path: String,
        /// T, in microseconds since 1970.
        at_wall_us: i64,
    },
    /// It is not time yet to begin.
    Held {
        /// Which phase, step or round.
        path: String,
        /// When it is, in microseconds since 1970.
        due_wall_us: i64,
    },
    /// Its time has passed: it begins late, or as a round that the next one has overtaken not at all.
    Missed {
        /// Which phase, step or round.
        path: String,
        /// When it was due, in microseconds since 1970.
        due_wall_us: i64,
        /// How much later it is, in microseconds.
        late_us: u64,
    },
    /// A table was held against its metrics.
    Looked {
        /// The `decide` step, or `x~guard`.
        path: String,
        /// When, in microseconds since 1970.
        at_us: u64,
        /// What was found.
        samples: BTreeMap<String, Sample>,
        /// What the table asks for.
        ruling: Ruling,
        /// Which row, or what else.
        cause: Because,
        /// In words.
        because: String,
        /// Run time (microseconds) of the next look; none when something else follows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again_us: Option<u64>,
    },
    /// A step looks longer than was planned.
    Extended {
        /// Which.
        path: String,
        /// Run time (microseconds) until which it looks now.
        until_us: u64,
        /// Run time (microseconds) of the next look.
        again_us: u64,
        /// Why.
        reason: String,
    },
    /// A table ended going forward.
    Ruled {
        /// The `decide` step, or `x~guard`.
        path: String,
        /// Stop or roll back.
        then: Then,
        /// The row and its samples.
        reason: String,
    },
    /// A question is no longer asked: what it was about has gone.
    Withdrawn {
        /// Who asked.
        path: String,
        /// What is seen instead.
        reason: String,
    },
    /// A person is asked.
    Asked(Box<Asked>),
    /// A person answered.
    Answered {
        /// Which step.
        path: String,
        /// What.
        answer: Answer,
        /// Who.
        by: String,
        /// Words given with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Evidence given with it.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        evidence: Map<String, Value>,
        /// The role it is given in, of those the checkpoint asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
        /// Where else it is written down: a ticket, a message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// When it was given, in microseconds since 1970: it may be older than its arrival.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        given_us: Option<i64>,
        /// The signature of whoever gave it; an answer at the run's own terminal has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
    },
    /// An answer came that does not count.
    Refused {
        /// Which step.
        path: String,
        /// Whose.
        by: String,
        /// Why. Never what was typed.
        why: Refusal,
    },
    /// A GO does not count any more: it got too old before the checkpoint was complete.
    Lapsed {
        /// Which step.
        path: String,
        /// Whose.
        by: String,
        /// In which role it was given; none for the phrase.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
    },
    /// No answer came in time.
    AnswerExpired {
        /// Which step.
        path: String,
    },
    /// The run turned from going forward to backing out or to its `always` steps.
    Turned {
        /// Where to.
        to: Direction,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
    },
    /// The operator asked to stop: 1 starts nothing new, 2 ends what runs and backs out, 3 kills.
    Interrupted {
        /// 1, 2 or 3.
        stage: u8,
    },
    /// The driver stopped without an end: someone must answer or resume.
    Parked {
        /// Why.
        reason: Parking,
    },
    /// Somebody took over. What was running is in doubt.
    Resumed {
        /// Who.
        by: String,
        /// Steps whose result nobody saw.
        in_doubt: Vec<String>,
        /// What was decided about a runbook that is not the one that was planned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changed: Option<Box<Changed>>,
        /// Why it may go on outside its window, in the words of whoever took over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        override_window: Option<String>,
        /// Fingerprint of the key of whoever took over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator_key: Option<String>,
    },
    /// The run has its lock.
    Locked(Box<Locked>),
    /// It gives the lock back: it is over, or leaves without having changed anything.
    Unlocked {
        /// Name of the lock.
        lock: String,
    },
    /// Somebody holds the lock: nothing more is begun going forward.
    OnHold(Box<OnHold>),
    /// The hold was lifted while somebody still drove the run.
    HoldLifted {
        /// Name of the lock.
        lock: String,
    },
    /// The run is over.
    RunEnded {
        /// How.
        outcome: Outcome,
    },
}

/// A lock that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// Its name.
    pub lock: String,
    /// The shared directory it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Since when: UTC, RFC 3339.
    pub since: String,
    /// The run it was taken over from, and what had become of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<TakenOver>,
}

/// A run whose lock another one has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// Id of the run.
    pub run: String,
    /// What had become of it.
    pub how: String,
}

/// A hold that a run came upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnHold {
    /// Name of the lock.
    pub lock: String,
    /// Who holds it.
    pub by: String,
    /// Since when, by that person's clock.
    pub since: String,
    /// Why.
    pub reason: String,
}

/// First record of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// Run id.
    pub run: String,
    /// Name of the runbook.
    pub runbook: String,
    /// Title for people.
    pub title: String,
    /// Target profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// SHA-256 of the stored plan, hex.
    pub plan_sha256: String,
    /// Who runs it.
    pub operator: String,
    /// Where.
    pub host: String,
    /// UTC, RFC 3339.
    pub started: String,
    /// Version of the tool.
    pub tool: String,
    /// Directory it was started in: where relative paths of steps begin, for whoever goes on with it as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Why it may run outside its window, in the words of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_window: Option<String>,
    /// Fingerprint of the operator's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_key: Option<String>,
}

/// The runbook in the working tree was not the one the run follows, and somebody decided to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Which of the two to follow.
    pub follow: Follow,
    /// Words of whoever decided.
    pub why: String,
    /// SHA-256 of the plan the working tree makes, hex; none when it makes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree_sha256: Option<String>,
    /// The new plan as it is stored with the run, when that is followed from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<StoredPlan>,
}

/// Which plan a resumed run follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Follow {
    /// The one it followed before.
    AsPlanned,
    /// The one the working tree makes now.
    Changes,
}

/// A plan stored in the run directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPlan {
    /// Name of the file.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

/// The intent of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepStarted {
    /// Which step.
    pub path: String,
    /// 1, 2, ...
    pub attempt: u32,
    /// Title for people.
    pub title: String,
    /// Whether it can change anything; false may share a sync.
    pub changes: bool,
    /// Whether `expect` or `save` need its output as text.
    pub capture: bool,
    /// What.
    pub action: Action,
    /// How it is taken back, resolved now; only in the first attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Action>,
    /// Run time (microseconds) at which sampling gives up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_until_us: Option<u64>,
    /// Logs whose end is noted before anything is done, for a later step that looks at them from here on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// Wall time (microseconds since 1970), where a later step looks at a journal from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_us: Option<i64>,
}

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
