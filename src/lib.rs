//! `runbook` runs production changes from reviewed YAML runbooks and records one signed log per run.
//!
//! The upper modules are pure: no clock, environment, files, sockets or processes. `drive` and below act on the world.
//! A module imports only modules listed before it; ARCHITECTURE.md has the map and `tests/tidy.rs` keeps it true.

pub mod check;
// pub mod cli;
pub mod demo;
pub mod drive;
pub mod log;
pub mod machine;
pub mod plan;
pub mod report;
pub mod runbook;
pub mod store;
pub mod template;
pub mod text;
