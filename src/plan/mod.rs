//! From a runbook, its inputs and its target to an immutable plan with a digest.

pub mod inputs;
pub mod model;

mod build;
mod convert;
mod decisions;
mod gates;
mod include;
pub(crate) mod known;
pub mod hours;
pub mod paths;
mod lock;
mod looks;
mod policies;
mod request;
mod schedule;
mod stages;
mod tasks;
#[cfg(test)]
mod tests;
pub mod used;
pub mod window;

pub use crate::runbook::units;
pub use build::{Judged, build, build_judged};
pub use gates::{Around, idle_waivers};
pub use model::Plan;
pub use request::{Given, Library, Policies, Request, Unreadable};

use sha2::{Digest, Sha256};

/// The stored form of a plan and its SHA-256 in hex, by which approvals, logs and people name it.
pub fn encode(plan: &Plan) -> (Vec<u8>, String) {
    // A plan is plain data with string keys: it always has a JSON form.
    let bytes = serde_json::to_vec_pretty(plan).unwrap_or_default();
    let digest = hex(&Sha256::digest(&bytes));
    (bytes, digest)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
