//! When a run is left by whoever drives it: what both [`accept`](super::accept()) and [`next`](super::next()) have to know.

use super::event::{Asked, Event, Question};
use super::lock;
use super::state::{State, Status};

/// After an interrupt, or on hold: leave once nothing runs.
pub(super) fn park(state: &State) -> Option<Event> {
    (state.in_flight == 0).then(|| Event::Parked { reason: lock::parking(state) })
}

/// The open question the run cannot go on without, when nothing else is going on. While a table looks the run is not
/// left, except over a doubt: what the table rules could not be done before that is settled.
pub(super) fn blocking_question(state: &State) -> Option<&Asked> {
    let questions = state.questions();
    let doubt = questions.iter().find(|asked| asked.question == Question::InDoubt);
    let goes_on = state.active.iter().any(|id| match &state.insts[*id].status {
        Status::Waiting { .. } => true,
        Status::Pausing { .. } => doubt.is_none() || !state.armed.contains(id),
        _ => false,
    });
    if state.in_flight > 0 || goes_on { None } else { doubt.or(questions.first()).copied() }
}
