//! What is known of the values of a metric before anything is measured.

use crate::decide::{Evidence, Facts, Kind, Unit};
use crate::runbook::model::{Metric, MetricSource, Reduce};

pub(super) fn beforehand(metric: &Metric, metrics: &[Metric]) -> Facts {
    let written = metric.quantile.as_ref().and_then(|quantile| quantile.value.parse().ok());
    let of_latency = matches!(metric.source, MetricSource::LatencyOf { reduce: Some(Reduce::P95), .. });
    Facts {
        last_bound: metric.buckets.last().and_then(|bound| bound.value.parse().ok()),
        quantile: written.or(of_latency.then_some(0.95)),
        evidence: evidence(metric, metrics),
        rate: is_rate(metric),
        ..Facts::default()
    }
}

/// Whether anybody counts the observations behind its values.
fn evidence(metric: &Metric, metrics: &[Metric]) -> Evidence {
    match &metric.source {
        // So much per second is no share, whatever it is compared with, and that is said of it.
        _ if is_rate(metric) => Evidence::Unknown,
        MetricSource::Prometheus { samples: Some(_), .. } => Evidence::Counted,
        MetricSource::Prometheus { query, .. } => {
            let divides = query.value.contains(" / ") || query.value.contains("quantile(");
            if divides || metric.quantile.is_some() { Evidence::Uncounted } else { Evidence::Unclear }
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
                let is_share = query.contains('/') || query.contains("_seconds") || metric.unit() == Some(Unit::RATIO);
                query.contains("rate(") && !is_share && metric.quantile.is_none()
            }
            _ => false,
        }
}
