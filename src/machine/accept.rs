//! What the world, people and the driver say becomes a fact, or nothing when it no longer matters.

use super::action::Done;
use super::event::{About, Answer, Event, Locked, OnHold, Parking, Question, Refusal, Signed};
use super::gate;
use super::leave::blocking_question;
use super::lock;
use super::schedule;
use super::state::{State, Status};
use serde_json::{Map, Value};

/// Something from outside.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
pub enum Input {
    /// The world finished an attempt.
    Done {
        /// Path of the step.
        path: String,
        /// Its attempt.
        attempt: u32,
        /// What happened.
        done: Done,
    },
    /// A person answered.
    Answer {
        /// Path of the step.
        path: String,
        /// What.
        answer: Answer,
        /// Who.
        by: String,
        /// Words.
        reason: Option<String>,
        /// Evidence.
        evidence: Map<String, Value>,
        /// What stands behind it.
        backing: Backing,
    },
    /// An answer came that is not even worth judging, such as one with a bad signature.
    Refused {
        /// Path of the step.
        path: String,
        /// Who it says gave it.
        by: String,
        /// Why.
        why: Refusal,
    },
    /// Ctrl-C, TERM, or the same from elsewhere.
    Interrupt,
    /// There is nobody to ask: stop here if the run cannot go on without an answer.
    NobodyThere,
    /// Nobody has to stay: stop here if nothing happens for a while.
    NothingToDo {
        /// Microseconds since 1970.
        now_wall_us: i64,
    },
    /// The driver is in trouble and leaves.
    Trouble(String),
    /// The driver has taken the lock of the run.
    Locked(Locked),
    /// Somebody holds the lock of the run.
    OnHold(OnHold),
    /// Nobody holds it any more.
    HoldLifted,
    /// Somebody takes over a run that was left.
    Resume {
        /// Who.
        by: String,
        /// Why the run may go on outside its window.
        override_window: Option<String>,
        /// Fingerprint of their key.
        key: Option<String>,
    },
}

/// What stands behind an answer. The default is the word of whoever drives the run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backing {
    /// The role it is given in; may be left out by somebody who holds only one of those asked for.
    pub role: Option<String>,
    /// Where else it is written down.
    pub reference: Option<String>,
    /// The phrase as it was typed at the terminal.
    pub phrase: Option<Typed>,
    /// When it was given, in microseconds since 1970.
    pub given_us: Option<i64>,
    /// A signature that was found good.
    pub signed: Option<Signed>,
    /// What the question of a table was about when it was answered, where that is known: it may have been put anew since.
    pub about: Option<Vec<About>>,
}

/// What a person typed for a phrase. It is compared and forgotten, and never shown.
#[derive(Clone, PartialEq)]
pub struct Typed(pub String);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(..)")
    }
}

/// The fact an input makes, or none when it is stale or does not fit.
pub fn accept(state: &State, input: Input) -> Option<Event> {
    if state.outcome.is_some() && !matches!(input, Input::Done { .. }) {
        return None;
    }
    match input {
        Input::Done { path, attempt, done } => {
            let inst = state.inst(&path)?;
            let fresh = inst.status == Status::Running && inst.attempt == attempt && attempt >= 1;
            let known = attempt >= 1 && attempt <= inst.attempt;
            match (fresh, known) {
                (true, _) => Some(Event::AttemptFinished { path, attempt, done: Box::new(done) }),
                (false, true) => Some(Event::LateResult { path, attempt, done: Box::new(done) }),
                (false, false) => None,
            }
        }
        Input::Answer { path, answer, by, reason, evidence, backing } => {
            let Status::Asking(asked) = &state.inst(&path)?.status else { return None };
            let missing = asked.wanted.iter().any(|(name, required)| {
                *required && evidence.get(name).and_then(Value::as_str).is_none_or(|v| v.trim().is_empty())
            });
            let fits = answers(asked.question).contains(&answer);
            let positive = matches!(answer, Answer::Go | Answer::Done);
            if !fits || (positive && missing) {
                return None;
            }
            let Backing { role, reference, phrase, given_us, signed, about } = backing;
            if about.is_some_and(|about| about != asked.about) {
                return None;
            }
            if asked.question == Question::Checkpoint {
                let said = gate::Said {
                    answer,
                    by: &by,
                    role: role.as_deref(),
                    reference: reference.as_deref(),
                    given_us,
                    key: signed.as_ref().map(|signed| signed.key.as_str()),
                    phrase: phrase.as_ref().map(|typed| typed.0.as_str()),
                };
                if let Some(why) = gate::refusal(state, asked, &said) {
                    return Some(Event::Refused { path, by, why });
                }
            }
            Some(Event::Answered { path, answer, by, reason, evidence, role, reference, given_us, signed })
        }
        Input::Refused { path, by, why } => {
            let asking = matches!(state.inst(&path)?.status, Status::Asking(_));
            asking.then_some(Event::Refused { path, by, why })
        }
        Input::Interrupt => (state.interrupt < 3).then(|| Event::Interrupted { stage: state.interrupt + 1 }),
        Input::NobodyThere => {
            let asked = blocking_question(state)?;
            state.parked.is_none().then(|| Event::Parked { reason: Parking::Question(asked.path.clone()) })
        }
        Input::NothingToDo { now_wall_us } => {
            let until = schedule::may_leave_until(state, now_wall_us)?;
            state.parked.is_none().then_some(Event::Parked { reason: Parking::Until(until) })
        }
        Input::Trouble(words) => state.parked.is_none().then_some(Event::Parked { reason: Parking::Trouble(words) }),
        Input::Locked(locked) => lock::taken(state, locked),
        Input::OnHold(hold) => lock::held(state, hold),
        Input::HoldLifted => lock::lifted(state),
        Input::Resume { by, override_window, key } => {
            let running = state.active.iter().filter(|id| state.insts[**id].status == Status::Running);
            let in_doubt = running.map(|id| state.insts[*id].path.clone()).collect();
            Some(Event::Resumed { by, in_doubt, changed: None, override_window, override_us: None, operator_key: key })
        }
    }
}

/// The answers that fit a question.
pub fn answers(question: Question) -> &'static [Answer] {
    match question {
        Question::Checkpoint => &[Answer::Go, Answer::NoGo],
        Question::Manual => &[Answer::Done, Answer::NoGo],
        Question::InDoubt => &[Answer::Done, Answer::Again, Answer::Failed],
        Question::Ruling => &[Answer::Go, Answer::BackOut, Answer::Stop],
        Question::Failure => &[Answer::Again, Answer::Skip, Answer::BackOut, Answer::Stop],
    }
}
