//! From metrics to queries: what a look asks the world for.

use super::absent;
use super::samples::metric_of;
use crate::machine::action::{self, Query, Source};
use crate::machine::begin::resolve_task;
use crate::machine::names::{Names, Trouble};
use crate::machine::state::{InstId, State};
use crate::plan::model::{Metric, MetricSource};
use crate::runbook::model::Reduce;
use crate::runbook::promql::is_selector;

/// The query that counts what is behind a metric.
pub(super) fn evidence_name(metric: &str) -> String {
    format!("{metric}#samples")
}

/// The query for the time of a sample: Prometheus stamps what it answers with the time it was asked.
pub(super) fn time_name(metric: &str) -> String {
    format!("{metric}#time")
}

/// The metrics of these names, those that others are made of included.
pub(super) fn needed<'a>(state: &'a State, id: InstId, mut wanted: Vec<&'a str>) -> Vec<&'a Metric> {
    let mut found: Vec<&Metric> = Vec::new();
    while let Some(name) = wanted.pop() {
        let Some(metric) = metric_of(state, id, name) else { continue };
        if found.iter().any(|known| known.name == metric.name) {
            continue;
        }
        if let MetricSource::Ratio { of, to } = &metric.source {
            wanted.extend([of.as_str(), to]);
        }
        if metric.absent_is_zero {
            // That something else is there must be seen in the same look.
            wanted.extend(absent::witness(&state.plan, metric).map(|other| other.name.as_str()));
        }
        found.push(metric);
    }
    found
}

/// Adds what the world is asked for a metric; nothing where it is made of what is known already.
pub(super) fn ask(state: &State, id: InstId, metric: &Metric, queries: &mut Vec<Query>) -> Result<(), Trouble> {
    let names = Names::of(state, id);
    let (mut evidence, mut time) = (None, None);
    let from = match &metric.source {
        MetricSource::Prometheus { query, url, sampling, samples } => {
            let url = names.text(url)?;
            let instant = |query: String, reduce| Source::Prometheus {
                url: url.clone(),
                query,
                over_us: None,
                step_us: None,
                reduce,
                buckets: false,
            };
            let from = match sampling {
                None if metric.quantile.is_some() => Source::Prometheus {
                    url: url.clone(),
                    query: names.text(query)?,
                    over_us: None,
                    step_us: None,
                    reduce: action::Reduce::Only,
                    buckets: true,
                },
                None => instant(names.text(query)?, action::Reduce::Only),
                Some(sampling) => Source::Prometheus {
                    url: url.clone(),
                    query: names.text(query)?,
                    over_us: Some(sampling.range_us),
                    step_us: Some(sampling.step_us),
                    reduce: reduce(sampling.reduce),
                    buckets: false,
                },
            };
            if let Some(samples) = samples {
                evidence = Some(instant(names.text(samples)?, action::Reduce::Sum));
            }
            if let Source::Prometheus { query, over_us: None, buckets: false, .. } = &from
                && metric.stale_after_us.is_some()
                && is_selector(query)
            {
                time = Some(instant(format!("min(timestamp({query}))"), action::Reduce::Only));
            }
            from
        }
        MetricSource::Scrape { url, series, change } => {
            let url = names.text(url)?;
            let select = super::series::parse(&names.text(series)?).map_err(|why| format!("{why} ({})", series.at))?;
            match metric.quantile {
                Some(_) => Source::PageBuckets { url, select, each: change.is_some() },
                None => Source::Page { url, select, each: change.is_some() },
            }
        }
        MetricSource::Http { request, .. } => Source::Act(Box::new(resolve_task(&names, request)?)),
        MetricSource::Shell { script, .. } => Source::Act(Box::new(resolve_task(&names, script)?)),
        MetricSource::LatencyOf { .. } | MetricSource::Ratio { .. } => return Ok(()),
    };
    let query = |name, from| Query { name, from, timeout_us: metric.timeout_us };
    queries.push(query(metric.name.clone(), from));
    queries.extend(evidence.map(|from| query(evidence_name(&metric.name), from)));
    queries.extend(time.map(|from| query(time_name(&metric.name), from)));
    Ok(())
}

fn reduce(reduce: Reduce) -> action::Reduce {
    match reduce {
        Reduce::Last => action::Reduce::Last,
        Reduce::Min => action::Reduce::Min,
        Reduce::Max => action::Reduce::Max,
        Reduce::Mean => action::Reduce::Mean,
        Reduce::Sum => action::Reduce::Sum,
        Reduce::P95 => action::Reduce::P95,
        Reduce::Count => action::Reduce::Count,
    }
}
