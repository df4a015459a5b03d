//! The typed document: what a runbook file says, each part with its place in the source.
//!
//! Templates stay as written; nothing here is evaluated. `read` builds it from a YAML tree, `plan` resolves it.

use crate::decide::Direction;
use crate::text::Place;

mod audit;
mod changes;
mod gate;
mod marker;
mod metric;
mod origin;
mod overlap;
mod policy;
mod scan;
mod schedule;
mod stages;
mod table;
mod watch;

pub use audit::Audit;
pub use changes::Changes;
pub use gate::{Checkpoint, Waiver, is_phrase, is_principal, is_role};
pub use marker::{Marker, MarkerSource};
pub use metric::{Change, Metric, MetricSource, Reduce, Sampling};
pub use origin::InputSource;
pub use overlap::note_windows;
pub use policy::{Closed, Forbid, Forbidden, MarkerPlace, Policy, RequiredMarker, Requirements, Wrapper};
pub use scan::{AddedLines, Scan};
pub use schedule::{Anchor, Exempt, Mark, Marks, Round, Rounds, Span, Wait, Window};
pub use stages::{Criteria, Extend, Promote, Share, Stage, Stages};
pub use table::{
    Cell, CellProblem, Condition, Escalate, Fill, Investigate, Level, Outcome, Patience, Rule, Table, Then, count,
    resolve_conditions, some_time_us, time_us,
};
pub use watch::{NewPatterns, Watch, WatchSource};

/// A string of the file with its place. It may be a template, an expression or prose; the field says which.
#[derive(Debug, Clone)]
pub struct Text {
    /// The decoded scalar.
    pub value: String,
    /// Where the scalar stands; `place_of` narrows it to a part of the value.
    pub place: Place,
    /// The scalar itself: it knows how it was written, so that positions inside it are exact.
    pub(crate) node: std::sync::Arc<crate::text::Node>,
}

impl Text {
    /// The place of a range of bytes of the value, also inside block scalars and escapes.
    pub fn place_of(&self, range: std::ops::Range<usize>) -> Place {
        self.place.source.place(self.node.map_range(&self.place.source, range))
    }
}

/// One runbook file.
#[derive(Debug, Clone)]
pub struct Runbook {
    /// Name as `[a-z][a-z0-9-]*`.
    pub name: Text,
    /// Words for people.
    pub title: Option<Text>,
    /// Team or person that answers for it.
    pub owner: Option<Text>,
    /// Longer prose.
    pub description: Option<Text>,
    /// Declared inputs in file order.
    pub inputs: Vec<Input>,
    /// Named expressions another runbook may use after running this one.
    pub outputs: Vec<(String, Text)>,
    /// Whether a target profile must, may or cannot be given.
    pub target: TargetUse,
    /// Phases in order; a file with `steps:` alone has one phase named `main`.
    pub phases: Vec<Phase>,
    /// What a failing step means for the run.
    pub on_failure: OnFailure,
    /// What backing out does.
    pub rollback: Rollback,
    /// Steps of every exit path.
    pub always: Vec<Step>,
    /// Named measurements in file order.
    pub metrics: Vec<Metric>,
    /// The decision table that runs beside the whole run.
    pub guards: Option<Table>,
    /// What T of the marks is.
    pub anchor: Option<Anchor>,
    /// When the run may happen.
    pub window: Option<Window>,
    /// `lock: NAME`, a template; the word `none` is no lock.
    pub lock: Option<Text>,
    /// The whole document's place (its first key).
    pub place: Place,
}

/// `target: required | optional | none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetUse {
    /// A profile must be given.
    Required,
    /// A profile may be given.
    Optional,
    /// The runbook does not use one.
    None,
}

/// A declared input.
#[derive(Debug, Clone)]
pub struct Input {
    /// Name as `[a-z][a-z0-9_]*`.
    pub name: String,
    /// Its type; string unless declared.
    pub kind: InputKind,
    /// Value when none is given, as written in the file.
    pub default: Option<serde_json::Value>,
    /// Anchored regular expression for strings.
    pub pattern: Option<Text>,
    /// Allowed values.
    pub choices: Vec<Text>,
    /// Least and greatest value (integers, numbers, durations and sizes in their base unit, as written).
    pub min: Option<Text>,
    /// See `min`.
    pub max: Option<Text>,
    /// Where a value comes from when none is given on the command line.
    pub from: Option<InputSource>,
    /// A secret may be shorter than what can be masked safely.
    pub allow_short: bool,
    /// Words for people; shown at a prompt.
    pub help: Option<Text>,
    /// The key in the file.
    pub place: Place,
}

