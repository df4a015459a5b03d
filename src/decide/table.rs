//! Decision tables: rows of conditions, each with what it asks for.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::ruling::Ruling;
use super::unit::Unit;
use super::words;

/// The most rows a table may have.
pub const MAX_ROWS: usize = 128;

/// A table of `guards` or `decide`. Check it with [`Table::check`] before use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Which of the rows that hold counts.
    pub hit: HitPolicy,
    /// The rows, in the order they are written.
    pub rows: Vec<Row>,
    /// What a value means that no row covers.
    pub otherwise: Ruling,
    /// What it means when a metric has no usable value.
    pub no_data: Ruling,
    /// How often the metrics are sampled, in microseconds.
    pub every_us: u64,
    /// The longest time between two samples that still counts as without a gap, in microseconds; `2.5 x every` when
    /// none is stated: one look may be missed, and looks come a little early or late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_us: Option<u64>,
    /// What is known of the metrics the rows name.
    #[serde(default)]
    pub metrics: BTreeMap<String, Metric>,
}

/// What the evaluation needs to know of a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The unit of its numbers. Without one they are shares where the limits are, and counts otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// How much evidence a sample must have behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_samples: Option<u64>,
    /// How old the newest sample may be, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_after_us: Option<u64>,
    /// Over how long each of its values is taken, in microseconds; none where each is of one moment. What is counted since
    /// looking began is of all the time: `u64::MAX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_us: Option<u64>,
}

/// One row: if all conditions hold, and have held long enough, the table asks for this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symptom: Option<String>,
    /// What must hold, all of it.
    pub conditions: Vec<Condition>,
    /// For how long it must hold at every sample without a gap, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_us: Option<u64>,
    /// What the table then asks for.
    pub action: Ruling,
}

/// What one metric must be like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The metric's name.
    pub metric: String,
    /// What it must be like.
    pub cell: Cell,
}

/// The longest time between two looks this far apart that counts as without a gap, where none is stated: one of them may be
/// missed, and they come a little early or late.
pub(crate) fn default_gap_us(every_us: u64) -> u64 {
    every_us.saturating_mul(5) / 2
}

/// Which of the rows that hold counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HitPolicy {
    /// The most severe of all rows that fire. `otherwise` applies to each metric that no row covers.
    Worst,
    /// The first row that fires, in the order written. `otherwise` applies when none does.
    First,
}

