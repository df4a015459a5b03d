//! How many observations it takes before a share or a quantile says anything.

use super::finding::{Finding, FindingKind, Weight, Witness};
use super::limits::indexed;
use super::{Evidence, Facts, Table};
use crate::decide::{Cell, Condition, Unit, stats, words};

/// How sure the sample sizes are.
const CONFIDENCE: f64 = 0.95;

/// Where no limit says how fine a share must be seen: fewer observations than exclude this are no evidence.
const LEAST_SHARE: f64 = 0.05;

/// How many observations it takes to tell a row's limit from noise.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleNeed {
    /// The row, counted from 0.
    pub row: usize,
    /// The condition of that row, counted from 0.
    pub condition: usize,
    /// The metric.
    pub metric: String,
    /// The limit as a share: of the bad ones below one half, of the good ones above.
    pub limit: f64,
    /// The smallest number of observations at which not one bad among them excludes a share at the limit, at 95 %.
    pub samples: u64,
}

/// How many observations each limit of a share takes: with fewer, a true share at the limit often shows nothing bad
/// at all. Where good ones are counted (`>= 99.9%`), the bad ones are the rest. See [`stats::smallest_to_exclude`].
pub fn samples_needed(table: &Table) -> Vec<SampleNeed> {
    let needed = |(row, index, condition): (usize, usize, &Condition)| {
        let is_share = table.unit(&condition.metric).dimension() == Unit::RATIO.dimension();
        let bounds = match &condition.cell {
            Cell::Value(bounds) | Cell::Consecutive { bounds, .. } if is_share => bounds,
            _ => return None,
        };
        let inside = bounds.limits().map(|l| l.quantity().base()).filter(|l| 0.0 < *l && *l < 1.0);
        let limit = inside.min_by(|one, other| bad(*one).total_cmp(&bad(*other)))?;
        let samples = stats::smallest_to_exclude(bad(limit), CONFIDENCE)?;
        Some(SampleNeed { row, condition: index, metric: condition.metric.clone(), limit, samples })
    };
    indexed(table).filter_map(needed).collect()
}

/// The share of the bad ones at a limit.
fn bad(limit: f64) -> f64 {
    // Without the dust that `1 - 0.999` leaves behind.
    if limit <= 0.5 { limit } else { ((1.0 - limit) * 1e12).round() / 1e12 }
}

pub(super) fn findings(table: &Table, facts: &dyn Fn(&str) -> Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        samples_needed(table).iter().filter_map(|need| too_few_for_share(table, need)).collect();
    for metric in table.metric_names() {
        let facts = facts(metric);
        match table.metrics.get(metric).and_then(|known| known.min_samples) {
            Some(have) => {
                findings.extend(too_few_for_quantile(table, metric, have, &facts));
                findings.extend(too_few_at_all(table, metric, have, &facts));
                findings.extend(nothing_counted(table, metric, have, &facts));
            }
            None => findings.extend(no_min_samples(table, metric, &facts)),
        }
    }
    findings
}

/// The first condition that looks at a metric, on either side of it.
fn first_read(table: &Table, metric: &str) -> Option<(usize, usize)> {
    let mut read = indexed(table).filter(|(_, _, c)| c.reads().any(|name| name == metric));
    read.next().map(|(row, index, _)| (row, index))
}

/// A share whose limits say no number by themselves: one that is compared with another value, or with none or all.
fn judged_without_limit(table: &Table, metric: &str, facts: &Facts) -> Option<(usize, usize)> {
    let is_share = table.unit(metric).dimension() == Unit::RATIO.dimension();
    let is_unsaid = facts.evidence == Evidence::Uncounted && table.metrics.get(metric).is_none_or(|m| m.unit.is_none());
    if !(is_share || is_unsaid) {
        return None;
    }
    let mut judging = indexed(table).filter(|(_, _, condition)| match &condition.cell {
        Cell::Vs { .. } | Cell::Compared { .. } => condition.reads().any(|name| name == metric),
        Cell::VsBaseline(_) => condition.metric == metric,
        Cell::Value(bounds) | Cell::Consecutive { bounds, .. } => {
            let is_end = |base: f64| base == 0.0 || base == 1.0;
            condition.metric == metric && is_share && bounds.limits().all(|l| is_end(l.quantity().base()))
        }
        _ => false,
    });
    judging.next().map(|(row, index, _)| (row, index))
}

