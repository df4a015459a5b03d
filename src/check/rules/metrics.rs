//! Metrics that contradict themselves, and metrics nothing looks at.

use super::did_you_mean;
use crate::check::facts::Facts;
use crate::decide::Unit;
use crate::runbook::model::{Cell, Kind, Metric, MetricSource, TargetUse, Text};
use crate::text::{Code, Diagnostic, Place};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for metric in &facts.runbook.metrics {
        unit(metric, found);
        buckets(metric, found);
        source(facts, metric, found);
        absent(facts, metric, found);
        found.extend(since_the_start(facts, metric));
        if !facts.named.contains(metric.name.as_str()) {
            let message = format!("nothing looks at the metric `{}`", metric.name);
            let problem = Diagnostic::advice(Code::UNUSED_METRIC, message, metric.place.clone());
            found.push(problem.help("name it in a table, or leave it out"));
        }
    }
    ratios(facts, found);
}

/// An unknown metric, with what was probably meant.
pub(super) fn unknown(facts: &Facts<'_>, name: &str, place: &Place) -> Option<Diagnostic> {
    let names = || facts.runbook.metrics.iter().map(|metric| metric.name.as_str());
    if names().any(|known| known == name) {
        return None;
    }
    let message = format!("there is no metric `{name}`{}", did_you_mean(name, names()));
    let problem = Diagnostic::error(Code::UNKNOWN_METRIC, message, place.clone());
    Some(problem.help(format!("metrics of this runbook: {}", super::listed(names()))))
}

fn unit(metric: &Metric, found: &mut Vec<Diagnostic>) {
    let Some(text) = &metric.unit else { return };
    if let Err(why) = Unit::parse(&text.value) {
        found.push(wrong(why, &text.place));
    }
}

fn buckets(metric: &Metric, found: &mut Vec<Diagnostic>) {
    let bounds: Vec<(f64, &Text)> =
        metric.buckets.iter().filter_map(|text| Some((text.value.parse().ok()?, text))).collect();
    for pair in bounds.windows(2).filter(|pair| pair[0].0 >= pair[1].0) {
        let message = format!("the bound {} does not rise above {}", pair[1].1.value, pair[0].1.value);
        found.push(wrong(message, &pair[1].1.place).help("write the upper bounds in order, without infinity"));
    }
}

fn source(facts: &Facts<'_>, metric: &Metric, found: &mut Vec<Diagnostic>) {
    match &metric.source {
        MetricSource::Prometheus { query, url, samples, sampling, .. } => {
            if url.is_none() && facts.runbook.target == TargetUse::None {
                let problem = wrong("the metric does not say where Prometheus is", &metric.place);
                found.push(problem.help("add `url: http://...`; without it, it is `{{ target.prometheus }}`"));
            }
            if metric.quantile.is_some() && query.value.contains("histogram_quantile") {
                let problem = wrong("the quantile would be taken twice", &query.place);
                found.push(
                    problem.help("with `quantile` the query yields the buckets: `sum by (le) (rate(..._bucket[1m]))`"),
                );
            }
            if metric.quantile.is_some() && sampling.is_some() {
                let problem =
                    wrong("a quantile is taken of the buckets of one moment, not of a range of them", &metric.place);
                found.push(problem.help(
                    "leave `range`, `step` and `reduce` out and let the query count: `sum by (le) (increase(..._bucket[5m]))`",
                ));
            }
            if query.value.contains("histogram_quantile") && metric.quantile.is_none() && metric.buckets.is_empty() {
                let message = "above its last bucket `histogram_quantile` says the bound of that bucket";
                let problem = Diagnostic::warning(Code::QUANTILE_CLAMPED, message, query.place.clone());
                found.push(problem.help("name the bounds: `buckets: [0.1, 0.5, 1, 5]`").help(
                    "or let the quantile be taken here: `quantile: 0.95` with `sum by (le) (rate(..._bucket[1m]))`",
                ));
            }
            if metric.min_samples.is_some() && samples.is_none() {
                let problem = wrong("`min_samples` needs a number of samples", &metric.place);
                found.push(problem.help("add `samples:` with the PromQL that counts them"));
            }
        }
        MetricSource::Http { request, .. } => {
            if let Kind::Http(http) = &request.kind
                && !matches!(http.method, "GET" | "HEAD")
            {
                let problem =
                    wrong(format!("a metric only looks, and {} may change something", http.method), &http.url.place);
                found.push(problem.help("use `get:` or `head:`"));
            }
        }
        MetricSource::LatencyOf { step, .. } => {
            found.extend(latency(facts, step));
            if metric.baseline.is_some() {
                let message = "a baseline is taken before any step, and this metric is made of the requests of one";
                let problem = wrong(message, &metric.place);
                found.push(problem.help("drop `baseline:`, or measure the same from outside"));
            }
        }
        MetricSource::Scrape { .. } | MetricSource::Shell { .. } | MetricSource::Ratio { .. } => {}
    }
}

