//! From a runbook, its inputs and its target to an immutable plan with a digest.

pub mod inputs;
pub mod model;
pub mod units;
