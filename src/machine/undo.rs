//! Taking back: the undos of everything that was really done, in reverse order of finish.
//!
//! A block is one unit. In a sequence a failed undo stops what would have come after it, since earlier steps may be
//! what keeps things standing; members of a parallel group do not depend on each other and go on.

use super::begin::intent;
use super::event::{Event, Verdict};
use super::judge::failed;
use super::state::{InstId, State, Status, Timestamp};
use crate::plan::model::NodeKind;

/// Where taking back an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undoing {
    /// Nothing is left to do here.
    Settled,
    /// It could not be taken back.
    Failed,
    /// This undo comes next.
    Next(InstId),
    /// An undo is on its way.
    Busy,
}

/// The next event of taking back, if there is one now; none with `true` when all of it is settled.
pub(super) fn advance(state: &State, now: Timestamp) -> (Option<Event>, bool) {
    match survey(state, state.forward) {
        Undoing::Next(undo) => (Some(start(state, undo, now)), false),
        Undoing::Busy => (None, false),
        Undoing::Settled | Undoing::Failed => (None, true),
    }
}

/// Whether something that was changed could not be taken back.
pub(super) fn is_broken(state: &State) -> bool {
    survey(state, state.forward) == Undoing::Failed
}

fn start(state: &State, undo: InstId, now: Timestamp) -> Event {
    match intent(state, undo, now) {
        Ok(started) => Event::StepStarted(Box::new(started)),
        Err(trouble) => failed(state, undo, Verdict::Fail, trouble),
    }
}

fn survey(state: &State, id: InstId) -> Undoing {
    if !state.is_block(id) {
        return survey_step(state, id);
    }
    let inst = &state.insts[id];
    // What an included runbook does on every path is not taken back, as with the run's own `always`.
    let most = if matches!(state.node_of(id).kind, NodeKind::Run { .. }) { 1 } else { usize::MAX };
    let mut members: Vec<InstId> = inst.children.iter().copied().take(most).collect();
    // What never finished was begun last.
    members.sort_by_key(|m| std::cmp::Reverse(state.insts[*m].finished_at.unwrap_or(u64::MAX)));
    let independent = matches!(state.node_of(id).kind, NodeKind::Parallel { .. } | NodeKind::ForEach(_));
    let mut failed = false;
    for member in members {
        match survey(state, member) {
            Undoing::Settled => {}
            Undoing::Failed if independent => failed = true,
            other => return other,
        }
    }
    if failed { Undoing::Failed } else { Undoing::Settled }
}

fn survey_step(state: &State, id: InstId) -> Undoing {
    let inst = &state.insts[id];
    let Some(undo) = inst.undo_inst.filter(|_| inst.touched && inst.undo.is_some()) else {
        return Undoing::Settled;
    };
    match (&state.insts[undo].status, state.insts[undo].verdict) {
        (Status::Pending, _) => Undoing::Next(undo),
        (Status::Finished, Some(verdict)) if verdict.lets_go_on() => Undoing::Settled,
        (Status::Finished, _) => Undoing::Failed,
        _ => Undoing::Busy,
    }
}
