//! The one decision that follows from a state. Called again and again until it has nothing to say.

use super::action::Ended;
use super::event::{CauseKind, Direction, Event, Outcome, Question, Then, Verdict};
use super::forward::{advance, ask_in_doubt};
use super::state::{InstId, State, Status, Timestamp};
use super::{begin, gate, judge, leave, lock, look, schedule, undo, waiver, watch};
use crate::plan::model::NodeKind;
use crate::runbook::model::{Effect, Repeat};

/// The next event, or none when the run waits for the world, for a person or for time.
pub fn next(state: &State, now: Timestamp) -> Option<Event> {
    decide(state, now).map(|event| waiver::soften(state, now, event))
}

fn decide(state: &State, now: Timestamp) -> Option<Event> {
    if state.outcome.is_some() || state.started.is_none() {
        return None;
    }
    if state.parked.is_some() {
        return lock::left(state);
    }
    if let Some(event) = schedule::anchored(state, now) {
        return Some(event);
    }
    if let Some(event) = settle_active(state, now) {
        return Some(event);
    }
    if stands_still(state) {
        return if watched(state) { None } else { leave::park(state) };
    }
    match state.direction {
        Direction::Forward => go_forward(state, now),
        Direction::Undo => go_back(state, now),
        Direction::Always => go_through_always(state, now),
        Direction::Ended => None,
    }
}

/// With one press of Ctrl-C, or while somebody holds the lock, nothing new starts, unless the run turned under a table's
/// eyes; with three nothing at all.
fn stands_still(state: &State) -> bool {
    (state.interrupt == 1 && !state.turned_watched) || state.interrupt >= 3 || lock::is_held_up(state)
}

/// Somebody must drive while a table looks: the run is not left, or a change would stay behind that nobody watches.
fn watched(state: &State) -> bool {
    (state.interrupt == 1 || lock::is_held_up(state)) && !state.armed.is_empty()
}

/// Whether what has begun goes on under the eyes of a table; on hold only the tables do.
fn goes_on_watched(state: &State) -> bool {
    watched(state) && !lock::is_held_up(state)
}

/// Steps that need a decision whatever the run is doing: answers to judge, doubts, deadlines, pauses that ended.
fn settle_active(state: &State, now: Timestamp) -> Option<Event> {
    state.active.iter().find_map(|id| {
        let inst = &state.insts[*id];
        match &inst.status {
            Status::Answered => judged(state, *id, now),
            Status::InDoubt if !stands_still(state) => in_doubt(state, *id, now),
            Status::Pausing { .. } if state.armed.contains(id) => match state.interrupt {
                3.. => None,
                _ => look::turn(state, *id, now),
            },
            Status::Asking(asked) if asked.expires_wall_us.is_some_and(|at| now.wall_us >= at) => {
                Some(Event::AnswerExpired { path: inst.path.clone() })
            }
            Status::Pausing { .. } if given_up(state, *id) => {
                Some(judge::failed(state, *id, Verdict::Fail, "given up: the run stopped going forward".into()))
            }
            // Nobody is asked any more what a failure shall mean, but it stays the failure it was.
            Status::Asking(asked) if asked.question == Question::Failure && given_up(state, *id) => {
                Some(judge::judge(state, *id, now))
            }
            Status::Asking(asked) if asked.question != Question::InDoubt && given_up(state, *id) => {
                Some(judge::failed(state, *id, Verdict::Fail, "withdrawn: the run stopped going forward".into()))
            }
            Status::Asking(asked) if asked.gathers() => agreed(state, *id, gate::next(state, *id, asked, now)?, now),
            // Undos, probes and members of blocks alike go on when their pause is over.
            Status::Pausing { .. } if !stands_still(state) || goes_on_watched(state) => advance(state, *id, now),
            _ => None,
        }
    })
}

/// What an answer leads to.
fn judged(state: &State, id: InstId, now: Timestamp) -> Option<Event> {
    agreed(state, id, judge::judge(state, id, now), now)
}

/// What passes ends when the table beside it agrees.
fn agreed(state: &State, id: InstId, event: Event, now: Timestamp) -> Option<Event> {
    match &event {
        Event::StepFinished { verdict, .. } if verdict.lets_go_on() => look::ends(state, id, event, now),
        _ => Some(event),
    }
}

/// A pause or a question in the forward part has no future once the run is to turn.
fn given_up(state: &State, id: InstId) -> bool {
    let in_forward = state.root_of(id) == state.forward || Some(id) == state.override_gate;
    let forward = in_forward && state.insts[id].owner.is_none();
    forward && state.direction == Direction::Forward && state.halt.is_some()
}

fn in_doubt(state: &State, id: InstId, now: Timestamp) -> Option<Event> {
    let inst = &state.insts[id];
    // Looking changes nothing.
    let Some(task) = begin::task_of(state, inst.node) else {
        // But what came meanwhile must not be left out in silence.
        return Some(match watch::lost(state, id) {
            Some(reason) if !given_up(state, id) => judge::inconclusive(state, id, reason),
            _ => run_again(state, id, now),
        });
    };
    match task.repeat {
        Repeat::Safe => Some(run_again(state, id, now)),
        Repeat::Once => Some(ask_in_doubt(state, id, "")),
        Repeat::Probe => {
            let Some(probe) = inst.probe_inst else { return Some(ask_in_doubt(state, id, "")) };
            match (&state.insts[probe].status, state.insts[probe].verdict) {
                (Status::Pending, _) => Some(start_attempt(state, probe, now)),
                (Status::Finished, Some(Verdict::Pass)) => Some(Event::StepFinished {
                    path: inst.path.clone(),
                    verdict: Verdict::Pass,
                    reason: Some("its probe says that it had already happened".into()),
                    then: None,
                    saved: Default::default(),
                }),
                (Status::Finished, Some(Verdict::Fail)) if answered_no(state, probe) => Some(run_again(state, id, now)),
                (Status::Finished, _) => Some(ask_in_doubt(state, id, " and its probe could not tell")),
                _ => None,
            }
        }
    }
}

