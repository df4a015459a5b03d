//! How many observations it takes before a share or a quantile says anything.

use super::finding::{Finding, FindingKind, Weight, Witness};
use super::limits::indexed;
use super::{Evidence, Facts, Table};
use crate::decide::{Cell, Condition, Unit, stats, words};

/// How sure the sample sizes are.
const CONFIDENCE: f64 = 0.95;

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
                findings.extend(nothing_counted(table, metric, have, &facts));
            }
            None => findings.extend(no_min_samples(table, metric, &facts)),
        }
    }
    findings
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
    let row = indexed(table).find(|(_, _, c)| c.metric == metric)?.0;
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
            let (row, condition, _) = indexed(table).find(|(_, _, c)| c.metric == metric)?;
            let what = format!("to say anything of P{}", words::number(quantile * 100.0));
            (row, condition, what, stats::smallest_for_quantile(quantile, CONFIDENCE)?)
        }
        (None, None) => return None,
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
    let (row, condition, _) = indexed(table).find(|(_, _, c)| c.metric == metric)?;
    let message = format!("`min_samples: {have}` of `{metric}` has nothing to count, so there is never enough");
    let finding = Finding::new(FindingKind::NothingCounted, Weight::Warning, message).rows(vec![row]);
    Some(finding.condition(condition).metric(metric))
}
