//! From how the rows of a table stand to what the table says, and why.

use std::collections::BTreeMap;

use super::decision::{Because, CellReport, Decision, RowReport, RowStatus, Truth};
use super::judge::Look;
use super::ruling::Ruling;
use super::sample::Missing;
use super::state::Value;
use super::table::{Condition, HitPolicy, Table};
use super::window::Hold;
use super::words;

/// How one row stands, not yet in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowStanding {
    pub(super) status: RowStatus,
    pub(super) hold: Option<Hold>,
    pub(super) remaining_us: u64,
}

/// How a table stands, and what it therefore says.
pub(super) struct Standing<'a> {
    look: Look<'a>,
    rows: Vec<RowStanding>,
    missing: Vec<(&'a str, Missing)>,
    uncovered: Vec<(&'a str, &'a Value)>,
    pub(super) action: Ruling,
    pub(super) because: Because,
}

impl<'a> Standing<'a> {
    pub(super) fn of(look: Look<'a>, rows: Vec<RowStanding>) -> Standing<'a> {
        let Look { table, state, now_us, .. } = look;
        let (mut missing, mut uncovered) = (Vec::new(), Vec::new());
        let covering = covering(table, &rows);
        for (metric, cover) in &covering {
            match state.reading(table, metric, now_us) {
                Err(why) => missing.push((*metric, why)),
                Ok((value, _)) if *cover == Cover::None => uncovered.push((*metric, value)),
                Ok(_) => {}
            }
        }
        let (action, because) = match table.hit {
            HitPolicy::Worst => worst(table, &rows, &covering, !missing.is_empty(), !uncovered.is_empty()),
            HitPolicy::First => first(table, &rows),
        };
        Standing { look, rows, missing, uncovered, action, because }
    }

    /// Why, in one sentence for people: `error_ratio 6.2% > 5% since 02:14:05, held 5m of 5m, 31 samples`.
    pub(super) fn sentence(&self) -> String {
        match self.because {
            Because::Row(row) | Because::Pending(row) => {
                let phrases = self.cells(row).map(|cell| cell.text).reduce(|text, more| text + " and " + &more);
                self.row(row).with_times(phrases.unwrap_or_default())
            }
            Because::Otherwise if self.is_gate() => self.full_row(0).why_off(),
            Because::Otherwise => {
                let values = self.uncovered().map(|(metric, value)| format!("{metric} {value}"));
                format!("no row covers {}", values.collect::<Vec<_>>().join(", "))
            }
            Because::NoData => self.why_no_data(),
        }
    }

    /// The metrics a reason is about that is no row.
    pub(super) fn at_issue(&self, because: Because) -> Vec<String> {
        match because {
            Because::Otherwise => self.uncovered.iter().map(|(metric, _)| metric.to_string()).collect(),
            Because::NoData => self.missing.iter().map(|(metric, _)| metric.to_string()).collect(),
            Because::Row(_) | Because::Pending(_) => Vec::new(),
        }
    }

    /// All of it.
    pub(super) fn decision(&self) -> Decision {
        Decision {
            at_us: self.look.now_us,
            action: self.action,
            because: self.because,
            rows: (0..self.rows.len()).map(|row| self.full_row(row)).collect(),
            missing: self.missing.iter().map(|(metric, why)| (metric.to_string(), why.clone())).collect(),
            uncovered: self.uncovered().map(|(metric, value)| (metric.to_string(), value)).collect(),
            sentence: self.sentence(),
        }
    }

    /// Whether there is one way to pass: what of it does not hold is then the whole reason.
    fn is_gate(&self) -> bool {
        matches!(&self.look.table.rows[..], [only] if only.action.passes())
    }

    fn full_row(&self, index: usize) -> RowReport {
        let symptom = self.look.table.rows[index].symptom.clone();
        RowReport { symptom, cells: self.cells(index).collect(), ..self.row(index) }
    }

    fn cells(&self, row: usize) -> impl Iterator<Item = CellReport> {
        self.look.cells(row).map(|(condition, streak)| {
            let (found, truth) = self.look.judge(condition, streak);
            CellReport { metric: condition.metric.clone(), text: self.look.words(condition, found, &truth), truth }
        })
    }

    /// How a row stands, without what people call it and its conditions.
    fn row(&self, index: usize) -> RowReport {
        let (row, standing) = (&self.look.table.rows[index], &self.rows[index]);
        RowReport {
            status: standing.status,
            action: row.action,
            symptom: None,
            since_us: standing.hold.map(|hold| hold.since_us),
            held_us: standing.hold.map_or(0, Hold::held_us),
            for_us: row.for_us.unwrap_or(0),
            remaining_us: standing.remaining_us,
            samples: standing.hold.map_or(0, |hold| hold.samples),
            cells: Vec::new(),
        }
    }

    fn uncovered(&self) -> impl Iterator<Item = (&'a str, String)> {
        let unit = |metric| self.look.table.unit(metric);
        self.uncovered.iter().map(move |(metric, value)| match value {
            Value::Number(number) => (*metric, words::value(*number, unit(metric))),
            Value::AtLeast(bound) => (*metric, format!("at least {}", words::value(*bound, unit(metric)))),
            Value::Text(text) => (*metric, format!("\"{text}\"")),
        })
    }

    fn why_no_data(&self) -> String {
        let of_metrics = self.missing.iter().map(|(metric, why)| format!("{metric}: {why}"));
        let cells = (0..self.rows.len()).flat_map(|row| self.look.cells(row));
        let unknown = cells.filter_map(|(condition, streak)| match self.look.judge(condition, streak).1 {
            Truth::Unknown(why) if self.missing.iter().all(|(known, _)| *known != condition.metric) => {
                Some(format!("{}: {why}", condition.metric))
            }
            _ => None,
        });
        let mut reasons: Vec<String> = of_metrics.chain(unknown).collect();
        reasons.dedup();
        reasons.join("; ")
    }
}

/// How far the rows that judge a metric answer for its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cover {
    /// There are none: it is only compared with.
    Unasked,
    /// None of them holds.
    None,
    /// One of them cannot be judged.
    Unknown,
    /// One of them is pending.
    Pending,
    /// One of them fires.
    Fired,
}

