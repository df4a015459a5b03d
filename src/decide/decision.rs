//! What a table says at one time, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ruling::Ruling;
use super::sample::Missing;
use super::words;

/// What a table says at one time, with everything it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// When it was made.
    pub at_us: u64,
    /// What it asks for.
    pub action: Ruling,
    /// What decided.
    pub because: Because,
    /// All rows in the table's order. Under `hit: first` the rows after the deciding one are reported too.
    pub rows: Vec<RowReport>,
    /// The metrics without a usable value, and why.
    pub missing: BTreeMap<String, Missing>,
    /// The metrics whose value no row covers, with that value.
    pub uncovered: BTreeMap<String, String>,
    #[serde(skip)]
    pub(super) sentence: String,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// This row fired, counted from 0.
    Row(usize),
    /// No row covers a value.
    Otherwise,
    /// A metric has no usable value, or a row cannot be judged.
    NoData,
    /// This row, counted from 0, is true but not yet for long enough.
    Pending(usize),
}

/// How one row stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowReport {
    /// How it stands.
    pub status: RowStatus,
    /// What it asks for when it fires.
    pub action: Ruling,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symptom: Option<String>,
    /// Since which sample it has been true without a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_us: Option<u64>,
    /// For how long it has been true.
    pub held_us: u64,
    /// For how long it must be true; 0 when one sample is enough.
    pub for_us: u64,
    /// How much longer it takes at least, while it is pending.
    pub remaining_us: u64,
    /// At how many samples it was true.
    pub samples: u64,
    /// Its conditions.
    pub cells: Vec<CellReport>,
}

/// How a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowStatus {
    /// It holds, and has for long enough.
    Fired,
    /// It holds, but not yet for long enough, or its window is not full yet.
    Pending,
    /// It does not hold.
    Off,
    /// It cannot be judged.
    Unknown,
}

/// How one condition stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellReport {
    /// The metric.
    pub metric: String,
    /// The condition as one phrase with the value: `error_ratio 6.2% > 5%`.
    pub text: String,
    /// Whether it holds.
    pub truth: Truth,
}

/// Whether a condition holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// More samples are needed, at least for this long.
    Pending {
        /// In microseconds; 0 where it is counted in samples.
        remaining_us: u64,
    },
    /// It cannot be judged, and why.
    Unknown(Missing),
}

impl Decision {
    /// The rows that are true but not yet for long enough, by index.
    pub fn pending(&self) -> impl Iterator<Item = (usize, &RowReport)> {
        self.rows.iter().enumerate().filter(|(_, row)| row.status == RowStatus::Pending)
    }

    /// Why, in one sentence for people: `error_ratio 6.2% > 5% since 02:14:05, held 5m of 5m, 31 samples`.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }
}

impl RowReport {
    /// What of the row does not hold.
    pub(super) fn why_off(&self) -> String {
        let off = self.cells.iter().filter(|cell| cell.truth == Truth::No);
        off.map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" and ")
    }

    /// How the row stands, in one sentence for people.
    pub fn sentence(&self) -> String {
        self.with_times(self.cells.iter().map(|c| c.text.as_str()).collect::<Vec<_>>().join(" and "))
    }

    /// The phrases of its conditions, and since when and for how long it holds.
    pub(super) fn with_times(&self, mut text: String) -> String {
        if let Some(since) = self.since_us {
            text += &format!(" since {}", words::clock(since));
        }
        if self.for_us > 0 && self.since_us.is_some() {
            // What fired has held for so long, but for what a look came too early.
            let early_us = if self.status == RowStatus::Fired && self.held_us >= 1_000_000 { 500_000 } else { 0 };
            let held = words::about(self.held_us.saturating_add(early_us));
            text += &format!(", held {held} of {}", words::duration(self.for_us));
        } else if self.status == RowStatus::Pending && self.remaining_us > 0 {
            text += &format!(", {} more needed", words::about(self.remaining_us));
        }
        match self.samples {
            0 => text,
            1 => text + ", 1 sample",
            n => text + &format!(", {n} samples"),
        }
    }
}
