//! The state machine of a run.

pub mod action;
