//! What can be said about a table before anything is measured: gaps, rows that never decide, limits that say
//! something else than was meant. Exhaustive: see [`axis`] and [`reach`] for how.

mod axis;
mod finding;
mod limits;
mod reach;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use finding::{Finding, FindingKind, Weight, Witness};
pub use limits::{SampleNeed, samples_needed};

use super::table::Table;

/// What is known of a metric's values beforehand. Numbers are in the metric's unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The smallest possible value; without it shares, times, sizes and declared counts are not negative.
    pub low: Option<f64>,
    /// The largest possible value.
    pub high: Option<f64>,
    /// The last finite bucket bound of a quantile from a histogram: at and above it nothing is known.
    pub last_bound: Option<f64>,
    /// Which quantile it is, 0 to 1.
    pub quantile: Option<f64>,
    /// Whether it has no fractions.
    pub whole: bool,
    /// All texts it can be; empty when it can be any.
    pub values: Vec<String>,
}

/// Looks at everything a table can say. Findings stand in the order of their rows, the weightiest first within a row.
/// The table must pass [`Table::check`].
pub fn analyse(table: &Table, facts: &BTreeMap<String, Facts>) -> Vec<Finding> {
    let facts_of = |metric: &str| facts.get(metric).cloned().unwrap_or_default();
    let axes = axis::axes(table, &facts_of);
    let mut findings = limits::findings(table, &axes, &facts_of);
    for part in reach::parts(table, &axes) {
        rows::findings(table, &part, &mut findings);
    }
    findings.sort_by_key(|f| (f.rows.first().copied().unwrap_or(usize::MAX), std::cmp::Reverse(f.weight), f.kind));
    findings
}
