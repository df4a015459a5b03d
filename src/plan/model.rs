//! The plan: everything a run will follow, resolved and immutable. It is stored with the run and named by its digest.
//!
//! Inputs, target and included runbooks are resolved; templates that need results of steps stay templates, with the
//! place they come from. The tree of steps is an arena so that a node is a small number.

use crate::decide::Direction;
use crate::policy::Rails;
use crate::runbook::model::{Effect, InputKind, OnFailure, Policy, Repeat, Severity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod decision;
mod gate;
mod lock;
mod looks;
mod schedule;

pub use decision::{
    Ask, Baseline, Behind, Change, Decision, Escalate, Extend, Level, Metric, MetricSource, NewPatterns, Promote,
    Round, Rounds, Sampling, Share, Stage, StagePart, Stages, Watch, WatchSource,
};
pub use gate::{Gate, WAIVED, Waiver};
pub use lock::Lock;
pub use looks::{AddedLines, Audit, Changes, Marker, MarkerSource, Scan};
pub use schedule::{Anchor, Marks, Schedule, Span, Until, Window};

/// Format name of a stored plan.
pub const FORMAT: &str = "runbook-plan/1";

/// Index of a node in [`Plan::nodes`].
pub type NodeId = usize;

/// A resolved, versioned plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: String,
    /// Name of the runbook.
    pub name: String,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The target profile, if one is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// One scope per runbook file use; the first is the top one.
    pub scopes: Vec<Scope>,
    /// All nodes.
    pub nodes: Vec<Node>,
    /// The sequence of phases.
    pub forward: NodeId,
    /// The sequence of steps of every exit path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always: Option<NodeId>,
    /// Steps that replace the computed undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<NodeId>,
    /// What a failure means when neither the step nor a block around it says.
    pub on_failure: OnFailure,
    /// Where secrets come from, by name. Never their values.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub secrets: Map<String, Value>,
    /// Measurements of all scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// When the run may happen.
    #[serde(default, skip_serializing_if = "Schedule::is_empty")]
    pub schedule: Schedule,
    /// Failures that somebody answers for, until a day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// The lock without which nothing is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// Files the plan was made from and their SHA-256.
    pub sources: Vec<SourceDigest>,
    /// What the target's policies say: whatever is started is held against them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// Scripts and wrappers that commands call, read when the plan was made; they must still be the same when they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub called: Vec<SourceDigest>,
}

/// A target profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Its values: data, never templates.
    pub values: Value,
}

impl Target {
    /// Whether it says `environment: production`.
    pub fn is_production(&self) -> bool {
        self.values.get("environment").and_then(Value::as_str) == Some("production")
    }
}

/// A file the plan depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceDigest {
    /// Path as given or as written in the runbook.
    pub path: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

/// The names a runbook's templates see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// Name of the runbook.
    pub runbook: String,
    /// Its inputs. For the top runbook all are known.
    pub inputs: Vec<InputBinding>,
}

/// An input and what it is bound to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputBinding {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: InputKind,
    /// Its value, or for an included runbook the template that gives it when the include starts.
    pub value: Binding,
    /// Where the value came from, for people: `-i`, `default`, `env DATABASE_URL`, a file.
    pub origin: String,
}

/// A value known now, or known when the include starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// Known.
    Known(Value),
    /// A template in the including runbook's scope, and the rules its value must obey.
    Later {
        /// The template.
        template: Template,
        /// Anchored pattern, if declared.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pattern: Option<String>,
        /// Allowed values, if declared.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        choices: Vec<String>,
    },
}

/// A template or expression and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// As written.
    pub text: String,
    /// `file:line` of its first character.
    pub at: String,
}

