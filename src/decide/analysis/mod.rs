//! What can be said about a table before anything is measured: gaps, rows that never decide, limits that say
//! something else than was meant. Exhaustive: see [`axis`] and [`reach`] for how.

mod axis;
mod coupled;
mod finding;
mod first;
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
    /// The last finite bucket bound of a quantile from a histogram: at and above it nothing is known.
    pub last_bound: Option<f64>,
    /// Which quantile it is, 0 to 1.
    pub quantile: Option<f64>,
    /// Whether it is counted one by one, so that there is nothing between two whole numbers.
    pub whole: bool,
    /// Whether it is a part of what it is divided by, as far as anybody can tell: more than all of it is nobody's mistake.
    pub part: bool,
    /// Whether it may be below zero, such as a difference of clocks.
    pub signed: bool,
    /// Whether anybody counts the observations behind a value.
    pub evidence: Evidence,
    /// Whether it is so much per second.
    pub rate: bool,
    /// Whether its numbers may be fractions or percent, and nothing says which.
    pub unsaid: bool,
    /// Whether it is one thing divided by another, and nothing says what comes out.
    pub divided: bool,
    /// How long it takes from the first look until it has a value, in microseconds: a change needs two looks.
    pub first_us: Option<u64>,
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
    findings.extend(first::findings(table, looks, &facts_of));
    for part in reach::parts(table, &axes) {
        rows::findings(table, &part, &facts_of, &mut findings);
    }
    findings.sort_by_key(|f| (f.rows.first().copied().unwrap_or(usize::MAX), std::cmp::Reverse(f.weight), f.kind));
    findings
}
