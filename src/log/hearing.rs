//! What people were asked in a log and what they answered, in order: which approvals count, and whether enough of them
//! did before a checkpoint passed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use super::Head;
use super::approval::{Context, Counted, Driver, Question, Refusal, judge, micros, signer};
use super::id::RunId;
use super::record::{Record, RecordType};
use super::statement::{Decision, SignedApproval, Subject};
use super::sum::Sha256Sum;
use super::trust::TrustStore;
use super::verdict::Verdict;

/// An approval that stands in a log, whether it counts or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardApproval {
    /// Path of the checkpoint.
    pub checkpoint: String,
    /// What it says: `go` or `no-go`.
    pub decision: String,
    /// Who: by the trust store where it knows the key, else what the log says.
    pub by: String,
    /// Fingerprint of the key.
    pub key: String,
    /// The role it was given in.
    pub role: Option<String>,
    /// What it refers to.
    pub reference: Option<String>,
    /// Words.
    pub reason: Option<String>,
    /// When it was written into the log.
    pub at: String,
    /// It was signed for the plan, before the run.
    pub of_plan: bool,
    /// Why it does not count; none when it does.
    pub void: Option<String>,
}

/// What an approval of a plan is worth before there is a run: whom it would count for, or why it is void.
pub fn judge_of_plan(signed: &SignedApproval, plan_sha256: Sha256Sum, trust: &TrustStore, now: &str) -> HeardApproval {
    let said = &signed.approval;
    let mut told = HeardApproval {
        checkpoint: String::new(),
        decision: Decision::Go.to_string(),
        by: trust.principal_of(signed.key()).unwrap_or_default().to_string(),
        key: signed.key().fingerprint(),
        role: said.role.clone(),
        reference: said.reference.clone(),
        reason: said.reason.clone(),
        at: said.time.clone(),
        of_plan: true,
        void: None,
    };
    let run = RunId::from_parts(0, [0; 10]);
    let context = Context { run, plan_sha256, trust, drivers: &[], now, given: &[] };
    told.void = match &said.of {
        Subject::Question { .. } => Some("answers a question of a run, not a plan".to_string()),
        Subject::Plan { checkpoints, expires, .. } => {
            told.checkpoint = checkpoints.join(", ");
            let expired = micros(expires).zip(micros(now)).is_none_or(|(expires, now)| expires < now);
            match signer(signed, &context) {
                Err(refusal) => Some(refusal.why),
                Ok(_) if said.plan_sha256 != plan_sha256 => {
                    Some(format!("is for another plan, {}", said.plan_sha256.short()))
                }
                Ok(_) if expired => Some(format!("expired at {expires}")),
                Ok(_) => None,
            }
        }
    };
    told
}

impl HeardApproval {
    /// A file that should hold an approval and does not.
    pub fn unreadable(why: String) -> HeardApproval {
        let nothing = String::new;
        HeardApproval {
            checkpoint: nothing(),
            decision: nothing(),
            by: nothing(),
            key: nothing(),
            role: None,
            reference: None,
            reason: None,
            at: nothing(),
            of_plan: true,
            void: Some(why),
        }
    }

    /// The approval as data.
    pub fn json(&self) -> Value {
        json!({
            "checkpoint": self.checkpoint, "decision": self.decision, "by": self.by, "key": self.key, "role": self.role,
            "reference": self.reference, "reason": self.reason, "at": self.at, "of_plan": self.of_plan,
            "valid": self.void.is_none(), "void": self.void,
        })
    }
}

impl fmt::Display for HeardApproval {
    /// One line for people, with everything that comes from the log escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.void.is_some() { "VOID" } else { "valid" };
        let (decision, path, by) = (&self.decision, &self.checkpoint, &self.by);
        let (decision, path, by) = (decision.escape_debug(), path.escape_debug(), by.escape_debug());
        write!(f, "{word}: {} at '{path}' by {by}", decision.to_string().to_uppercase())?;
        for (words, value) in [(" as ", &self.role), (" for ", &self.reference)] {
            value.iter().try_for_each(|value| write!(f, "{words}{}", value.escape_debug()))?;
        }
        let of_plan = if self.of_plan { ", of the plan" } else { "" };
        write!(f, ", {} with {}{of_plan}", self.at, self.key)?;
        let reason = self.reason.iter();
        reason.into_iter().try_for_each(|reason| write!(f, ": {}", reason.escape_debug()))?;
        self.void.iter().try_for_each(|why| write!(f, " (it {why})"))
    }
}

