//! What can be said of single limits: units forgotten, buckets that end too soon, conditions that always hold, and how
//! many observations it takes.

use super::axis::Axis;
use super::finding::{Finding, FindingKind, Weight, Witness};
use super::reach::is_on;
use super::{Facts, Table};
use crate::decide::{Cell, Condition, Kind, Limit, stats, words};

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
    /// The limit as a share.
    pub limit: f64,
    /// The smallest number of observations at which not one bad among them excludes a share at the limit, at 95 %.
    pub samples: u64,
}

/// How many observations each limit of a share takes: with fewer, a true share at the limit often shows nothing bad
/// at all. See [`stats::smallest_to_exclude`].
pub fn samples_needed(table: &Table) -> Vec<SampleNeed> {
    let needed = |(row, index, condition): (usize, usize, &Condition)| {
        let is_share = table.unit(&condition.metric).dimension() == crate::decide::Unit::RATIO.dimension();
        let bounds = match &condition.cell {
            Cell::Value(bounds) | Cell::Consecutive { bounds, .. } if is_share => bounds,
            _ => return None,
        };
        let positive = bounds.limits().map(|l| l.quantity().base()).filter(|l| *l > 0.0);
        let limit = positive.min_by(f64::total_cmp)?;
        let samples = stats::smallest_to_exclude(limit, CONFIDENCE)?;
        Some(SampleNeed { row, condition: index, metric: condition.metric.clone(), limit, samples })
    };
    indexed(table).filter_map(needed).collect()
}

pub(super) fn findings(table: &Table, axes: &[Axis], facts: &dyn Fn(&str) -> Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (row, index, condition) in indexed(table) {
        let found = [
            beyond_buckets(table, condition, &facts(&condition.metric)),
            percent_missing(table, condition),
            always_true(table, row, condition, axes),
            too_few_in_time(table, condition),
        ];
        findings
            .extend(found.into_iter().flatten().map(|f| f.rows(vec![row]).condition(index).metric(&condition.metric)));
    }
    for need in samples_needed(table) {
        findings.extend(too_few_for_share(table, &need));
    }
    findings.extend(
        table.metrics.iter().filter_map(|(m, known)| too_few_for_quantile(table, m, known.min_samples?, &facts(m))),
    );
    findings
}

/// All conditions with row and place in it.
fn indexed(table: &Table) -> impl Iterator<Item = (usize, usize, &Condition)> {
    let rows = table.rows.iter().enumerate();
    rows.flat_map(|(row, r)| r.conditions.iter().enumerate().map(move |(index, c)| (row, index, c)))
}

fn beyond_buckets(table: &Table, condition: &Condition, facts: &Facts) -> Option<Finding> {
    let unit = table.unit(&condition.metric);
    let (Cell::Value(bounds) | Cell::Consecutive { bounds, .. }) = &condition.cell else { return None };
    let bound = unit.to_base(facts.last_bound?);
    let limit = bounds.limits().find(|l| l.quantity().base() >= bound)?;
    let shown = words::value(bound, unit);
    let message = format!(
        "the last bucket of `{}` ends at {shown}: values from there on are unknown, and `{limit}` is not below it; add a \
         bucket above {limit}",
        condition.metric
    );
    let witness =
        Witness { metric: condition.metric.clone(), aspect: String::new(), value: shown, number: Some(bound) };
    Some(Finding::new(FindingKind::BeyondBuckets, Weight::Error, message).seen_at(vec![witness]))
}

fn percent_missing(table: &Table, condition: &Condition) -> Option<Finding> {
    let unit = table.unit(&condition.metric);
    let (Cell::Value(bounds) | Cell::Consecutive { bounds, .. }) = &condition.cell else { return None };
    let is_bare = |l: &Limit| l.quantity().unit().is_none() && l.quantity().base() > 1.0;
    let limit = bounds.limits().find(is_bare).filter(|_| unit.dimension().kind == Kind::Share)?;
    let base = limit.quantity().base();
    let shown = words::value(base, unit);
    let message = format!("`{limit}` of a share is {shown}; did you mean `{limit}%`");
    let witness = Witness { metric: condition.metric.clone(), aspect: String::new(), value: shown, number: Some(base) };
    Some(Finding::new(FindingKind::PercentMissing, Weight::Warning, message).seen_at(vec![witness]))
}

