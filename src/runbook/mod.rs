//! Runbook documents: from the tree of a YAML file to the typed model.
//!
//! [`read()`] is tolerant: it collects every problem and goes on where the meaning is clear. The JSON Schema in `schema/`
//! is the contract and runs beside it, so nothing the contract forbids gets through; a test keeps the keys of both equal.

pub mod model;
pub mod pattern;
pub mod promql;
pub mod reach;
pub mod units;

mod read;
mod reference;

pub use model::Runbook;
pub use read::{
    Profile, contract_accepts, keys, kinds, metric_sources, policy_keys, read, read_policy, read_target, read_waivers,
};
pub use reference::reference;

/// The JSON Schema of runbooks, for editors and `runbook schema`.
pub const SCHEMA: &str = include_str!("../../schema/runbook.schema.json");

/// The JSON Schema of target profiles.
pub const TARGET_SCHEMA: &str = include_str!("../../schema/target.schema.json");

/// The JSON Schema of files of waivers.
pub const WAIVER_SCHEMA: &str = include_str!("../../schema/waiver.schema.json");
/// The JSON Schema of policies.
pub const POLICY_SCHEMA: &str = include_str!("../../schema/policy.schema.json");
