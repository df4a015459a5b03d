//! The lock of a driven run: what the machine is told of it, what others are told, and what becomes of it.

use crate::drive::world::PlaceHold;
use crate::log::{HoldAction, HoldEntry};
use crate::machine::event::{Event, Locked, OnHold, Outcome, Parking, TakenOver};
use crate::machine::{Input, State, Timestamp};
use crate::report::moment_words;
use crate::store::Home;
use crate::store::locks::{HoldWatch, Lease, LockPlace, Word, say};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What becomes known about the lock of a run while it is driven.
pub(crate) struct Known {
    first: Vec<Input>,
    lock: Option<(Rc<RefCell<Lease>>, HoldWatch)>,
    /// A hold was found the last time.
    held: bool,
}

impl Known {
    pub(crate) fn new(home: &Home, lock: Option<Rc<RefCell<Lease>>>, back_out: bool) -> Known {
        let mut first: Vec<Input> = lock.iter().map(|lock| Input::Locked(locked(&lock.borrow()))).collect();
        if back_out {
            // The second press of Ctrl-C is what backs out.
            first.extend([Input::Interrupt, Input::Interrupt]);
        }
        let watched = |lock: Rc<RefCell<Lease>>| {
            let watch = HoldWatch::new(home, lock.borrow().place(), &lock.borrow().holder().run);
            (lock, watch)
        };
        Known { first, lock: lock.map(watched), held: false }
    }

    /// What the machine was not told yet. What it was told already is stale to it, and nothing happens.
    pub(crate) fn now(&mut self) -> Vec<Input> {
        let mut known = std::mem::take(&mut self.first);
        if let Some((lock, watch)) = &mut self.lock {
            let lock = lock.borrow();
            let unsafe_to_go_on = |why: String| OnHold {
                lock: lock.place().name.clone(),
                by: "runbook itself".into(),
                since: lock.holder().since.clone(),
                reason: why,
            };
            let hold = match (lock.still_there(), watch.look()) {
                (Err(error), _) => Some(unsafe_to_go_on(error.to_string())),
                (_, Err(error)) => Some(unsafe_to_go_on(format!("nobody can tell whether it is held: {error}"))),
                (Ok(()), Ok(found)) => found.map(|found| on_hold(lock.place(), found)),
            };
            let was = std::mem::replace(&mut self.held, hold.is_some());
            known.extend((was && hold.is_none()).then_some(Input::HoldLifted));
            known.extend(hold.map(Input::OnHold));
        }
        known
    }
}

fn locked(lease: &Lease) -> Locked {
    let (place, holder) = (lease.place(), lease.holder());
    let over = holder.over.clone().map(|over| TakenOver { run: over.run, how: over.how });
    let dir = place.dir.as_ref().map(|dir| dir.display().to_string());
    Locked { lock: place.name.clone(), dir, since: holder.since.clone(), over }
}

fn on_hold(place: &LockPlace, found: HoldEntry) -> OnHold {
    let doubt = found.doubt.map(|why| format!(" (doubtful: {why})")).unwrap_or_default();
    let reason = format!("{}{doubt}", found.reason);
    OnHold { lock: place.name.clone(), by: found.by, since: found.at, reason }
}

/// Holds the lock of a run in the name of whoever drives it.
pub(crate) fn place_hold(place: LockPlace, run: String) -> PlaceHold {
    Arc::new(move |reason: &str| {
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        let word = Word { action: HoldAction::Hold, reason: &reason, run: Some(&run) };
        let held = Home::from_env().and_then(|home| {
            let key = home.signing_key(super::say)?;
            say(&home, &place, &word, &key.principal, key.signer.as_ref())
        });
        held.map_err(|e| e.to_string())
    })
}

/// What an event says to people who wait for the lock.
pub(crate) fn doing(event: &Event) -> Option<String> {
    match event {
        Event::StepStarted(started) => Some(format!("runs {}", started.path)),
        Event::Asked(asked) => Some(format!("waits at {} for an answer: {}", asked.path, asked.title)),
        Event::Answered { path, .. } => Some(format!("goes on after the answer at {path}")),
        _ => None,
    }
}

/// The run gave the lock back, or leaves and keeps it.
pub(crate) fn settle(lease: &mut Lease, state: &State, now: Timestamp) {
    let at = super::session::at(now).t;
    let settled = match state.lock {
        None => lease.give_back(&at),
        Some(_) => lease.leave(&left_words(state), &at),
    };
    if let Err(error) = settled {
        super::say(&format!("warning: the lock was not given back: {error}\n"));
    }
}

fn left_words(state: &State) -> String {
    match (&state.outcome, &state.parked) {
        (Some(Outcome::RollbackFailed), _) => "backing out failed; the target is as that left it".into(),
        (Some(_), _) => "it is over, but nobody knows the result of a step".into(),
        (None, Some(Parking::Question(path))) => {
            let asked = state.questions().into_iter().find(|asked| asked.path == *path);
            let title = asked.map(|asked| format!(": {}", asked.title)).unwrap_or_default();
            format!("nobody drives it; it waits at {path} for an answer{title}")
        }
        (None, Some(Parking::Until(at))) => {
            format!("nobody drives it; it has nothing to do until {}", moment_words(*at))
        }
        (None, Some(Parking::Interrupted)) => "nobody drives it; its operator stopped it".into(),
        (None, Some(Parking::OnHold(words))) => format!("nobody drives it; it is on hold: {words}"),
        (None, Some(Parking::Trouble(words))) => format!("nobody drives it; it was in trouble: {words}"),
        (None, None) => "nobody drives it".into(),
    }
}
