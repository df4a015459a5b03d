//! The signed log of a run: bytes to records and back. Pure; the store reads and writes the files.
//!
//! A log is JSON lines. Each line holds the SHA-256 of the line before it, and each batch ends with a *seal*: an SSHSIG
//! over every byte before it, so that anybody with `ssh-keygen`, `head` and `sha256sum` can check a log without this
//! program. The identity key seals where somebody takes responsibility (start, resume, end); a session key that lives
//! only in memory and changes with every step seals the rest. A finished run has one more signature beside the file,
//! over all of it.
//!
//! An interrupted run goes on in a new segment, `run.2.jsonl`, whose first record names the whole file before it. A
//! found file is never appended to.
//!
//! What a log proves: that its bytes are what somebody with the key wrote, in this order. Not that nothing was cut from
//! its end (only a head left elsewhere shows that), and not that the steps did what they printed.

mod anchor;
mod approval;
mod countersign;
mod desk;
mod dsse;
mod hearing;
mod hold;
mod holds;
mod id;
mod json;
mod keys;
mod outputs;
mod record;
mod revoked;
mod secret;
mod signer;
mod signers;
mod sshsig;
mod statement;
mod sum;
mod trust;
mod verdict;
mod verify;
mod walk;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

pub use anchor::{Anchor, head_line, parse_head_line};
pub use approval::{Counted, Driver, Question, Refusal};
pub use countersign::{CountersignStatement, Countersignature};
pub use desk::Desk;
pub use dsse::{Attestation, PREDICATE_TYPE, Statement, pae};
pub use hearing::{HeardApproval, judge_of_plan};
pub use hold::{HoldAction, HoldStatement, SignedHold};
pub use holds::{HoldEntry, HoldHistory, may_say};
pub use id::{BadRunId, RunId};
pub use json::MAX_LINE;
pub use keys::PublicKey;
pub(crate) use outputs::is_plain_name;
pub use outputs::{OutputClaim, OutputState};
pub use record::{FORMAT, Record, RecordType};
pub use revoked::{RevokedKeys, is_krl};
pub use secret::{SecretKey, Seed, public_half};
pub use signer::{CheckError, Message, SignError, SignatureChecker, Signer};
pub use signers::{SignerLine, check_principal, moment, with_end, with_line};
pub use sshsig::{HashAlgorithm, SshSig};
pub use statement::{Approval, Decision, MAX_APPROVAL, Nonce, SignedApproval, Subject};
pub use sum::Sha256Sum;
pub use trust::{TrustStore, Trusted};
pub use verdict::{Countersigned, Evidence, Finding, FindingKind, Report, Segment, Verdict};
pub use verify::verify;
pub use walk::{ReadError, SealedLog, read};
pub use wire::FormatError;
pub use writer::{At, RunResume, RunStart, WriteError, Writer};

/// What seals and final signatures are signed for.
pub const NAMESPACE: &str = "log.v1@runbook";

/// What people's approvals are signed for.
pub const APPROVAL_NAMESPACE: &str = "approval.v1@runbook";

/// What holds on locks, and lifting them, are signed for.
pub const HOLD_NAMESPACE: &str = "hold.v1@runbook";

/// A point in a log that a seal vouches for: the first `bytes` bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head {
    /// The number of the segment, from 1.
    pub segment: u32,
    /// How many bytes of it are covered.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Sha256Sum,
}

/// The file name of a segment: `run.jsonl`, `run.2.jsonl`, …
pub fn segment_file(number: u32) -> String {
    if number == 1 { "run.jsonl".to_string() } else { format!("run.{number}.jsonl") }
}

/// The file name of the final signature of a segment.
pub fn signature_file(number: u32) -> String {
    format!("{}.sig", segment_file(number))
}
