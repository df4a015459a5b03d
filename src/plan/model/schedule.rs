//! When a plan and its parts may run.

use super::{NodeId, Template};
use crate::runbook::model::Exempt;
use serde::{Deserialize, Serialize};

/// When a run and its parts may happen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// What T is; the start of the run when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Anchor>,
    /// When the run may happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

impl Schedule {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Schedule::default()
    }

    /// The checkpoint that somebody else answers before a run goes on outside its window.
    pub fn second_look(&self) -> Option<NodeId> {
        self.window.as_ref().and_then(|window| window.second_look)
    }
}

/// What T is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Anchor {
    /// A time in RFC 3339, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Id of the phase or step whose end is T from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_of: Option<String>,
}

/// When a run may happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Only in one of these; at any time when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Span>,
    /// In none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid: Vec<Span>,
    /// Estimates must fit.
    #[serde(default)]
    pub must_end_inside: bool,
    /// Parts that may happen at any time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt: Vec<Exempt>,
    /// The checkpoint that somebody else answers before a run goes on outside of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_look: Option<NodeId>,
}

/// A weekly span of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// As written.
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

/// When a phase or step may begin, in microseconds after T.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    /// Not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_us: Option<i64>,
    /// Not after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after_us: Option<i64>,
}

impl Marks {
    /// Whether it may begin at any time.
    pub fn is_empty(&self) -> bool {
        *self == Marks::default()
    }
}

/// What a pause waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Until {
    /// Microseconds after T.
    pub mark_us: i64,
    /// As written.
    pub mark: Template,
}
