//! The lock of a run, and holds: what the world says about them becomes a fact, and what follows from it.
//!
//! A run that has changed something keeps its lock until it is over. A hold stops a run like one press of Ctrl-C: what runs
//! ends, nothing more begins going forward, and the run is left. Only where tables run beside it somebody has to stay: they
//! look on, and may still take the run back. Whatever is being taken back, and `always`, goes on.

use super::event::{Direction, Event, Locked, OnHold, Outcome, Parking};
use super::state::{IllegalEvent, Inst, State, Status};
use crate::plan::model::NodeKind;
use crate::plan::units::to_the_second;
use crate::runbook::model::Effect;

/// That the run has its lock; once.
pub(super) fn taken(state: &State, locked: Locked) -> Option<Event> {
    let wanted = state.plan.lock.as_ref().is_some_and(|lock| lock.name == locked.lock);
    (wanted && state.lock.is_none()).then(|| Event::Locked(Box::new(locked)))
}

/// That somebody holds the lock, where that still matters.
pub(super) fn held(state: &State, hold: OnHold) -> Option<Event> {
    let forward = state.direction == Direction::Forward && state.halt.is_none() && state.parked.is_none();
    (forward && state.on_hold.is_none()).then(|| Event::OnHold(Box::new(hold)))
}

/// That nobody holds the lock any more, where the run waits for that.
pub(super) fn lifted(state: &State) -> Option<Event> {
    let hold = state.on_hold.as_ref().filter(|_| state.parked.is_none())?;
    Some(Event::HoldLifted { lock: hold.lock.clone() })
}

/// Whether a hold keeps the run from going on.
pub(super) fn is_held_up(state: &State) -> bool {
    state.on_hold.is_some() && state.direction == Direction::Forward && state.halt.is_none()
}

/// Why the run is left when it stands still.
pub(super) fn parking(state: &State) -> Parking {
    match &state.on_hold {
        Some(hold) if state.interrupt == 0 => {
            let since = to_the_second(&hold.since);
            Parking::OnHold(format!("{} holds {} since {since}: {}", hold.by, hold.lock, hold.reason))
        }
        _ => Parking::Interrupted,
    }
}

/// A run that is left without having changed anything gives its lock back.
pub(super) fn left(state: &State) -> Option<Event> {
    if has_changed(state) { None } else { give_back(state) }
}

/// A run that is about to end gives its lock back, unless nobody knows how it leaves things.
pub(super) fn at_the_end(state: &State, outcome: Outcome) -> Option<Event> {
    match outcome {
        Outcome::RollbackFailed | Outcome::Unknown => None,
        Outcome::Done | Outcome::Failed | Outcome::NoGo | Outcome::RolledBack => give_back(state),
    }
}

fn give_back(state: &State) -> Option<Event> {
    state.lock.as_ref().map(|locked| Event::Unlocked { lock: locked.lock.clone() })
}

/// Whether any step that changes something, of whatever part, was begun and is not shown to have changed nothing.
pub fn has_changed(state: &State) -> bool {
    let changed = |inst: &Inst| match &state.plan.node(inst.node).kind {
        NodeKind::Task(_) => {
            inst.touched || matches!(inst.status, Status::Running | Status::Answered | Status::InDoubt)
        }
        // Whoever was asked to do it may have done it.
        NodeKind::Manual { .. } => matches!(inst.status, Status::Asking(_) | Status::Finished),
        _ => false,
    };
    state.insts.iter().any(|inst| state.plan.node(inst.node).effect != Effect::Read && changed(inst))
}

/// The part of `apply` that is about locks.
pub(super) fn apply(state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
    let illegal = |met: &str| IllegalEvent::new(event, met);
    match event {
        Event::Locked(locked) => {
            if state.lock.is_some() {
                return Err(illegal("the run has its lock already"));
            }
            state.lock = Some((**locked).clone());
        }
        Event::Unlocked { lock } => {
            let over = state.direction == Direction::Always && state.in_flight == 0;
            if state.lock.as_ref().is_none_or(|locked| locked.lock != *lock) {
                return Err(illegal("the run does not have this lock"));
            }
            if !over && (state.parked.is_none() || has_changed(state)) {
                return Err(illegal("the run has changed something and is not over"));
            }
            state.lock = None;
        }
        Event::OnHold(hold) => state.on_hold = Some((**hold).clone()),
        Event::HoldLifted { .. } => {
            state.on_hold.take().ok_or_else(|| illegal("nobody holds the lock"))?;
        }
        _ => {}
    }
    Ok(())
}

/// Whoever takes over has a lock of their own, and looks for holds anew.
pub(super) fn taken_over(state: &mut State) {
    state.lock = None;
    state.on_hold = None;
}
