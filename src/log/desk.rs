//! Where a run's questions lie while it is driven: what is open, who has answered, and whether a further answer counts.

use super::Head;
use super::approval::{Context, Counted, Driver, Question, Refusal, judge, would_count};
use super::hearing::{Court, Heard, concerns};
use super::id::RunId;
use super::keys::PublicKey;
use super::record::Record;
use super::statement::{Approval, SignedApproval};
use super::sum::Sha256Sum;
use super::trust::TrustStore;
use super::verdict::Report;

/// The questions of one run and the answers to them.
#[derive(Debug, Clone)]
pub struct Desk {
    run: RunId,
    plan_sha256: Sha256Sum,
    drivers: Vec<Driver>,
    heard: Heard,
}

impl Desk {
    /// The desk of a run that begins or is taken over now. `before` is the verified report of what there is of it.
    pub fn new(run: RunId, plan_sha256: Sha256Sum, before: Option<&Report>, driver: Option<Driver>) -> Desk {
        let mut drivers = before.map(|report| report.drivers.clone()).unwrap_or_default();
        drivers.extend(driver);
        let heard = before.map(|report| Heard {
            open: report.questions.clone(),
            given: report.given.clone(),
            approvals: report.approvals.clone(),
            ..Heard::default()
        });
        Desk { run, plan_sha256, drivers, heard: heard.unwrap_or_default() }
    }

    /// The question of a checkpoint is about to be asked anew: what was answered to it counts no more.
    pub fn close(&mut self, checkpoint: &str) {
        self.heard.open.remove(checkpoint);
    }

    /// Takes note of a record that was written; `head` is what its seal covers.
    pub fn see(&mut self, record: &Record, head: Head, trust: &TrustStore) {
        if concerns(record) {
            let court = Court { run: self.run, plan_sha256: self.plan_sha256, trust, drivers: &self.drivers };
            // What does not count was refused before it was written.
            let _ = self.heard.take(record, head, &court);
        }
    }

    /// The run.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The plan that is followed.
    pub fn plan_sha256(&self) -> Sha256Sum {
        self.plan_sha256
    }

    /// The open question of a checkpoint.
    pub fn question(&self, checkpoint: &str) -> Option<&Question> {
        self.heard.open.get(checkpoint)
    }

    /// All open questions.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.heard.open.values()
    }

    /// The answers that count, of all questions.
    pub fn given(&self) -> &[Counted] {
        &self.heard.given
    }

    /// Whether a signed answer counts for a question at the moment `now`.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn judge(
        &self,
        signed: &SignedApproval,
        question: &Question,
        trust: &TrustStore,
        now: &str,
    ) -> Result<Counted, Refusal> {
        judge(signed, question, &self.context(trust, now))
    }

    /// Whether an answer would count if `key`, which is that of `principal`, signed it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn would_count(
        &self,
        approval: &Approval,
        key: &PublicKey,
        principal: &str,
        question: &Question,
        trust: &TrustStore,
    ) -> Result<Counted, Refusal> {
        would_count(approval, key, principal, question, &self.context(trust, &approval.time))
    }

    fn context<'a>(&'a self, trust: &'a TrustStore, now: &'a str) -> Context<'a> {
        let (run, plan_sha256) = (self.run, self.plan_sha256);
        Context { run, plan_sha256, trust, drivers: &self.drivers, now, given: &self.heard.given }
    }
}
