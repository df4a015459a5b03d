//! What a checkpoint takes beside the word of whoever drives the run, and which failures somebody answers for.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a GO takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// How many people of each role must say GO; whoever drives the run is none of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, u32>,
    /// Who holds each of these roles: principals, or [`Gate::ANYBODY`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub people: BTreeMap<String, Vec<String>>,
    /// What must be typed where the run is driven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrase: Option<String>,
    /// How long a GO stays good before everything is there, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_for_us: Option<u64>,
    /// A GO must say where else it is written down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reference: bool,
}

impl Gate {
    /// Stands for everybody whose approvals are trusted. No target can name anybody like this.
    pub const ANYBODY: &str = "*";

    /// Whether the word of whoever drives the run is enough.
    pub fn is_empty(&self) -> bool {
        *self == Gate::default()
    }
}

/// A failure of a step that looks, or of a manual one, that somebody answers for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// Path of the step; without keys of items it holds for each item.
    pub step: String,
    /// Who answers for it.
    pub person: String,
    /// Why.
    pub reason: String,
    /// The last day it holds, `2026-12-31`, in UTC.
    pub until: String,
}
