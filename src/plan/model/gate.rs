//! What a checkpoint takes beside the word of whoever drives the run, and which failures somebody answers for.

use super::{Node, NodeKind};
use crate::plan::paths::without_keys;
use crate::runbook::model::Effect;
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

impl Waiver {
    /// Whether it is for the step of a path, one of its items or all of them.
    pub fn names(&self, path: &str) -> bool {
        self.step == path || self.step == without_keys(path)
    }

    /// Whether it is for a step of the plan, whose path has no keys of items yet.
    pub fn is_for(&self, path: &str) -> bool {
        without_keys(&self.step) == path
    }

    /// Whether it still holds at a moment, in microseconds since 1970: to the end of its last day, in UTC.
    pub fn holds_at(&self, now_us: i64) -> bool {
        let last = self.until.parse::<jiff::civil::Date>();
        let today = jiff::Timestamp::from_microsecond(now_us).map(|now| now.to_zoned(jiff::tz::TimeZone::UTC).date());
        last.is_ok_and(|last| today.is_ok_and(|today| today <= last))
    }

    /// `waived by ana until 2026-12-31: CHG-7`.
    pub fn words(&self) -> String {
        format!("{WAIVED}{} until {}: {}", self.person, self.until, self.reason)
    }
}

/// How the reason of a step that was waived begins.
pub const WAIVED: &str = "waived by ";

impl Node {
    /// Whether somebody may answer for its failure: it only looks, or a person does it.
    pub fn can_be_waived(&self) -> bool {
        match &self.kind {
            NodeKind::Task(_) | NodeKind::Watch(_) => self.effect == Effect::Read,
            NodeKind::Manual { .. } => true,
            _ => false,
        }
    }
}
