//! A table beside what it guards: when it speaks, what may not begin meanwhile, and when what it guards may end.
//!
//! Nothing begins before the first look, while the table holds or asks, or while a row that does not pass holds but not
//! yet for long enough. Nothing ends before a look that began after everything else was over, and unless that look passes.

use super::{Said, ask, decision_of, looks_back, verdict};
use crate::decide::{Because, Ruling};
use crate::machine::event::{Event, Then, Verdict};
use crate::machine::forward::{block_over, start_task};
use crate::machine::judge::failed;
use crate::machine::state::{InstId, State, Status, Timestamp};
use crate::plan::model::{Decision, NodeKind};

/// Looks without data, beyond those that fill a window, after which there will be none.
const PATIENCE: u64 = 5;

/// What a guard does next, when its pause allows: speak, ask, take a question back, or look again.
pub(in crate::machine) fn turn(state: &State, id: InstId, now: Timestamp) -> Option<Event> {
    let decision = decision_of(state, id)?;
    let inst = &state.insts[id];
    let question = inst.ask_inst?;
    let asking = matches!(state.insts[question].status, Status::Asking(_));
    if let Some(said) = &inst.lookout.said {
        let ruled = |then| Event::Ruled { path: inst.path.clone(), then, reason: verdict(decision, said) };
        match said.ruling {
            Ruling::Rollback => return Some(ruled(Then::Rollback)),
            Ruling::Abort => return Some(ruled(Then::Stop)),
            Ruling::Investigate | Ruling::Escalate if !asking && !is_let_pass(state, id, said) => {
                return Some(ask(state, id, question, decision, said, now));
            }
            ruling if ruling.passes() && asking => {
                let path = state.insts[question].path.clone();
                return Some(Event::Withdrawn { path, reason: said.because.clone() });
            }
            _ => {}
        }
    }
    let due = matches!(inst.status, Status::Pausing { until_us } if now.run_us >= until_us);
    due.then(|| start_task(state, id, now))
}

/// Whether a table around a step keeps it from beginning.
pub(in crate::machine) fn keeps_back(state: &State, id: InstId) -> bool {
    state.guards_around(id).any(|guard| restrains(state, guard))
}

fn restrains(state: &State, guard: InstId) -> bool {
    let lookout = &state.insts[guard].lookout;
    let Some(said) = &lookout.said else { return true };
    let counting = || decision_of(state, guard).is_some_and(|decision| lookout.memory.is_counting(&decision.table));
    match said.ruling {
        Ruling::Rollback | Ruling::Abort => true,
        _ if is_let_pass(state, guard, said) => false,
        Ruling::Investigate | Ruling::Escalate => true,
        // A window that is not full yet is no reason to wait with what may fill it.
        Ruling::Hold if matches!(said.cause, Because::Pending(_)) => counting(),
        Ruling::Hold => true,
        Ruling::Ok | Ruling::Continue | Ruling::Inconclusive | Ruling::Extend => false,
    }
}

fn is_let_pass(state: &State, guard: InstId, said: &Said) -> bool {
    said.is_within(state.insts[guard].lookout.accepted.as_ref())
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
    match said.ruling {
        ruling if ruling.passes() || is_let_pass(state, guard, said) => Some(over),
        // Each stage was judged by criteria of its own, and in the end nobody is on the canary any more.
        Ruling::Inconclusive | Ruling::Extend if matches!(state.node_of(id).kind, NodeKind::Stages(_)) => Some(over),
        Ruling::Inconclusive | Ruling::Extend if inst.lookout.idle_looks >= patience(state, guard, decision) => {
            without_data(state, id, guard, decision, said, now)
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
        Status::Waiting { due_wall_us } => return lookout.judged_wall_us >= due_wall_us,
        _ => {}
    }
    let children = inst.children.iter().filter_map(|child| state.insts[*child].finished_at);
    lookout.began_clock >= children.max().unwrap_or(0).max(inst.answered_at)
}

/// How many looks without data are waited for: as many as fill the longest window, and some.
fn patience(state: &State, guard: InstId, decision: &Decision) -> u64 {
    let scope = state.node_of(guard).scope;
    let metrics = super::samples::needed(state, guard, decision.table.metric_names());
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
    said: &Said,
    now: Timestamp,
) -> Option<Event> {
    let question = state.insts[guard].ask_inst?;
    if matches!(state.insts[question].status, Status::Asking(_)) {
        return None;
    }
    if super::timer(decision, said).is_some() {
        return Some(ask(state, guard, question, decision, said, now));
    }
    let reason = format!("its guards had nothing to judge by at the end: {}", said.because);
    Some(match state.is_block(id) {
        true => block_over(state, id, Verdict::Inconclusive, reason),
        false => failed(state, id, Verdict::Inconclusive, reason),
    })
}