/// By metric that the table looks at.
fn covering<'a>(table: &'a Table, rows: &[RowStanding]) -> BTreeMap<&'a str, Cover> {
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
        if let Some(other) = condition.cell.other() {
            covering.entry(other).or_insert(Cover::Unasked);
        }
    }
    covering
}

fn worst(
    table: &Table,
    rows: &[RowStanding],
    covering: &BTreeMap<&str, Cover>,
    is_missing: bool,
    is_uncovered: bool,
) -> (Ruling, Because) {
    let mut found: Vec<(Ruling, Because)> = Vec::new();
    for (index, (row, standing)) in table.rows.iter().zip(rows).enumerate() {
        let is_answered = |c: &Condition| covering.get(c.metric.as_str()) == Some(&Cover::Fired);
        match standing.status {
            RowStatus::Fired => found.push((row.action, Because::Row(index))),
            RowStatus::Pending if row.action.passes() && row.conditions.iter().all(is_answered) => {}
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

fn first(table: &Table, rows: &[RowStanding]) -> (Ruling, Because) {
    let winner = rows.iter().position(|r| r.status == RowStatus::Fired);
    let before = || rows.iter().enumerate().take(winner.unwrap_or(rows.len()));
    let passes = |index: usize| table.rows[index].action.passes();
    let mut found: Vec<_> = winner.map(|i| (table.rows[i].action, Because::Row(i))).into_iter().collect();
    if before().any(|(_, r)| r.status == RowStatus::Unknown) {
        found.push((table.no_data, Because::NoData));
    }
    let holds_up =
        |(index, r): &(usize, &RowStanding)| r.status == RowStatus::Pending && !(winner.is_some() && passes(*index));
    if let Some((index, _)) = before().find(holds_up) {
        found.push((Ruling::Hold, Because::Pending(index)));
    }
    most_severe(found).unwrap_or((table.otherwise, Because::Otherwise))
}

/// The most severe; of equals the first.
fn most_severe(found: Vec<(Ruling, Because)>) -> Option<(Ruling, Because)> {
    found.into_iter().reduce(|best, next| if next.0 > best.0 { next } else { best })
}