fn too_few_for_share(table: &Table, need: &SampleNeed) -> Option<Finding> {
    let have = table.metrics.get(&need.metric)?.min_samples?;
    if have >= need.samples {
        return None;
    }
    let limit = words::value(need.limit, table.unit(&need.metric));
    let clean = (1.0 - bad(need.limit)).powf(have as f64);
    let message = format!(
        "{have} observations cannot tell {limit} from noise: at a true share of {limit} there is nothing bad among them \
         with a probability of {}; it takes {} (95% confidence)",
        words::value(clean, table.unit(&need.metric)),
        need.samples
    );
    let clean_share = if need.limit <= 0.5 { 0.0 } else { 1.0 };
    let witness = Witness {
        metric: need.metric.clone(),
        aspect: format!("of {have} observations"),
        value: words::value(clean_share, Unit::PERCENT),
        number: Some(clean_share),
    };
    let finding = Finding::new(FindingKind::TooFewSamples, Weight::Warning, message).rows(vec![need.row]);
    Some(finding.condition(need.condition).metric(&need.metric).seen_at(vec![witness]))
}

fn too_few_for_quantile(table: &Table, metric: &str, have: u64, facts: &Facts) -> Option<Finding> {
    let quantile = facts.quantile?;
    let need = stats::smallest_for_quantile(quantile, CONFIDENCE).filter(|need| have < *need)?;
    let row = first_read(table, metric)?.0;
    let p = words::number(quantile * 100.0);
    let message = format!(
        "{have} observations say little of P{p}: all of them are below it with a probability of {}; it takes {need} (95% \
         confidence)",
        words::value(quantile.powf(have as f64), Unit::RATIO)
    );
    let witness = Witness {
        metric: metric.into(),
        aspect: format!("of {have} observations"),
        value: format!("below P{p}"),
        number: None,
    };
    let finding = Finding::new(FindingKind::TooFewSamples, Weight::Warning, message).rows(vec![row]);
    Some(finding.metric(metric).seen_at(vec![witness]))
}

/// So few that a share of them is as good as nothing, whatever it is compared with.
fn too_few_at_all(table: &Table, metric: &str, have: u64, facts: &Facts) -> Option<Finding> {
    let need = fewest().filter(|need| have < *need)?;
    // A limit, or a quantile, that says itself what it takes is reported with that number.
    if facts.quantile.is_some() || samples_needed(table).iter().any(|known| known.metric == metric) {
        return None;
    }
    let (row, condition) = judged_without_limit(table, metric, facts)?;
    let least = words::value(LEAST_SHARE, Unit::RATIO);
    let message = format!(
        "`min_samples: {have}` says little of the share `{metric}`: at a true share of {least} there is nothing bad among \
         them with a probability of {}; it takes {need} (95% confidence)",
        words::value((1.0 - LEAST_SHARE).powf(have as f64), Unit::RATIO)
    );
    let finding = Finding::new(FindingKind::TooFewSamples, Weight::Warning, message).rows(vec![row]);
    Some(finding.condition(condition).metric(metric))
}

/// What tells nothing at all from this share is the least that counts as evidence.
fn fewest() -> Option<u64> {
    stats::smallest_to_exclude(LEAST_SHARE, CONFIDENCE)
}

/// A share or quantile that a row judges, whatever little stands behind it.
fn no_min_samples(table: &Table, metric: &str, facts: &Facts) -> Option<Finding> {
    let weight = match facts.evidence {
        Evidence::Unknown => return None,
        Evidence::Unclear => Weight::Note,
        Evidence::Uncounted | Evidence::Counted => Weight::Warning,
    };
    let shares = samples_needed(table).into_iter().filter(|need| need.metric == metric);
    let share = shares.max_by_key(|need| need.samples);
    let (row, condition, what, need) = match (share, facts.quantile) {
        (Some(need), _) => {
            let limit = words::value(need.limit, table.unit(metric));
            (need.row, need.condition, format!("to tell {limit} from noise"), need.samples)
        }
        (None, Some(quantile)) => {
            let (row, condition) = first_read(table, metric)?;
            let what = format!("to say anything of P{}", words::number(quantile * 100.0));
            (row, condition, what, stats::smallest_for_quantile(quantile, CONFIDENCE)?)
        }
        (None, None) => {
            let (row, condition) = judged_without_limit(table, metric, facts)?;
            (row, condition, format!("to exclude {}", words::value(LEAST_SHARE, Unit::RATIO)), fewest()?)
        }
    };
    let how = match facts.evidence {
        Evidence::Counted => format!("add `min_samples: {need}` to the metric"),
        _ => format!("add `samples:` that counts them and `min_samples: {need}` to the metric"),
    };
    let message =
        format!("one observation is enough for `{metric}` here, and it takes {need} {what} (95% confidence): {how}");
    let finding = Finding::new(FindingKind::NoMinSamples, weight, message).rows(vec![row]);
    Some(finding.condition(condition).metric(metric))
}

fn nothing_counted(table: &Table, metric: &str, have: u64, facts: &Facts) -> Option<Finding> {
    if facts.evidence != Evidence::Uncounted {
        return None;
    }
    let (row, condition) = first_read(table, metric)?;
    let message = format!("`min_samples: {have}` of `{metric}` has nothing to count, so there is never enough");
    let finding = Finding::new(FindingKind::NothingCounted, Weight::Warning, message).rows(vec![row]);
    Some(finding.condition(condition).metric(metric))
}
