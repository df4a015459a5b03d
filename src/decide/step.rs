//! The fold: a table, what it remembers, new samples and the time give a decision and what to remember.

use std::collections::BTreeMap;

use super::decision::{Because, Decision, RowStatus, Truth};
use super::issue::{Concern, Issue};
use super::judge::Look;
use super::moment::Moment;
use super::ruling::Ruling;
use super::sample::Sample;
use super::standing::{RowStanding, Standing};
use super::state::TableState;
use super::table::{Row, Table};
use super::window::Hold;

/// Takes in the samples and decides. Samples of metrics the table does not name are left alone; a sample that is not
/// newer than the last one adds nothing; one from the future counts as of now. The table must pass [`Table::check`].
/// Times of one table never run backwards; how old a sample is, is taken against the time of day of the same moment.
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
    when: impl Into<Moment>,
) -> (TableState, Decision) {
    let when = when.into();
    let rows = take_in(table, &mut state, samples, when);
    let decision = Standing::of(Look::at(table, &state, when), rows, &[]).decision();
    (state, decision)
}

/// What a look came to, where some of it was let pass before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Everything that does not pass, let pass or not.
    pub concerns: Vec<Concern>,
    /// What of that which was let pass was not gone at this look.
    pub accepted: Vec<Issue>,
    /// The same of what is being asked.
    pub asked: Vec<Issue>,
}

/// What [`step()`] remembers, and what of the look does not pass. `accepted` is what people let pass before, `asked` what
/// they are being asked about.
pub fn remember(
    table: &Table,
    state: &mut TableState,
    samples: &BTreeMap<String, Sample>,
    when: impl Into<Moment>,
    accepted: &[Issue],
    asked: &[Issue],
) -> Remembered {
    let when = when.into();
    let rows = take_in(table, state, samples, when);
    let standing = Standing::of(Look::at(table, state, when), rows, accepted);
    let (concerns, asked) = (standing.concerns(), standing.still(asked));
    Remembered { concerns, asked, accepted: standing.accepted().to_vec() }
}

/// What a table says, where nobody asks for the whole of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it asks for: the worst of what nobody let pass, and where everything was let pass the worst of that.
    pub ruling: Ruling,
    /// What decided.
    pub because: Because,
    /// Why, in one sentence.
    pub sentence: String,
    /// Whether all that does not pass was let pass.
    pub let_pass: bool,
}

/// What [`step()`] says, where people let some of it pass before.
pub fn ruling(
    table: &Table,
    mut state: TableState,
    samples: &BTreeMap<String, Sample>,
    when: impl Into<Moment>,
    accepted: &[Issue],
) -> Verdict {
    let when = when.into();
    let rows = take_in(table, &mut state, samples, when);
    let standing = Standing::of(Look::at(table, &state, when), rows, accepted);
    let (ruling, because, let_pass) = (standing.action, standing.because, standing.is_let_pass());
    Verdict { ruling, because, sentence: standing.sentence(), let_pass }
}

/// Takes in the samples, and says how each row stands then.
fn take_in(
    table: &Table,
    state: &mut TableState,
    samples: &BTreeMap<String, Sample>,
    when: Moment,
) -> Vec<RowStanding> {
    state.fit(table);
    for (metric, sample) in samples.iter().filter(|(metric, _)| table.looks_at(metric)) {
        state.admit(table, metric, sample, when);
    }
    let mut streaks = std::mem::take(&mut state.streaks);
    let look = Look::at(table, state, when);
    table.conditions().zip(&mut streaks).for_each(|((_, condition), streak)| look.count(condition, streak));
    state.streaks = streaks;
    let mut holds = std::mem::take(&mut state.holds);
    let look = Look::at(table, state, when);
    let rows = holds.iter_mut().enumerate().map(|(row, hold)| look_at_row(&look, row, hold)).collect();
    state.holds = holds;
    rows
}

fn look_at_row(look: &Look<'_>, index: usize, held: &mut Option<Hold>) -> RowStanding {
    let row = &look.table.rows[index];
    let for_us = row.for_us.unwrap_or(0);
    let mut remaining_us = 0;
    let status = match all(look, index) {
        Truth::No => {
            *held = None;
            RowStatus::Off
        }
        Truth::Unknown(_) => RowStatus::Unknown,
        Truth::Pending { remaining_us: window_us } => {
            *held = None;
            remaining_us = window_us.saturating_add(for_us);
            RowStatus::Pending
        }
        Truth::Yes => {
            let (from_us, to_us, seen_us) = evidence(look, row);
            let begin = || Hold::begin(from_us, seen_us);
            let hold = held.map_or_else(begin, |hold| hold.again(to_us, seen_us, look.gap_us));
            *held = Some(hold);
            remaining_us = for_us.saturating_sub(hold.held_us());
            if remaining_us <= look.table.hold_slack_us(for_us) {
                remaining_us = 0;
                RowStatus::Fired
            } else {
                RowStatus::Pending
            }
        }
    };
    let hold = held.filter(|_| matches!(status, RowStatus::Fired | RowStatus::Pending));
    RowStanding { status, hold, remaining_us }
}

/// All conditions of a row together: one that is off settles it, then one that is unknown, then one that is pending.
fn all(look: &Look<'_>, row: usize) -> Truth {
    let weight = |truth: &Truth| match truth {
        Truth::No => (3, 0),
        Truth::Unknown(_) => (2, 0),
        Truth::Pending { remaining_us } => (1, *remaining_us),
        Truth::Yes => (0, 0),
    };
    let truths = look.cells(row).map(|(condition, streak)| look.judge(condition, streak).1);
    truths.max_by_key(weight).unwrap_or(Truth::No)
}

/// From which time on all its metrics have their present value, up to which all of them are known, and when all were last
/// seen.
fn evidence(look: &Look<'_>, row: &Row) -> (u64, u64, u64) {
    let mut times = row.conditions.iter().flat_map(|c| c.reads()).filter_map(|m| look.state.newest_us(m));
    let Some((at_us, seen_us)) = times.next() else { return (look.now_us, look.now_us, look.now_us) };
    times.fold((at_us, at_us, seen_us), |(from, to, seen), (at_us, seen_us)| {
        (from.max(at_us), to.min(at_us), seen.min(seen_us))
    })
}