/// The questions and answers of a run so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    /// What is asked and not over, by checkpoint.
    pub(crate) open: BTreeMap<String, Question>,
    /// What counts.
    pub(crate) given: Vec<Counted>,
    /// All signed answers in the log.
    pub(crate) approvals: Vec<HeardApproval>,
    /// Questions with an answer that may count for others.
    pub(crate) doubtful: BTreeSet<(String, u32, u64)>,
}

/// What a hearing is held by.
pub(crate) struct Court<'a> {
    pub(crate) run: RunId,
    /// The plan that is followed at the record.
    pub(crate) plan_sha256: Sha256Sum,
    pub(crate) trust: &'a TrustStore,
    /// Everybody who drives the run, earlier or later.
    pub(crate) drivers: &'a [Driver],
}

/// Whether a record is about asking people.
pub(crate) fn concerns(record: &Record) -> bool {
    let event = record.text("event").filter(|_| record.kind == RecordType::Event);
    matches!(record.kind, RecordType::ApprovalRequest | RecordType::Approval)
        || matches!(event, Some("asked" | "lapsed" | "step_finished" | "answer_expired" | "withdrawn"))
}

impl Heard {
    /// Takes the next record that [`concerns`] people; `head` is what its seal covers.
    ///
    /// # Errors
    /// The verdict and the reason.
    pub(crate) fn take(&mut self, record: &Record, head: Head, court: &Court<'_>) -> Result<(), (Verdict, String)> {
        if let Some(question) = Question::of(record, head) {
            self.open.insert(question.checkpoint.clone(), question);
            return Ok(());
        }
        if record.kind == RecordType::Approval {
            return self.approval(record, court);
        }
        if record.text("event") == Some("lapsed") {
            self.lapse(record);
            return Ok(());
        }
        // The question is over.
        let Some(question) = record.text("path").and_then(|path| self.open.remove(path)) else { return Ok(()) };
        let passed = record.text("event") == Some("step_finished") && record.text("verdict") == Some("pass");
        if passed { self.check_quorum(&question, record, court) } else { Ok(()) }
    }

    fn lapse(&mut self, record: &Record) {
        let (path, by) = (record.text("path"), record.text("by"));
        let Some(question) = path.and_then(|path| self.open.get(path)) else { return };
        let of = |given: &&mut Counted| {
            given.head == question.head
                && Some(given.checkpoint.as_str()) == path
                && Some(given.principal.as_str()) == by
                && given.role.as_deref() == record.text("role")
        };
        self.given.iter_mut().filter(of).for_each(|given| given.lapsed = true);
    }

    /// An answer without a signature is the operator's own and covered by the seals.
    fn approval(&mut self, record: &Record, court: &Court<'_>) -> Result<(), (Verdict, String)> {
        let Some(armor) = record.text("sig") else { return Ok(()) };
        let checkpoint = record.text("checkpoint").unwrap_or_default();
        let about = |what: &str| format!("approval '{}' {what}", checkpoint.escape_debug());
        let statement = record.text("statement").unwrap_or_default();
        let signed = SignedApproval::of(statement, armor)
            .map_err(|e| (Verdict::Tampered, about(&format!("is malformed: {e}"))))?;
        let judged = self.judged(&signed, checkpoint, record, court);
        self.list(&signed, record, court, judged.as_ref().err());
        match judged {
            Ok(given) => self.given.push(given),
            Err(refusal) => {
                if let Some(question) = self.open.get(checkpoint).filter(|_| refusal.verdict == Verdict::Untrusted) {
                    self.doubtful.insert(key_of(question));
                }
                return Err((refusal.verdict, about(&refusal.why)));
            }
        }
        Ok(())
    }