/// Type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Text, unchanged: `1.10`, `0123456` and `no` survive.
    String,
    /// A whole number.
    Int,
    /// A number with decimals.
    Number,
    /// `true` or `false`.
    Bool,
    /// A span of time with units, such as `1h30m`; in expressions a number of seconds.
    Duration,
    /// A size with a unit, such as `10 GiB`; in expressions a number of bytes.
    Size,
    /// A list of strings (or of mappings, for tables such as canary stages).
    List,
    /// A value nobody may see; only its name is ever recorded.
    Secret,
}

/// A named part of the run.
#[derive(Debug, Clone)]
pub struct Phase {
    /// Id as `[a-z][a-z0-9_]*`, unique among phases.
    pub id: String,
    /// Words for people.
    pub title: Option<Text>,
    /// What is true when the phase is over.
    pub goal: Option<Text>,
    /// Expected duration as written.
    pub estimate: Option<Text>,
    /// Expression; false skips the whole phase.
    pub when: Option<Text>,
    /// When it may begin.
    pub marks: Marks,
    /// The decision table that runs beside the phase.
    pub guards: Option<Table>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// Go/no-go after the last step; becomes a step with id `checkpoint`.
    pub checkpoint: Option<Checkpoint>,
    /// The phase's first key.
    pub place: Place,
}

/// One step: exactly one kind and the keys every kind shares.
#[derive(Debug, Clone)]
pub struct Step {
    /// Id as `[a-z][a-z0-9_]*`, unique in its runbook. Steps inside `undo`, `done_when` and `activate` have none written:
    /// their id is that word.
    pub id: String,
    /// Words for people; a template.
    pub title: Option<Text>,
    /// Prose shown in the plan and on failure.
    pub note: Option<Text>,
    /// Expression; false skips the step.
    pub when: Option<Text>,
    /// What it does to the world; see [`Effect`].
    pub effect: Effect,
    /// True when `effect` was written rather than assumed.
    pub effect_written: bool,
    /// Variables for processes; values are templates, a secret must be the whole value.
    pub env: Vec<(String, Text)>,
    /// Variables for processes that hold the path of a private file with a secret in it, while the step runs.
    pub secret_files: Vec<(String, Text)>,
    /// Working directory; a template.
    pub dir: Option<Text>,
    /// Standard input for processes; a template, a secret must be the whole value.
    pub stdin: Option<Text>,
    /// Exit codes that are a success; empty means 0.
    pub exit: Vec<i32>,
    /// Time limit of one attempt; a duration or a template of one.
    pub timeout: Option<Text>,
    /// Attempts after a failure.
    pub retry: Option<Retry>,
    /// Repeat until `expect` holds.
    pub poll: Option<Poll>,
    /// Conditions on the result; all must hold.
    pub expect: Vec<Text>,
    /// Values to keep: name and expression.
    pub save: Vec<(String, Text)>,
    /// `warn` lets the run go on after a failure.
    pub severity: Severity,
    /// Overrides the runbook's `on_failure`.
    pub on_failure: Option<OnFailure>,
    /// How to take it back.
    pub undo: Option<Undo>,
    /// What resume may do when it was running as the tool died.
    pub repeat: Option<Repeat>,
    /// A step that succeeds exactly when this one has already happened; asked by `repeat: probe`.
    pub done_when: Option<Box<Step>>,
    /// When it may begin.
    pub marks: Marks,
    /// The decision table that runs beside it (groups and waits).
    pub guards: Option<Table>,
    /// What it does.
    pub kind: Kind,
    /// The step's id (or its first key).
    pub place: Place,
}

/// What a step does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Only looks. May run again at any time.
    Read,
    /// Changes something. The default of everything that could.
    Change,
    /// Changes something that cannot be taken back.
    Irreversible,
}

