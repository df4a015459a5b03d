//! Driving a run in the real world.

pub mod clock;
pub mod record;
pub mod run;
