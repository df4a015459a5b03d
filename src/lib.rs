//! `runbook` runs production changes from reviewed YAML runbooks and records one signed log per run.
//!
//! The upper modules are pure: no clock, environment, files, sockets or processes. `drive` and below act on the world.
//! A module imports only modules listed before it; ARCHITECTURE.md has the map and `tests/tidy.rs` keeps it true.

pub mod text;

pub mod decide;

pub mod inspect;

pub mod runbook;

pub mod template;

pub mod policy;

pub mod check;

pub mod plan;

pub mod machine;

pub mod log;

pub mod report;

pub mod drive;

pub mod store;

pub mod demo;

pub mod cli;
