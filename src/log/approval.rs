//! Whether a signed approval counts for a question: the one rule that the driver, `runbook go` and the verifier share.

use std::collections::BTreeMap;

use serde_json::Value;

use super::id::RunId;
use super::keys::PublicKey;
use super::record::{Record, RecordType};
use super::signer::CheckError;
use super::statement::{Approval, Decision, Nonce, SignedApproval, Subject};
use super::sum::Sha256Sum;
use super::trust::TrustStore;
use super::verdict::Verdict;
use super::{APPROVAL_NAMESPACE, Head};

/// How far the clock of an approver may be ahead of the driver's, in microseconds.
const CLOCK_SKEW_US: i64 = 300_000_000;

/// Stands for everybody whose approvals are trusted, in the list of those who hold a role.
const ANYBODY: &str = "*";

/// A question of a run, as its log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Path of the checkpoint.
    pub checkpoint: String,
    /// What the seal over it covers.
    pub head: Head,
    /// How many people of which role must say GO; empty where any approver may.
    pub roles: BTreeMap<String, u64>,
    /// Who holds these roles.
    pub people: BTreeMap<String, Vec<String>>,
    /// How long a GO stays good, in microseconds.
    pub good_for_us: Option<i64>,
    /// An approval must name something outside of this program.
    pub reference: bool,
}

impl Question {
    /// The question that a record asks, if it asks one. What is not of the form it should have counts as not there.
    pub(crate) fn of(record: &Record, head: Head) -> Option<Question> {
        let is_event = record.kind == RecordType::Event
            && record.text("event") == Some("asked")
            && record.text("question") == Some("checkpoint");
        let checkpoint = match record.kind {
            RecordType::ApprovalRequest => record.text("checkpoint").unwrap_or_default(),
            _ if is_event => record.text("path").unwrap_or_default(),
            _ => return None,
        };
        let field = |name: &str| record.payload.get(name);
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(String::from)).collect()
        };
        let object = |name: &str| field(name).and_then(Value::as_object).into_iter().flatten();
        Some(Question {
            checkpoint: checkpoint.to_string(),
            head,
            roles: object("roles").filter_map(|(role, n)| Some((role.clone(), n.as_u64()?))).collect(),
            people: object("people").map(|(role, people)| (role.clone(), texts(people))).collect(),
            good_for_us: field("good_for_us").and_then(Value::as_u64).and_then(|us| i64::try_from(us).ok()),
            reference: field("reference").and_then(Value::as_bool).unwrap_or_default(),
        })
    }

    /// Whether a person holds a role that is asked for.
    pub fn holds(&self, role: &str, principal: &str) -> bool {
        self.roles.contains_key(role)
            && self.people.get(role).is_some_and(|people| people.iter().any(|p| p == principal || p == ANYBODY))
    }
}

/// Somebody who has driven the run: no second person for it from then on.
#[derive(Debug, Clone)]
pub struct Driver {
    /// From this segment on.
    pub segment: u32,
    /// The key that opened it.
    pub key: PublicKey,
    /// Its owner, by the trust store.
    pub principal: String,
}

/// What an approval is measured against besides its question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The run.
    pub(crate) run: RunId,
    /// The plan that is followed.
    pub(crate) plan_sha256: Sha256Sum,
    /// Whose keys count.
    pub(crate) trust: &'a TrustStore,
    /// Everybody who drove the run up to the answer.
    pub(crate) drivers: &'a [Driver],
    /// When the answer arrives: the form of a record's `t`.
    pub(crate) now: &'a str,
    /// The approvals that count already, of all questions of the run.
    pub(crate) given: &'a [Counted],
}

