//! What can be said of single limits: units forgotten, buckets that end too soon, conditions that always hold.

use super::axis::Axis;
use super::finding::{Finding, FindingKind, Weight, Witness};
use super::reach::is_on;
use super::{Facts, Table};
use crate::decide::{Cell, Condition, Kind, Limit, Unit, words};

pub(super) fn findings(table: &Table, axes: &[Axis], facts: &dyn Fn(&str) -> Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (row, index, condition) in indexed(table) {
        let found = [
            beyond_buckets(table, condition, &facts(&condition.metric)),
            percent_missing(table, condition),
            rate_as_share(table, condition, &facts(&condition.metric)),
            more_than_all(condition, &facts(&condition.metric)),
            always_true(table, row, condition, axes),
        ];
        findings
            .extend(found.into_iter().flatten().map(|f| f.rows(vec![row]).condition(index).metric(&condition.metric)));
    }
    findings.extend(table.metric_names().into_iter().filter_map(|metric| unsaid_share(table, metric, &facts(metric))));
    findings
}

/// All conditions with row and place in it.
pub(super) fn indexed(table: &Table) -> impl Iterator<Item = (usize, usize, &Condition)> {
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
    let is_bare = |l: &Limit| l.quantity().unit().is_none() && l.quantity().base() >= 1.0;
    let limit = bounds.limits().find(is_bare).filter(|_| unit.dimension().kind == Kind::Share)?;
    let base = limit.quantity().base();
    // All of it is a limit that is meant now and then; to say so takes the sign.
    let shown = words::value(base, Unit::PERCENT);
    let message = format!("`{limit}` of a share is {shown}; did you mean `{limit}%`? Write `{shown}` if not");
    let witness = Witness { metric: condition.metric.clone(), aspect: String::new(), value: shown, number: Some(base) };
    Some(Finding::new(FindingKind::PercentMissing, Weight::Warning, message).seen_at(vec![witness]))
}

/// So much per second is no part of anything: 5 errors per second are not 5 %.
fn rate_as_share(table: &Table, condition: &Condition, facts: &Facts) -> Option<Finding> {
    let unit = table.metrics.get(&condition.metric).and_then(|m| m.unit);
    // Who writes `unit: ratio` knows that seconds per second are one.
    let is_share = unit.map_or(condition.cell.share_limits() == Some(true), |unit| unit == Unit::PERCENT);
    if !facts.rate || !is_share {
        return None;
    }
    let Condition { metric, cell } = condition;
    let message =
        format!("`{metric}` is so much per second, and `{cell}` reads it as a share: it is a part of nothing");
    Some(Finding::new(FindingKind::RateAsShare, Weight::Warning, message))
}

/// A limit above all of a part: a row of it is for what cannot be, unless it is no part.
fn more_than_all(condition: &Condition, facts: &Facts) -> Option<Finding> {
    let (Cell::Value(bounds) | Cell::Consecutive { bounds, .. }) = &condition.cell else { return None };
    let is_more = |l: &Limit| l.quantity().unit() == Some(Unit::PERCENT) && l.quantity().base() > 1.0;
    let limit = bounds.limits().find(is_more).filter(|_| facts.part)?;
    let message = format!(
        "`{limit}` is more than all: `{}` gets there only if it is no part of what it is divided by",
        condition.metric
    );
    Some(Finding::new(FindingKind::PercentMissing, Weight::Note, message))
}

/// A number that is judged as a share where nothing says that it is one: 50 may be 50 %, and is read as 5000 %.
fn unsaid_share(table: &Table, metric: &str, facts: &Facts) -> Option<Finding> {
    if table.metrics.get(metric).is_some_and(|known| known.unit.is_some()) {
        return None;
    }
    let is_share = table.unit(metric) == Unit::RATIO;
    let judges = |c: &Condition| match &c.cell {
        Cell::Value(bounds) | Cell::Consecutive { bounds, .. } if is_share => {
            facts.unsaid && c.cell.share_limits() == Some(true) && bounds.limits().any(|l| l.quantity().base() != 0.0)
        }
        Cell::Value(bounds) | Cell::Consecutive { bounds, .. } => {
            facts.divided && bounds.limits().any(|l| l.quantity().unit().is_none() && l.quantity().base() >= 1.0)
        }
        _ => false,
    };
    let (row, index, condition) = indexed(table).find(|(_, _, c)| c.metric == metric && judges(c))?;
    let message = match is_share {
        true => format!(
            "`{}` reads `{metric}` as a share, and nothing says that it is one: where it prints 50, that is 5000%",
            condition.cell
        ),
        false => format!(
            "`{metric}` is one thing divided by another, and nothing says what comes out: `{}` of a share is never reached",
            condition.cell
        ),
    };
    let finding = Finding::new(FindingKind::UnsaidShare, Weight::Warning, message).rows(vec![row]);
    Some(finding.condition(index).metric(metric))
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
