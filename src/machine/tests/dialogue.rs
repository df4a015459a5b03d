//! A run as a dialogue: something happens, and the machine says what follows from it.

use super::book::Book;
use crate::machine::action::{Captured, Done, Ended};
use crate::machine::event::*;
use crate::machine::{Backing, Input, State, Timestamp, Typed, accept, apply, next};
use serde_json::{Map, Value};
use std::sync::Arc;

#[derive(Clone)]
pub(super) struct Run {
    pub(super) state: State,
    pub(super) log: Vec<Event>,
    now: Timestamp,
    heard: usize,
}

impl Run {
    /// A run that has begun.
    pub(super) fn of(book: Book) -> Run {
        Run::overriding(book, None)
    }

    /// A run that has begun outside its window, for this reason.
    pub(super) fn overriding(book: Book, why: Option<&str>) -> Run {
        let state = State::new(Arc::new(book.plan()));
        let mut run = Run { state, log: Vec::new(), now: Timestamp::default(), heard: 0 };
        let mut first = started();
        if let Event::RunStarted(started) = &mut first {
            started.override_window = why.map(String::from);
        }
        run.commit(first);
        run
    }

    /// A signed answer that is given now.
    pub(super) fn signed(&mut self, path: &str, answer: Answer, by: &str, role: Option<&str>) -> String {
        let given_us = Some(self.now.wall_us);
        self.answered_by(path, answer, by, Backing { role: role.map(String::from), given_us, ..signature(by) })
    }

    /// A GO with this typed for the phrase.
    pub(super) fn types(&mut self, path: &str, by: &str, words: &str) -> String {
        let phrase = Some(Typed(words.into()));
        self.answered_by(
            path,
            Answer::Go,
            by,
            Backing { phrase, given_us: Some(self.now.wall_us), ..Backing::default() },
        )
    }

    pub(super) fn answered_by(&mut self, path: &str, answer: Answer, by: &str, backing: Backing) -> String {
        let (path, by, evidence) = (path.to_string(), by.to_string(), Map::new());
        self.input(Input::Answer { path, answer, by, reason: None, evidence, backing });
        self.said()
    }

    pub(super) fn resumed_by(&mut self, by: &str, override_window: Option<&str>) -> String {
        let override_window = override_window.map(String::from);
        self.input(Input::Resume { by: by.into(), override_window, key: Some(format!("SHA256:{by}")) });
        self.said()
    }

    /// The state that the log, as text, leads to.
    pub(super) fn replayed(&self) -> State {
        let mut again = State::new(self.state.plan.clone());
        for event in &self.log {
            let line = serde_json::to_string(event).expect("an event is JSON");
            let event = serde_json::from_str(&line).expect("what was written can be read");
            apply(&mut again, &event).expect("what happened may happen");
        }
        again
    }

    /// What the machine said since it was last asked, blocks left out.
    pub(super) fn said(&mut self) -> String {
        let new = self.log[self.heard..].iter().filter_map(words).collect::<Vec<_>>().join(", ");
        self.heard = self.log.len();
        new
    }

    pub(super) fn commit(&mut self, event: Event) {
        self.push(event);
        while let Some(event) = next(&self.state, self.now) {
            self.push(event);
            assert!(self.log.len() < 500, "the machine does not come to rest: {}", self.said());
        }
    }

    fn push(&mut self, event: Event) {
        if let Err(illegal) = apply(&mut self.state, &event) {
            panic!("{illegal}: {event:?}");
        }
        self.log.push(event);
    }

    /// Something from outside; false when it was not accepted.
    pub(super) fn input(&mut self, input: Input) -> bool {
        let event = accept(&self.state, input);
        let taken = event.is_some();
        event.into_iter().for_each(|event| self.commit(event));
        taken
    }

    pub(super) fn done(&mut self, path: &str, done: Done) -> String {
        let attempt = self.state.inst(path).expect("a step of the run").attempt;
        self.input(Input::Done { path: path.into(), attempt, done });
        self.said()
    }

    pub(super) fn ended(&mut self, path: &str, ended: Ended) -> String {
        self.done(path, Done { ended, ..Done::default() })
    }

    pub(super) fn passes(&mut self, path: &str) -> String {
        self.ended(path, Ended::Exit(0))
    }

    pub(super) fn fails(&mut self, path: &str) -> String {
        self.ended(path, Ended::Exit(1))
    }

    pub(super) fn prints(&mut self, path: &str, text: &str) -> String {
        let out = Captured { bytes: text.len() as u64, text: Some(text.into()), ..Captured::default() };
        self.done(path, Done { ended: Ended::Exit(0), stdout: Some(out), ..Done::default() })
    }

