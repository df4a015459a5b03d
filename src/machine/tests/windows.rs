//! Windows, and what overriding them takes.

use super::book::*;
use super::dialogue::Run;
use crate::machine::event::Answer;

fn by_role() -> Option<crate::plan::model::Gate> {
    Some(gate(&[("manager", 1, &["li", "ann"])], None, None))
}

#[test]
fn a_window_does_not_bind_what_stands_before_the_first_change() {
    let book = Book::new(vec![step("look").read()]).phase("q", vec![change("a")]);
    let mut run = Run::of(book.nightly(None));
    assert_eq!(run.said(), "start p.look");
    assert_eq!(run.passes("p.look"), "pass p.look, rule q, turn always, end no_go");
}

#[test]
fn a_window_binds_all_of_a_run_that_only_looks() {
    let mut run = Run::of(Book::new(vec![step("look").read()]).nightly(None));
    assert_eq!(run.said(), "rule p, turn always, end no_go");
}

/// Begins its changes in the night and has more to do when the window has closed.
fn too_slow() -> Book {
    let book = Book::new(vec![wait("w", "90m").read()]).phase("q", vec![change("a"), wait("x", "1h")]);
    book.phase("r", vec![change("b")]).nightly(None)
}

fn until_closed(book: Book) -> (Run, String) {
    let mut run = Run::of(book);
    assert_eq!(run.said(), "wait p.w until 5400s");
    assert_eq!(run.seconds(90 * 60), "pass p.w, start q.a");
    run.passes("q.a");
    let said = run.seconds(3600);
    (run, said)
}

#[test]
fn a_window_that_closes_in_the_middle_is_a_no_go_and_takes_back_where_that_is_declared() {
    assert_eq!(until_closed(too_slow()).1, "pass q.x, rule r, turn always, end no_go");
    let (mut back, said) = until_closed(too_slow().backing_out());
    assert_eq!(said, "pass q.x, rule r, turn undo, start q.a~undo");
    assert_eq!(back.passes("q.a~undo"), "pass q.a~undo, turn always, end rolled_back");
}

#[test]
fn overriding_a_window_waits_for_a_second_person() {
    let book = || Book::new(vec![change("a")]).nightly(by_role());
    let mut run = Run::overriding(book(), Some("the fix must go out"));
    assert_eq!(run.said(), "ask checkpoint window~override");
    let asked = run.state.questions()[0];
    assert_eq!(asked.evidence, [("why".to_string(), "the fix must go out".to_string())]);
    assert!(run.answer("window~override", Answer::Go).starts_with("refuse window~override: whoever drives"));
    assert_eq!(run.signed("window~override", Answer::Go, "li", None), "pass window~override, start p.a");
    assert_eq!(run.passes("p.a"), "pass p.a, turn always, end done");

    let mut no = Run::overriding(book(), Some("the fix must go out"));
    no.said();
    assert_eq!(no.signed("window~override", Answer::NoGo, "li", None), "turn always, end no_go");
    let mut inside = Run::of(Book::new(vec![step("look").read()]).phase("q", vec![change("a")]).nightly(by_role()));
    assert_eq!(inside.said(), "start p.look", "nobody is asked before anybody overrides anything");
}

#[test]
fn each_override_at_a_resumption_is_asked_about_and_taking_back_is_not() {
    let book = Book::new(vec![change("a")]).phase("q", vec![change("b"), checkpoint("c", None)]).backing_out();
    let mut run = Run::overriding(book.nightly(by_role()), Some("first"));
    run.signed("window~override", Answer::Go, "li", None);
    run.passes("p.a");
    run.passes("q.b");
    run.nobody();
    assert_eq!(run.resumed_by("xu", Some("second")), "resume [], ask checkpoint window~override");
    assert_eq!(run.answer("q.c", Answer::NoGo), "fail window~override, turn undo, start q.b~undo");
    assert_eq!(run.passes("q.b~undo"), "pass q.b~undo, start p.a~undo");
}

#[test]
fn who_let_a_run_go_on_outside_its_window_is_asked_again_about_a_changed_plan() {
    let book = |act: &str| Book::new(vec![change("a"), change("b").act(act)]).nightly(by_role());
    let mut run = Run::overriding(book("old"), Some("the fix must go out"));
    run.signed("window~override", Answer::Go, "li", None);
    run.interrupt();
    run.passes("p.a");
    let plan = std::sync::Arc::new(book("new").plan());
    let turned = crate::machine::rebase(&run.state, plan).unwrap();
    assert_eq!(turned.again.into_iter().collect::<Vec<_>>(), [turned.override_gate.unwrap()]);
}

#[test]
fn anybody_whose_approvals_are_trusted_is_a_second_person_where_no_role_is_named() {
    let anybody = gate(&[("second-person", 1, &[crate::plan::model::Gate::ANYBODY])], None, None);
    let mut run = Run::overriding(Book::new(vec![change("a")]).nightly(Some(anybody)), Some("now"));
    run.said();
    assert!(run.signed("window~override", Answer::Go, "ann", None).starts_with("refuse"));
    assert_eq!(run.signed("window~override", Answer::Go, "xu", None), "pass window~override, start p.a");
}
