//! The run as a whole: how it begins, turns, is interrupted, taken over and over.

use super::find;
use super::steps::forget_samples;
use crate::machine::event::{Cause, CauseKind, Direction, Event, Outcome, RunStarted, Then};
use crate::machine::gate;
use crate::machine::lock;
use crate::machine::rebase::{Conflict, rebase};
use crate::machine::schedule::Zero;
use crate::machine::state::{IllegalEvent, State, Status};
use crate::machine::window;

pub(super) fn started(state: &mut State, event: &Event, started: &RunStarted) -> Result<(), IllegalEvent> {
    if state.started.is_some() {
        return Err(IllegalEvent::new(event, "the run has already begun"));
    }
    state.zero = Zero::planned(&state.plan, &started.started);
    gate::drives(state, &started.operator, started.operator_key.as_ref());
    let at = started.started.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
    overrides(state, started.override_window.as_ref(), at);
    state.started = Some(started.clone());
    Ok(())
}

/// Somebody says why the window does not hold. Where that takes a second person, nothing begins until they have answered.
fn overrides(state: &mut State, why: Option<&String>, given_us: Option<i64>) {
    let Some(why) = why else { return };
    state.override_why = Some(why.clone());
    // Nobody wrote down the moment once; what was said then holds to the end.
    state.override_until_us = given_us.and_then(|given_us| window::overridden_until(state, given_us));
    if let Some(gate) = state.override_gate {
        let inst = &mut state.insts[gate];
        (inst.status, inst.verdict, inst.reason, inst.then) = (Status::Pending, None, None, None);
        state.active.remove(&gate);
        state.again.insert(gate);
    }
}

pub(super) fn turned(
    state: &mut State,
    event: &Event,
    to: Direction,
    cause: Option<&Cause>,
) -> Result<(), IllegalEvent> {
    if to <= state.direction {
        return Err(IllegalEvent::new(event, "a run never turns back"));
    }
    if state.in_flight > 0 {
        return Err(IllegalEvent::new(event, "steps are still running"));
    }
    if state.halt.is_none() {
        let then = if to == Direction::Undo { Then::Rollback } else { Then::Stop };
        state.halt = cause.cloned().map(|cause| (cause, then));
    }
    state.direction = to;
    Ok(())
}

pub(super) fn interrupted(state: &mut State, stage: u8) {
    state.interrupt = state.interrupt.max(stage);
    if state.interrupt >= 2 && state.direction == Direction::Forward {
        back_out(state);
    }
}

/// The second press of Ctrl-C: the run backs out, whatever made it stop before.
fn back_out(state: &mut State) {
    match &mut state.halt {
        Some((_, then)) => *then = Then::Rollback,
        None => {
            let reason = "the operator stopped the run".to_string();
            let cause = Cause { path: String::new(), kind: CauseKind::Interrupt, reason };
            state.halt = Some((cause, Then::Rollback));
        }
    }
}

/// Somebody takes the run over; what was running is in doubt, and perhaps it goes on with another plan.
pub(super) fn resumed(state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
    let illegal = |met: &str| IllegalEvent::new(event, met);
    let Event::Resumed { by, in_doubt, changed, override_window, override_us, operator_key } = event else {
        return Ok(());
    };
    gate::drives(state, by, operator_key.as_ref());
    overrides(state, override_window.as_ref(), *override_us);
    state.has_paused = true;
    state.parked = None;
    lock::taken_over(state);
    // Presses are counted anew: that the second asked to back out stands in `halt` and still holds.
    state.interrupt = 0;
    state.turned_watched = false;
    state.insts.iter_mut().for_each(|inst| inst.lookout.clock.taken_over());
    // What tables said before says nothing any more: they look before anything else begins.
    for guard in state.armed.clone() {
        let guard = &mut state.insts[guard];
        guard.lookout.said = None;
        if let Status::Pausing { until_us } = &mut guard.status {
            *until_us = 0;
        }
    }
    for path in in_doubt {
        let id = find(state, event, path)?;
        if state.insts[id].status != Status::Running || state.is_block(id) {
            return Err(illegal("only a running step can be in doubt"));
        }
        state.insts[id].status = Status::InDoubt;
        state.insts[id].touched = true;
        state.in_flight -= 1;
        forget_samples(state, id);
    }
    if let Some(stored) = changed.as_ref().and_then(|changed| changed.plan.as_ref()) {
        let plan = state.accepted.get(&stored.sha256).cloned();
        let plan = plan.ok_or_else(|| illegal("the plan it turns to is not known"))?;
        let conflict = |all: Vec<Conflict>| illegal(&all.first().map(Conflict::to_string).unwrap_or_default());
        *state = rebase(state, plan).map_err(conflict)?;
    }
    Ok(())
}

pub(super) fn ended(state: &mut State, event: &Event, outcome: Outcome) -> Result<(), IllegalEvent> {
    if state.in_flight > 0 || state.direction != Direction::Always {
        return Err(IllegalEvent::new(event, "there are steps left to run"));
    }
    state.direction = Direction::Ended;
    state.outcome = Some(outcome);
    Ok(())
}