fn always_true(table: &Table, row: usize, condition: &Condition, axes: &[Axis]) -> Option<Finding> {
    let axis = axes.iter().find(|a| is_on(condition, a))?;
    if !axis.regions.iter().all(|region| axis.holds(condition, region)) {
        return None;
    }
    let (weight, so) = match table.rows[row].action.passes() {
        true => (Weight::Warning, "the row lets everything pass"),
        false => (Weight::Note, "it says nothing"),
    };
    let message = format!("every value of `{}` satisfies `{}`: {so}", condition.metric, condition.cell);
    let witness = axis.regions.last().map(|region| axis.witness(region, table));
    Some(Finding::new(FindingKind::AlwaysTrue, weight, message).seen_at(witness.into_iter().collect()))
}

fn too_few_for_share(table: &Table, need: &SampleNeed) -> Option<Finding> {
    let have = table.metrics.get(&need.metric)?.min_samples?;
    if have >= need.samples {
        return None;
    }
    let limit = words::value(need.limit, table.unit(&need.metric));
    let clean = (1.0 - need.limit).powf(have as f64);
    let message = format!(
        "{have} observations cannot tell {limit} from noise: at a true share of {limit} there is nothing bad among them \
         with a probability of {}; it takes {} (95% confidence)",
        words::value(clean, table.unit(&need.metric)),
        need.samples
    );
    let witness = Witness {
        metric: need.metric.clone(),
        aspect: format!("of {have} observations"),
        value: "0%".into(),
        number: Some(0.0),
    };
    let finding = Finding::new(FindingKind::TooFewSamples, Weight::Warning, message).rows(vec![need.row]);
    Some(finding.condition(need.condition).metric(&need.metric).seen_at(vec![witness]))
}

/// Tests of chance need a number of values, and of values that are each of a while only those count whose whiles do not
/// overlap.
fn too_few_in_time(table: &Table, condition: &Condition) -> Option<Finding> {
    let (over_us, need) = match &condition.cell {
        Cell::Trend { over_us, .. } => (*over_us, crate::decide::MIN_TREND_POINTS),
        Cell::Compared { over_us, confidence, .. } => {
            (*over_us, stats::fewest_to_compare(confidence.base()).unwrap_or(usize::MAX))
        }
        _ => return None,
    };
    let window_of = |metric: &str| table.metrics.get(metric).and_then(|known| known.window_us);
    let widest = condition.reads().filter_map(|metric| Some((window_of(metric)?, metric))).max();
    let every_us = table.every_us.max(1);
    let apart_us = widest.map_or(1, |(window_us, _)| window_us.div_ceil(every_us).max(1)).saturating_mul(every_us);
    let have = over_us / apart_us + 1;
    if have >= need as u64 {
        return None;
    }
    let overlap = match widest {
        Some((u64::MAX, metric)) => format!(", since each value of `{metric}` is of all the time until then"),
        Some((window_us, metric)) if window_us > every_us => {
            format!(", since values of `{metric}` are each of {} and may not overlap", words::about(window_us))
        }
        _ => String::new(),
    };
    let many = if need == usize::MAX { "more than can be had".into() } else { need.to_string() };
    let message = format!(
        "over {} there are {have} values{overlap}; `{}` takes {many}, so the row is never judged",
        words::about(over_us),
        condition.cell
    );
    Some(Finding::new(FindingKind::TooFewSamples, Weight::Warning, message))
}

fn too_few_for_quantile(table: &Table, metric: &str, have: u64, facts: &Facts) -> Option<Finding> {
    let quantile = facts.quantile?;
    let need = stats::smallest_for_quantile(quantile, CONFIDENCE).filter(|need| have < *need)?;
    let row = indexed(table).find(|(_, _, c)| c.metric == metric)?.0;
    let p = words::number(quantile * 100.0);
    let message = format!(
        "{have} observations say little of P{p}: all of them are below it with a probability of {}; it takes {need} (95% \
         confidence)",
        words::value(quantile.powf(have as f64), crate::decide::Unit::RATIO)
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