/// A table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableError {
    /// The row it is about, counted from 0; none when it is about the whole table.
    pub row: Option<usize>,
    /// The condition of that row, counted from 0.
    pub condition: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Table {
    /// Everything that is wrong with the table by itself. An empty answer is required before [`super::step()`].
    pub fn check(&self) -> Vec<TableError> {
        let mut errors = Vec::new();
        let mut table = |message: String| errors.push(TableError { row: None, condition: None, message });
        if self.rows.is_empty() {
            table("the table has no rows: it would never decide anything".into());
        }
        if self.rows.len() > MAX_ROWS {
            table(format!("the table has {} rows; {MAX_ROWS} are allowed: split it", self.rows.len()));
            return errors;
        }
        for (name, ruling) in [("otherwise", self.otherwise), ("no_data", self.no_data)] {
            if ruling.passes() {
                let why =
                    if name == "no_data" { "no data is never a pass" } else { "what no row covers is never a pass" };
                table(format!("`{name}: {ruling}`: {why}; use investigate, hold or a stronger one"));
            }
        }
        if self.every_us == 0 {
            table("`every` must be longer than nothing".into());
        }
        let least_us = self.every_us.saturating_add(self.every_us / 2);
        if self.gap_us.is_some_and(|gap| gap < least_us) {
            let least = words::duration(least_us);
            table(format!(
                "looks come a little early or late, so one may follow the other after more than the allowed gap, and \
                 nothing would ever hold for long: use `gap: {least}` (`every` and half of it) or more, or leave it out"
            ));
        }
        for (row, content) in self.rows.iter().enumerate() {
            errors.extend(self.check_row(row, content));
        }
        errors
    }

    /// The names of all metrics that the table looks at, in alphabetical order.
    pub fn metric_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.reads().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The metrics of all conditions as they stand there: some more than once.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &str> {
        self.conditions().flat_map(|(_, condition)| condition.reads())
    }

    /// Whether the table looks at a metric.
    pub(super) fn looks_at(&self, metric: &str) -> bool {
        self.reads().any(|name| name == metric)
    }

    /// Whether a metric is compared with texts, and with nothing else: digits are a text then too. None where it is not
    /// compared at all.
    pub(crate) fn wants_text(&self, metric: &str) -> Option<bool> {
        let mut cells = self.conditions().filter(|(_, c)| c.reads().any(|name| name == metric)).map(|(_, c)| &c.cell);
        let first = cells.next()?;
        let is_text = |cell: &Cell| matches!(cell, Cell::Text { .. });
        Some(is_text(first) && cells.all(is_text))
    }

    /// The longest time between two samples that counts as without a gap, in microseconds.
    pub fn gap_us(&self) -> u64 {
        self.gap_us.unwrap_or(default_gap_us(self.every_us))
    }

    /// How much earlier than its time the first look of a window may have been, in microseconds.
    pub(super) fn window_slack_us(&self) -> u64 {
        self.every_us / 2
    }

    /// How much may be missing of the time for which a row must hold, in microseconds: looks come a little early or late,
    /// and what is looked at so often would otherwise have to hold for one look more by chance.
    pub(super) fn hold_slack_us(&self, for_us: u64) -> u64 {
        self.every_us.min(for_us) / 10
    }

    /// The unit of a metric: the declared one, or what its limits say.
    pub fn unit(&self, metric: &str) -> Unit {
        if let Some(unit) = self.metrics.get(metric).and_then(|m| m.unit) {
            return unit;
        }
        let of_metric = self.conditions().filter(|(_, c)| c.metric == metric);
        let is_share = of_metric.filter_map(|(_, c)| c.cell.share_limits()).any(|share| share);
        if is_share { Unit::RATIO } else { Unit::COUNT }
    }

    pub(super) fn conditions(&self) -> impl Iterator<Item = (usize, &Condition)> {
        self.rows.iter().enumerate().flat_map(|(i, row)| row.conditions.iter().map(move |c| (i, c)))
    }

    fn check_row(&self, row: usize, content: &Row) -> Vec<TableError> {
        let mut errors = Vec::new();
        if content.conditions.is_empty() {
            errors.push(TableError {
                row: Some(row),
                condition: None,
                message: "the row has no condition: it would always hold".into(),
            });
        }
        for (index, condition) in content.conditions.iter().enumerate() {
            let mut wrong = |message| errors.push(TableError { row: Some(row), condition: Some(index), message });
            let unit = self.metrics.get(&condition.metric).and_then(|m| m.unit).or_else(|| {
                let inferred = self.unit(&condition.metric);
                (inferred != Unit::COUNT).then_some(inferred)
            });
            if let Some(message) = condition.cell.misfit(unit) {
                wrong(format!("`{}`: {message}", condition.metric));
            }
            if let (Cell::Text { .. }, Some(unit)) =
                (&condition.cell, self.metrics.get(&condition.metric).and_then(|m| m.unit))
            {
                let (metric, example) = (&condition.metric, unit.dimension().example());
                wrong(format!(
                    "`{metric}` is {}, and a text is never equal to it: use a limit in {example}",
                    unit.dimension()
                ));
            } else if self.is_mixed(condition) {
                wrong(format!("`{}` is compared with a text here and with numbers elsewhere", condition.metric));
            }
            if let Some(metric) = condition.cell.other() {
                let (one, other) = (self.unit(&condition.metric), self.unit(metric));
                let declared = |m: &str| self.metrics.get(m).is_some_and(|m| m.unit.is_some());
                if metric == condition.metric {
                    wrong(format!("`{metric}` is compared with itself"));
                } else if declared(&condition.metric) && declared(metric) && one.dimension() != other.dimension() {
                    wrong(format!(
                        "`{}` is {} and `{metric}` is {}",
                        condition.metric,
                        one.dimension(),
                        other.dimension()
                    ));
                } else if let Some((known, unknown)) = self.half_known(&condition.metric, metric) {
                    wrong(format!(
                        "`{known}` is {} and nothing says what `{unknown}` is: add `unit:` to its declaration",
                        self.unit(known).dimension()
                    ));
                }
            }
        }
        errors
    }

    /// Of two metrics the one that has a unit, where the other has none and its numbers may be anything.
    fn half_known<'m>(&self, one: &'m str, other: &'m str) -> Option<(&'m str, &'m str)> {
        // What is no metric at all is reported where it is named.
        let unit = |metric: &str| self.metrics.get(metric).map(|m| m.unit);
        let (known, unknown) = match (unit(one)?, unit(other)?) {
            (Some(_), None) => (one, other),
            (None, Some(_)) => (other, one),
            _ => return None,
        };
        // A plain number is what a count, or a fraction, is anyway.
        (!self.unit(known).is_plain()).then_some((known, unknown))
    }

    /// Whether this is a cell over texts of a metric that elsewhere is a number.
    fn is_mixed(&self, condition: &Condition) -> bool {
        let is_text = |cell: &Cell| matches!(cell, Cell::Text { .. });
        is_text(&condition.cell) && self.conditions().any(|(_, c)| c.metric == condition.metric && !is_text(&c.cell))
    }
}

impl Condition {
    /// The metrics it looks at.
    pub(super) fn reads(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.metric.as_str()).chain(self.cell.other())
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "row {}: {}", row + 1, self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for TableError {}
