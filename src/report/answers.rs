//! Questions that were put to people, and everything that came of them.

use crate::machine::event::{Answer, Asked, Event, Refusal};
use crate::machine::{State, Status, Timestamp};
use serde_json::{Map, Value};

/// A question that was put to a person, and what came of it.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The question.
    pub asked: Asked,
    /// When it was put.
    pub at: Timestamp,
    /// The answer that settled it; none while it is open, and after its deadline passed.
    pub given: Option<Given>,
    /// What was seen instead, where what it was about has gone.
    pub settled: Option<String>,
    /// Every answer that counted when it came.
    pub answers: Vec<Given>,
    /// Those that did not.
    pub refused: Vec<RefusedAnswer>,
}

/// An answer as it was given.
#[derive(Debug, Clone)]
pub struct Given {
    /// What.
    pub answer: Answer,
    /// Who.
    pub by: String,
    /// Words.
    pub reason: Option<String>,
    /// Evidence.
    pub evidence: Map<String, Value>,
    /// When it arrived.
    pub at: Timestamp,
    /// In which role.
    pub role: Option<String>,
    /// Where else it is written down.
    pub reference: Option<String>,
    /// Fingerprint of the key that signed it; none for an answer at the run's own terminal.
    pub key: Option<String>,
    /// It got too old before everything was there.
    pub lapsed: bool,
}

/// An answer that did not count.
#[derive(Debug, Clone)]
pub struct RefusedAnswer {
    /// Whose.
    pub by: String,
    /// Why.
    pub why: Refusal,
    /// When.
    pub at: Timestamp,
}

/// Takes in an event that `state` has in it already.
pub(super) fn see(decisions: &mut Vec<Decision>, state: &State, event: &Event, at: Timestamp) {
    if let Event::Asked(asked) = event {
        let asked = (**asked).clone();
        let (given, settled, answers, refused) = (None, None, Vec::new(), Vec::new());
        return decisions.push(Decision { asked, at, given, settled, answers, refused });
    }
    let Some(path) = super::path_of(event) else { return };
    let Some(open) = decisions.iter_mut().rev().find(|decision| decision.asked.path == *path) else { return };
    match event {
        Event::Answered { answer, by, reason, evidence, role, reference, signed, .. } => {
            open.answers.push(Given {
                answer: *answer,
                by: by.clone(),
                reason: reason.clone(),
                evidence: evidence.clone(),
                at,
                role: role.clone(),
                reference: reference.clone(),
                key: signed.as_ref().map(|signed| signed.key.clone()),
                lapsed: false,
            });
            let waits = state.inst(path).is_some_and(|inst| matches!(inst.status, Status::Asking(_)));
            if !waits {
                open.given = open.answers.last().cloned();
            }
        }
        Event::Refused { by, why, .. } => open.refused.push(RefusedAnswer { by: by.clone(), why: why.clone(), at }),
        Event::Lapsed { by, role, .. } => {
            let signed = |given: &&mut Given| given.key.is_some() == role.is_some() && given.answer == Answer::Go;
            let lapsed = open.answers.iter_mut().filter(signed).filter(|given| given.by == *by);
            lapsed.for_each(|given| given.lapsed = true);
        }
        // What gathers answers is over when all of them are there.
        Event::StepFinished { verdict, .. } if verdict.lets_go_on() && open.asked.gathers() && open.given.is_none() => {
            open.given = open.answers.iter().rfind(|given| !given.lapsed).cloned();
        }
        Event::Withdrawn { reason, .. } => open.settled = Some(reason.clone()),
        _ => {}
    }
}
