//! Answers from elsewhere: looks into a run's inbox while something is asked, and hands what counts to the driver.

use super::session::at;
use crate::drive::run::Incoming;
use crate::log::{
    Counted, Decision, Desk, Head, Record, RecordType, Refusal, SignedApproval, Subject, TrustStore, judge_of_plan,
};
use crate::machine::event::{self, Answer, Event, Signed};
use crate::machine::{Backing, Input, Timestamp};
use crate::store::{Home, Inbox, Letter, StoreError};
use serde_json::Map;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// How often the inbox is looked into.
const LOOK: Duration = Duration::from_millis(200);
/// An answer must count for this much longer than until now, since it is not written into the log yet.
const MARGIN_US: i64 = 5_000_000;
/// Bad answers that one driver writes into the log; what comes after them is only put away.
const MOST_REFUSALS: usize = 200;

/// The post of one driven run. A clone is another handle to the same.
#[derive(Clone)]
pub(crate) struct Post {
    office: Arc<Mutex<Office>>,
    home: Home,
    send: UnboundedSender<Incoming>,
}

struct Office {
    desk: Desk,
    inbox: Inbox,
    /// The files of answers that were handed to the driver, by their nonces.
    handed: BTreeMap<String, Handed>,
    /// Approvals of the plan, and the questions for which they were looked at.
    judged: BTreeSet<(String, String, u64, u32)>,
    /// Files of approvals of the plan that did not count because something was red, and where.
    red: BTreeSet<(String, String)>,
    refusals: usize,
}

struct Handed {
    name: String,
    checkpoint: String,
    by: String,
    of_plan: bool,
}

impl Post {
    /// The post of the run in this directory.
    ///
    /// # Errors
    /// When the inbox cannot be made.
    pub(crate) fn open(
        home: &Home,
        run_dir: &Path,
        desk: Desk,
        send: UnboundedSender<Incoming>,
    ) -> Result<Post, StoreError> {
        let inbox = Inbox::open(desk.run(), run_dir)?;
        let office =
            Office { desk, inbox, handed: BTreeMap::new(), judged: BTreeSet::new(), red: BTreeSet::new(), refusals: 0 };
        Ok(Post { office: Arc::new(Mutex::new(office)), home: home.clone(), send })
    }

    /// Looks again and again, until nobody drives any more.
    pub(crate) fn watch(&self) {
        let post = self.clone();
        std::thread::spawn(move || {
            while !post.send.is_closed() {
                std::thread::sleep(LOOK);
                post.look();
            }
        });
    }

    /// Takes note of what was written; `head` is what its seal covers. What lies there for a new question is handed to
    /// the driver before it asks anybody.
    pub(crate) fn wrote(
        &self,
        batch: &[Event],
        records: &[(RecordType, Map<String, serde_json::Value>)],
        head: Head,
        now: Timestamp,
    ) {
        if batch.iter().any(is_better) && self.lock().looks_again_at_red() {
            self.look();
        }
        if !batch.iter().any(concerns) {
            return;
        }
        let trust = self.home.trust().unwrap_or_default();
        {
            let mut office = self.lock();
            for (kind, payload) in records {
                let (kind, payload, t) = (*kind, payload.clone(), at(now).t);
                let record = Record { segment: head.segment, seq: 0, t, mono_us: now.run_us, kind, payload };
                office.desk.see(&record, head, &trust);
            }
            batch.iter().for_each(|event| office.settle(event));
        }
        if batch.iter().any(|event| matches!(event, Event::Asked(_))) {
            self.look();
        }
    }

    /// Looks once.
    pub(crate) fn look(&self) {
        let (letters, desk) = {
            let mut office = self.lock();
            if office.desk.questions().next().is_none() {
                return;
            }
            (office.inbox.look(), office.desk.clone())
        };
        if letters.is_empty() {
            return;
        }
        // A key that was revoked a moment ago counts no more.
        let Ok(trust) = self.home.trust() else { return };
        for letter in letters {
            self.open_letter(letter, &desk, &trust);
        }
    }

    /// Judges without holding the lock: another program may have to check the signature.
    fn open_letter(&self, letter: Letter, desk: &Desk, trust: &TrustStore) {
        let Letter { name, text } = letter;
        let signed = text.and_then(|text| SignedApproval::parse(&text).map_err(|e| format!("is no answer: {e}")));
        let signed = match signed {
            Ok(signed) => signed,
            Err(why) => return self.refuse(&name, None, "unknown", &why),
        };
        let key = signed.key();
        let by = trust.principal_of(key).map_or_else(|| key.fingerprint(), str::to_string);
        match &signed.approval.of {
            Subject::Question { checkpoint, .. } => match desk.question(checkpoint) {
                Some(_) => self.judge(&name, checkpoint, &signed, &by, desk, trust),
                None if desk.given().iter().any(|given| given.nonce == signed.approval.nonce) => {
                    self.lock().inbox.taken(&name);
                }
                None => self.refuse(&name, None, &by, "answers nothing that is asked"),
            },
            Subject::Plan { checkpoints, .. } => {
                // It may be for a later question as well.
                self.lock().inbox.keep(&name);
                let open = desk.questions().filter(|question| checkpoints.contains(&question.checkpoint));
                for question in open {
                    let Head { bytes, segment, .. } = question.head;
                    let counts = |given: &Counted| {
                        let here = given.checkpoint == question.checkpoint && given.head == question.head;
                        here && given.nonce == signed.approval.nonce
                    };
                    // It was taken by whoever drove the run before.
                    if desk.given().iter().any(counts) {
                        continue;
                    }
                    let first = self.lock().judged.insert((name.clone(), question.checkpoint.clone(), bytes, segment));
                    if first {
                        self.judge(&name, &question.checkpoint, &signed, &by, desk, trust);
                    }
                }
            }
        }
    }

