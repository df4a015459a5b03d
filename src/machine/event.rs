//! Past-tense facts. A run is the fold of its events; nothing else is state.

use super::action::{Action, Done};
use crate::decide::{Because, Ruling, Sample};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

mod people;
mod run;
mod words;

pub use people::{About, Answer, Asked, Question, Refusal, Signed};
pub use run::{Changed, Follow, Locked, OnHold, RunStarted, StoredPlan, TakenOver};
pub use words::{Cause, CauseKind, Direction, Outcome, Parking, Then, Verdict};

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
        /// What the number with an expected trend was, as a decimal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sample: Option<String>,
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
        /// When, in run time (microseconds): tables go by it, since clocks are set. Older logs have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run_us: Option<u64>,
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
        /// When that was said, in microseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        override_us: Option<i64>,
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
