//! A policy: what holds for every runbook that is run at the targets that list it.
//!
//! It is resolved data without templates. A plan keeps it as it is, so that what is started later is held against the
//! very rules the plan was approved under.

use serde::{Deserialize, Serialize};

/// One policy file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The file it stands in.
    pub file: String,
    /// Commands that may not be started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid: Vec<Forbid>,
    /// Programs that may do what is forbidden, as long as they are these very bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrappers: Vec<Wrapper>,
    /// What a runbook that changes anything needs.
    #[serde(default, skip_serializing_if = "Requirements::is_empty")]
    pub require: Requirements,
    /// What it needs in production besides.
    #[serde(default, skip_serializing_if = "Requirements::is_empty")]
    pub production: Requirements,
    /// What the environment must say of itself before anything is changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub markers: Vec<RequiredMarker>,
    /// Values that were never filled in are refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_placeholders: bool,
    /// Passwords that everybody knows are refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_default_passwords: bool,
    /// The template filter `raw` is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_raw: bool,
    /// Times at which nothing may begin; backing out always may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<Closed>,
}

/// Commands that may not be started, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forbid {
    /// Line of the rule in its file.
    pub line: usize,
    /// What is forbidden.
    pub what: Forbidden,
    /// Why.
    pub reason: String,
    /// What to do instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

/// What a rule forbids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forbidden {
    /// Programs, but for what only looks.
    Commands {
        /// Names of programs, without directories.
        commands: Vec<String>,
        /// Verbs that only look; none where every verb is forbidden. With `*`, which stands for one word, the whole
        /// command must match; otherwise its first words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        read_only: Vec<String>,
        /// Options in front of the verb whose value is the next word.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        options: Vec<String>,
    },
    /// Commands that begin with these words.
    Prefix(Vec<String>),
}

/// A program that may do what is forbidden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapper {
    /// Line in the policy's file.
    pub line: usize,
    /// Its path.
    pub path: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

/// What a runbook that changes anything needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requirements {
    /// Every change says how it is taken back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub undo: bool,
    /// One of these steps or phases, before the first change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backup: Vec<String>,
    /// A checkpoint before the first change.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub checkpoint: bool,
    /// `lock:`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lock: bool,
    /// `guards:`, of the runbook, a phase or a step.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guards: bool,
    /// Inputs of these names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// Steps or phases of these ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// `on_failure: rollback`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rollback: bool,
}

impl Requirements {
    /// Whether nothing is needed.
    pub fn is_empty(&self) -> bool {
        *self == Requirements::default()
    }
}

/// What the environment must say of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredMarker {
    /// Line in the policy's file.
    pub line: usize,
    /// Where it stands.
    pub place: MarkerPlace,
    /// Name of the variable.
    pub name: String,
    /// What it must be, exactly.
    pub is: String,
}

/// Where a marker stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkerPlace {
    /// A file of `NAME=value` lines.
    File(String),
    /// The environment of the live process whose id is in this file.
    Process(String),
}

/// A weekly time at which nothing may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// As written, with its zone.
    pub text: String,
    /// Days it begins on, 0 is Monday.
    pub days: Vec<u8>,
    /// Begin in minutes after midnight.
    pub from_min: u16,
    /// End in minutes after the midnight before its begin.
    pub to_min: u16,
    /// Name of the zone.
    pub zone: String,
}
