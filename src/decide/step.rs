//! The fold: a table, what it remembers, new samples and the time give a decision and what to remember.

use std::collections::{BTreeMap, BTreeSet};

use super::decision::{Because, CellReport, Decision, RowReport, RowStatus, Truth};
use super::judge::Look;
use super::ruling::Ruling;
use super::sample::{Missing, Sample};
use super::state::{Reading, RowState, TableState, Value};
use super::table::{HitPolicy, Row, Table};
use super::window::Hold;
use super::words;

/// Takes in the samples and decides. Samples of metrics the table does not name are left alone; a sample that is not
/// newer than the last one adds nothing; one from the future counts as of now. The table must pass [`Table::check`].
///
/// What decides, under `hit: worst`, is the most severe of:
/// - the rows that fire;
/// - `no_data`, when a metric has no usable value or a row cannot be judged;
/// - `otherwise`, for each metric whose value no row covers; a pending row covers it;
/// - [`Ruling::Hold`], while a row is pending. A pending row that would pass holds nothing up once another row covers
///   the same metric.
///
/// Under `hit: first` it is the first row that fires, and `otherwise` when none does. A row before it that cannot be
/// judged or is pending might have been the first: it counts with `no_data` or [`Ruling::Hold`], if that is more severe.
pub fn step(
    table: &Table,
    mut state: TableState,
    samples: &BTreeMap<String, Sample>,
    now_us: u64,
) -> (TableState, Decision) {
    state.fit(table);
    let names = table.metric_names();
    for (metric, sample) in samples.iter().filter(|(metric, _)| names.contains(metric.as_str())) {
        let sample = Sample { at_us: sample.at_us.min(now_us), value: sample.value.clone() };
        state.admit(table, metric, sample);
    }
    let mut rows = std::mem::take(&mut state.rows);
    let reports = {
        let look = Look { table, state: &state, now_us };
        table.rows.iter().zip(&mut rows).map(|(row, memory)| look_at_row(&look, row, memory)).collect()
    };
    let decision = decide(&Look { table, state: &state, now_us }, reports, &names);
    state.rows = rows;
    (state, decision)
}

fn look_at_row(look: &Look<'_>, row: &Row, memory: &mut RowState) -> RowReport {
    let gap_us = look.table.gap_us();
    for (condition, streak) in row.conditions.iter().zip(&mut memory.streaks) {
        if let Some(at_us) = look.state.newest_us(&condition.metric) {
            streak.count(at_us, look.is_inside(condition), gap_us);
        }
    }
    let cells: Vec<CellReport> =
        row.conditions.iter().zip(&memory.streaks).map(|(condition, streak)| look.judge(condition, *streak)).collect();
    let mut remaining_us = 0;
    let status = match all(&cells) {
        Truth::No => {
            memory.hold = None;
            RowStatus::Off
        }
        Truth::Unknown(_) => RowStatus::Unknown,
        Truth::Pending { remaining_us: window_us } => {
            memory.hold = None;
            remaining_us = window_us.saturating_add(row.for_us.unwrap_or(0));
            RowStatus::Pending
        }
        Truth::Yes => {
            let (from_us, to_us) = evidence(look, row);
            let hold = memory.hold.map_or_else(|| Hold::begin(from_us), |hold| hold.again(to_us, gap_us));
            memory.hold = Some(hold);
            remaining_us = row.for_us.unwrap_or(0).saturating_sub(hold.held_us());
            if remaining_us == 0 { RowStatus::Fired } else { RowStatus::Pending }
        }
    };
    let hold = memory.hold.filter(|_| matches!(status, RowStatus::Fired | RowStatus::Pending));
    RowReport {
        status,
        action: row.action,
        symptom: row.symptom.clone(),
        since_us: hold.map(|h| h.since_us),
        held_us: hold.map_or(0, Hold::held_us),
        for_us: row.for_us.unwrap_or(0),
        remaining_us,
        samples: hold.map_or(0, |h| h.samples),
        cells,
    }
}

/// All conditions together: one that is off settles it, then one that is unknown, then one that is pending.
fn all(cells: &[CellReport]) -> Truth {
    let weight = |truth: &Truth| match truth {
        Truth::No => (3, 0),
        Truth::Unknown(_) => (2, 0),
        Truth::Pending { remaining_us } => (1, *remaining_us),
        Truth::Yes => (0, 0),
    };
    cells.iter().map(|c| &c.truth).max_by_key(|t| weight(t)).cloned().unwrap_or(Truth::No)
}