    pub(super) fn answer(&mut self, path: &str, answer: Answer) -> String {
        self.input(Input::Answer {
            path: path.into(),
            answer,
            by: "ann".into(),
            reason: None,
            evidence: Map::new(),
            backing: Default::default(),
        });
        self.said()
    }

    pub(super) fn interrupt(&mut self) -> String {
        self.input(Input::Interrupt);
        self.said()
    }

    pub(super) fn nobody(&mut self) -> String {
        self.input(Input::NobodyThere);
        self.said()
    }

    pub(super) fn resume(&mut self) -> String {
        self.input(Input::Resume { by: "bob".into(), override_window: None, key: None });
        self.said()
    }

    pub(super) fn seconds(&mut self, seconds: u64) -> String {
        self.now.run_us += seconds * 1_000_000;
        self.now.wall_us += seconds as i64 * 1_000_000;
        while let Some(event) = next(&self.state, self.now) {
            self.push(event);
        }
        self.said()
    }

    pub(super) fn saved(&self, step: &str, name: &str) -> Option<&Value> {
        self.state.scopes[0].steps.get(step)?.get(name)
    }
}

/// The signature of somebody with a key of their own.
pub(super) fn signature(by: &str) -> Backing {
    let signed =
        Signed { key: format!("SHA256:{by}"), statement: "statement".into(), sig: "sig".into(), nonce: "nonce".into() };
    Backing { signed: Some(signed), ..Backing::default() }
}

pub(super) fn started() -> Event {
    Event::RunStarted(RunStarted {
        run: "01".into(),
        runbook: "book".into(),
        title: "Book".into(),
        plan_sha256: "d".into(),
        target: None,
        operator: "ann".into(),
        host: "here".into(),
        started: "2026-01-01T00:00:00Z".into(),
        tool: "0".into(),
        dir: None,
        override_window: None,
        operator_key: Some("SHA256:ann".into()),
    })
}

fn words(event: &Event) -> Option<String> {
    let snake = |v: Value| v.as_str().map(str::to_owned).unwrap_or_default();
    Some(match event {
        Event::BlockStarted { .. } | Event::BlockFinished { .. } | Event::AttemptFinished { .. } => return None,
        Event::RunStarted(_) | Event::Answered { .. } | Event::Interrupted { .. } => return None,
        Event::Skipped { path, .. } => format!("skip {path}"),
        Event::StepStarted(s) if s.attempt == 1 => format!("start {}", s.path),
        Event::StepStarted(s) => format!("start {}#{}", s.path, s.attempt),
        Event::LateResult { path, attempt, .. } => format!("late {path}#{attempt}"),
        Event::AttemptScheduled { path, attempt, not_before_us, .. } => {
            format!("plan {path}#{attempt} at {}s", not_before_us / 1_000_000)
        }
        Event::StepFinished { path, verdict, .. } => format!("{} {path}", verdict.word()),
        Event::WaitStarted { path, until_us } => format!("wait {path} until {}s", until_us / 1_000_000),
        Event::Asked(a) => format!("ask {} {}", snake(serde_json::to_value(a.question).ok()?), a.path),
        Event::AnswerExpired { path } => format!("expire {path}"),
        Event::Looked { path, ruling, .. } => format!("look {path}: {ruling}"),
        Event::Extended { path, .. } => format!("extend {path}"),
        Event::Ruled { path, .. } => format!("rule {path}"),
        Event::Withdrawn { path, .. } => format!("withdraw {path}"),
        Event::Turned { to, .. } => format!("turn {}", snake(serde_json::to_value(to).ok()?)),
        Event::Parked { reason: Parking::Question(path) } => format!("park for {path}"),
        Event::Parked { .. } => "park".into(),
        Event::Resumed { in_doubt, .. } => format!("resume [{}]", in_doubt.join(" ")),
        Event::Anchored { path, .. } => format!("anchor {path}"),
        Event::Held { path, .. } => format!("hold {path}"),
        Event::Missed { path, .. } => format!("missed {path}"),
        Event::Refused { path, why, .. } => format!("refuse {path}: {why}"),
        Event::Lapsed { path, by, .. } => format!("lapse {path} of {by}"),
        Event::Locked(locked) => format!("lock {}", locked.lock),
        Event::Unlocked { lock } => format!("unlock {lock}"),
        Event::HoldLifted { lock } => format!("lifted {lock}"),
        Event::OnHold(hold) => format!("on hold by {}", hold.by),
        Event::RunEnded { outcome } => format!("end {}", snake(serde_json::to_value(outcome).ok()?)),
    })
}
