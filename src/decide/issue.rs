//! What of a look does not pass, thing by thing: what a person is asked about, and lets pass or not.

use serde::{Deserialize, Serialize};

use super::decision::Because;
use super::ruling::Ruling;

/// One thing that does not pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Issue {
    /// This row fires, counted from 0.
    Row(usize),
    /// This row, counted from 0, is true but not yet for long enough, or its window is not full.
    Pending(usize),
    /// No row covers the value of this metric.
    Uncovered(String),
    /// This metric has no usable value.
    Missing(String),
    /// This row, counted from 0, cannot be judged for this metric, which has a value.
    Unjudged(usize, String),
}

/// An issue of a look, and what the table asks for because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// What it is.
    pub issue: Issue,
    /// What it asks for by itself.
    pub ruling: Ruling,
    /// In words.
    pub words: String,
}

impl Issue {
    /// What decides, where it is the worst.
    pub fn cause(&self) -> Because {
        match self {
            Issue::Row(row) => Because::Row(*row),
            Issue::Pending(row) => Because::Pending(*row),
            Issue::Uncovered(_) => Because::Otherwise,
            Issue::Missing(_) | Issue::Unjudged(..) => Because::NoData,
        }
    }

    /// Whether somebody let it pass. Who let a row pass also did so while it is not yet true for long enough again.
    pub fn is_among(&self, accepted: &[Issue]) -> bool {
        accepted.contains(self) || matches!(self, Issue::Pending(row) if accepted.contains(&Issue::Row(*row)))
    }
}
