//! Where runs live: keys, run directories, the journal that writes a log, and the reading and verifying of what is there.
//!
//! Everything lies outside the working directory, readable only by its owner:
//!
//! ```text
//! $XDG_CONFIG_HOME/runbook/   id_ed25519  id_ed25519.pub  signing_key  allowed_signers  revoked_keys
//! $XDG_STATE_HOME/runbook/runs/<ID>/
//!     run.jsonl  run.2.jsonl …  run.jsonl.sig   plan.json   out/   inputs/   countersignatures/
//! $XDG_STATE_HOME/runbook/heads/<ID>   newest
//! $XDG_STATE_HOME/runbook/locks/<NAME>.lease  .holds  .doing      or in the `lock_dir` of the target
//! ```

#![expect(clippy::disallowed_methods, reason = "the half that acts on the world begins here")]

mod attested;
mod clock;
mod error;
mod files;
mod heads;
mod home;
mod inbox;
mod journal;
pub mod keys;
mod list;
pub mod locks;
mod openssh;
mod resume;
mod run_dir;
mod signing;
pub mod trust;
mod previous;
mod syslog;
mod timestamp;
mod verify;
mod witness;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_support;

pub use attested::subjects;
pub use clock::RunClock;
pub use error::StoreError;
pub(crate) use error::plain;
pub use heads::remember_end;
pub use home::Home;
pub use inbox::{Inbox, Letter, deliver, deliver_shared, put_approval, read as read_answer};
pub use journal::{Durability, Journal, JournalError};
pub use keys::random_nonce;
pub use list::{ListedRun, RunState, list_runs};
pub use openssh::{OpenSsh, OpenSshSigner};
pub use previous::{note_newest, previous_run};
pub use resume::{ResumePoint, countersign, read_log};
pub use run_dir::RunDir;
pub use signing::{SigningKey, signing_key, use_key, use_own};
pub use syslog::Syslog;
pub use timestamp::{TimestampError, put_timestamp, timestamp_query};
pub use verify::verify_dir;
pub use witness::{Given, Witnesses, hold_against_kept, put_countersignature, verify_run};
