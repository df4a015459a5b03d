//! After the tool died: nothing runs again in silence.

use super::book::*;
use super::dialogue::Run;
use crate::machine::action::{Action, Ended, LogPosition};
use crate::machine::event::{Answer, Event};
use crate::runbook::model::Repeat;

fn crashed(middle: Piece) -> Run {
    let mut run = Run::of(Book::new(vec![change("first"), middle, step("after")]).backing_out());
    run.passes("p.first");
    run.said();
    run
}

#[test]
fn a_step_that_is_safe_to_repeat_runs_again() {
    let mut run = crashed(change("a").repeat(Repeat::Safe));
    assert_eq!(run.resume(), "resume [p.a], start p.a#2");
    assert_eq!(run.passes("p.a"), "pass p.a, start p.after");
}

#[test]
fn a_step_that_may_run_once_is_asked_about() {
    let asked = || {
        let mut run = crashed(change("a"));
        assert_eq!(run.resume(), "resume [p.a], ask in_doubt p.a");
        run
    };
    assert_eq!(asked().answer("p.a", Answer::Done), "start p.after");
    assert_eq!(asked().answer("p.a", Answer::Again), "start p.a#2");
    assert_eq!(asked().answer("p.a", Answer::Failed), "fail p.a, turn undo, start p.a~undo");
}

#[test]
fn a_soft_step_said_to_have_failed_is_a_warning() {
    let mut run = crashed(change("a").warn());
    run.resume();
    assert_eq!(run.answer("p.a", Answer::Failed), "warn p.a, start p.after");
}

#[test]
fn a_probe_tells_whether_it_had_happened() {
    let probed = || {
        let mut run = crashed(change("a").probe());
        assert_eq!(run.resume(), "resume [p.a], start p.a~probe");
        run
    };
    assert_eq!(probed().passes("p.a~probe"), "pass p.a~probe, pass p.a, start p.after");
    let mut no = probed();
    assert_eq!(no.fails("p.a~probe"), "fail p.a~probe, start p.a#2");
    assert_eq!(no.passes("p.a"), "pass p.a, start p.after", "a no of the probe is no failure of the run");
    assert_eq!(
        probed().ended("p.a~probe", Ended::Unavailable("gone".into())),
        "unavailable p.a~probe, ask in_doubt p.a"
    );
}

#[test]
fn a_probe_that_was_cut_short_says_nothing() {
    for ended in [Ended::TimedOut, Ended::Signal(9), Ended::Failed("refused".into())] {
        let mut run = crashed(change("a").probe());
        run.resume();
        assert_eq!(run.ended("p.a~probe", ended), "fail p.a~probe, ask in_doubt p.a");
    }
}

#[test]
fn a_probe_is_asked_again_about_each_doubt() {
    let mut run = crashed(change("a").probe());
    run.resume();
    assert_eq!(run.fails("p.a~probe"), "fail p.a~probe, start p.a#2");
    assert_eq!(run.resume(), "resume [p.a], start p.a~probe#2");
}

#[test]
fn a_sample_nobody_saw_ends_a_row_of_good_ones() {
    let mut run = Run::of(Book::new(vec![step("a").read().poll("2s", "60s", 2)]));
    run.passes("p.a");
    run.seconds(2);
    assert_eq!(run.resume(), "resume [p.a], start p.a#3");
    assert_eq!(run.passes("p.a"), "plan p.a#4 at 4s");
}

#[test]
fn a_doubt_about_a_step_without_a_probe_goes_to_a_person() {
    let mut run = crashed(change("a").repeat(Repeat::Probe));
    assert_eq!(run.resume(), "resume [p.a], ask in_doubt p.a");
}

#[test]
fn an_undo_in_doubt_is_asked_about_too() {
    let mut run = crashed(step("a"));
    run.fails("p.a");
    assert_eq!(run.said(), "");
    assert_eq!(run.resume(), "resume [p.first~undo], ask in_doubt p.first~undo");
    assert_eq!(run.answer("p.first~undo", Answer::Failed), "fail p.first~undo, turn always, end rollback_failed");
}

#[test]
fn an_undo_whose_doubt_has_no_probe_does_not_hang() {
    let undo = step("undo").repeat(Repeat::Probe);
    let mut run = Run::of(Book::new(vec![step("x").undo(undo), step("y")]).backing_out());
    run.passes("p.x");
    run.fails("p.y");
    run.said();
    assert_eq!(run.resume(), "resume [p.x~undo], ask in_doubt p.x~undo");
}

#[test]
fn a_doubt_is_settled_before_anything_is_taken_back() {
    let group = parallel("g", vec![change("x"), step("y")]);
    let mut run = Run::of(Book::new(vec![group]).backing_out());
    run.fails("p.g.y");
    run.said();
    assert_eq!(run.resume(), "resume [p.g.x], ask in_doubt p.g.x");
    assert_eq!(run.answer("p.g.x", Answer::Done), "turn undo, start p.g.x~undo");
}

#[test]
fn a_doubt_is_settled_before_an_interrupt_backs_out() {
    let mut run = Run::of(Book::new(vec![change("a"), change("b")]));
    run.passes("p.a");
    run.interrupt();
    run.interrupt();
    run.said();
    assert_eq!(run.resume(), "resume [p.b], ask in_doubt p.b");
    assert_eq!(run.answer("p.b", Answer::Again), "fail p.b, turn undo, start p.b~undo", "nothing starts any more");
}

#[test]
fn a_step_safe_to_repeat_is_not_repeated_once_the_run_stopped_going_forward() {
    let group = parallel("g", vec![change("x").repeat(Repeat::Safe), step("y")]);
    let mut run = Run::of(Book::new(vec![group]).backing_out());
    run.fails("p.g.y");
    run.said();
    assert_eq!(run.resume(), "resume [p.g.x], fail p.g.x, turn undo, start p.g.x~undo");
}

#[test]
fn a_watch_in_doubt_goes_on_from_its_mark_and_without_one_is_inconclusive() {
    let position = LogPosition { inode: 7, offset: 42, before: None };
    let died = |mark: Option<LogPosition>| {
        let mut run = Run::of(Book::new(vec![watch("w", "app.log"), step("after")]));
        // As the driver does before the intent is written.
        for event in &mut run.log {
            if let Event::StepStarted(started) = event
                && let Action::Watch(watch) = &mut started.action
            {
                watch.since = mark.clone();
            }
        }
        run.state = run.replayed();
        run.said();
        run
    };
    let mut known = died(Some(position.clone()));
    assert_eq!(known.resume(), "resume [p.w], start p.w#2");
    match known.log.last() {
        Some(Event::StepStarted(again)) => match &again.action {
            Action::Watch(watch) => assert_eq!(watch.since, Some(position)),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    assert_eq!(died(None).resume(), "resume [p.w], inconclusive p.w, turn always, end failed");
}
