//! What is known of the values of a metric before anything is measured.

use crate::decide::{Evidence, Facts, Kind, Unit};
use crate::runbook::model::{Fill, Metric, MetricSource, Reduce, Text, time_us};

pub(super) fn beforehand(metric: &Metric, metrics: &[Metric], fill: &Fill<'_>) -> Facts {
    let written = metric.quantile.as_ref().and_then(|quantile| quantile.value.parse().ok());
    let of_latency = matches!(metric.source, MetricSource::LatencyOf { reduce: Some(Reduce::P95), .. });
    Facts {
        last_bound: metric.buckets.last().and_then(|bound| bound.value.parse().ok()),
        quantile: written.or(of_latency.then_some(0.95)),
        whole: is_whole(metric),
        part: is_part(metric, metrics),
        signed: is_signed(metric),
        evidence: evidence(metric, metrics),
        rate: is_rate(metric),
        unsaid: is_unsaid(metric),
        divided: metric.unit.is_none() && metric.quantile.is_none() && divides(metric),
        first_us: first_us(metric, metrics, metrics.len(), fill),
    }
}

/// How long it takes until a metric has its first value: that of the change, or of both parts of a ratio.
fn first_us(metric: &Metric, metrics: &[Metric], depth: usize, fill: &Fill<'_>) -> Option<u64> {
    match &metric.source {
        MetricSource::Scrape { change: Some(change), .. } => {
            // All since looking began takes one look more.
            change.over.as_ref().map_or(Some(1), |over| time_us(over, fill).ok())
        }
        MetricSource::Ratio { of, to } if depth > 0 => {
            let part = |name: &Text| metrics.iter().find(|m| m.name == name.value);
            let first = |name| part(name).and_then(|m| first_us(m, metrics, depth - 1, fill));
            first(of).max(first(to))
        }
        _ => None,
    }
}

/// Whether it is counted one by one. What `increase()` says is an estimate with fractions, and what a page shows may be
/// anything.
fn is_whole(metric: &Metric) -> bool {
    let is_count = metric.unit() == Some(Unit::COUNT) && metric.quantile.is_none();
    match &metric.source {
        MetricSource::Scrape { change: Some(change), .. } => is_count && !change.per_second,
        MetricSource::LatencyOf { reduce: Some(Reduce::Count), .. } => is_count,
        _ => false,
    }
}

/// Whether it is a part of what it is divided by, as counts are; times and sizes are compared with each other as well.
fn is_part(metric: &Metric, metrics: &[Metric]) -> bool {
    let MetricSource::Ratio { of, to } = &metric.source else { return false };
    let is_count = |name: &Text| {
        let part = metrics.iter().find(|m| m.name == name.value);
        part.is_some_and(|m| m.unit().is_none_or(|unit| unit.dimension().kind == Kind::Count))
    };
    is_count(of) && is_count(to)
}

/// Whether it may be below zero: times and rates that somebody else computes may be differences.
fn is_signed(metric: &Metric) -> bool {
    let is_computed = match &metric.source {
        MetricSource::Prometheus { .. } | MetricSource::Http { .. } | MetricSource::Shell { .. } => true,
        MetricSource::Scrape { change, .. } => change.is_none(),
        MetricSource::LatencyOf { .. } | MetricSource::Ratio { .. } => false,
    };
    let may_be = metric.unit().is_some_and(|unit| unit.dimension().kind == Kind::Time || unit.dimension().rate);
    is_computed && may_be && metric.quantile.is_none()
}

/// Whether its numbers may be fractions or percent: a quotient is a fraction, and a series that is called a ratio too.
fn is_unsaid(metric: &Metric) -> bool {
    // A unit that does not exist is reported as that.
    if metric.unit.is_some() || metric.quantile.is_some() || is_rate(metric) {
        return false;
    }
    match &metric.source {
        MetricSource::Prometheus { query, .. } => !divides(metric) && !query.value.contains("ratio"),
        MetricSource::Scrape { series, .. } => !series.value.contains("ratio"),
        MetricSource::Http { .. } | MetricSource::Shell { .. } => true,
        MetricSource::LatencyOf { .. } | MetricSource::Ratio { .. } => false,
    }
}

/// Whether its query divides one thing by another.
fn divides(metric: &Metric) -> bool {
    // What stands in quotes is the value of a label, such as a path.
    let outside = |query: &str| query.split(['"', '\'']).step_by(2).any(|part| part.contains('/'));
    matches!(&metric.source, MetricSource::Prometheus { query, .. } if outside(&query.value))
}

/// Whether anybody counts the observations behind its values.
fn evidence(metric: &Metric, metrics: &[Metric]) -> Evidence {
    match &metric.source {
        // So much per second is no share, whatever it is compared with, and that is said of it.
        _ if is_rate(metric) => Evidence::Unknown,
        MetricSource::Prometheus { samples: Some(_), .. } => Evidence::Counted,
        MetricSource::Prometheus { query, .. } => {
            let is_made_of_some = divides(metric) || query.value.contains("quantile(");
            if is_made_of_some || metric.quantile.is_some() { Evidence::Uncounted } else { Evidence::Unclear }
        }
        // A page says how full something is as well; only what changed, and histograms, are counted.
        MetricSource::Scrape { change, .. } if change.is_some() || metric.quantile.is_some() => Evidence::Counted,
        MetricSource::LatencyOf { .. } => Evidence::Counted,
        MetricSource::Ratio { to, .. } => match metrics.iter().find(|m| m.name == to.value) {
            Some(below) if is_rate(below) => Evidence::Uncounted,
            Some(below) if below.unit().is_none_or(|unit| unit.dimension().kind == Kind::Count) => Evidence::Counted,
            // A part of a size or of a time, such as the memory in use, is made of no observations.
            _ => Evidence::Unknown,
        },
        MetricSource::Scrape { .. } | MetricSource::Http { .. } | MetricSource::Shell { .. } => Evidence::Unknown,
    }
}

/// Whether a metric is so much per second.
fn is_rate(metric: &Metric) -> bool {
    let declared = metric.unit().is_some_and(|unit| unit.dimension().rate);
    declared
        || match &metric.source {
            MetricSource::Scrape { change: Some(change), .. } => change.per_second,
            // The seconds of a processor per second are a share of its time.
            MetricSource::Prometheus { query, .. } => {
                let query = &query.value;
                let is_share = divides(metric) || query.contains("_seconds") || metric.unit() == Some(Unit::RATIO);
                query.contains("rate(") && !is_share && metric.quantile.is_none()
            }
            _ => false,
        }
}
