//! Failures that somebody answers for.

use super::book::*;
use super::dialogue::Run;
use crate::machine::event::Answer;
use crate::machine::is_waived;
use crate::runbook::model::OnFailure;

fn waived(run: &Run, path: &str) -> bool {
    is_waived(&run.state, run.state.by_path[path])
}

#[test]
fn a_waived_failure_of_a_step_that_looks_is_a_warning() {
    let book = Book::new(vec![step("a").read(), checkpoint("c", None), step("b")]).waiver("p.a", "li", "1970-01-01");
    let mut run = Run::of(book);
    assert_eq!(run.fails("p.a"), "start p.a, warn p.a, ask checkpoint p.c");
    assert!(waived(&run, "p.a"));
    let reason = run.state.inst("p.a").unwrap().reason.clone();
    assert_eq!(reason.as_deref(), Some("waived by li until 1970-01-01: CHG-7 (exit 1)"));
    assert_eq!(run.answer("p.c", Answer::Go), "start p.b");
}

#[test]
fn a_step_that_passes_needs_no_waiver() {
    let mut run = Run::of(Book::new(vec![step("a").read()]).waiver("p.a", "li", "1970-01-01"));
    run.passes("p.a");
    assert!(!waived(&run, "p.a"));
}

#[test]
fn a_waiver_has_no_effect_after_its_day_or_by_whoever_drives_or_on_a_change() {
    let failed = "start p.a, fail p.a, turn always, end failed";
    let day = 24 * 3600;
    let mut late = Run::of(Book::new(vec![wait("w", "24h"), step("a").read()]).waiver("p.a", "li", "1970-01-01"));
    late.said();
    late.seconds(day - 1);
    assert_eq!(late.seconds(1), "pass p.w, start p.a");
    assert_eq!(late.fails("p.a"), "fail p.a, turn always, end failed");
    let mut own = Run::of(Book::new(vec![step("a").read()]).waiver("p.a", "ann", "1970-01-01"));
    assert_eq!(own.fails("p.a"), failed);
    let mut change = Run::of(Book::new(vec![change("a")]).waiver("p.a", "li", "1970-01-01"));
    assert_eq!(change.fails("p.a"), failed);
}

#[test]
fn a_waiver_holds_for_every_item_or_for_one() {
    let list = || vec![each("e", &["x", "y"], vec![step("a").read()])];
    let mut all = Run::of(Book::new(list()).waiver("p.e.a", "li", "1970-01-01"));
    assert_eq!(all.fails("p.e[x].a"), "start p.e[x].a, warn p.e[x].a, start p.e[y].a");
    assert_eq!(all.fails("p.e[y].a"), "warn p.e[y].a, turn always, end done");
    let mut one = Run::of(Book::new(list()).waiver("p.e[x].a", "li", "1970-01-01"));
    one.fails("p.e[x].a");
    assert_eq!(one.fails("p.e[y].a"), "fail p.e[y].a, turn always, end failed");
}

#[test]
fn a_waived_failure_is_no_question() {
    let book = Book::new(vec![step("a").read().on_failure(OnFailure::Ask), step("b")]);
    let mut run = Run::of(book.waiver("p.a", "li", "1970-01-01"));
    assert_eq!(run.fails("p.a"), "start p.a, warn p.a, start p.b");
}

#[test]
fn what_was_cut_short_is_not_waived() {
    let mut run = Run::of(Book::new(vec![step("a").read(), step("b")]).waiver("p.a", "li", "1970-01-01"));
    run.interrupt();
    run.interrupt();
    run.said();
    let said = run.ended("p.a", crate::machine::action::Ended::Cancelled);
    assert!(said.starts_with("fail p.a"), "{said}");
}

#[test]
fn a_waived_manual_step_may_be_left_undone() {
    let book = || Book::new(vec![manual("m", &[]), step("b")]);
    let mut run = Run::of(book().waiver("p.m", "li", "1970-01-01"));
    run.said();
    assert_eq!(run.answer("p.m", Answer::NoGo), "start p.b");
    assert!(waived(&run, "p.m"));
    let mut plain = Run::of(book());
    plain.said();
    assert_eq!(plain.answer("p.m", Answer::NoGo), "turn always, end no_go");
}

#[test]
fn whoever_takes_a_run_over_takes_their_waiver_out_of_it() {
    let book = Book::new(vec![manual("m", &[]), step("b")]);
    let mut run = Run::of(book.waiver("p.m", "li", "1970-01-01"));
    run.nobody();
    run.resumed_by("li", None);
    assert_eq!(run.answer("p.m", Answer::NoGo), "turn always, end no_go");
}