/// A counter or histogram of a page as it is: everything since its program began.
fn since_the_start(facts: &Facts<'_>, metric: &Metric) -> Option<Diagnostic> {
    let MetricSource::Scrape { series, change: None, .. } = &metric.source else { return None };
    let metrics = &facts.runbook.metrics;
    let name = series.value.split('{').next().unwrap_or_default().trim();
    let is_counter = ["_total", "_count", "_bucket", "_sum"].iter().any(|end| name.ends_with(end));
    // What is counted as evidence, or called a counter.
    let is_part = metrics.iter().any(|other| match &other.source {
        MetricSource::Ratio { of, to } => {
            [of, to].iter().any(|part| part.value == metric.name) && (is_counter || other.min_samples.is_some())
        }
        _ => false,
    });
    // How many there are by now is compared with a baseline, or its slope taken, and that is meant.
    let is_limited = || {
        let rules = facts.tables.iter().flat_map(|(_, table)| table.conditions());
        rules
            .into_iter()
            .any(|(_, c)| c.metric == metric.name && matches!(c.cell, Cell::Value(_) | Cell::InARow { .. }))
    };
    let message = format!("`{}` is everything since the program began", metric.name);
    let problem = match () {
        () if metric.quantile.is_some() => Diagnostic::warning(Code::SINCE_THE_START, message, metric.place.clone()),
        () if is_part => Diagnostic::warning(Code::SINCE_THE_START, message, metric.place.clone()),
        () if is_counter && is_limited() => Diagnostic::advice(Code::SINCE_THE_START, message, metric.place.clone()),
        () => return None,
    };
    Some(problem.help("add `delta: 1m` for the last minute, or `delta: all` for all since looking began"))
}

/// What `absent: 0` needs, and where it is missing.
fn absent(facts: &Facts<'_>, metric: &Metric, found: &mut Vec<Diagnostic>) {
    let metrics = &facts.runbook.metrics;
    if metric.absent_is_zero && metric.quantile.is_some() {
        let problem =
            wrong("a histogram that is not there has no quantile, so `absent: 0` says nothing", &metric.place);
        found.push(problem.help("leave `absent` out: no histogram is no data"));
    } else if metric.absent_is_zero {
        let is_beside = |other: &&Metric| other.name != metric.name && page(other) == page(metric);
        if !metrics.iter().any(|other| is_beside(&other)) {
            let problem = wrong(
                "nothing else is read there, so nobody could tell what is not there from nothing at all",
                &metric.place,
            );
            found.push(problem.help("declare another metric of the same page or server, such as all requests"));
        }
    }
    let MetricSource::Ratio { of, .. } = &metric.source else { return };
    let part = metrics.iter().find(|part| part.name == of.value);
    // What is a whole elsewhere is no rare thing that comes later.
    let is_whole = |part: &Metric| {
        metrics.iter().any(|other| matches!(&other.source, MetricSource::Ratio { to, .. } if to.value == part.name))
    };
    let Some(part) = part.filter(|part| selects(part) && !part.absent_is_zero && !is_whole(part)) else { return };
    let message = format!("before `{}` counts anything the ratio `{}` may have no data", part.name, metric.name);
    let problem = Diagnostic::advice(Code::ABSENT_SERIES, message, part.place.clone());
    found.push(problem.help("add `absent: 0` if a series that is not there has counted nothing"));
}

/// Where a metric is read: a page, or a server.
fn page(metric: &Metric) -> Option<(bool, Option<&str>)> {
    match &metric.source {
        MetricSource::Prometheus { url, .. } => Some((false, url.as_ref().map(|url| url.value.as_str()))),
        MetricSource::Scrape { url, .. } => Some((true, Some(&url.value))),
        _ => None,
    }
}

/// Whether it looks at some series of a page only, which may all not be there yet.
fn selects(metric: &Metric) -> bool {
    matches!(&metric.source, MetricSource::Scrape { series, .. } if series.value.contains('{'))
}

fn latency(facts: &Facts<'_>, id: &Text) -> Option<Diagnostic> {
    let Some(&block) = facts.by_id.get(id.value.as_str()) else {
        let hint = did_you_mean(&id.value, facts.by_id.keys().copied());
        let message = format!("there is no step `{}`{hint}", id.value);
        return Some(Diagnostic::error(Code::UNKNOWN_STEP, message, id.place.clone()));
    };
    let step = facts.blocks[block].step?;
    if matches!(step.kind, Kind::Http(_)) {
        return None;
    }
    let problem = wrong(format!("`{}` is not an `http` step, so it has no requests", id.value), &id.place);
    Some(problem.also(step.place.clone(), "the step"))
}

/// The parts of ratios are metrics, of one dimension, and no ratio is a part of itself.
fn ratios(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let metrics = &facts.runbook.metrics;
    for metric in metrics {
        let MetricSource::Ratio { of, to } = &metric.source else { continue };
        found.extend([of, to].into_iter().filter_map(|part| unknown(facts, &part.value, &part.place)));
        let unit = |part: &Text| metrics.iter().find(|m| m.name == part.value).and_then(Metric::unit);
        if let (Some(above), Some(below)) = (unit(of), unit(to))
            && above.dimension() != below.dimension()
        {
            let message =
                format!("`{}` is {} and `{}` is {}", of.value, above.dimension(), to.value, below.dimension());
            found.push(wrong(message, &to.place).help("a ratio is a part of the same thing"));
        }
        if leads_to(metrics, &metric.name, &metric.name, metrics.len()) {
            found.push(wrong(format!("the ratio `{}` is a part of itself", metric.name), &metric.place));
        }
    }
}

fn leads_to(metrics: &[Metric], from: &str, to: &str, steps: usize) -> bool {
    let Some(MetricSource::Ratio { of, to: below }) = metrics.iter().find(|m| m.name == from).map(|m| &m.source) else {
        return false;
    };
    let parts = [&of.value, &below.value];
    parts.iter().any(|part| *part == to)
        || (steps > 0 && parts.iter().any(|part| leads_to(metrics, part, to, steps - 1)))
}

pub(super) fn wrong(message: impl Into<String>, place: &Place) -> Diagnostic {
    Diagnostic::error(Code::METRIC_DECLARATION, message, place.clone())
}
