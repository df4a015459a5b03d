//! Metrics that contradict themselves, and metrics nothing looks at.

use super::did_you_mean;
use crate::check::facts::Facts;
use crate::decide::{self, Unit};
use crate::runbook::model::{Cell, Change, Kind, Metric, MetricSource, TargetUse, Text};
use crate::runbook::promql::{families, is_selector};
use crate::runbook::units::duration_us;
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
    let unit = match Unit::parse(&text.value) {
        Ok(unit) => unit,
        Err(why) => return found.push(wrong(why, &text.place)),
    };
    let MetricSource::Scrape { change: Some(change), .. } = &metric.source else { return };
    let problem = match (change.per_second, unit.dimension().rate) {
        // The seconds of a processor per second are a share of its time.
        _ if metric.quantile.is_some() || unit.dimension().kind == decide::Kind::Share => return,
        (true, false) => "a `rate` is so much per time",
        (false, true) => "a `delta` is how much, and not how much per time",
        _ => return,
    };
    let message = format!("{problem}, and `{}` is {}", unit, unit.dimension());
    let help =
        if change.per_second { format!("say `{unit}/s`, or `delta:`") } else { "say `rate:`, or another unit".into() };
    found.push(wrong(message, &text.place).help(help));
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
            found.extend(age(metric, query, sampling.is_some()));
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
        let wanted = query(metric).map(families).unwrap_or_default();
        let is_beside = |other: &Metric| other.name != metric.name && page(other) == page(metric);
        let is_of_it = |other: &Metric| query(other).is_some_and(|text| wanted.is_subset(&families(text)));
        if !metrics.iter().any(|other| is_beside(other) && is_of_it(other) && !other.absent_is_zero) {
            let listed = wanted.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
            let problem = wrong(
                format!("nothing else reads {listed} there, so nobody could tell what is not there from a wrong name"),
                &metric.place,
            );
            found.push(
                problem.help("declare another metric of the same series, such as all requests, without `absent`"),
            );
        }
    }
    let MetricSource::Ratio { of, .. } = &metric.source else { return };
    let part = metrics.iter().find(|part| part.name == of.value);
    // What is a whole elsewhere is no rare thing that comes later.
    let is_whole = |part: &Metric| {
        metrics.iter().any(|other| matches!(&other.source, MetricSource::Ratio { to, .. } if to.value == part.name))
    };
    let may_be_absent = |part: &&Metric| selects(part) && !part.absent_is_zero && part.quantile.is_none();
    let Some(part) = part.filter(may_be_absent).filter(|part| !is_whole(part)) else { return };
    let message = format!("before `{}` counts anything the ratio `{}` may have no data", part.name, metric.name);
    let problem = Diagnostic::advice(Code::ABSENT_SERIES, message, part.place.clone());
    found.push(problem.help("add `absent: 0` if a series that is not there has counted nothing"));
}

/// A value that Prometheus computes is stamped with the time of the question: however old its samples are, it looks new.
fn age(metric: &Metric, query: &Text, is_range: bool) -> Option<Diagnostic> {
    let stale_after = metric.stale_after.as_ref()?;
    if is_selector(&query.value) && !is_range && metric.quantile.is_none() {
        return None;
    }
    let message =
        "nobody can tell how old what this query computes is: Prometheus stamps it with the time of the question";
    let problem = wrong(message, &stale_after.place);
    Some(
        problem
            .help("leave it out; Prometheus forgets a series after 5 minutes, and at once when its target is gone")
            .help("or watch the age itself, with a metric such as `time() - min(timestamp(up))` and a row for it"),
    )
}

/// What asks for its series.
fn query(metric: &Metric) -> Option<&str> {
    match &metric.source {
        MetricSource::Prometheus { query, .. } => Some(&query.value),
        MetricSource::Scrape { series, .. } => Some(&series.value),
        _ => None,
    }
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
        if let Some(problem) = unlike(metrics, of, to) {
            found.push(problem);
        } else if let (Some(above), Some(below)) = (unit(of), unit(to))
            && above.dimension() != below.dimension()
        {
            let message =
                format!("`{}` is {} and `{}` is {}", of.value, above.dimension(), to.value, below.dimension());
            found.push(wrong(message, &to.place).help("a ratio is a part of the same thing"));
        } else {
            found.extend(undeclared(metrics, of, to));
        }
        if leads_to(metrics, &metric.name, &metric.name, metrics.len()) {
            found.push(wrong(format!("the ratio `{}` is a part of itself", metric.name), &metric.place));
        }
    }
}

/// A part in seconds and one of nobody knows what.
fn undeclared(metrics: &[Metric], of: &Text, to: &Text) -> Option<Diagnostic> {
    let part = |name: &Text| metrics.iter().find(|metric| metric.name == name.value);
    let (above, below) = (part(of)?, part(to)?);
    let (known, unit, unknown) = match (above.unit(), below.unit()) {
        (Some(unit), None) if below.unit.is_none() => (of, unit, to),
        (None, Some(unit)) if above.unit.is_none() => (to, unit, of),
        _ => return None,
    };
    // A number without a unit is a count, or a share of one.
    if [Unit::COUNT, Unit::RATIO].contains(&unit) {
        return None;
    }
    let message = format!("`{}` is in {unit}, and `{}` does not say what it is in", known.value, unknown.value);
    Some(wrong(message, &unknown.place).help(format!("add its `unit:` to `{}`", unknown.value)))
}

/// Counters that are not counted over the same time have no share of each other.
fn unlike(metrics: &[Metric], of: &Text, to: &Text) -> Option<Diagnostic> {
    let change = |name: &Text| match metrics.iter().find(|metric| metric.name == name.value).map(|m| &m.source) {
        Some(MetricSource::Scrape { change, .. }) => Some(change.as_ref()),
        _ => None,
    };
    let (above, below) = (change(of)?, change(to)?);
    if kind(above) == kind(below) {
        return None;
    }
    let message = format!("`{}` is {}, and `{}` is {}", of.value, since(above), to.value, since(below));
    Some(
        wrong(message, &to.place)
            .help("a share is one of the same time: give both the same `delta`, or the same `rate`"),
    )
}

/// A time, however it is written; that of a template is the template.
fn span(text: &str) -> Result<u64, &str> {
    duration_us(text).ok_or(text)
}

fn kind(change: Option<&Change>) -> Option<(bool, Option<Result<u64, &str>>)> {
    change.map(|change| (change.per_second, change.over.as_ref().map(|over| span(&over.value))))
}

fn since(change: Option<&Change>) -> String {
    match change {
        None => "what was ever counted".into(),
        Some(Change { over: None, .. }) => "counted since looking began".into(),
        Some(Change { per_second: true, over: Some(over) }) => format!("per second of the last {}", over.value),
        Some(Change { over: Some(over), .. }) => format!("counted in the last {}", over.value),
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