/// A probe that ran to its end and failed says no; one that was cut short, or never ran, says nothing.
fn answered_no(state: &State, probe: InstId) -> bool {
    let done = state.insts[probe].done.as_ref();
    done.is_some_and(|done| matches!(done.ended, Ended::Exit(_) | Ended::Ok))
}

/// Runs a step in doubt again, unless the run has stopped going forward: then it may have happened, and that is all.
fn run_again(state: &State, id: InstId, now: Timestamp) -> Event {
    if given_up(state, id) {
        let reason = "nobody saw how it ended, and the run stopped going forward".to_string();
        return judge::failed(state, id, Verdict::Fail, reason);
    }
    start_attempt(state, id, now)
}

fn start_attempt(state: &State, id: InstId, now: Timestamp) -> Event {
    match begin::intent(state, id, now) {
        Ok(started) => Event::StepStarted(Box::new(started)),
        Err(trouble) => judge::failed(state, id, Verdict::Fail, trouble),
    }
}

fn go_forward(state: &State, now: Timestamp) -> Option<Event> {
    if let Some((cause, then)) = &state.halt {
        if state.in_flight > 0 || unresolved_doubt(state) {
            return None;
        }
        let to = if *then == Then::Rollback { Direction::Undo } else { Direction::Always };
        return Some(Event::Turned { to, cause: Some(cause.clone()) });
    }
    if let Some(id) = state.again.first() {
        return advance(state, *id, now);
    }
    match state.insts[state.forward].status {
        Status::Finished => Some(Event::Turned { to: Direction::Always, cause: None }),
        _ => advance(state, state.forward, now),
    }
}

/// A step in doubt is settled before anything is taken back: its undo depends on it.
fn unresolved_doubt(state: &State) -> bool {
    state.active.iter().any(|id| match &state.insts[*id].status {
        Status::InDoubt => true,
        Status::Asking(asked) => asked.question == Question::InDoubt,
        _ => false,
    })
}

fn go_back(state: &State, now: Timestamp) -> Option<Event> {
    let done = Event::Turned { to: Direction::Always, cause: None };
    if let Some(root) = state.rollback {
        return match state.insts[root].status {
            Status::Finished => Some(done),
            _ => advance(state, root, now),
        };
    }
    match undo::advance(state, now) {
        (Some(event), _) => Some(event),
        (None, true) => Some(done),
        (None, false) => None,
    }
}

fn go_through_always(state: &State, now: Timestamp) -> Option<Event> {
    if let Some(always) = left_include(state) {
        return advance(state, always, now);
    }
    if let Some(root) = state.always
        && state.insts[root].status != Status::Finished
    {
        return advance(state, root, now);
    }
    let outcome = outcome(state);
    Some(lock::at_the_end(state, outcome).unwrap_or(Event::RunEnded { outcome }))
}

/// The `always` of an included runbook that was begun and left; the innermost comes first.
fn left_include(state: &State) -> Option<InstId> {
    (0..state.insts.len()).rev().find_map(|id| {
        let begun = state.insts[id].status == Status::Running && matches!(state.node_of(id).kind, NodeKind::Run { .. });
        let always = *state.insts[id].children.get(1).filter(|_| begun)?;
        let left = state.insts[always].status != Status::Finished && state.root_of(id) == state.forward;
        left.then_some(always)
    })
}

/// How the run ends, from what happened.
fn outcome(state: &State) -> Outcome {
    let Some((cause, then)) = &state.halt else {
        return if state.late_failures > 0 { Outcome::Failed } else { Outcome::Done };
    };
    let kept_on_purpose = matches!(cause.kind, CauseKind::Failure | CauseKind::Rule) && *then != Then::Rollback;
    if backed_out_badly(state) || (state.late_failures > 0 && !kept_on_purpose) {
        return Outcome::RollbackFailed;
    }
    match cause.kind {
        CauseKind::NoGo => Outcome::NoGo,
        CauseKind::Interrupt => Outcome::RolledBack,
        CauseKind::Failure if *then == Then::Rollback && changed_anything(state) => Outcome::RolledBack,
        CauseKind::Failure => Outcome::Failed,
        CauseKind::Rule if *then == Then::Rollback && changed_anything(state) => Outcome::RolledBack,
        CauseKind::Rule => Outcome::NoGo,
    }
}

fn backed_out_badly(state: &State) -> bool {
    match state.rollback {
        Some(root) => state.insts[root].verdict.is_some_and(|v| !v.lets_go_on()),
        None => state.direction > Direction::Forward && undo::is_broken(state),
    }
}

/// Whether any step going forward that changes things ran and is not shown to have changed nothing.
fn changed_anything(state: &State) -> bool {
    let mut ids = 0..state.insts.len();
    ids.any(|id| {
        let inst = &state.insts[id];
        let task = matches!(state.node_of(id).kind, NodeKind::Task(_));
        task && inst.owner.is_none()
            && state.root_of(id) == state.forward
            && inst.touched
            && state.node_of(id).effect != Effect::Read
    })
}
