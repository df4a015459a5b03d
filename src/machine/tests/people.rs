//! Questions and answers.

use super::book::*;
use super::dialogue::Run;
use crate::machine::Input;
use crate::machine::action::Ended;
use crate::machine::event::Answer;
use crate::runbook::model::OnFailure;
use serde_json::{Map, json};

#[test]
fn a_go_goes_on() {
    let mut run = Run::of(Book::new(vec![checkpoint("c", None), step("b")]));
    assert_eq!(run.said(), "ask checkpoint p.c");
    assert_eq!(run.answer("p.c", Answer::Go), "start p.b");
}

#[test]
fn a_no_stops_the_run_or_backs_it_out() {
    let steps = || vec![change("a"), checkpoint("c", None), step("b")];
    let mut stop = Run::of(Book::new(steps()));
    stop.passes("p.a");
    assert_eq!(stop.answer("p.c", Answer::NoGo), "turn always, end no_go");

    let mut back = Run::of(Book::new(steps()).backing_out());
    back.passes("p.a");
    assert_eq!(back.answer("p.c", Answer::NoGo), "turn undo, start p.a~undo");
    assert_eq!(back.passes("p.a~undo"), "pass p.a~undo, turn always, end no_go");
}

#[test]
fn a_no_takes_back_where_the_nearest_word_says_so() {
    let ask = checkpoint("c", None).on_failure(OnFailure::Rollback);
    let mut run = Run::of(Book::new(vec![change("a"), ask]));
    run.passes("p.a");
    assert_eq!(run.answer("p.c", Answer::NoGo), "turn undo, start p.a~undo");
}

#[test]
fn a_no_is_never_passed_over() {
    let ask = checkpoint("c", None).on_failure(OnFailure::Continue).warn();
    let mut run = Run::of(Book::new(vec![ask, step("b")]));
    run.said();
    assert_eq!(run.answer("p.c", Answer::NoGo), "turn always, end no_go");
}

#[test]
fn an_expired_question_is_a_no() {
    let mut run = Run::of(Book::new(vec![checkpoint("c", Some("30m")), step("b")]));
    run.said();
    assert_eq!(run.seconds(30 * 60 - 1), "");
    assert_eq!(run.seconds(1), "expire p.c, turn always, end no_go");
}

#[test]
fn an_answer_after_the_time_is_not_taken() {
    let mut run = Run::of(Book::new(vec![checkpoint("c", Some("30m"))]));
    run.seconds(30 * 60);
    let late = Input::Answer {
        path: "p.c".into(),
        answer: Answer::Go,
        by: "ann".into(),
        reason: None,
        evidence: Map::new(),
        backing: Default::default(),
    };
    assert!(!run.input(late));
}

#[test]
fn a_manual_step_wants_its_evidence() {
    let mut run = Run::of(Book::new(vec![manual("m", &[("link", true), ("note", false)]), step("b")]));
    run.said();
    assert_eq!(run.answer("p.m", Answer::Done), "");
    let mut evidence = Map::new();
    evidence.insert("link".into(), json!("https://chat/1"));
    let done = Input::Answer {
        path: "p.m".into(),
        answer: Answer::Done,
        by: "ann".into(),
        reason: None,
        evidence,
        backing: Default::default(),
    };
    assert!(run.input(done));
    assert_eq!(run.said(), "start p.b");
    assert_eq!(run.saved("m", "link"), Some(&json!("https://chat/1")));
}

#[test]
fn with_nobody_there_the_run_parks_only_when_nothing_else_goes_on() {
    let mut run = Run::of(Book::new(vec![parallel("g", vec![checkpoint("c", None), step("x")]), step("b")]));
    run.said();
    assert_eq!(run.nobody(), "");
    assert_eq!(run.passes("p.g.x"), "pass p.g.x");
    assert_eq!(run.nobody(), "park for p.g.c");
    assert_eq!(run.resume(), "resume []");
    assert_eq!(run.answer("p.g.c", Answer::Go), "start p.b");
}

#[test]
fn an_open_question_is_withdrawn_when_the_run_turns() {
    let mut run = Run::of(Book::new(vec![parallel("g", vec![checkpoint("c", None), step("x")])]));
    run.said();
    assert_eq!(run.fails("p.g.x"), "fail p.g.x, fail p.g.c, turn always, end failed");
}

#[test]
fn a_question_in_always_is_asked_whatever_happened_before() {
    let inner = include("inc", vec![step("x")], vec![manual("told", &[])]);
    let mut run = Run::of(Book::new(vec![inner]));
    run.said();
    assert_eq!(run.fails("p.inc/x"), "fail p.inc/x, turn always, ask manual p.inc.always.told");
    assert_eq!(run.answer("p.inc.always.told", Answer::Done), "end failed");
}

#[test]
fn a_failure_nobody_needs_to_be_asked_about_any_more_stays_what_it_was() {
    let asking = step("x").on_failure(OnFailure::Ask);
    let mut run = Run::of(Book::new(vec![parallel("g", vec![asking, step("y")])]));
    run.said();
    assert_eq!(run.ended("p.g.x", Ended::Unavailable("gone".into())), "ask failure p.g.x");
    assert_eq!(run.fails("p.g.y"), "fail p.g.y, unavailable p.g.x, turn always, end failed");
}
