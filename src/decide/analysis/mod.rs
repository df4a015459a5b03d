//! What can be said about a table before anything is measured: gaps, rows that never decide, limits that say
//! something else than was meant. Exhaustive: see [`axis`] and [`reach`] for how.

mod axis;
mod finding;
mod limits;
mod reach;
mod rows;
mod samples;
mod time;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use finding::{Finding, FindingKind, Weight, Witness};
pub use samples::{SampleNeed, samples_needed};

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
    /// Whether anybody counts the observations behind a value.
    pub evidence: Evidence,
    /// Whether it is so much per second.
    pub rate: bool,
}

/// Whether anybody counts the observations behind a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Evidence {
    /// A value that needs none, such as a filling level, or one of which nothing is known.
    #[default]
    Unknown,
    /// It may be made of observations, and nobody counts them.
    Unclear,
    /// It is made of observations, and nobody counts them.
    Uncounted,
    /// It comes with the number of its observations.
    Counted,
}

/// When a table is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// Once.
    Once,
    /// For some time, in microseconds.
    For {
        /// As written.
        over_us: u64,
        /// With all extensions; none when it is waited without end for what is pending.
        longest_us: Option<u64>,
    },
    /// As long as what it guards takes.
    Armed,
}

/// Looks at everything a table can say. Findings stand in the order of their rows, the weightiest first within a row.
/// The table must pass [`Table::check`].
pub fn analyse(table: &Table, looks: Looks, facts: &BTreeMap<String, Facts>) -> Vec<Finding> {
    let facts_of = |metric: &str| facts.get(metric).cloned().unwrap_or_default();
    let axes = axis::axes(table, &facts_of);
    let mut findings = limits::findings(table, &axes, &facts_of);
    findings.extend(samples::findings(table, &facts_of));
    findings.extend(time::findings(table, looks));
    for part in reach::parts(table, &axes) {
        rows::findings(table, &part, &mut findings);
    }
    findings.sort_by_key(|f| (f.rows.first().copied().unwrap_or(usize::MAX), std::cmp::Reverse(f.weight), f.kind));
    findings
}
