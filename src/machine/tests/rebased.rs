//! Going on with a changed runbook: what began stays what it was, the rest may be anything.

use super::book::*;
use super::dialogue::Run;
use crate::machine::event::*;
use crate::machine::{Conflict, How, Input, State, Status, accept, apply, changes, rebase};
use crate::plan::model::Plan;
use crate::runbook::model::{InputKind, OnFailure, Repeat};
use serde_json::json;
use std::sync::Arc;

/// Somebody goes on with another plan; what follows, or what is in the way.
fn turn(run: &mut Run, book: Book) -> Result<String, String> {
    let plan = Arc::new(book.plan());
    let mut resumed = run.state.clone();
    let event = accept(&run.state, Input::Resume { by: "bob".into(), override_window: None, key: None })
        .expect("it is not over");
    apply(&mut resumed, &event).unwrap();
    let conflict = |all: Vec<Conflict>| all.iter().map(Conflict::to_string).collect::<Vec<_>>().join("; ");
    rebase(&resumed, plan.clone()).map_err(conflict)?;
    run.state.accepted.insert("new".into(), plan);
    let Event::Resumed { by, in_doubt, .. } = event else { panic!("{event:?}") };
    run.said();
    run.commit(Event::Resumed {
        by,
        in_doubt,
        changed: Some(Box::new(changed("new"))),
        override_window: None,
        override_us: None,
        operator_key: None,
    });
    Ok(run.said())
}

fn changed(sha256: &str) -> Changed {
    let plan = StoredPlan { file: "plan.2.json".into(), bytes: 2, sha256: sha256.into() };
    Changed { follow: Follow::Changes, why: "a typo".into(), tree_sha256: None, plan: Some(plan) }
}

/// `a` passed, `b` was running when the tool died.
fn in_b(rest: Vec<Piece>) -> Run {
    let mut run = Run::of(then(rest));
    run.passes("p.a");
    run
}

fn then(rest: Vec<Piece>) -> Book {
    let mut steps = vec![change("a"), change("b").repeat(Repeat::Safe)];
    steps.extend(rest);
    Book::new(steps).backing_out()
}

#[test]
fn steps_that_have_not_begun_may_change_come_and_go() {
    let mut run = in_b(vec![step("c"), step("d")]);
    assert_eq!(
        turn(&mut run, then(vec![step("e"), step("d").act("do it better")])).unwrap(),
        "resume [p.b], start p.b#2"
    );
    assert_eq!(run.passes("p.b"), "pass p.b, start p.e");
    let said = run.passes("p.e");
    assert_eq!(said, "pass p.e, start p.d");
    assert!(matches!(run.log.last(), Some(Event::StepStarted(s)) if format!("{:?}", s.action).contains("better")));
    assert_eq!(run.fails("p.d"), "fail p.d, turn undo, start p.b~undo");
    assert_eq!(run.passes("p.b~undo"), "pass p.b~undo, start p.a~undo", "what ran under the old plan is taken back");
}

#[test]
fn what_began_must_be_what_it_was() {
    let a = || change("a");
    let b = || change("b").repeat(Repeat::Safe);
    let cases: [(Vec<Piece>, &str); 7] = [
        (vec![a().act("other"), b()], "`p.a` (book.yml:1) already began and is different now"),
        (vec![step("a").undo(step("undo").act("other")), b()], "`p.a` (book.yml:1) already began and is different now"),
        (vec![a().when("true"), b()], "`p.a` (book.yml:1) already began and is different now"),
        (vec![a(), step("b")], "`p.b` (book.yml:1) already began and is different now"),
        (vec![b()], "`p.a` (book.yml:1) already began and is not there any more"),
        (vec![a(), step("new"), b()], "`p.new` (book.yml:1) would come before something that already began"),
        (vec![b(), a()], "`p.b` (book.yml:1) already began and stands in another place now"),
    ];
    for (steps, expected) in cases {
        let mut run = in_b(vec![step("c")]);
        assert_eq!(turn(&mut run, Book::new(steps).backing_out()).unwrap_err(), expected);
    }
}

#[test]
fn what_every_step_relies_on_must_be_what_it_was() {
    let with = |text: &str| Book::new(vec![step("a")]).input("v", InputKind::String, json!(text));
    let mut run = Run::of(with("1"));
    assert_eq!(turn(&mut run, with("2")).unwrap_err(), "the input `v` has another value or type now");
    assert_eq!(
        turn(&mut run, with("1").policy(OnFailure::Rollback)).unwrap_err(),
        "`on_failure` of the runbook is different now: it holds for what already began"
    );
    let two = with("1").input("w", InputKind::String, json!("new"));
    assert_eq!(turn(&mut run, two).unwrap(), "resume [p.a], ask in_doubt p.a");
}

