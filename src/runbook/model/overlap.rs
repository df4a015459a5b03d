//! Over how long each value of a metric is taken. Values whose whiles overlap have something in common, and tests of chance
//! must not count that twice.

use super::table::time_us;
use super::{CellProblem, Fill, Metric, MetricSource, Reduce};
use crate::decide::{self, Cell};
use crate::runbook::units::duration_us;
use std::collections::BTreeMap;

/// Notes it of the metrics that conditions hold against chance.
///
/// # Errors
/// A time that cannot be read, or filled.
pub fn note_windows<'c>(
    known: &mut BTreeMap<String, decide::Metric>,
    conditions: impl IntoIterator<Item = &'c decide::Condition>,
    metrics: &[Metric],
    fill: &Fill<'_>,
) -> Result<(), CellProblem> {
    for condition in conditions {
        if !matches!(condition.cell, Cell::Trend { .. } | Cell::Compared { .. }) {
            continue;
        }
        for name in std::iter::once(condition.metric.as_str()).chain(condition.cell.other()) {
            if let Some(about) = known.get_mut(name) {
                about.window_us = window_us(metrics, name, metrics.len(), fill)?;
            }
        }
    }
    Ok(())
}

/// None where a value is of one moment, or nobody can know.
fn window_us(metrics: &[Metric], name: &str, depth: usize, fill: &Fill<'_>) -> Result<Option<u64>, CellProblem> {
    let Some(metric) = metrics.iter().find(|metric| metric.name == name) else { return Ok(None) };
    Ok(match &metric.source {
        MetricSource::Prometheus { sampling: Some(sampling), .. } if sampling.reduce != Reduce::Last => {
            Some(time_us(&sampling.range, fill)?)
        }
        MetricSource::Prometheus { query, .. } => longest_range(&query.value),
        MetricSource::Scrape { change: Some(change), .. } => match &change.over {
            Some(over) => Some(time_us(over, fill)?),
            None => Some(u64::MAX),
        },
        MetricSource::LatencyOf { .. } => Some(u64::MAX),
        // A ratio that is a part of itself is reported elsewhere.
        MetricSource::Ratio { of, to } if depth > 0 => {
            let of = window_us(metrics, &of.value, depth - 1, fill)?;
            of.max(window_us(metrics, &to.value, depth - 1, fill)?)
        }
        MetricSource::Ratio { .. }
        | MetricSource::Scrape { .. }
        | MetricSource::Http { .. }
        | MetricSource::Shell { .. } => None,
    })
}

/// Of `rate(x[5m])` the five minutes.
fn longest_range(query: &str) -> Option<u64> {
    let inside = query.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
    inside.filter_map(|(range, _)| duration_us(range.split(':').next().unwrap_or(range).trim())).max()
}

#[cfg(test)]
mod tests {
    use super::longest_range;

    #[test]
    fn the_longest_range_of_a_query_is_what_its_values_are_taken_over() {
        let cases = [
            ("up", None),
            ("rate(x[5m])", Some(300)),
            ("rate(x{a=~\"[0-9]+\"}[30s]) / rate(y[2m])", Some(120)),
            ("max_over_time(rate(x[1m])[10m:30s])", Some(600)),
            ("rate(x[{{ inputs.window }}])", None),
        ];
        for (query, seconds) in cases {
            assert_eq!(longest_range(query), seconds.map(|s: u64| s * 1_000_000), "{query}");
        }
    }
}