/// An approval that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Path of the checkpoint.
    pub checkpoint: String,
    /// The question it answered.
    pub head: Head,
    /// GO or NO-GO.
    pub decision: Decision,
    /// Whose key it is, by the trust store.
    pub principal: String,
    /// The key.
    pub key: PublicKey,
    /// The role it counts for.
    pub role: Option<String>,
    /// When it was signed, in microseconds since 1970.
    pub said_us: i64,
    /// What makes it this one.
    pub nonce: Nonce,
    /// It has become too old; its signer may say so again.
    pub lapsed: bool,
}

/// Why an approval does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it makes of a log in which it stands all the same.
    pub verdict: Verdict,
    /// For people; text that comes from elsewhere is escaped in it.
    pub why: String,
}

fn refusal<T>(verdict: Verdict, why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { verdict, why: why.into() })
}

fn tampered<T>(why: impl Into<String>) -> Result<T, Refusal> {
    refusal(Verdict::Tampered, why)
}

/// Whether an approval counts for a question.
///
/// # Errors
/// [`Refusal`]; its text goes on from "the approval ".
pub(crate) fn judge(signed: &SignedApproval, question: &Question, context: &Context<'_>) -> Result<Counted, Refusal> {
    let principal = signer(signed, context)?;
    would_count(&signed.approval, signed.key(), &principal, question, context)
}

/// Whether an approval would count if `key`, which is that of `principal`, signed it.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn would_count(
    approval: &Approval,
    key: &PublicKey,
    principal: &str,
    question: &Question,
    context: &Context<'_>,
) -> Result<Counted, Refusal> {
    refuse_driver(key, principal, context)?;
    let decision = about(approval, question, context)?;
    entitled(approval, decision, question, principal)?;
    let counted = Counted {
        checkpoint: question.checkpoint.clone(),
        head: question.head,
        decision,
        principal: principal.to_string(),
        key: key.clone(),
        role: approval.role.clone(),
        said_us: micros(&approval.time).unwrap_or_default(),
        lapsed: false,
        nonce: approval.nonce,
    };
    new(approval, &counted, context)?;
    in_time(approval, question, context)?;
    Ok(counted)
}

/// Who signed: somebody trusted to approve, and nobody who drove the run.
pub(crate) fn signer(signed: &SignedApproval, context: &Context<'_>) -> Result<String, Refusal> {
    let SignedApproval { approval, sig } = signed;
    let text = approval.to_text();
    sig.check_message(APPROVAL_NAMESPACE, text.as_bytes(), context.trust.checker()).or_else(|error| match error {
        CheckError::Bad(what) => tampered(format!("is not signed as it stands: {what}")),
        CheckError::Unchecked(why) => refusal(Verdict::Untrusted, format!("could not be checked: {why}")),
    })?;
    // A key that only this machine vouches for is no second person's.
    if context.trust.principal_of(&sig.key).is_none() {
        let key = sig.key.fingerprint();
        return refusal(
            Verdict::Untrusted,
            format!("is by nobody who may approve: key {key} is not in the trust store"),
        );
    }
    // The key counted when the person signed, and it counts now.
    let mut principal = String::new();
    for t in [approval.time.as_str(), context.now] {
        match context.trust.check(&sig.key, APPROVAL_NAMESPACE, t) {
            Ok(trusted) => principal = trusted.principal,
            Err(why) => return refusal(Verdict::Untrusted, format!("is by nobody who may approve: {why}")),
        }
    }
    refuse_driver(&sig.key, &principal, context)?;
    Ok(principal)
}

fn refuse_driver(key: &PublicKey, principal: &str, context: &Context<'_>) -> Result<(), Refusal> {
    // A key that the store gives two names is the operator's if one of them is.
    let is = |d: &&Driver| d.key == *key || d.principal == principal || context.trust.is_also(key, &d.principal);
    match context.drivers.iter().find(is) {
        Some(driver) => tampered(format!("was given by the operator ({}) himself", driver.principal.escape_debug())),
        None => Ok(()),
    }
}

