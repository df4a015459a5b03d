//! The state machine of a run: pure, driven from outside, the same for live runs, resume, reports and simulations.
//!
//! * [`accept`]: what the world says becomes a fact, or nothing when it is stale.
//! * [`next`]: one event per decision, until there is nothing more to say without the world.
//! * [`apply`]: the only writer of [`State`].
//!
//! Only `next` evaluates templates. It records results in events, so that applying a log again never re-decides.

pub mod action;
pub mod event;

mod accept;
mod apply;
mod begin;
mod forward;
mod judge;
mod look;
mod names;
mod next;
mod state;
mod ruling;
mod undo;
mod watch;

#[cfg(test)]
mod tests;

pub use accept::{Input, accept, answers};
pub use apply::apply;
pub(crate) use begin::title;
pub use next::next;
pub use state::{IllegalEvent, Inst, InstId, Scope, State, Status, Timestamp};
pub(crate) use state::{body_path, join, stage_path};