    fn judge(&self, name: &str, checkpoint: &str, signed: &SignedApproval, by: &str, desk: &Desk, trust: &TrustStore) {
        let Some(question) = desk.question(checkpoint) else { return };
        let now = jiff::Timestamp::now().as_microsecond();
        let times = [now, now + MARGIN_US].map(|wall_us| at(Timestamp { wall_us, run_us: 0 }).t);
        let judged = times.map(|t| desk.judge(signed, question, trust, &t));
        let counted = match judged {
            [Ok(counted), Ok(_)] => counted,
            [Err(Refusal { why, .. }), _] | [_, Err(Refusal { why, .. })] => {
                let now = at(Timestamp { wall_us: now, run_us: 0 }).t;
                if judge_of_plan(signed, desk.plan_sha256(), trust, &now).void.is_none() {
                    // Good for the plan, it may still count at another checkpoint.
                    return self.tell_refused(Some(checkpoint), by, &why);
                }
                return self.refuse(name, Some(checkpoint), by, &why);
            }
        };
        let said = &signed.approval;
        let handed = Handed {
            name: name.to_string(),
            checkpoint: checkpoint.to_string(),
            by: counted.principal.clone(),
            of_plan: matches!(said.of, Subject::Plan { .. }),
        };
        self.lock().handed.insert(said.nonce.to_string(), handed);
        let stands = Signed {
            key: counted.key.fingerprint(),
            statement: said.to_text(),
            sig: signed.sig.to_armor(),
            nonce: said.nonce.to_string(),
        };
        let backing = Backing {
            role: said.role.clone(),
            reference: said.reference.clone(),
            given_us: Some(counted.said_us),
            signed: Some(stands),
            ..Backing::default()
        };
        let answer = if counted.decision == Decision::Go { Answer::Go } else { Answer::NoGo };
        let (path, by, reason) = (checkpoint.to_string(), counted.principal, said.reason.clone());
        let input = Input::Answer { path, answer, by, reason, evidence: Map::new(), backing };
        let _ = self.send.send(Incoming::Input(input));
    }

    /// Puts a file away that does not count, and says so in the log: at the question it is about, or the first there is.
    fn refuse(&self, name: &str, checkpoint: Option<&str>, by: &str, why: &str) {
        self.lock().inbox.refused(name);
        self.tell_refused(checkpoint, by, why);
    }

    fn tell_refused(&self, checkpoint: Option<&str>, by: &str, why: &str) {
        let mut office = self.lock();
        office.refusals += 1;
        let path = checkpoint.or_else(|| office.desk.questions().next().map(|question| question.checkpoint.as_str()));
        let Some(path) = path.map(String::from).filter(|_| office.refusals <= MOST_REFUSALS) else { return };
        let why = event::Refusal::Bad(format!("the answer {why}"));
        let _ = self.send.send(Incoming::Input(Input::Refused { path, by: by.to_string(), why }));
    }

    fn lock(&self) -> MutexGuard<'_, Office> {
        // Nothing is left half done where one of the holders fails.
        self.office.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events after which something else may be asked or answered.
fn concerns(event: &Event) -> bool {
    matches!(
        event,
        Event::Asked(_)
            | Event::Answered { .. }
            | Event::AnswerExpired { .. }
            | Event::Refused { .. }
            | Event::Lapsed { .. }
            | Event::Withdrawn { .. }
            | Event::StepFinished { .. }
    )
}

/// What was red may not be any more.
fn is_better(event: &Event) -> bool {
    matches!(event, Event::Looked { ruling, .. } if ruling.passes())
}

impl Office {
    /// Approvals of the plan that came too early are worth another look; whether there are any.
    fn looks_again_at_red(&mut self) -> bool {
        let red = std::mem::take(&mut self.red);
        self.judged.retain(|(name, checkpoint, ..)| !red.contains(&(name.clone(), checkpoint.clone())));
        !red.is_empty()
    }

    /// Puts away the file of an answer once the log says what became of it.
    fn settle(&mut self, event: &Event) {
        match event {
            Event::Answered { signed: Some(signed), .. } => {
                let handed = self.handed.remove(&signed.nonce);
                handed.filter(|handed| !handed.of_plan).iter().for_each(|handed| self.inbox.taken(&handed.name));
            }
            Event::Refused { path, by, why } => {
                let of = |handed: &&Handed| handed.checkpoint == *path && handed.by == *by;
                let refused: Vec<(String, bool)> =
                    self.handed.values().filter(of).map(|handed| (handed.name.clone(), handed.of_plan)).collect();
                if matches!(why, event::Refusal::Red(_)) {
                    let of_plan = refused.iter().filter(|(_, of_plan)| *of_plan);
                    self.red.extend(of_plan.map(|(name, _)| (name.clone(), path.clone())));
                }
                self.handed.retain(|_, handed| refused.iter().all(|(name, _)| *name != handed.name));
                // An approval of the plan may still count at another checkpoint.
                refused.iter().filter(|(_, of_plan)| !of_plan).for_each(|(name, _)| self.inbox.refused(name));
            }
            _ => {}
        }
    }
}