/// One node of the tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Id inside its parent.
    pub id: String,
    /// Words for people; a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Template>,
    /// Prose shown on failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// `file:line`.
    pub at: String,
    /// Scope its templates see.
    pub scope: usize,
    /// Condition; false skips it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Template>,
    /// What it does to the world.
    pub effect: Effect,
    /// What its failure is worth.
    pub severity: Severity,
    /// What its failure means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// Expected duration of a phase in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_s: Option<u64>,
    /// What is true when a phase is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// When it may begin.
    #[serde(default, skip_serializing_if = "Marks::is_empty")]
    pub marks: Marks,
    /// The table that runs beside it, a node of kind [`NodeKind::Decide`]; that of the root runs beside the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guards: Option<NodeId>,
    /// What it is.
    pub kind: NodeKind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Children one after the other: the whole run, a phase, the body of an item, an included runbook.
    Sequence(Vec<NodeId>),
    /// Children at the same time.
    Parallel {
        /// Members.
        children: Vec<NodeId>,
        /// Most in flight.
        max: Option<u32>,
        /// Start further members after a failure.
        collect: bool,
    },
    /// A body for each item.
    ForEach(Box<ForEach>),
    /// Another runbook, in a scope of its own.
    Run {
        /// Its phases.
        body: NodeId,
        /// Its `always`.
        always: Option<NodeId>,
        /// Its scope.
        inner: usize,
        /// Expressions in its scope that become `steps.ID.NAME` outside.
        outputs: Vec<(String, Template)>,
    },
    /// Something the world does.
    Task(Box<Task>),
    /// Something a person does.
    Manual {
        /// Words.
        words: Template,
        /// Evidence asked for, and whether it is required.
        evidence: Vec<(String, bool)>,
    },
    /// A go/no-go.
    Checkpoint {
        /// Question.
        title: Template,
        /// Label and template of what is shown.
        show: Vec<(String, Template)>,
        /// Time to answer.
        timeout: Option<Template>,
        /// What a GO takes beside the word of whoever drives the run.
        #[serde(default, skip_serializing_if = "Gate::is_empty")]
        gate: Gate,
    },
    /// A pause; only time in which somebody drives the run counts.
    Wait(Template),
    /// Values written once.
    Set(Vec<(String, Template)>),
    /// A pause until a mark.
    WaitUntil(Until),
    /// A look at metrics before anything changes, which tables compare with later.
    Baseline(Box<Baseline>),
    /// A table evaluated here.
    Decide(Box<Decision>),
    /// Traffic in stages.
    Stages(Box<Stages>),
    /// The same steps again and again.
    Rounds(Box<Rounds>),
    /// What a log says.
    Watch(Box<Watch>),
    /// A set of objects held against what it must be.
    Audit(Box<Audit>),
}

/// `for_each`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForEach {
    /// The list: known, or an expression.
    pub items: Items,
    /// Name of the item in templates.
    pub name: String,
    /// Expression of an item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Template>,
    /// Most items.
    pub max: Option<u32>,
    /// Items in flight.
    pub parallel: u32,
    /// Go on with further items after a failure.
    pub collect: bool,
    /// A sequence.
    pub body: NodeId,
}

/// Items of a `for_each`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Items {
    /// Written in the file or known from inputs and target.
    Known(Vec<Value>),
    /// Evaluated when the group starts.
    Later(Template),
}

/// Something the world does, with its templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What.
    pub act: Act,
    /// Environment: name and template.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, Template)>,
    /// Directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<Template>,
    /// Standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Template>,
    /// Variables that hold the path of a private file, and the secret in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_files: Vec<(String, Template)>,
    /// Good exit codes; empty is 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exit: Vec<i32>,
    /// Limit of one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Template>,
    /// Further attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Sampling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<Poll>,
    /// Conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Template>,
    /// Kept values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub save: Vec<(String, Template)>,
    /// How it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// What resume may do with it.
    pub repeat: Repeat,
    /// A task that succeeds exactly when this one has happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_when: Option<NodeId>,
}

