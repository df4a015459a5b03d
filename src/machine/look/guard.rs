//! A table beside what it guards: when it speaks, what may not begin meanwhile, and when what it guards may end.
//!
//! Nothing begins before the first look, while the table holds or asks, or while a row that does not pass holds but not
//! yet for long enough. Nothing ends before a look that began after everything else was over, and unless that look passes.

use super::question::{is_out_of_date, timer};
use super::{ask, decision_of, looks_back, verdict};
use crate::decide::{Concern, Issue, Ruling};
use crate::machine::event::{Event, Then, Verdict};
use crate::machine::forward::{block_over, start_task};
use crate::machine::judge::{asks, failed};
use crate::machine::state::{InstId, State, Status, Timestamp};
use crate::plan::model::{Decision, NodeKind};

/// Looks without data, beyond those that fill a window, after which there will be none.
const PATIENCE: u64 = 5;

/// What a guard does next, when its pause allows: speak, ask, take a question back, or look again.
pub(in crate::machine) fn turn(state: &State, id: InstId, now: Timestamp) -> Option<Event> {
    let decision = decision_of(state, id)?;
    let inst = &state.insts[id];
    let question = inst.ask_inst?;
    if let Some(said) = &inst.lookout.said {
        let ruled = |then| Event::Ruled { path: inst.path.clone(), then, reason: verdict(decision, said) };
        match said.ruling {
            Ruling::Rollback => return Some(ruled(Then::Rollback)),
            Ruling::Abort => return Some(ruled(Then::Stop)),
            _ => {}
        }
        if is_out_of_date(state, id, question) {
            let path = state.insts[question].path.clone();
            return Some(Event::Withdrawn { path, reason: said.because.clone() });
        }
        let concerns = inst.lookout.for_people();
        if !concerns.is_empty() && !matches!(state.insts[question].status, Status::Asking(_)) {
            return Some(ask(state, id, question, decision, &concerns, now));
        }
    }
    let due = matches!(inst.status, Status::Pausing { until_us } if now.run_us >= until_us);
    due.then(|| start_task(state, id, now))
}

/// Whether a table around a step keeps it from beginning.
pub(in crate::machine) fn keeps_back(state: &State, id: InstId, now: Timestamp) -> bool {
    state.guards_around(id).any(|guard| restrains(state, guard) || is_long_ago(state, guard, now))
}

/// Whether a step whose time has come only waits for what the next look of a table says.
pub(in crate::machine) fn waits_for_a_table(state: &State, id: InstId) -> bool {
    state.makes_attempts(id) && state.guards_around(id).any(|guard| restrains(state, guard))
}

/// What was said long ago says nothing: the machine may have slept since.
fn is_long_ago(state: &State, guard: InstId, now: Timestamp) -> bool {
    let lookout = &state.insts[guard].lookout;
    let gap_us = decision_of(state, guard).map_or(0, |decision| decision.table.gap_us());
    now.run_us.saturating_sub(lookout.judged_us) > gap_us.saturating_add(lookout.reading_us)
}

fn restrains(state: &State, guard: InstId) -> bool {
    let (lookout, Some(decision)) = (&state.insts[guard].lookout, decision_of(state, guard)) else { return true };
    if lookout.said.is_none() {
        return true;
    }
    let restrains = |concern: &Concern| match (concern.ruling, &concern.issue) {
        // A window that is not full yet is no reason to wait with what may fill it.
        (Ruling::Hold, Issue::Pending(row)) => {
            lookout.memory.is_counting(*row) && !decision.table.rows[*row].action.passes()
        }
        (Ruling::Inconclusive | Ruling::Extend, _) => false,
        (ruling, _) => !ruling.passes(),
    };
    lookout.open().into_iter().any(restrains)
}

/// What follows when an instance could end as `over` says, if a table beside it agrees: that, a last look, a question, or
/// nothing yet.
pub(in crate::machine) fn ends(state: &State, id: InstId, over: Event, now: Timestamp) -> Option<Event> {
    let Some(guard) = state.insts[id].guard_inst.filter(|guard| state.armed.contains(guard)) else { return Some(over) };
    let (inst, decision) = (&state.insts[guard], decision_of(state, guard)?);
    if !matches!(inst.status, Status::Pausing { .. }) {
        return None;
    }
    let Some(said) = inst.lookout.said.as_ref().filter(|_| has_looked_at_the_end(state, id, guard)) else {
        return Some(start_task(state, guard, now));
    };
    let open = inst.lookout.open();
    let lacks_data = open.iter().all(|concern| matches!(concern.ruling, Ruling::Inconclusive | Ruling::Extend));
    match state.node_of(id).kind {
        _ if said.ruling.passes() || open.is_empty() => Some(over),
        // Each stage was judged by criteria of its own, and in the end nobody is on the canary any more.
        NodeKind::Stages(_) if lacks_data => Some(over),
        _ if lacks_data && inst.lookout.idle_looks >= patience(state, guard, decision) => {
            without_data(state, id, guard, decision, &open, now)
        }
        _ => None,
    }
}

/// Whether something whose time is over, or is running out, only waits for the table beside it.
pub(in crate::machine) fn waits_for_a_look(state: &State, id: InstId) -> bool {
    let guard = state.insts[id].guard_inst.filter(|guard| state.armed.contains(guard));
    guard.is_some_and(|guard| {
        !matches!(state.insts[guard].status, Status::Pausing { .. }) || has_looked_at_the_end(state, id, guard)
    })
}

/// Whether its last look began after all that it guards was over.
fn has_looked_at_the_end(state: &State, id: InstId, guard: InstId) -> bool {
    let (inst, lookout) = (&state.insts[id], &state.insts[guard].lookout);
    match inst.status {
        Status::Pausing { until_us } => return lookout.began_us >= until_us,
        Status::Waiting { due_wall_us } => return lookout.began_wall_us >= due_wall_us,
        _ => {}
    }
    let children = inst.children.iter().filter_map(|child| state.insts[*child].finished_at);
    lookout.began_clock >= children.max().unwrap_or(0).max(inst.answered_at)
}

/// How many looks without data are waited for: as many as fill the longest window, and some.
fn patience(state: &State, guard: InstId, decision: &Decision) -> u64 {
    let scope = state.node_of(guard).scope;
    let metrics = super::queries::needed(state, guard, decision.table.metric_names());
    let windows = metrics.iter().filter_map(|metric| looks_back(&state.plan, scope, &metric.name));
    let longest = windows.filter(|us| *us < u64::MAX).max().unwrap_or(0);
    longest / decision.table.every_us.max(1) + PATIENCE
}

/// It never had anything to judge by: a person may let that pass where somebody is to be asked, and else it does not.
fn without_data(
    state: &State,
    id: InstId,
    guard: InstId,
    decision: &Decision,
    concerns: &[&Concern],
    now: Timestamp,
) -> Option<Event> {
    let question = state.insts[guard].ask_inst?;
    if matches!(state.insts[question].status, Status::Asking(_)) {
        return None;
    }
    if asks(state, id) || concerns.iter().any(|concern| timer(decision, &concern.issue).is_some()) {
        return Some(ask(state, guard, question, decision, concerns, now));
    }
    let why = state.insts[guard].lookout.said.as_ref().map_or("", |said| said.because.as_str());
    let reason = format!("its guards had nothing to judge by at the end: {why}");
    Some(match state.is_block(id) {
        true => block_over(state, id, Verdict::Inconclusive, reason),
        false => failed(state, id, Verdict::Inconclusive, reason),
    })
}