/// From which time on all its metrics have their present value, and up to which all of them are known.
fn evidence(look: &Look<'_>, row: &Row) -> (u64, u64) {
    let times = || row.conditions.iter().flat_map(|c| c.reads()).filter_map(|m| look.state.newest_us(m));
    (times().max().unwrap_or(look.now_us), times().min().unwrap_or(look.now_us))
}

fn decide(look: &Look<'_>, rows: Vec<RowReport>, names: &BTreeSet<&str>) -> Decision {
    let readings: BTreeMap<&str, Result<Reading, Missing>> = names.iter().map(|m| (*m, look.reading(m))).collect();
    let missing: BTreeMap<String, Missing> = readings
        .iter()
        .filter_map(|(metric, reading)| Some((metric.to_string(), reading.as_ref().err()?.clone())))
        .collect();
    let covering = covering(look.table, &rows);
    let uncovered: BTreeMap<String, String> = readings
        .iter()
        .filter_map(|(metric, reading)| {
            let value = &reading.as_ref().ok()?.value;
            (covering.get(metric) == Some(&Cover::None)).then(|| (metric.to_string(), show(look.table, metric, value)))
        })
        .collect();
    let (action, because) = match look.table.hit {
        HitPolicy::Worst => worst(look.table, &rows, &covering, !missing.is_empty(), !uncovered.is_empty()),
        HitPolicy::First => first(look.table, &rows),
    };
    Decision { at_us: look.now_us, action, because, rows, missing, uncovered }
}

/// How far the rows that judge a metric answer for its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cover {
    /// None of them holds.
    None,
    /// One of them cannot be judged.
    Unknown,
    /// One of them is pending.
    Pending,
    /// One of them fires.
    Fired,
}

fn covering<'a>(table: &'a Table, rows: &[RowReport]) -> BTreeMap<&'a str, Cover> {
    let mut covering: BTreeMap<&str, Cover> = BTreeMap::new();
    for (row, condition) in table.conditions() {
        let cover = match rows[row].status {
            RowStatus::Off => Cover::None,
            RowStatus::Unknown => Cover::Unknown,
            RowStatus::Pending => Cover::Pending,
            RowStatus::Fired => Cover::Fired,
        };
        let known = covering.entry(&condition.metric).or_insert(cover);
        *known = cover.max(*known);
    }
    covering
}

fn worst(
    table: &Table,
    rows: &[RowReport],
    covering: &BTreeMap<&str, Cover>,
    is_missing: bool,
    is_uncovered: bool,
) -> (Ruling, Because) {
    let mut found: Vec<(Ruling, Because)> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let is_answered = |c: &super::table::Condition| covering.get(c.metric.as_str()) == Some(&Cover::Fired);
        match row.status {
            RowStatus::Fired => found.push((row.action, Because::Row(index))),
            RowStatus::Pending if row.action.passes() && table.rows[index].conditions.iter().all(is_answered) => {}
            RowStatus::Pending => found.push((Ruling::Hold, Because::Pending(index))),
            RowStatus::Off | RowStatus::Unknown => {}
        }
    }
    if is_missing || rows.iter().any(|r| r.status == RowStatus::Unknown) {
        found.push((table.no_data, Because::NoData));
    }
    if is_uncovered {
        found.push((table.otherwise, Because::Otherwise));
    }
    most_severe(found).unwrap_or((table.otherwise, Because::Otherwise))
}

fn first(table: &Table, rows: &[RowReport]) -> (Ruling, Because) {
    let winner = rows.iter().position(|r| r.status == RowStatus::Fired);
    let before = || rows.iter().enumerate().take(winner.unwrap_or(rows.len()));
    let passing = winner.is_some();
    let mut found: Vec<(Ruling, Because)> = winner.map(|i| (rows[i].action, Because::Row(i))).into_iter().collect();
    if before().any(|(_, r)| r.status == RowStatus::Unknown) {
        found.push((table.no_data, Because::NoData));
    }
    let holds_up = |r: &RowReport| r.status == RowStatus::Pending && !(passing && r.action.passes());
    if let Some((index, _)) = before().find(|(_, r)| holds_up(r)) {
        found.push((Ruling::Hold, Because::Pending(index)));
    }
    most_severe(found).unwrap_or((table.otherwise, Because::Otherwise))
}

/// The most severe; of equals the first.
fn most_severe(found: Vec<(Ruling, Because)>) -> Option<(Ruling, Because)> {
    found.into_iter().reduce(|best, next| if next.0 > best.0 { next } else { best })
}

fn show(table: &Table, metric: &str, value: &Value) -> String {
    match value {
        Value::Number(number) => words::value(*number, table.unit(metric)),
        Value::Text(text) => format!("\"{text}\""),
    }
}
