//! When a run is left by whoever drives it: what both [`accept`](super::accept()) and [`next`](super::next()) have to know.

use super::event::{Asked, Event};
use super::lock;
use super::state::{State, Status};

/// After an interrupt, or on hold: leave once nothing runs.
pub(super) fn park(state: &State) -> Option<Event> {
    (state.in_flight == 0).then(|| Event::Parked { reason: lock::parking(state) })
}

/// The open question the run cannot go on without, when nothing else is going on.
pub(super) fn blocking_question(state: &State) -> Option<&Asked> {
    let (run, _) = state.deadlines();
    let waits = state.active.iter().any(|id| matches!(state.insts[*id].status, Status::Waiting { .. }));
    if state.in_flight > 0 || run.is_some() || waits { None } else { state.questions().into_iter().next() }
}
