//! Taking back: order, what is taken back, failures on the way, interrupts.

use super::book::*;
use super::dialogue::Run;
use crate::machine::action::{Done, Ended};
use crate::machine::event::Outcome;
use crate::runbook::model::OnFailure;

#[test]
fn a_failed_step_backs_out_in_reverse_order_of_finish() {
    let group = parallel("g", vec![change("x"), change("y")]);
    let mut run = Run::of(Book::new(vec![change("a"), group, change("b")]).backing_out());
    run.passes("p.a");
    run.passes("p.g.y");
    run.passes("p.g.x");
    run.said();
    assert_eq!(run.fails("p.b"), "fail p.b, turn undo, start p.b~undo", "a failed change may have changed something");
    assert_eq!(run.passes("p.b~undo"), "pass p.b~undo, start p.g.x~undo");
    assert_eq!(run.passes("p.g.x~undo"), "pass p.g.x~undo, start p.g.y~undo");
    assert_eq!(run.passes("p.g.y~undo"), "pass p.g.y~undo, start p.a~undo");
    assert_eq!(run.passes("p.a~undo"), "pass p.a~undo, turn always, end rolled_back");
}

#[test]
fn what_is_shown_to_have_changed_nothing_is_not_taken_back() {
    let mut run = Run::of(Book::new(vec![change("a"), change("b")]).backing_out());
    run.done("p.a", Done { ended: Ended::Exit(0), changed: Some(false), ..Done::default() });
    run.said();
    let refused = Done { ended: Ended::Failed("not found".into()), changed: Some(false), ..Done::default() };
    assert_eq!(run.done("p.b", refused), "fail p.b, turn undo, turn always, end failed");
}

#[test]
fn an_undo_is_resolved_when_its_step_starts() {
    let steps = vec![
        set("one", "name", "'old'"),
        step("a").undo(step("undo").act("put back {{ vars.name }}")),
        set("two", "name", "'new'"),
        step("b"),
    ];
    let mut run = Run::of(Book::new(steps).backing_out());
    run.passes("p.a");
    run.fails("p.b");
    let text = serde_json::to_string(&run.log).unwrap();
    assert!(text.contains("old") && !text.contains("put back new"), "{text}");
}

#[test]
fn a_failed_undo_stops_its_own_sequence() {
    let mut run =
        Run::of(Book::new(vec![change("a"), change("b"), step("c")]).backing_out().always(vec![step("tidy")]));
    run.passes("p.a");
    run.passes("p.b");
    run.fails("p.c");
    run.said();
    assert_eq!(run.fails("p.b~undo"), "fail p.b~undo, turn always, start always.tidy");
    assert_eq!(run.passes("always.tidy"), "pass always.tidy, end rollback_failed");
}

#[test]
fn a_failed_undo_does_not_stop_its_siblings_in_a_parallel_group() {
    let group = parallel("g", vec![change("x"), change("y")]);
    let mut run = Run::of(Book::new(vec![change("a"), group, step("c")]).backing_out());
    for path in ["p.a", "p.g.x", "p.g.y"] {
        run.passes(path);
    }
    run.fails("p.c");
    run.said();
    assert_eq!(run.fails("p.g.y~undo"), "fail p.g.y~undo, start p.g.x~undo");
    assert_eq!(run.passes("p.g.x~undo"), "pass p.g.x~undo, turn always, end rollback_failed", "`a` stays");
}

#[test]
fn an_undo_is_tried_again_as_declared() {
    let book = Book::new(vec![step("a").undo(step("undo").retry(2, "5s", 1)), step("b")]).backing_out();
    let mut run = Run::of(book);
    run.passes("p.a");
    run.fails("p.b");
    run.said();
    assert_eq!(run.fails("p.a~undo"), "plan p.a~undo#2 at 5s");
    assert_eq!(run.seconds(5), "start p.a~undo#2");
    assert_eq!(run.passes("p.a~undo"), "pass p.a~undo, turn always, end rolled_back");
}

#[test]
fn a_rollback_list_replaces_the_computed_undo() {
    let mut run = Run::of(Book::new(vec![change("a"), step("b")]).rollback(vec![step("r"), step("s")]));
    run.passes("p.a");
    run.said();
    assert_eq!(run.fails("p.b"), "fail p.b, turn undo, start rollback.r");
    assert_eq!(run.passes("rollback.r"), "pass rollback.r, start rollback.s");
    assert_eq!(run.passes("rollback.s"), "pass rollback.s, turn always, end rolled_back");
}

#[test]
fn a_rollback_list_that_fails_is_a_failed_rollback() {
    let mut run = Run::of(Book::new(vec![step("b")]).rollback(vec![step("r"), step("s")]));
    run.fails("p.b");
    run.said();
    assert_eq!(run.fails("rollback.r"), "fail rollback.r, turn always, end rollback_failed");
}

