//! The state machine of a run: pure, driven from outside, the same for live runs, resume, reports and simulations.
//!
//! * [`accept`]: what the world says becomes a fact, or nothing when it is stale.
//! * [`next`]: one event per decision, until there is nothing more to say without the world.
//! * [`apply`]: the only writer of [`State`].
//!
//! A run that goes on with a changed runbook is carried over by [`rebase`]; [`changes`] says what is different.
//!
//! Only `next` evaluates templates. It records results in events, so that applying a log again never re-decides.

pub mod action;
pub mod event;

mod accept;
mod apply;
mod begin;
mod compare;
mod evidence;
mod forward;
mod gate;
mod judge;
mod leave;
mod lock;
mod look;
mod names;
mod next;
mod plans;
mod rails;
mod rebase;
mod state;
mod ruling;
mod schedule;
mod trail;
mod undo;
mod waiver;
mod watch;
mod window;

#[cfg(test)]
mod tests;

pub use accept::{Backing, Input, Typed, accept, answers};
pub use apply::apply;
pub(crate) use begin::title;
pub(crate) use compare::places;
pub use compare::{Change, How, changes};
pub use gate::{Driver, Gathered, Go, RoleStanding, phrase_typed, red, standing};
pub use lock::has_changed;
pub use look::{Probe, Seen};
pub use next::next;
pub use plans::Plans;
pub use rebase::{Conflict, rebase};
pub use schedule::Zero;
pub use state::{IllegalEvent, Inst, InstId, OVERRIDE, Scope, State, Status, Timestamp};
pub(crate) use state::{body_path, join, stage_path};
pub use waiver::is_waived;
pub use window::keeps_from_resuming;
