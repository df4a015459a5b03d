//! Locks and holds.

use super::book::*;
use super::dialogue::Run;
use crate::machine::event::{Answer, Event, Locked, OnHold, Outcome, Parking};
use crate::machine::{Input, apply};

fn locked() -> Input {
    let text = str::to_string;
    Input::Locked(Locked { lock: text("prod"), dir: None, since: text("2026-01-01T00:00:00Z"), over: None })
}

fn held() -> Input {
    let text = str::to_string;
    let (lock, by, since, reason) = (text("prod"), text("bea"), text("2026-01-01T00:00:00Z"), text("incident"));
    Input::OnHold(OnHold { lock, by, since, reason })
}

fn run(book: Book) -> Run {
    let mut run = Run::of(book.lock("prod"));
    assert!(run.input(locked()));
    run.said();
    run
}

#[test]
fn a_lock_is_given_back_right_before_the_end() {
    let mut run = run(Book::new(vec![step("a")]).always(vec![step("z")]));
    assert_eq!(run.passes("p.a"), "pass p.a, turn always, start always.z");
    assert_eq!(run.passes("always.z"), "pass always.z, unlock prod, end done");
    assert_eq!(run.state.lock, None);
}

#[test]
fn a_run_without_a_lock_says_nothing_about_one() {
    let mut run = Run::of(Book::new(vec![step("a")]));
    assert!(!run.input(locked()));
    run.said();
    assert_eq!(run.passes("p.a"), "pass p.a, turn always, end done");
}

#[test]
fn where_backing_out_failed_the_lock_is_kept() {
    let mut run = run(Book::new(vec![change("a"), step("b")]).backing_out());
    run.passes("p.a");
    run.fails("p.b");
    assert_eq!(run.fails("p.a~undo"), "fail p.a~undo, turn always, end rollback_failed");
    assert!(run.state.lock.is_some());
}

#[test]
fn a_run_that_is_left_keeps_its_lock_once_it_has_changed_something() {
    let mut run = run(Book::new(vec![checkpoint("c", None), step("a"), checkpoint("d", None), step("b")]));
    assert_eq!(run.nobody(), "park for p.c, unlock prod");
    run.resume();
    assert!(run.input(locked()), "whoever resumes takes the lock again");
    run.said();
    run.answer("p.c", Answer::Go);
    run.passes("p.a");
    assert_eq!(run.nobody(), "park for p.d");
    assert!(run.state.lock.is_some());
}

#[test]
fn on_hold_what_runs_ends_and_nothing_more_begins() {
    let mut run = run(Book::new(vec![change("a"), step("b")]));
    assert!(run.input(held()));
    assert_eq!(run.said(), "on hold by bea");
    assert!(!run.input(held()), "once is enough");
    assert_eq!(run.passes("p.a"), "pass p.a, park");
    assert!(matches!(&run.state.parked, Some(Parking::OnHold(words)) if words.contains("incident")));
    assert!(run.state.lock.is_some());
    assert_eq!(run.resume(), "resume [], start p.b");
}

#[test]
fn a_hold_before_anything_was_changed_gives_the_lock_back() {
    let mut run = run(Book::new(vec![checkpoint("c", None), step("a")]));
    run.input(held());
    assert_eq!(run.said(), "on hold by bea, park, unlock prod");
}

#[test]
fn on_hold_a_run_may_be_backed_out_and_goes_on_backing_out() {
    let mut twice = run(Book::new(vec![change("a"), step("b")]));
    twice.input(held());
    twice.interrupt();
    assert_eq!(twice.interrupt(), "");
    assert_eq!(twice.passes("p.a"), "pass p.a, turn undo, start p.a~undo");
    assert_eq!(twice.passes("p.a~undo"), "pass p.a~undo, turn always, unlock prod, end rolled_back");

    let mut failed = run(Book::new(vec![change("a"), step("b")]).backing_out());
    failed.passes("p.a");
    failed.input(held());
    assert_eq!(failed.fails("p.b"), "on hold by bea, fail p.b, turn undo, start p.a~undo");
    assert!(!failed.input(held()), "a hold that comes now changes nothing");
}

#[test]
fn a_lock_is_not_taken_twice_and_not_given_back_by_a_run_that_goes_on() {
    let run = run(Book::new(vec![step("a"), step("b")]));
    let Input::Locked(again) = locked() else { panic!() };
    for event in [Event::Locked(Box::new(again)), Event::Unlocked { lock: "prod".into() }] {
        assert!(apply(&mut run.state.clone(), &event).is_err(), "{event:?}");
    }
    let ended = Event::RunEnded { outcome: Outcome::Done };
    assert!(apply(&mut run.state.clone(), &ended).is_err());
}
