//! `absent: 0` says that a series that is not there has counted nothing. Whether that may be believed is shown by another
//! metric of the same family at the same place: where that is there too, the name is not misspelled.

use crate::machine::action::{Done, ReadValue};
use crate::plan::model::{Metric, MetricSource, Plan};
use crate::runbook::promql::families;

/// The metric that is read beside one that may be absent, so that the same look can tell.
pub(super) fn witness<'a>(plan: &'a Plan, metric: &'a Metric) -> Option<&'a Metric> {
    let is_partner = |other: &Metric| {
        plan.metrics.iter().any(|ratio| match &ratio.source {
            MetricSource::Ratio { of, to } => ratio.scope == metric.scope && *of == metric.name && *to == other.name,
            _ => false,
        })
    };
    // What it needs to know is known where its partner is read, and nothing has to be known where there is no template.
    let doubt = |other: &&Metric| (!is_partner(other), query(other).is_some_and(|text| text.contains("{{")));
    witnesses(plan, metric).min_by_key(doubt)
}

/// Whether there being no such series means that nothing was counted.
pub(super) fn counts_as_zero(plan: &Plan, metric: &Metric, done: &Done) -> bool {
    let is_there = |other: &Metric| {
        let found = done.readings.iter().find(|reading| reading.name == other.name).map(|reading| &reading.value);
        matches!(found, Some(ReadValue::Number(_) | ReadValue::Buckets(_) | ReadValue::Series(_)))
    };
    metric.absent_is_zero && witnesses(plan, metric).any(is_there)
}

/// Other metrics of the same family from the same page or server, that are never taken for zero themselves.
fn witnesses<'a>(plan: &'a Plan, metric: &'a Metric) -> impl Iterator<Item = &'a Metric> {
    let (here, wanted) = (place(metric), query(metric).map(families).unwrap_or_default());
    let of_scope = plan.metrics.iter().filter(move |other| other.scope == metric.scope && other.name != metric.name);
    let beside = of_scope.filter(move |other| here.is_some() && place(other) == here && !other.absent_is_zero);
    beside.filter(move |other| query(other).is_some_and(|text| wanted.is_subset(&families(text))))
}

fn place(metric: &Metric) -> Option<(bool, &str)> {
    match &metric.source {
        MetricSource::Prometheus { url, .. } => Some((false, &url.text)),
        MetricSource::Scrape { url, .. } => Some((true, &url.text)),
        _ => None,
    }
}

fn query(metric: &Metric) -> Option<&str> {
    match &metric.source {
        MetricSource::Prometheus { query, .. } => Some(&query.text),
        MetricSource::Scrape { series, .. } => Some(&series.text),
        _ => None,
    }
}