#[test]
fn a_place_in_a_file_is_no_difference() {
    let mut run = in_b(vec![step("c")]);
    let mut plan = then(vec![step("c")]).plan();
    plan.nodes.iter_mut().for_each(|node| node.at = "book.yml:7".into());
    assert_eq!(changes(&run.state.plan, &plan), []);
    run.resume();
    assert!(rebase(&run.state, Arc::new(plan)).is_ok());
}

#[test]
fn differences_are_named_by_path() {
    let old = Book::new(vec![
        step("a"),
        step("b"),
        each("l", &["x"], vec![step("i")]),
        include("r", vec![step("z")], vec![]),
    ]);
    let new = Book::new(vec![
        step("a").act("other"),
        step("c"),
        each("l", &["x"], vec![step("i").warn()]),
        include("r", vec![step("z").retry(2, "1s", 1)], vec![step("y")]),
    ]);
    let named = |old: &Plan, new: &Plan| {
        let all = changes(old, new).into_iter().map(|c| format!("{:?} {}", c.how, c.path));
        all.collect::<Vec<_>>().join(", ")
    };
    let (old, new) = (old.plan(), new.plan());
    assert_eq!(
        named(&old, &new),
        "Changed p.a, Removed p.b, Added p.c, Changed p.l[*].i, Changed p.r/z, Added p.r.always.y"
    );
    let (ab, ba) = (Book::new(vec![step("a"), step("b")]).plan(), Book::new(vec![step("b"), step("a")]).plan());
    let moved = changes(&ab, &ba);
    assert_eq!((moved.len(), moved[0].how), (1, How::Moved));
}

#[test]
fn the_last_go_before_what_is_still_to_be_done_is_asked_for_again() {
    let steps =
        |last| vec![checkpoint("first", None), step("a"), checkpoint("go", None), step("b"), step("c").act(last)];
    let mut run = Run::of(Book::new(steps("old")));
    run.answer("p.first", Answer::Go);
    run.passes("p.a");
    run.answer("p.go", Answer::Go);
    run.passes("p.b");
    run.interrupt();
    assert_eq!(turn(&mut run, Book::new(steps("old"))).unwrap(), "resume [p.c], ask in_doubt p.c");
    assert_eq!(run.answer("p.c", Answer::Again), "start p.c#2", "what began under the old answer is finished under it");
    let mut run = Run::of(Book::new(steps("old")));
    run.answer("p.first", Answer::Go);
    run.passes("p.a");
    run.answer("p.go", Answer::Go);
    run.interrupt();
    run.passes("p.b");
    assert_eq!(turn(&mut run, Book::new(steps("new"))).unwrap(), "resume [], ask checkpoint p.go");
    assert_eq!(run.resume(), "resume []", "it stays open");
    let mut no = run.clone();
    assert_eq!(no.answer("p.go", Answer::NoGo), "turn always, end no_go");
    assert_eq!(run.answer("p.go", Answer::Go), "start p.c");
    assert_eq!(run.passes("p.c"), "pass p.c, turn always, end done");
}

#[test]
fn a_go_of_an_earlier_phase_is_asked_for_again_when_it_holds_open_the_next() {
    let book = |act: &str| {
        let one = seq("one", vec![step("a"), checkpoint("go", None)]);
        Book::new(vec![one, seq("two", vec![step("b"), step("c").act(act)])])
    };
    let mut run = Run::of(book("old"));
    run.passes("p.one.a");
    run.answer("p.one.go", Answer::Go);
    run.interrupt();
    run.passes("p.two.b");
    assert_eq!(turn(&mut run, book("new")).unwrap(), "resume [], ask checkpoint p.one.go");
    assert_eq!(turn(&mut run, book("newer")).unwrap(), "resume [], ask checkpoint p.one.go", "and under each plan");
    assert_eq!(run.answer("p.one.go", Answer::Go), "start p.two.c");
    assert_eq!(run.passes("p.two.c"), "pass p.two.c, turn always, end done");
}

#[test]
fn an_open_question_is_put_in_its_new_words() {
    let mut run = Run::of(Book::new(vec![step("a"), checkpoint("go", None), step("b")]));
    run.passes("p.a");
    run.nobody();
    let late = Book::new(vec![step("a"), step("more"), checkpoint("go", Some("5m")), step("b")]);
    assert_eq!(turn(&mut run, late).unwrap(), "resume [], start p.more");
    assert_eq!(run.passes("p.more"), "pass p.more, ask checkpoint p.go");
}

