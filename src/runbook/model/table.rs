//! Decision tables: guards and `decide` steps.

use super::{Extend, Text};
use crate::text::Place;

/// `guards:` or `decide:`.
#[derive(Debug, Clone)]
pub struct Table {
    /// Distance of samples; a table that is evaluated once has none.
    pub every: Option<Text>,
    /// How long a `decide` step looks; once unless written.
    pub over: Option<Text>,
    /// Which of several rows that hold decides.
    pub hit: Hit,
    /// Rows in order.
    pub rules: Vec<Rule>,
    /// What a value that no row covers means.
    pub otherwise: Option<Outcome>,
    /// What missing values mean.
    pub no_data: Option<Outcome>,
    /// What `investigate` means where the row does not say.
    pub investigate: Option<Investigate>,
    /// What `escalate` means.
    pub escalate: Option<Escalate>,
    /// What `extend` means.
    pub extend: Option<Extend>,
    /// The key in the file.
    pub place: Place,
}

/// Which of several rows that hold decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hit {
    /// The one with the gravest action.
    Worst,
    /// The first one.
    First,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Words for people.
    pub symptom: Text,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// For how long; at once unless written.
    pub hold: Option<Text>,
    /// What then.
    pub outcome: Outcome,
    /// The row.
    pub place: Place,
}

/// A metric and what is said of it.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Name of the metric.
    pub metric: String,
    /// Where the name stands.
    pub place: Place,
    /// The cell.
    pub cell: Cell,
}

/// What a row says of one metric, as written.
#[derive(Debug, Clone)]
pub enum Cell {
    /// `"> 5%"`
    Limit(Text),
    /// `{ slope: "> 100MB/min", over: 3m }`
    Named(Vec<(&'static str, Text)>),
}

/// An action and what it needs.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What happens.
    pub action: Action,
    /// Time for a person's answer (`investigate`).
    pub within: Option<Text>,
    /// What happens without an answer (`investigate`).
    pub then: Option<Then>,
    /// The action's word.
    pub place: Place,
}

/// What a row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Back out.
    Rollback,
    /// Stop, keep what was done.
    Abort,
    /// Ask one level of people after the other.
    Escalate,
    /// Ask a person.
    Investigate,
    /// Begin nothing new while it holds.
    Hold,
    /// Look longer.
    Extend,
    /// Nothing: it is as it should be.
    Continue,
    /// Neither good nor bad (`no_data` only): shown, and never a pass.
    Inconclusive,
}

/// What happens without an answer, or after the last extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Back out.
    Rollback,
    /// Stop, keep what was done.
    Abort,
    /// Ask a person (after extensions).
    Investigate,
}

/// `investigate: { within, then }`.
#[derive(Debug, Clone)]
pub struct Investigate {
    /// Time to answer.
    pub within: Text,
    /// What happens without an answer.
    pub then: Then,
}

/// `escalate: { levels: [{ to, within }], then }`.
#[derive(Debug, Clone)]
pub struct Escalate {
    /// Levels in order.
    pub levels: Vec<Level>,
    /// What happens when the last level does not answer.
    pub then: Then,
}

/// One level of people.
#[derive(Debug, Clone)]
pub struct Level {
    /// Who; a template.
    pub to: Text,
    /// Time to answer before the next level is asked.
    pub within: Text,
}
