//! Failures that somebody answers for: a step that looks ends `warn` instead, in the words of the waiver.

use super::action::Ended;
use super::event::{Event, Question, Then, Verdict};
use super::gate::is_driver;
use super::state::{InstId, State, Timestamp};
use crate::plan::model::{NodeKind, WAIVED, Waiver};
use serde_json::Map;

/// The event that `next` would make, with a failure that is waived as a warning. What was wrong stays in its reason.
pub(super) fn soften(state: &State, now: Timestamp, event: Event) -> Event {
    let (path, reason) = match &event {
        Event::StepFinished { path, verdict, reason, .. } if is_red(*verdict) => (path, reason.as_deref()),
        Event::Asked(asked) if asked.question == Question::Failure => (&asked.path, Some(asked.title.as_str())),
        _ => return event,
    };
    let Some(id) = state.by_path.get(path).copied().filter(|id| was_judged(state, *id)) else { return event };
    let Some(waiver) = held(state, id, now) else { return event };
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    Event::StepFinished {
        path: path.clone(),
        verdict: Verdict::Warn,
        reason: Some(format!("{}{reason}", waiver.words())),
        then: Some(Then::Continue),
        saved: Map::new(),
    }
}

/// What not doing a manual step that begins now is worth, in words; none when it is a NO-GO.
pub(super) fn of_manual(state: &State, id: InstId, now: Timestamp) -> Option<String> {
    held(state, id, now).map(Waiver::words)
}

/// Whether somebody who has not driven the run waives a step; whoever did so may have taken the run over since.
pub(super) fn is_by_another(state: &State, id: InstId) -> bool {
    let path = &state.insts[id].path;
    let by_another = |waiver: &Waiver| waiver.names(path) && !is_driver(state, &waiver.person, None);
    state.plan.waivers.iter().any(by_another)
}

/// Whether an instance ended by a waiver.
pub fn is_waived(state: &State, id: InstId) -> bool {
    let inst = &state.insts[id];
    let words = inst.reason.as_deref().is_some_and(|reason| reason.starts_with(WAIVED));
    inst.verdict == Some(Verdict::Warn) && words && state.plan.waivers.iter().any(|waiver| waiver.names(&inst.path))
}

fn is_red(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Fail | Verdict::Inconclusive | Verdict::Unavailable)
}

/// What was cut short, or called failed by a person, was not found wanting: nobody has waived that.
fn was_judged(state: &State, id: InstId) -> bool {
    let inst = &state.insts[id];
    let cut_short = inst.done.as_ref().is_some_and(|done| done.ended == Ended::Cancelled);
    let attempted = inst.attempt > 0 && !matches!(state.node_of(id).kind, NodeKind::Manual { .. });
    attempted && !cut_short && inst.owner.is_none() && inst.verdict_of_person.is_none() && state.halt.is_none()
}

/// The waiver that holds for an instance now. Nobody who drives the run, or drove it, can waive.
fn held(state: &State, id: InstId, now: Timestamp) -> Option<&Waiver> {
    let path = &state.insts[id].path;
    let holds = |waiver: &&Waiver| {
        waiver.names(path) && waiver.holds_at(now.wall_us) && !is_driver(state, &waiver.person, None)
    };
    state.plan.waivers.iter().find(holds).filter(|_| state.node_of(id).can_be_waived())
}
