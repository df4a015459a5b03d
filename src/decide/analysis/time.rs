//! Rows that have no time to fire: what must hold for longer than anybody looks, and windows with too few samples.

use super::finding::{Finding, FindingKind, Weight};
use super::limits::indexed;
use super::{Looks, Table};
use crate::decide::{Cell, Condition, MIN_SLOPE_POINTS, MIN_TREND_POINTS, stats, words};

pub(super) fn findings(table: &Table, looks: Looks) -> Vec<Finding> {
    let rows = table.rows.iter().enumerate().filter_map(|(row, content)| {
        // What must hold in a table that is evaluated once is refused where it is written.
        let held = content.for_us.filter(|_| looks != Looks::Once)?;
        let finding = too_long(looks, held, "the row must hold for")?;
        Some(finding.rows(vec![row]))
    });
    let conditions = indexed(table).filter_map(|(row, index, condition)| {
        let finding = too_few(table, condition)
            .or_else(|| too_few_apart(table, condition))
            .or_else(|| takes_too_long(table, looks, condition))?;
        Some(finding.rows(vec![row]).condition(index).metric(&condition.metric))
    });
    too_short(table, looks).into_iter().chain(rows).chain(conditions).collect()
}

/// A time in which the table is looked at once only, and judged after it.
fn too_short(table: &Table, looks: Looks) -> Option<Finding> {
    let Looks::For { over_us, .. } = looks else { return None };
    (over_us < table.every_us).then(|| {
        let (over, every) = (words::duration(over_us), words::duration(table.every_us));
        let message = format!(
            "it is looked at for {over} and only every {every}: the second look, which decides, is after that time; use a \
             shorter `every`"
        );
        Finding::new(FindingKind::OutOfTime, Weight::Warning, message)
    })
}

/// A window that never holds the samples that its statistics need.
fn too_few(table: &Table, condition: &Condition) -> Option<Finding> {
    let fewest = match condition.cell {
        Cell::Slope { .. } => MIN_SLOPE_POINTS,
        Cell::Trend { .. } => MIN_TREND_POINTS,
        Cell::Compared { confidence, .. } => stats::fewest_to_compare(confidence.base()).unwrap_or(usize::MAX),
        _ => return None,
    };
    let over_us = condition.cell.over_us()?;
    let have = over_us / table.every_us.max(1) + 1;
    if have >= fewest as u64 {
        return None;
    }
    let least = words::duration(table.every_us.saturating_mul(fewest as u64 - 1));
    let message = format!(
        "`{} {}` never says anything: in {} there are {have} samples, and it takes {fewest}; use `over: {least}` or a \
         shorter `every`",
        condition.metric,
        condition.cell,
        words::duration(over_us),
    );
    Some(Finding::new(FindingKind::OutOfTime, Weight::Error, message))
}

/// Tests of chance need a number of values, and of values that are each of a while only those count whose whiles do not
/// overlap.
fn too_few_apart(table: &Table, condition: &Condition) -> Option<Finding> {
    let (over_us, need) = match &condition.cell {
        Cell::Trend { over_us, .. } => (*over_us, MIN_TREND_POINTS),
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

fn takes_too_long(table: &Table, looks: Looks, condition: &Condition) -> Option<Finding> {
    let takes_us = match &condition.cell {
        Cell::Consecutive { count, .. } => table.every_us.saturating_mul(u64::from(count.saturating_sub(1))),
        cell => cell.over_us()?,
    };
    too_long(looks, takes_us, &format!("`{} {}` takes", condition.metric, condition.cell))
}

/// What takes so long, measured by how long the table is looked at.
fn too_long(looks: Looks, takes_us: u64, what: &str) -> Option<Finding> {
    let takes = words::duration(takes_us);
    let never = |message| Some(Finding::new(FindingKind::OutOfTime, Weight::Error, message));
    match looks {
        Looks::Once if takes_us > 0 => {
            never(format!("{what} {takes}, and the table is evaluated once: it never fires"))
        }
        Looks::For { over_us, longest_us: Some(longest_us) } if takes_us > longest_us => {
            let over = words::duration(over_us);
            let longest = words::duration(longest_us);
            let with = if longest_us > over_us { format!(", {longest} with all extensions") } else { String::new() };
            never(format!("{what} {takes}, and there are only {over}{with}: it never fires"))
        }
        Looks::For { over_us, .. } if takes_us > over_us => {
            let message = format!(
                "{what} {takes}, and `over` is {}: what looks bad is only known to be so in the time after it",
                words::duration(over_us)
            );
            Some(Finding::new(FindingKind::OutOfTime, Weight::Warning, message))
        }
        _ => None,
    }
}
