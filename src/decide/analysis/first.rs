//! Metrics that have no value at the first look: what is a change needs two.

use super::finding::{Finding, FindingKind, Weight};
use super::limits::indexed;
use super::{Facts, Looks, Table};
use crate::decide::{HitPolicy, Ruling, words};

pub(super) fn findings(table: &Table, looks: Looks, facts: &dyn Fn(&str) -> Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let changes = || table.metric_names().into_iter().filter_map(|metric| Some((metric, facts(metric).first_us?)));
    for (metric, first_us) in changes() {
        let place = indexed(table).find(|(_, _, c)| c.reads().any(|name| name == metric));
        let never = never_measured(table, metric, first_us, looks);
        found.extend(never.zip(place).map(|(finding, (row, index, _))| finding.rows(vec![row]).condition(index)));
    }
    if looks != Looks::Once {
        let metrics: Vec<&str> = changes().map(|(metric, _)| metric).collect();
        found.extend(ends_at_once(table, &metrics));
    }
    found
}

/// A change that takes longer than anybody looks.
fn never_measured(table: &Table, metric: &str, first_us: u64, looks: Looks) -> Option<Finding> {
    let takes = words::duration(first_us);
    let (weight, message) = match looks {
        Looks::Once => {
            (Weight::Error, format!("`{metric}` is a change, which takes two looks, and the table is evaluated once"))
        }
        Looks::For { over_us, longest_us } if first_us > over_us => {
            let over = words::duration(over_us);
            // What has no data is only waited for where that is said.
            let longest_us = longest_us.or((table.no_data != Ruling::Hold).then_some(over_us));
            if longest_us.is_some_and(|longest_us| first_us > longest_us) {
                let never =
                    format!("`{metric}` is a change over {takes}, and there are only {over}: it never has a value");
                (Weight::Error, never)
            } else {
                (
                    Weight::Warning,
                    format!("`{metric}` is a change over {takes}: in the {over} of `over` it has no value"),
                )
            }
        }
        _ => return None,
    };
    Some(Finding::new(FindingKind::OutOfTime, weight, message).metric(metric))
}

/// `no_data` that ends everything, where something has no data at the first look.
fn ends_at_once(table: &Table, changes: &[&str]) -> Option<Finding> {
    let metric = changes.first()?;
    let what = match table.no_data {
        Ruling::Rollback => "goes back",
        Ruling::Abort => "stops",
        _ => return None,
    };
    // An earlier row may decide before the one that cannot be judged.
    let weight = if table.hit == HitPolicy::Worst { Weight::Error } else { Weight::Warning };
    let message = format!(
        "`no_data: {}`, and `{metric}` is a change that has no value at the first look: the table {what} at once, always",
        table.no_data
    );
    Some(Finding::new(FindingKind::EndsAtOnce, weight, message).metric(metric))
}
