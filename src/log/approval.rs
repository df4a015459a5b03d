//! A second person's answer: a short text that names exactly what was asked, signed with that person's own key.

use super::id::RunId;
use super::keys::PublicKey;
use super::record::Record;
use super::signer::CheckError;
use super::sshsig::SshSig;
use super::sum::Sha256Sum;
use super::trust::TrustStore;
use super::verdict::Verdict;
use super::{APPROVAL_NAMESPACE, Head};

/// What an approver signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApprovalStatement<'a> {
    /// The run.
    pub run: RunId,
    /// The question.
    pub checkpoint: &'a str,
    /// The answer: `go` or `no-go`.
    pub decision: &'a str,
    /// `plan_sha256` of the run.
    pub plan_sha256: Sha256Sum,
    /// What the seal over the question covers.
    pub head: Head,
}

impl ApprovalStatement<'_> {
    /// The exact text to sign in the namespace `approval.v1@runbook`.
    pub fn to_text(&self) -> String {
        let ApprovalStatement { run, checkpoint, decision, plan_sha256, head } = self;
        let Head { segment, bytes, sha256 } = head;
        format!(
            "runbook-approval v1\nrun: {run}\ncheckpoint: {checkpoint}\ndecision: {decision}\n\
             plan: sha256:{plan_sha256}\nlog: segment {segment}, {bytes} bytes sha256:{sha256}\n"
        )
    }
}

/// What an approval is measured against.
pub(crate) struct Context<'a> {
    pub(crate) run: RunId,
    pub(crate) plan_sha256: Sha256Sum,
    pub(crate) trust: &'a TrustStore,
    /// Everybody who opened a segment.
    pub(crate) drivers: &'a [Driver],
}

/// Somebody who has driven the run: no second person for it from then on.
#[derive(Debug, Clone)]
pub(crate) struct Driver {
    /// From this segment on.
    pub(crate) segment: u32,
    pub(crate) key: PublicKey,
    pub(crate) principal: String,
}

/// Checks an `approval` record that carries a signature, given the head at its request. One without a signature is the
/// operator's own answer and covered by the seals.
///
/// # Errors
/// The verdict and the reason.
pub(crate) fn check(record: &Record, asked: Option<Head>, context: &Context<'_>) -> Result<(), (Verdict, String)> {
    let Some(armor) = record.text("sig") else { return Ok(()) };
    let checkpoint = record.text("checkpoint").unwrap_or_default();
    let about = |what: &str| format!("approval '{}'{what}", checkpoint.escape_debug());
    let tampered = |what: &str| Err((Verdict::Tampered, about(what)));

    let statement = record.text("statement").unwrap_or_default();
    let sig = SshSig::parse(armor).map_err(|e| (Verdict::Tampered, about(&format!(": {e}"))))?;
    sig.check_message(APPROVAL_NAMESPACE, statement.as_bytes(), context.trust.checker()).map_err(|e| match e {
        CheckError::Bad(what) => (Verdict::Tampered, about(&format!(": {what}"))),
        CheckError::Unchecked(why) => (Verdict::Untrusted, about(&format!(" could not be checked: {why}"))),
    })?;
    let trusted = context
        .trust
        .check(&sig.key, APPROVAL_NAMESPACE, &record.t)
        .map_err(|why| (Verdict::Untrusted, about(&format!(": {why}"))))?;
    let drove = |driver: &&Driver| driver.segment <= record.segment;
    // A key that the store gives two names is the operator's if one of them is.
    let same = |d: &&Driver| {
        d.key == sig.key || d.principal == trusted.principal || context.trust.is_also(&sig.key, &d.principal)
    };
    if let Some(driver) = context.drivers.iter().filter(drove).find(same) {
        let who = driver.principal.escape_debug();
        return tampered(&format!(" was given by the operator ({who}) himself"));
    }
    let Some(head) = asked else { return tampered(" answers nothing that was asked") };
    let decision = record.text("decision").unwrap_or_default();
    let (run, plan_sha256) = (context.run, context.plan_sha256);
    let expected = ApprovalStatement { run, checkpoint, decision, plan_sha256, head }.to_text();
    if statement != expected {
        return tampered(
            " was signed for something else (statement does not name this run, checkpoint, decision, plan and log head)",
        );
    }
    Ok(())
}