/// It names exactly this question.
fn about(approval: &Approval, question: &Question, context: &Context<'_>) -> Result<Decision, Refusal> {
    let elsewhere = |what: &str| tampered(format!("was signed for something else: another {what}"));
    if approval.plan_sha256 != context.plan_sha256 {
        return elsewhere("plan");
    }
    match &approval.of {
        Subject::Question { run, .. } if *run != context.run => elsewhere("run"),
        Subject::Question { checkpoint, .. } if *checkpoint != question.checkpoint => elsewhere("checkpoint"),
        Subject::Question { head, .. } if *head != question.head => elsewhere("state of the log"),
        Subject::Question { decision, .. } => Ok(*decision),
        Subject::Plan { checkpoints, .. } if !checkpoints.contains(&question.checkpoint) => elsewhere("checkpoint"),
        Subject::Plan { .. } => Ok(Decision::Go),
    }
}

/// The person holds the role and says what must be said. Whether anything is red is for the machine to know.
fn entitled(approval: &Approval, decision: Decision, question: &Question, principal: &str) -> Result<(), Refusal> {
    let person = principal.escape_debug();
    let untrusted = |why: String| refusal(Verdict::Untrusted, why);
    match &approval.role {
        Some(role) if !question.roles.contains_key(role) => {
            return tampered(format!("is given as {}, which is not asked for", role.escape_debug()));
        }
        Some(role) if !question.holds(role, principal) => {
            return untrusted(format!("is given as {}, and {person} is none", role.escape_debug()));
        }
        Some(_) => {}
        // Whoever holds any of the roles can say no.
        None if question.roles.is_empty() => {}
        None if decision == Decision::NoGo && question.roles.keys().any(|role| question.holds(role, principal)) => {}
        None if decision == Decision::NoGo => return untrusted(format!("is by {person}, who holds no role here")),
        None => return tampered("names no role, but roles are asked for"),
    }
    if decision == Decision::NoGo {
        return Ok(());
    }
    if question.reference && approval.reference.is_none() {
        return tampered("has no reference, but one is asked for");
    }
    Ok(())
}

/// It was not used before, and its signer has not answered yet.
fn new(approval: &Approval, counted: &Counted, context: &Context<'_>) -> Result<(), Refusal> {
    let of_plan = matches!(approval.of, Subject::Plan { .. });
    let here = |given: &Counted| given.checkpoint == counted.checkpoint && given.head == counted.head;
    // One approval of a plan may name several checkpoints, and counts anew where one is asked again.
    let used = |given: &Counted| given.nonce == counted.nonce && (!of_plan || here(given));
    if context.given.iter().any(used) {
        return tampered("was used before");
    }
    let same = |given: &&Counted| {
        let person = given.principal == counted.principal
            || given.key == counted.key
            || context.trust.is_also(&counted.key, &given.principal);
        here(given) && given.decision == counted.decision && !given.lapsed && person
    };
    match context.given.iter().find(same) {
        Some(given) => tampered(format!("is the second one of {}", given.principal.escape_debug())),
        None => Ok(()),
    }
}

/// It is neither of the future nor too old.
fn in_time(approval: &Approval, question: &Question, context: &Context<'_>) -> Result<(), Refusal> {
    let (Some(now), Some(time)) = (micros(context.now), micros(&approval.time)) else {
        return tampered("has no valid time");
    };
    if time > now.saturating_add(CLOCK_SKEW_US) {
        return tampered(format!("is of the future ({})", approval.time));
    }
    if let Subject::Plan { expires, .. } = &approval.of
        && micros(expires).is_none_or(|expires| expires < now)
    {
        return tampered(format!("expired at {}", expires.escape_debug()));
    }
    match question.good_for_us {
        Some(good) if now.saturating_sub(time) > good => {
            tampered(format!("is older than the {} s it stays good", good / 1_000_000))
        }
        _ => Ok(()),
    }
}

/// Microseconds since 1970 of a record's time.
pub(crate) fn micros(t: &str) -> Option<i64> {
    t.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}
