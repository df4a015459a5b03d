//! What a step does, how often it is tried, what must come of it, and how it is taken back.

use super::{Changes, Marker, NodeId, Scan, Template};
use crate::decide::Direction;
use crate::runbook::model::Repeat;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

impl Http {
    /// Whether an answer of this status is a good one.
    pub fn accepts(&self, status: u16) -> bool {
        if self.status.is_empty() { (200..300).contains(&status) } else { self.status.contains(&status) }
    }
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