#[test]
fn nothing_is_added_to_what_is_over() {
    let book = |more: Vec<Piece>, tail: Vec<Piece>| {
        let with = |first: &str, more: Vec<Piece>| std::iter::once(step(first)).chain(more).collect();
        Book::new(vec![seq("one", with("a", more)), seq("two", with("b", tail))])
    };
    let mut run = Run::of(book(vec![], vec![]));
    run.passes("p.one.a");
    let late = turn(&mut run, book(vec![step("x")], vec![])).unwrap_err();
    assert_eq!(late, "`p.one.x` (book.yml:1) is new in a block that is already over");
    assert_eq!(turn(&mut run, book(vec![], vec![step("x")])).unwrap(), "resume [p.two.b], ask in_doubt p.two.b");
    assert_eq!(run.answer("p.two.b", Answer::Done), "start p.two.x");
}

#[test]
fn items_and_included_runbooks_go_on_with_what_they_were_begun_with() {
    let book = |act: &str| {
        let list = each("l", &["x", "y"], vec![step("i").save("n", "'v'"), set("s", "k", "item"), step("j").act(act)]);
        Book::new(vec![list, include("r", vec![step("z")], vec![])])
    };
    let mut run = Run::of(book("use {{ vars.k }}"));
    run.prints("p.l[x].i", "");
    run.said();
    // The item has begun `j`, so `j` is fixed for all items.
    assert_eq!(
        turn(&mut run, book("other")).unwrap_err(),
        "`p.l[x].j` (book.yml:1) already began and is different now"
    );
    let mut run = Run::of(book("use {{ vars.k }}"));
    run.interrupt();
    run.prints("p.l[x].i", "");
    assert_eq!(turn(&mut run, book("now {{ vars.k }}")).unwrap(), "resume [], pass p.l[x].s, start p.l[x].j");
    assert!(format!("{:?}", run.log.last()).contains("RB_"), "{:?}", run.log.last());
    assert_eq!(run.passes("p.l[x].j"), "pass p.l[x].j, start p.l[y].i");
}

#[test]
fn members_of_a_group_that_have_not_begun_may_change() {
    let book = |extra: &str| {
        let mut group = vec![change("x"), step("y")];
        group.push(step(extra));
        Book::new(vec![parallel("g", group).cap(1)]).backing_out()
    };
    let mut run = Run::of(book("z"));
    run.passes("p.g.x");
    assert_eq!(turn(&mut run, book("w")).unwrap(), "resume [p.g.y], ask in_doubt p.g.y");
    assert_eq!(run.answer("p.g.y", Answer::Done), "start p.g.w");
    assert_eq!(run.fails("p.g.w"), "fail p.g.w, turn undo, start p.g.x~undo");
}

#[test]
fn a_plan_nobody_has_is_no_plan() {
    let run = in_b(vec![]);
    let mut state = run.state.clone();
    let event = Event::Resumed {
        by: "x".into(),
        in_doubt: vec!["p.b".into()],
        changed: Some(Box::new(changed("gone"))),
        override_window: None,
        override_us: None,
        operator_key: None,
    };
    assert!(apply(&mut state, &event).unwrap_err().to_string().contains("the plan it turns to is not known"));
}

#[test]
fn the_same_plan_changes_nothing_but_the_answers_that_are_asked_for_again() {
    let book = || then(vec![step("c")]);
    let mut run = in_b(vec![step("c")]);
    run.resume();
    let same = rebase(&run.state, Arc::new(book().plan())).unwrap();
    let told = |state: &State| {
        let mut all: Vec<_> =
            state.insts.iter().map(|i| (i.path.clone(), i.status.clone(), i.attempt, i.finished_at)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        (format!("{all:?}"), state.in_flight, state.active.len(), state.clock)
    };
    assert_eq!(told(&same), told(&run.state));
    assert!(same.inst("p.b").is_some_and(|b| b.status == Status::Running && b.touched));
}

#[test]
fn a_run_that_backs_out_goes_on_backing_out() {
    let book = |undo: &str, last: Vec<Piece>| {
        let a = step("a").undo(step("undo").act(undo));
        Book::new(vec![a, step("b"), step("c")]).backing_out().always(last)
    };
    let stopped = || {
        let mut run = Run::of(book("old", vec![step("clean")]));
        run.passes("p.a");
        assert_eq!(run.fails("p.b"), "fail p.b, turn undo, start p.a~undo");
        run
    };
    let mut run = stopped();
    assert!(turn(&mut run, book("new", vec![])).unwrap_err().starts_with("`p.a` (book.yml:1) already began"));
    let list = book("old", vec![]).rollback(vec![step("r")]);
    assert_eq!(turn(&mut run, list).unwrap_err(), "`rollback` is different now, and the run is already backing out");
    assert_eq!(turn(&mut run, book("old", vec![step("sweep")])).unwrap(), "resume [p.a~undo], ask in_doubt p.a~undo");
    assert_eq!(run.answer("p.a~undo", Answer::Done), "turn always, start always.sweep");
    assert_eq!(run.passes("always.sweep"), "pass always.sweep, end rolled_back");
}
