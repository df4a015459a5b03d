//! Events that cannot follow are refused, whoever wrote them.

use super::book::*;
use super::dialogue::{Run, started};
use crate::machine::action::Done;
use crate::machine::event::*;
use crate::machine::{Input, State, accept, apply};
use serde_json::Map;
use std::sync::Arc;

fn refused(state: &State, event: Event) -> String {
    apply(&mut state.clone(), &event).expect_err("an illegal event").to_string()
}

fn finish(path: &str) -> Event {
    let (path, verdict) = (path.to_string(), Verdict::Pass);
    Event::StepFinished { path, verdict, reason: None, then: None, saved: Map::new() }
}

#[test]
fn nothing_comes_before_the_beginning_and_nothing_after_the_end() {
    let state = State::new(Arc::new(Book::new(vec![step("a")]).plan()));
    assert!(refused(&state, finish("p.a")).contains("has not begun"));
    let mut run = Run::of(Book::new(vec![step("a")]));
    assert!(refused(&run.state, started()).contains("already begun"));
    run.passes("p.a");
    assert!(refused(&run.state, Event::Interrupted { stage: 1 }).contains("is over"));
    assert_eq!(accept(&run.state, Input::Interrupt), None);
}

#[test]
fn events_that_do_not_fit_the_state_are_typed_errors() {
    let book = Book::new(vec![step("a"), seq("g", vec![step("b")]), step("c")]);
    let run = Run::of(book);
    let done = |path: &str, attempt| Event::AttemptFinished { path: path.into(), attempt, done: Box::default() };
    let start = |path: &str, attempt| {
        let found = run.log.iter().find_map(|e| match e {
            Event::StepStarted(s) => Some((**s).clone()),
            _ => None,
        });
        let first = found.expect("a started step");
        Event::StepStarted(Box::new(StepStarted { path: path.into(), attempt, ..first }))
    };
    let block = |path: &str| Event::BlockStarted { path: path.into(), items: None, inputs: None };
    let resumed = |path: &str| Event::Resumed {
        by: "x".into(),
        in_doubt: vec![path.into()],
        changed: None,
        override_window: None,
        override_us: None,
        operator_key: None,
    };
    let answered = Event::Answered {
        path: "p.a".into(),
        answer: Answer::Go,
        by: "x".into(),
        reason: None,
        evidence: Map::new(),
        role: None,
        reference: None,
        given_us: None,
        signed: None,
    };
    let cases = [
        start("p.a", 2),
        start("p.c", 2),
        start("p", 1),
        done("p.a", 2),
        done("p.c", 1),
        done("p", 0),
        done("nowhere", 1),
        finish("p.a"),
        finish("p"),
        block("p.c"),
        block("p"),
        resumed("p"),
        resumed("p.c"),
        answered,
        Event::AnswerExpired { path: "p.a".into() },
        Event::Turned { to: Direction::Forward, cause: None },
        Event::Turned { to: Direction::Undo, cause: None },
        Event::RunEnded { outcome: Outcome::Done },
        Event::Skipped { path: "p.a".into(), reason: String::new() },
        Event::WaitStarted { path: "p.a".into(), until_us: 1 },
        Event::Held { path: "p.a".into(), due_wall_us: 1 },
        Event::Missed { path: "p.a".into(), due_wall_us: 1, late_us: 1 },
        Event::Anchored { path: "p.a".into(), at_wall_us: 1 },
    ];
    for event in cases {
        let words = refused(&run.state, event.clone());
        assert!(words.contains("does not fit the state of the run"), "{words}: {event:?}");
    }
}

#[test]
fn answers_to_what_was_not_asked_and_results_of_blocks_are_not_taken() {
    let run = Run::of(Book::new(vec![step("a")]));
    assert_eq!(accept(&run.state, Input::Done { path: "p".into(), attempt: 0, done: Done::default() }), None);
    assert_eq!(accept(&run.state, Input::Done { path: "zzz".into(), attempt: 1, done: Done::default() }), None);
    assert_eq!(accept(&run.state, Input::NobodyThere), None);
}