    fn judged(
        &self,
        signed: &SignedApproval,
        checkpoint: &str,
        record: &Record,
        court: &Court<'_>,
    ) -> Result<Counted, Refusal> {
        let drivers: Vec<Driver> =
            court.drivers.iter().filter(|driver| driver.segment <= record.segment).cloned().collect();
        let Court { run, plan_sha256, trust, .. } = *court;
        let context = Context { run, plan_sha256, trust, drivers: &drivers, now: &record.t, given: &self.given };
        let tampered = |why: &str| Refusal { verdict: Verdict::Tampered, why: why.to_string() };
        let question = self.open.get(checkpoint);
        let Some(question) = question else {
            // Whoever may not approve at all may not answer out of turn either.
            signer(signed, &context)?;
            return Err(tampered("answers nothing that was asked"));
        };
        let given = judge(signed, question, &context)?;
        let nonce = given.nonce.to_string();
        let said = &signed.approval;
        let agrees =
            |name: &str, value: Option<&str>| record.text(name).unwrap_or_default() == value.unwrap_or_default();
        let same = record.text("decision") == Some(&given.decision.to_string())
            && agrees("role", said.role.as_deref())
            && agrees("reference", said.reference.as_deref())
            && agrees("reason", said.reason.as_deref())
            && record.text("nonce").is_none_or(|said| said == nonce);
        if same {
            Ok(given)
        } else {
            Err(tampered("was signed for something else: the record says other than the statement"))
        }
    }

    fn list(&mut self, signed: &SignedApproval, record: &Record, court: &Court<'_>, refused: Option<&Refusal>) {
        let said = &signed.approval;
        let known = court.trust.principal_of(signed.key());
        self.approvals.push(HeardApproval {
            checkpoint: record.text("checkpoint").unwrap_or_default().to_string(),
            decision: record.text("decision").unwrap_or_default().to_string(),
            by: known.or(record.text("by")).unwrap_or_default().to_string(),
            key: signed.key().fingerprint(),
            role: said.role.clone(),
            reference: said.reference.clone(),
            reason: said.reason.clone(),
            at: record.t.clone(),
            of_plan: matches!(said.of, Subject::Plan { .. }),
            void: refused.map(|refusal| refusal.why.clone()),
        });
    }

    /// A checkpoint that asks for roles has passed only if enough people of each said GO, not too long ago, and none of
    /// them drives the run by now.
    fn check_quorum(&self, question: &Question, record: &Record, court: &Court<'_>) -> Result<(), (Verdict, String)> {
        let fresh = |given: &Counted| match (question.good_for_us, micros(&record.t)) {
            (Some(good), Some(now)) => now.saturating_sub(given.said_us) <= good && !given.lapsed,
            _ => !given.lapsed,
        };
        let drives = |given: &Counted| {
            let is = |d: &Driver| {
                d.key == given.key || d.principal == given.principal || court.trust.is_also(&given.key, &d.principal)
            };
            court.drivers.iter().any(|driver| driver.segment <= record.segment && is(driver))
        };
        let said_go = self.given.iter().filter(|given| {
            given.checkpoint == question.checkpoint && given.head == question.head && given.decision == Decision::Go
        });
        let said_go: Vec<&Counted> = said_go.filter(|given| fresh(given) && !drives(given)).collect();
        for (role, wanted) in &question.roles {
            let found = said_go.iter().filter(|given| given.role.as_ref() == Some(role)).count() as u64;
            if found < *wanted {
                let (path, role) = (question.checkpoint.escape_debug(), role.escape_debug());
                // Whose keys do not count here may have counted where the run was driven.
                let doubtful = self.doubtful.contains(&key_of(question));
                let verdict = if doubtful { Verdict::Untrusted } else { Verdict::Tampered };
                let text = format!("checkpoint '{path}' passed with {found} of {wanted} GO by {role}");
                return Err((verdict, text));
            }
        }
        Ok(())
    }
}

fn key_of(question: &Question) -> (String, u32, u64) {
    (question.checkpoint.clone(), question.head.segment, question.head.bytes)
}