/// What a failure is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The step's failure stops what follows.
    Fail,
    /// The step's failure is shown and counted, and the run goes on.
    Warn,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Stop, keep what was done, run `always`.
    Stop,
    /// Ask a person: retry, skip, back out or stop.
    Ask,
    /// Back out, then run `always`.
    Rollback,
    /// Go on (steps only).
    Continue,
}

/// What backing out does.
#[derive(Debug, Clone)]
pub enum Rollback {
    /// The undo of everything that was really done, in reverse order of finish.
    Undo,
    /// These steps.
    Steps(Vec<Step>),
}

/// How one step is taken back.
#[derive(Debug, Clone)]
pub enum Undo {
    /// Put the old content of the file back (file steps).
    Previous,
    /// Run this step.
    Step(Box<Step>),
    /// There is nothing to take back, for the reason given: `undo: { none: "reason" }`.
    None(Text),
}

/// What may happen to a step that was running when the tool died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// Run it again.
    Safe,
    /// Ask `done_when`.
    Probe,
    /// Ask a person.
    Once,
}

/// `retry: { attempts, wait, factor, max_wait }`.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Attempts in all, at least 2.
    pub attempts: u32,
    /// Pause before the second attempt; a duration or a template of one. Default 1s.
    pub wait: Option<Text>,
    /// Each further pause is this many times longer. Default 1.
    pub factor: f64,
    /// No pause is longer than this.
    pub max_wait: Option<Text>,
}

/// `poll: { every, max, successes, trend }`.
#[derive(Debug, Clone)]
pub struct Poll {
    /// Pause between samples.
    pub every: Text,
    /// Give up, as a failure, after this long.
    pub max: Text,
    /// Consecutive samples that must hold. Default 1.
    pub successes: u32,
    /// A number that is expected to go one way meanwhile.
    pub trend: Option<Trend>,
}

/// `trend: { of, is }` of a poll.
#[derive(Debug, Clone)]
pub struct Trend {
    /// The number, an expression over the result of a sample.
    pub of: Text,
    /// Which way it is expected to go.
    pub is: Direction,
}

/// The kind of a step.
#[derive(Debug, Clone)]
pub enum Kind {
    /// `shell: SCRIPT`
    Shell(Text),
    /// `exec: [PROGRAM, ARGUMENT...]`, or one expression `"{{ ... }}"` that yields the list.
    Exec(ExecArgs),
    /// `http: { get: URL, ... }`
    Http(Box<Http>),
    /// `file: { path: ..., ... }`
    File(Box<File>),
    /// `manual: WORDS` with `evidence: { NAME: required | optional }`
    Manual(Manual),
    /// `checkpoint: { ... }`
    Checkpoint(Checkpoint),
    /// `wait: DURATION` or `wait: { until: MARK }`
    Wait(Wait),
    /// `set: { NAME: EXPRESSION }`
    Set(Vec<(String, Text)>),
    /// `run: { runbook: PATH, inputs: { NAME: TEMPLATE } }`
    Run(Run),
    /// `parallel: { max, collect, steps }`
    Parallel(Parallel),
    /// `for_each: { in, as, key, max, parallel, collect, steps }`
    ForEach(Box<ForEach>),
    /// `decide: { hit, rules, over, every }`
    Decide(Box<Table>),
    /// `stages: { table, every, extend, steps, promote }`
    Stages(Box<Stages>),
    /// `rounds: { times, steps }`
    Rounds(Box<Rounds>),
    /// `watch: { file | journal | shell, for, must, must_not, new_patterns }`
    Watch(Box<Watch>),
    /// `hold: { reason: WORDS }`
    Hold(Text),
    /// `marker: { file | process, name, is }`
    Marker(Box<Marker>),
    /// `audit: { in, as, key, count, equal, all }`
    Audit(Box<Audit>),
    /// `changes: { repo, base, head, projects, shared, coupled, isolated }`
    Changes(Box<Changes>),
    /// `scan: { secrets | added }`
    Scan(Box<Scan>),
}

