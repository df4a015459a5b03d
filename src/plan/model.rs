//! The plan: everything a run will follow, resolved and immutable. It is stored with the run and named by its digest.
//!
//! Inputs, target and included runbooks are resolved; templates that need results of steps stay templates, with the
//! place they come from. The tree of steps is an arena so that a node is a small number.

use crate::policy::Rails;
use crate::runbook::model::{Effect, InputKind, OnFailure, Policy, Severity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod decision;
mod gate;
mod lock;
mod looks;
mod schedule;
mod task;

pub use decision::{
    Ask, Baseline, Behind, Change, Decision, Escalate, Extend, HoldLimit, Level, Metric, MetricSource, NewPatterns,
    Promote, Round, Rounds, Sampling, Share, Stage, StagePart, Stages, Watch, WatchSource,
};
pub use gate::{Gate, WAIVED, Waiver};
pub use lock::Lock;
pub use looks::{AddedLines, Audit, Changes, Marker, MarkerSource, Scan};
pub use schedule::{Anchor, Marks, Schedule, Span, Until, Window};
pub use task::{Act, Body, File, FileChange, Http, Poll, Retry, Task, Tree, Trend, Undo};

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
