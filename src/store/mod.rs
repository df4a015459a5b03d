//! Where runs live: keys, run directories, the journal that writes a log, and the reading and verifying of what is there.
//!
//! Everything lies outside the working directory, readable only by its owner:
//!
//! ```text
//! $XDG_CONFIG_HOME/runbook/   id_ed25519  id_ed25519.pub  signing_key  allowed_signers  revoked_keys
//! $XDG_STATE_HOME/runbook/runs/<ID>/
//!     run.jsonl  run.2.jsonl …  run.jsonl.sig   plan.json   out/   inputs/
//! ```

#![expect(clippy::disallowed_methods, reason = "the half that acts on the world begins here")]

mod clock;
mod error;
mod files;
mod home;
mod journal;
pub mod keys;
mod list;
mod openssh;
mod resume;
mod run_dir;
mod signing;
pub mod trust;
mod verify;

#[cfg(test)]
mod tests;

pub use clock::RunClock;
pub use error::StoreError;
pub(crate) use error::plain;
pub use home::Home;
pub use journal::{Durability, Journal, JournalError};
pub use list::{ListedRun, RunState, list_runs};
pub use openssh::{OpenSsh, OpenSshSigner};
pub use resume::{ResumePoint, countersign, read_log};
pub use run_dir::RunDir;
pub use signing::{SigningKey, signing_key, use_key, use_own};
pub use verify::verify_dir;