#[test]
fn one_step_may_stop_a_run_that_backs_out_otherwise() {
    let mut run = Run::of(Book::new(vec![change("a"), step("b").on_failure(OnFailure::Stop)]).backing_out());
    run.passes("p.a");
    assert_eq!(run.fails("p.b"), "fail p.b, turn always, end failed");
}

#[test]
fn the_steps_of_always_do_not_count_as_something_that_was_changed() {
    let mut run = Run::of(Book::new(vec![step("a").read()]).backing_out().always(vec![step("tidy")]));
    run.fails("p.a");
    assert_eq!(run.passes("always.tidy"), "pass always.tidy, end failed");
}

#[test]
fn running_members_of_a_group_are_waited_for_before_anything_is_taken_back() {
    let mut run =
        Run::of(Book::new(vec![parallel("g", vec![change("x"), change("y"), change("z")]).cap(2)]).backing_out());
    run.said();
    assert_eq!(run.fails("p.g.x"), "fail p.g.x");
    assert_eq!(run.passes("p.g.y"), "pass p.g.y, turn undo, start p.g.y~undo");
}

#[test]
fn the_first_press_lets_the_running_step_finish_and_starts_nothing_new() {
    let mut run = Run::of(Book::new(vec![step("a"), step("b")]));
    run.said();
    assert_eq!(run.interrupt(), "");
    assert_eq!(run.passes("p.a"), "pass p.a, park");
    assert_eq!(run.resume(), "resume [], start p.b");
    assert_eq!(run.passes("p.b"), "pass p.b, turn always, end done");
}

#[test]
fn the_second_press_ends_what_runs_and_backs_out() {
    let mut run = Run::of(Book::new(vec![change("a"), change("b"), step("c")]).always(vec![step("tidy")]));
    run.passes("p.a");
    run.interrupt();
    run.interrupt();
    run.said();
    assert_eq!(run.ended("p.b", Ended::Cancelled), "fail p.b, turn undo, start p.b~undo");
    assert_eq!(run.passes("p.b~undo"), "pass p.b~undo, start p.a~undo");
    assert_eq!(run.passes("p.a~undo"), "pass p.a~undo, turn always, start always.tidy");
    assert_eq!(run.passes("always.tidy"), "pass always.tidy, end rolled_back");
}

#[test]
fn an_interrupt_is_the_cause_even_where_a_failure_would_only_stop() {
    let mut run = Run::of(Book::new(vec![change("a"), wait("soak", "5m")]));
    run.passes("p.a");
    run.interrupt();
    run.resume();
    run.interrupt();
    run.said();
    assert_eq!(run.interrupt(), "", "parked: nobody drives");
    assert_eq!(run.resume(), "resume [], fail p.soak, turn undo, start p.a~undo");
    run.passes("p.a~undo");
    assert_eq!(run.state.outcome, Some(Outcome::RolledBack));
}

#[test]
fn undos_after_the_second_press_keep_their_retries() {
    let book = Book::new(vec![step("a").undo(step("undo").retry(2, "5s", 1)), step("b")]);
    let mut run = Run::of(book);
    run.passes("p.a");
    run.interrupt();
    run.interrupt();
    run.ended("p.b", Ended::Cancelled);
    run.said();
    assert_eq!(run.fails("p.a~undo"), "plan p.a~undo#2 at 5s");
}

#[test]
fn the_third_press_leaves_everything_for_resume() {
    let mut run = Run::of(Book::new(vec![change("a"), step("b")]).always(vec![step("tidy")]));
    run.passes("p.a");
    run.interrupt();
    run.interrupt();
    run.interrupt();
    run.said();
    assert_eq!(run.ended("p.b", Ended::Signal(9)), "fail p.b, park");
    assert_eq!(run.resume(), "resume [], turn undo, start p.a~undo");
    assert_eq!(run.passes("p.a~undo"), "pass p.a~undo, turn always, start always.tidy");
}

#[test]
fn after_a_resume_the_first_press_pauses_again_and_kills_nothing() {
    let mut run = Run::of(Book::new(vec![change("a"), change("b")]));
    run.passes("p.a");
    for _ in 0..3 {
        run.interrupt();
    }
    run.ended("p.b", Ended::Signal(9));
    run.resume();
    run.said();
    run.interrupt();
    assert_eq!(run.state.interrupt, 1);
    assert_eq!(run.passes("p.b~undo"), "pass p.b~undo, park");
    assert_eq!(run.resume(), "resume [], start p.a~undo", "still backing out");
}

#[test]
fn the_always_of_an_included_runbook_runs_after_an_interrupt() {
    let mut run = Run::of(Book::new(vec![include("inc", vec![step("x")], vec![step("tidy")])]));
    run.interrupt();
    run.interrupt();
    run.said();
    let said = run.ended("p.inc/x", Ended::Cancelled);
    assert_eq!(said, "fail p.inc/x, turn undo, turn always, start p.inc.always.tidy");
    assert_eq!(run.passes("p.inc.always.tidy"), "pass p.inc.always.tidy, end rolled_back");
}
