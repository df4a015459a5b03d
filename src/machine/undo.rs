//! Taking back: the undos of everything that was really done, in reverse order of finish.
//!
//! A block is one unit. In a sequence a failed undo stops what would have come after it, since earlier steps may be
//! what keeps things standing; members of a parallel group do not depend on each other and go on.

use super::begin::{intent, task_of};
use super::event::{Event, Verdict};
use super::judge::failed;
use super::state::{InstId, State, Status, Timestamp};
use crate::plan::model::{NodeKind, Undo};

/// Where taking back an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undoing {
    /// Nothing is left to do here.
    Settled,
    /// It could not be taken back.
    Failed,
    /// This undo comes next (its step).
    Next(InstId),
    /// An undo is on its way.
    Busy,
}

/// The next event of taking back, if there is one now; none with `true` when all of it is settled.
pub(super) fn advance(state: &State, now: Timestamp) -> (Option<Event>, bool) {
    match survey(state, state.forward) {
        Undoing::Next(owner) => (Some(start(state, owner, now)), false),
        Undoing::Busy => (None, false),
        Undoing::Settled | Undoing::Failed => (None, true),
    }
}

/// Whether something that was changed could not be taken back.
pub(super) fn is_broken(state: &State) -> bool {
    survey(state, state.forward) == Undoing::Failed
}

fn start(state: &State, owner: InstId, now: Timestamp) -> Event {
    // The instance of the undo exists only once its first event names it; look at a copy in which it does.
    let path = format!("{}~undo", state.insts[owner].path);
    let mut ahead = state.clone();
    match attach(&mut ahead, owner, &path) {
        Some(id) => match intent(&ahead, id, now) {
            Ok(started) => Event::StepStarted(Box::new(started)),
            Err(trouble) => failed(&ahead, id, Verdict::Fail, trouble),
        },
        None => Event::StepFinished {
            path,
            verdict: Verdict::Fail,
            reason: Some("nothing was recorded that could be taken back".into()),
            then: None,
            saved: Default::default(),
        },
    }
}

fn attach(state: &mut State, owner: InstId, path: &str) -> Option<InstId> {
    let Some(Undo::Task(node)) = task_of(state, state.insts[owner].node).and_then(|t| t.undo.clone()) else {
        return None;
    };
    let id = state.add(node, path.to_string(), None, state.insts[owner].scope);
    state.insts[id].owner = Some(owner);
    state.insts[owner].undo_inst = Some(id);
    Some(id)
}

fn survey(state: &State, id: InstId) -> Undoing {
    if !state.is_block(id) {
        return survey_step(state, id);
    }
    let inst = &state.insts[id];
    let mut members: Vec<InstId> = inst.children.clone();
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
    if let Some(undo) = inst.undo_inst {
        let undo = &state.insts[undo];
        return match (&undo.status, undo.verdict) {
            (Status::Finished, Some(verdict)) if verdict.lets_go_on() => Undoing::Settled,
            (Status::Finished, _) => Undoing::Failed,
            _ => Undoing::Busy,
        };
    }
    if inst.touched && inst.undo.is_some() { Undoing::Next(id) } else { Undoing::Settled }
}