impl Task {
    /// An act and what resume may do with it, and nothing else.
    pub(crate) fn of(act: Act, repeat: Repeat) -> Task {
        Task {
            act,
            env: Vec::new(),
            dir: None,
            stdin: None,
            secret_files: Vec::new(),
            exit: Vec::new(),
            timeout: None,
            retry: None,
            poll: None,
            expect: Vec::new(),
            save: Vec::new(),
            undo: None,
            repeat,
            done_when: None,
        }
    }
}

/// How a task is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// This task, resolved when the step starts.
    Task(NodeId),
    /// Nothing to do, for this reason.
    None(String),
}

/// Further attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all.
    pub attempts: u32,
    /// First pause.
    pub wait: Template,
    /// Growth of the pause, in thousandths (1000 keeps it).
    pub factor_milli: u64,
    /// Longest pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<Template>,
}

/// Sampling until the conditions hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Poll {
    /// Pause between samples.
    pub every: Template,
    /// Longest time.
    pub max: Template,
    /// Consecutive good samples.
    pub successes: u32,
    /// A number that is expected to go one way meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
}

/// What a sampled number is expected to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// The number, an expression over the result of a sample.
    pub of: Template,
    /// Which way it is expected to go.
    pub is: Direction,
}

/// What a task asks of the world, before its templates are resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A script.
    Shell(Template),
    /// A program: one template per argument.
    Exec(Vec<Template>),
    /// A program: an expression that yields the list.
    ExecList(Template),
    /// A request.
    Http(Box<Http>),
    /// A file.
    File(Box<File>),
    /// Undo of the file step around it.
    Restore,
    /// A hold on the lock of the run, and why.
    Hold(Template),
    /// A look at one variable.
    Marker(Box<Marker>),
    /// What changed between two commits.
    Changes(Box<Changes>),
    /// A look for what may not be there.
    Scan(Box<Scan>),
}

/// A request, before its templates are resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Http {
    /// Method in capitals.
    pub method: String,
    /// URL.
    pub url: Template,
    /// Headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Template)>,
    /// Query, encoded and appended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, Template)>,
    /// Body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// Good statuses; empty is 2xx.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// Redirects to follow.
    pub follow: u8,
}

/// A body, before its templates are resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Text.
    Text(Template),
    /// A tree.
    Json(Tree),
    /// Names and values.
    Form(Vec<(String, Template)>),
}

/// A tree of data whose strings are templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tree {
    /// A value as it is.
    Plain(Value),
    /// A template.
    Text(Template),
    /// A list.
    List(Vec<Tree>),
    /// A mapping.
    Map(Vec<(String, Tree)>),
}

/// A file, before its templates are resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Path.
    pub path: Template,
    /// What it shall be.
    pub change: FileChange,
    /// Permission bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// A task that makes it take effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activate: Option<NodeId>,
}

/// The wanted state, before its templates are resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// Whole content.
    Content(Template),
    /// One line.
    Line(Template),
    /// A copy of this file.
    Copy {
        /// Its path.
        from: Template,
        /// SHA-256 of its bytes when planned, hex; none when the path is only known at run time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
    /// No file.
    Absent,
}

impl Plan {
    /// What its target's policies say.
    pub fn rails(&self) -> Rails<'_> {
        let production = self.target.as_ref().is_some_and(Target::is_production);
        Rails { policies: &self.policies, production }
    }

    /// The node of an id from this plan.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// Whether a phase does nothing but note how things are before any change.
    pub fn only_takes_baselines(&self, id: NodeId) -> bool {
        match &self.nodes[id].kind {
            NodeKind::Sequence(steps) => {
                steps.iter().all(|step| matches!(self.nodes[*step].kind, NodeKind::Baseline(_)))
            }
            _ => false,
        }
    }

    /// The table that runs beside a node.
    pub fn guards(&self, id: NodeId) -> Option<&Decision> {
        match &self.nodes[self.nodes[id].guards?].kind {
            NodeKind::Decide(decision) => Some(decision),
            _ => None,
        }
    }
}