impl Kind {
    /// The lists of steps inside it.
    pub fn inner_steps(&self) -> Vec<&[Step]> {
        match self {
            Kind::Parallel(group) => vec![&group.steps],
            Kind::ForEach(group) => vec![&group.steps],
            Kind::Rounds(rounds) => vec![&rounds.steps],
            Kind::Stages(stages) => {
                let promote = stages.promote.iter().flat_map(|p| [p.main.as_slice(), &p.remove]);
                std::iter::once(stages.steps.as_slice()).chain(promote).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Arguments of `exec`.
#[derive(Debug, Clone)]
pub enum ExecArgs {
    /// One template per argument.
    List(Vec<Text>),
    /// A template of exactly one expression that yields a list of strings.
    Expression(Text),
}

/// An HTTP request.
#[derive(Debug, Clone)]
pub struct Http {
    /// GET, POST, PUT, PATCH, DELETE or HEAD.
    pub method: &'static str,
    /// URL template.
    pub url: Text,
    /// Header name and value template; a secret must be the whole value.
    pub headers: Vec<(String, Text)>,
    /// Query name and value template, encoded and appended.
    pub query: Vec<(String, Text)>,
    /// Body, if any.
    pub body: Option<HttpBody>,
    /// Statuses that are a success; empty means 2xx.
    pub status: Vec<u16>,
    /// Redirects to follow. Default 0.
    pub follow: u8,
}

/// The body of a request.
#[derive(Debug, Clone)]
pub enum HttpBody {
    /// `body:` text template.
    Text(Text),
    /// `json:` a tree whose strings are templates.
    Json(Tree),
    /// `form:` names and value templates.
    Form(Vec<(String, Text)>),
}

/// A YAML tree whose strings are templates (a string that is exactly one `{{ }}` keeps the value's type).
#[derive(Debug, Clone)]
pub enum Tree {
    /// Null, boolean or number as written.
    Plain(serde_json::Value),
    /// A string template.
    Text(Text),
    /// A list.
    List(Vec<Tree>),
    /// A mapping in file order.
    Map(Vec<(String, Tree)>),
}

/// A file step.
#[derive(Debug, Clone)]
pub struct File {
    /// Path template.
    pub path: Text,
    /// What it shall be.
    pub change: FileChange,
    /// Permission bits, written as an octal string such as `"0644"`.
    pub mode: Option<u32>,
    /// Runs after the write and after a restore: a shell or exec step.
    pub activate: Option<Box<Step>>,
}

/// Exactly one of these keys.
#[derive(Debug, Clone)]
pub enum FileChange {
    /// `template:` the whole content.
    Template(Text),
    /// `line:` ensure this line.
    Line(Text),
    /// `copy:` from this path.
    Copy(Text),
    /// `absent: true`.
    Absent,
}

/// Something a person does or attests.
#[derive(Debug, Clone)]
pub struct Manual {
    /// What to do; a template.
    pub words: Text,
    /// Evidence asked for: name, and whether it is required.
    pub evidence: Vec<(String, bool)>,
}

/// Another runbook.
#[derive(Debug, Clone)]
pub struct Run {
    /// Path relative to this file; a template of inputs and target values known at plan time.
    pub runbook: Text,
    /// Its inputs.
    pub inputs: Vec<(String, Text)>,
}

/// Steps at the same time.
#[derive(Debug, Clone)]
pub struct Parallel {
    /// Most in flight; none is all.
    pub max: Option<u32>,
    /// Go on starting members after one failed. Default false: start nothing new.
    pub collect: bool,
    /// Members.
    pub steps: Vec<Step>,
}

/// The same steps for each item.
#[derive(Debug, Clone)]
pub struct ForEach {
    /// A list (of strings or mappings) or an expression that yields one.
    pub items: Tree,
    /// Name of the item in templates. Default `item`.
    pub name: String,
    /// Expression giving the item's key for its path; default the item itself, or its position.
    pub key: Option<Text>,
    /// Most items of a list that is only known at run time.
    pub max: Option<u32>,
    /// Items in flight. Default 1.
    pub parallel: u32,
    /// Go on with further items after one failed. Default false.
    pub collect: bool,
    /// Steps per item.
    pub steps: Vec<Step>,
}
