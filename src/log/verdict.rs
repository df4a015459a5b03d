//! What a verification starts from and what it says.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::Head;
use super::approval::{Counted, Driver, Question};
use super::hearing::HeardApproval;
use super::id::RunId;
use super::sum::Sha256Sum;
use super::trust::TrustStore;

/// One segment as it was found.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// 1 for `run.jsonl`, N for `run.N.jsonl`.
    pub number: u32,
    /// The whole file; `None` when only its signature is there.
    pub bytes: Option<&'a [u8]>,
    /// The contents of the `.sig` file beside it.
    pub signature: Option<&'a [u8]>,
}

/// Everything a verdict rests on, apart from the output files.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// In order of their numbers.
    pub segments: &'a [Segment<'a>],
    /// Whose keys count. Never taken from the run directory.
    pub trust: &'a TrustStore,
    /// The run this should be.
    pub expect_run: Option<RunId>,
    /// Heads of this run that somebody else kept.
    pub known_heads: &'a [Head],
    /// The bytes of `plan.json`.
    pub plan: Option<&'a [u8]>,
}

/// What a log is worth. Ordered from good to bad; the worst finding gives the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Whole, finished, signed by a key that counts.
    Complete,
    /// Good as far as it goes, but not to the end: a crash, a kill, a run still going, or a cut tail.
    Incomplete,
    /// Signed by a key that does not count.
    Untrusted,
    /// Altered after it was written, or the disk is corrupt.
    Tampered,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Complete => "COMPLETE",
            Verdict::Incomplete => "INCOMPLETE",
            Verdict::Untrusted => "UNTRUSTED",
            Verdict::Tampered => "TAMPERED",
        })
    }
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// Worth knowing; does not change the verdict.
    Note,
    /// Makes the verdict at least this bad.
    Verdict(Verdict),
}

/// One thing the verifier found. Text that comes from the log is escaped in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub kind: FindingKind,
    /// What it is, for a person.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FindingKind::Note => write!(f, "NOTE: {}", self.text),
            FindingKind::Verdict(verdict) => write!(f, "{verdict}: {}", self.text),
        }
    }
}

/// The outcome of a verification.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the log is worth.
    pub verdict: Verdict,
    /// Somebody drives the run right now, so that it cannot be complete yet. Found out by whoever has the files.
    pub running: bool,
    /// Why, and what else is worth knowing.
    pub findings: Vec<Finding>,
    /// The run, as far as the log says.
    pub run: Option<RunId>,
    /// Whose key opened the last segment, by the trust store's name.
    pub signer: Option<String>,
    /// That key is this machine's own.
    pub self_signed: bool,
    /// Sealed records.
    pub records: u64,
    /// Good seals.
    pub seals: u64,
    /// The last point a seal vouches for.
    pub head: Option<Head>,
    /// Files checked beside the log, and their bytes.
    pub outputs: (u64, u64),
    /// `plan_sha256` of the first record.
    pub plan_sha256: Option<Sha256Sum>,
    /// The previous run this one names, with its head.
    pub prev_run: Option<(RunId, Head)>,
    /// Every point a good seal vouches for, in order.
    pub heads: Vec<Head>,
    /// Second people who vouch for a head of this log.
    pub countersigned: Vec<Countersigned>,
    /// All signed answers in the log, in order, whether they count or not.
    pub approvals: Vec<HeardApproval>,
    /// What is asked and not over, by checkpoint.
    pub questions: BTreeMap<String, Question>,
    /// The signed answers that count.
    pub(crate) given: Vec<Counted>,
    /// Every segment could be walked to its end. Behind a fault there is nothing to say about a tail.
    pub(crate) walked: bool,
    /// Everybody who drove the run: none of them can be its second person.
    pub(crate) drivers: Vec<Driver>,
}

/// A countersignature that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countersigned {
    /// Whose key it is, by the trust store.
    pub by: String,
    /// When, by their clock.
    pub at: String,
    /// What they said.
    pub note: String,
    /// What they vouch for.
    pub head: Head,
}

impl Report {
    /// The report as data.
    pub fn json(&self) -> Value {
        let point = |h: &Head| json!({ "segment": h.segment, "bytes": h.bytes, "sha256": h.sha256.to_string() });
        let head = self.head.as_ref().map(point);
        let second = |c: &Countersigned| json!({ "by": c.by, "at": c.at, "note": c.note, "head": point(&c.head) });
        let countersigned: Vec<Value> = self.countersigned.iter().map(second).collect();
        let findings: Vec<String> = self.findings.iter().map(Finding::to_string).collect();
        json!({
            "verdict": self.verdict.to_string(), "running": self.running, "run": self.run.map(|r| r.to_string()), "signer": self.signer,
            "self_signed": self.self_signed, "records": self.records, "seals": self.seals, "head": head,
            "outputs": { "files": self.outputs.0, "bytes": self.outputs.1 }, "countersigned": countersigned,
            "approvals": self.approvals.iter().map(HeardApproval::json).collect::<Vec<_>>(),
            "findings": findings,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.run.map_or("no run".to_string(), |run| format!("run {run}"));
        let signer = self.signer.as_ref().map_or("nobody known".to_string(), |s| s.escape_debug().to_string());
        let word = if self.running { "RUNNING".to_string() } else { self.verdict.to_string() };
        write!(f, "{word}: {run} by {signer}: {} records, {} seals", self.records, self.seals)?;
        self.approvals.iter().try_for_each(|approval| write!(f, "\n{approval}"))?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n{finding}"))
    }
}
