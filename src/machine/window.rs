//! The window: what may not begin outside of it, and how long somebody's reason against it holds.

use super::judge::no_backs_out;
use super::state::{InstId, State, Status};
use crate::machine::event::{Direction, Event, Then};
use crate::plan::model::{NodeId, NodeKind};
use crate::plan::{hours, paths};
use crate::runbook::model::Effect;

/// What is said to an instance that may not begin at a moment. A phase is asked, and of a phase that has begun the first
/// change after a pause. Nothing failed: the window says no, as a person would.
pub(super) fn closes(state: &State, id: InstId, at_us: i64) -> Option<Event> {
    let asked = Asked::of(state, id)?;
    if is_overridden(state, at_us) {
        return None;
    }
    let refusal = hours::refuses(&state.plan, &asked.left, at_us, state.zero.at_us)?;
    let then = if no_backs_out(state, id) { Then::Rollback } else { Then::Stop };
    Some(Event::Ruled { path: state.insts[id].path.clone(), then, reason: refusal.to_string() })
}

/// Why a run that was left in the middle of its changes had better not be gone on with now, where nobody must look at it.
pub fn keeps_from_resuming(state: &State, now_us: i64) -> Option<String> {
    let goes_on = state.direction == Direction::Forward && state.halt.is_none() && state.armed.is_empty();
    if !goes_on || is_overridden(state, now_us) {
        return None;
    }
    let phases = &state.insts[state.forward].children;
    let bound = phases.iter().skip(paths::bound_from(&state.plan));
    let (place, phase) = bound.enumerate().find(|(_, phase)| state.insts[**phase].status == Status::Running)?;
    if !has_change_ahead(state, *phase) {
        return None;
    }
    let left: Vec<NodeId> = phases.iter().skip(place + 1).map(|phase| state.insts[*phase].node).collect();
    hours::refuses(&state.plan, &left, now_us, state.zero.at_us).map(|refusal| refusal.to_string())
}

/// From when on a reason that is given at this moment does not hold any more: it is for the closed time it was given in, or
/// for the next one.
pub(super) fn overridden_until(state: &State, given_us: i64) -> Option<i64> {
    hours::opens_again(&state.plan, given_us)
}

fn is_overridden(state: &State, at_us: i64) -> bool {
    state.override_why.is_some() && state.override_until_us.is_none_or(|until| at_us < until)
}

/// What the window is asked about.
struct Asked {
    /// The phases whose time must fit. How much is left of one that has begun nobody knows.
    left: Vec<NodeId>,
}

impl Asked {
    fn of(state: &State, id: InstId) -> Option<Asked> {
        state.plan.schedule.window.as_ref()?;
        let phases = &state.insts[state.forward].children;
        let place = phases.iter().position(|phase| is_within(state, id, *phase))?;
        let begins = phases[place] == id;
        let is_bound = place >= paths::bound_from(&state.plan);
        if !is_bound || !(begins || asks_again(state, id)) {
            return None;
        }
        let from = if begins { place } else { place + 1 };
        Some(Asked { left: phases[from..].iter().map(|phase| state.insts[*phase].node).collect() })
    }
}

/// Whether it is the first change since a pause, an answer or a new driver, or has a mark of its own.
pub(super) fn asks_again(state: &State, id: InstId) -> bool {
    is_change(state, id) && (state.has_paused || state.node_of(id).marks.at_us.is_some())
}

/// Whether it is a step that changes something.
pub(super) fn is_change(state: &State, id: InstId) -> bool {
    !state.is_block(id) && state.insts[id].owner.is_none() && state.node_of(id).effect != Effect::Read
}

/// Whether something that has not begun would change something.
fn has_change_ahead(state: &State, id: InstId) -> bool {
    match state.insts[id].status {
        Status::Finished => false,
        // Its members are not there yet.
        Status::Pending | Status::Waiting { .. } => changes(state, state.insts[id].node),
        _ => state.insts[id].children.iter().any(|child| has_change_ahead(state, *child)),
    }
}

fn changes(state: &State, node: NodeId) -> bool {
    let members = paths::members(&state.plan, node);
    let leaf = members.is_empty() && !matches!(state.plan.node(node).kind, NodeKind::Sequence(_));
    (leaf && state.plan.node(node).effect != Effect::Read) || members.iter().any(|member| changes(state, *member))
}

/// Whether it is that instance or somewhere in it.
pub(super) fn is_within(state: &State, id: InstId, around: InstId) -> bool {
    std::iter::successors(Some(id), |at| state.insts[*at].parent).any(|at| at == around)
}
