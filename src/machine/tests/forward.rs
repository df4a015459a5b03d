//! Going forward: order, retries, polls, lists, groups, values.

use super::book::*;
use super::dialogue::Run;
use crate::machine::action::{Done, Ended};
use crate::machine::event::{Answer, Verdict};
use crate::runbook::model::{InputKind, OnFailure};
use serde_json::json;

#[test]
fn steps_run_one_after_the_other_and_the_run_ends_done() {
    let mut run = Run::of(Book::new(vec![step("a"), step("b")]).always(vec![step("tidy")]));
    assert_eq!(run.said(), "start p.a");
    assert_eq!(run.passes("p.a"), "pass p.a, start p.b");
    assert_eq!(run.passes("p.b"), "pass p.b, turn always, start always.tidy");
    assert_eq!(run.passes("always.tidy"), "pass always.tidy, end done");
}

#[test]
fn a_failed_step_stops_the_run_and_keeps_what_was_done() {
    let mut run = Run::of(Book::new(vec![change("a"), step("b"), step("c")]).always(vec![step("tidy")]));
    run.passes("p.a");
    assert_eq!(run.fails("p.b"), "fail p.b, turn always, start always.tidy");
    assert_eq!(run.passes("always.tidy"), "pass always.tidy, end failed");
}

#[test]
fn a_retry_waits_longer_each_time_and_then_gives_up() {
    let mut run = Run::of(Book::new(vec![step("a").retry(3, "10s", 2)]));
    run.said();
    assert_eq!(run.fails("p.a"), "plan p.a#2 at 10s");
    assert_eq!(run.seconds(9), "");
    assert_eq!(run.seconds(1), "start p.a#2");
    assert_eq!(run.fails("p.a"), "plan p.a#3 at 30s");
    assert_eq!(run.seconds(20), "start p.a#3");
    assert_eq!(run.fails("p.a"), "fail p.a, turn always, end failed");
}

#[test]
fn what_is_not_there_is_not_tried_again() {
    let mut run = Run::of(Book::new(vec![step("a").retry(3, "1s", 1)]));
    run.said();
    let said = run.ended("p.a", Ended::Unavailable("no such program".into()));
    assert_eq!(said, "unavailable p.a, turn always, end failed");
}

#[test]
fn a_poll_samples_until_it_held_often_enough_in_a_row() {
    let mut run = Run::of(Book::new(vec![step("a").read().poll("5s", "1m", 2)]));
    run.said();
    assert_eq!(run.fails("p.a"), "plan p.a#2 at 5s");
    assert_eq!(run.seconds(5), "start p.a#2");
    assert_eq!(run.passes("p.a"), "plan p.a#3 at 10s");
    run.seconds(5);
    assert_eq!(run.fails("p.a"), "plan p.a#4 at 15s");
    run.seconds(5);
    assert_eq!(run.passes("p.a"), "plan p.a#5 at 20s");
    run.seconds(5);
    assert_eq!(run.passes("p.a"), "pass p.a, turn always, end done");
}

#[test]
fn a_poll_that_never_holds_gives_up_after_its_time() {
    let mut run = Run::of(Book::new(vec![step("a").read().poll("5s", "12s", 1)]));
    for _ in 0..3 {
        run.fails("p.a");
        run.seconds(5);
    }
    run.said();
    assert_eq!(run.fails("p.a"), "fail p.a, turn always, end failed");
}

#[test]
fn a_list_known_only_now_is_gone_through_item_by_item() {
    let steps = vec![step("look").save("hosts", "json"), each_of("g", "{{ steps.look.hosts }}", vec![step("s")])];
    let mut run = Run::of(Book::new(steps));
    run.said();
    let mut done = Done { ended: Ended::Ok, ..Done::default() };
    done.http = Some(Default::default());
    done.stdout =
        Some(crate::machine::action::Captured { bytes: 9, text: Some(r#"["x","y"]"#.into()), ..Default::default() });
    assert_eq!(run.done("p.look", done), "pass p.look, start p.g[x].s");
    assert_eq!(run.passes("p.g[x].s"), "pass p.g[x].s, start p.g[y].s");
    assert_eq!(run.passes("p.g[y].s"), "pass p.g[y].s, turn always, end done");
}

#[test]
fn an_empty_list_is_inconclusive_and_stops_the_run() {
    let mut run = Run::of(Book::new(vec![each("g", &[], vec![step("s")]), step("after")]));
    assert_eq!(run.said(), "turn always, end failed");
    assert_eq!(run.state.inst("p.g").and_then(|g| g.verdict), Some(Verdict::Inconclusive));
}

#[test]
fn items_that_look_alike_still_have_paths_of_their_own() {
    let run = Run::of(Book::new(vec![each("g", &["2", "2", "a/b", "a:b"], vec![step("s")]).cap(4)]));
    let paths: Vec<_> = run.state.insts.iter().map(|i| i.path.as_str()).filter(|p| p.ends_with("].s")).collect();
    assert_eq!(paths, ["p.g[2].s", "p.g[2-2].s", "p.g[a_b].s", "p.g[a_b-4].s"]);
}

#[test]
fn the_key_of_an_item_can_be_an_expression() {
    let mut book = Book::new(vec![each("g", &["x", "y"], vec![step("s")]).cap(2)]).plan();
    for node in &mut book.nodes {
        if let crate::plan::model::NodeKind::ForEach(each) = &mut node.kind {
            each.key = Some(t("'host ' ~ item"));
        }
    }
    let mut state = crate::machine::State::new(std::sync::Arc::new(book));
    crate::machine::apply(&mut state, &super::dialogue::started()).unwrap();
    while let Some(event) = crate::machine::next(&state, Default::default()) {
        crate::machine::apply(&mut state, &event).unwrap();
    }
    assert!(state.inst("p.g[host_x].s").is_some() && state.inst("p.g[host_y].s").is_some());
}

#[test]
fn a_soft_failure_is_a_warning_and_the_run_goes_on() {
    let mut run = Run::of(Book::new(vec![step("a").warn(), step("b")]));
    run.said();
    assert_eq!(run.fails("p.a"), "warn p.a, start p.b");
    assert_eq!(run.passes("p.b"), "pass p.b, turn always, end done");
}

#[test]
fn a_soft_group_passes_over_the_failure_of_its_members() {
    let mut run = Run::of(Book::new(vec![seq("g", vec![step("a"), step("b")]).warn(), step("c")]));
    run.said();
    assert_eq!(run.fails("p.g.a"), "fail p.g.a, start p.c");
    assert_eq!(run.state.inst("p.g").and_then(|g| g.verdict), Some(Verdict::Warn));
    assert_eq!(run.passes("p.c"), "pass p.c, turn always, end done");
}

#[test]
fn a_failure_declared_to_continue_stays_a_failure_and_the_run_goes_on() {
    let mut run = Run::of(Book::new(vec![step("a").on_failure(OnFailure::Continue), step("b")]));
    run.said();
    assert_eq!(run.fails("p.a"), "fail p.a, start p.b");
    assert_eq!(run.passes("p.b"), "pass p.b, turn always, end done");
}

#[test]
fn a_group_fails_fast_or_collects() {
    let members = || vec![step("a"), step("b"), step("c")];
    let group = |g: Piece| Book::new(vec![g.cap(2).on_failure(OnFailure::Continue), step("z")]);
    let mut fast = Run::of(group(parallel("g", members())));
    assert_eq!(fast.said(), "start p.g.a, start p.g.b");
    assert_eq!(fast.fails("p.g.a"), "fail p.g.a");
    assert_eq!(fast.passes("p.g.b"), "pass p.g.b, start p.z");

    let mut all = Run::of(group(parallel("g", members()).collect()));
    all.said();
    assert_eq!(all.fails("p.g.a"), "fail p.g.a, start p.g.c");
}

#[test]
fn a_collecting_group_stops_the_run_only_when_all_of_it_is_over() {
    let members = vec![step("a"), step("b")];
    let mut run = Run::of(Book::new(vec![parallel("g", members).cap(1).collect(), step("z")]));
    assert_eq!(run.said(), "start p.g.a");
    assert_eq!(run.fails("p.g.a"), "fail p.g.a, start p.g.b");
    assert_eq!(run.passes("p.g.b"), "pass p.g.b, turn always, end failed");
}

#[test]
fn never_more_members_run_than_allowed() {
    let mut run = Run::of(Book::new(vec![each("g", &["1", "2", "3"], vec![step("s")]).cap(2)]));
    assert_eq!(run.said(), "start p.g[1].s, start p.g[2].s");
    assert_eq!(run.passes("p.g[2].s"), "pass p.g[2].s, start p.g[3].s");
    assert_eq!(run.passes("p.g[1].s"), "pass p.g[1].s");
}

#[test]
fn values_are_kept_and_read_by_conditions_and_later_steps() {
    let steps = vec![
        step("look").save("colour", "stdout"),
        set("idle", "idle", "'green' if steps.look.colour == 'blue' else 'blue'"),
        step("no").when("vars.idle == 'blue'"),
        step("go").exec(&["switch", "{{ vars.idle }}"]),
    ];
    let mut run = Run::of(Book::new(steps));
    run.said();
    assert_eq!(run.prints("p.look", "blue\n"), "pass p.look, pass p.idle, skip p.no, start p.go");
    let text = serde_json::to_string(&run.log).unwrap();
    assert!(text.contains(r#""argv":["switch","green"]"#), "{text}");
    assert_eq!(run.saved("no", "result"), Some(&json!("skipped")));
}

#[test]
fn output_that_cannot_be_seen_is_inconclusive() {
    let mut run = Run::of(Book::new(vec![step("a").expect("stdout == 'ok'")]));
    run.said();
    let out = crate::machine::action::Captured { bytes: 1 << 20, ..Default::default() };
    let done = Done { ended: Ended::Exit(0), stdout: Some(out), ..Done::default() };
    assert_eq!(run.done("p.a", done), "inconclusive p.a, turn always, end failed");
}

#[test]
fn an_included_runbook_gives_its_outputs_and_runs_its_own_always() {
    let inner = include("inc", vec![step("look").save("n", "stdout")], vec![step("tidy")]).output("n", "steps.look.n");
    let mut run = Run::of(Book::new(vec![inner, step("use").exec(&["use", "{{ steps.inc.n }}"])]));
    assert_eq!(run.said(), "start p.inc/look");
    assert_eq!(run.prints("p.inc/look", "7"), "pass p.inc/look, start p.inc.always.tidy");
    assert_eq!(run.passes("p.inc.always.tidy"), "pass p.inc.always.tidy, start p.use");
    assert_eq!(run.saved("inc", "n"), Some(&json!("7")));
}

#[test]
fn the_always_of_an_included_runbook_runs_when_the_failure_stops_the_whole_run() {
    let inner = include("inc", vec![change("x"), step("y")], vec![step("tidy")]);
    let book = Book::new(vec![inner]).backing_out().always(vec![step("last")]);
    let mut run = Run::of(book);
    run.passes("p.inc/x");
    run.said();
    assert_eq!(run.fails("p.inc/y"), "fail p.inc/y, turn undo, start p.inc/x~undo");
    let said = run.passes("p.inc/x~undo");
    assert_eq!(said, "pass p.inc/x~undo, turn always, start p.inc.always.tidy");
    assert_eq!(run.passes("p.inc.always.tidy"), "pass p.inc.always.tidy, start always.last");
    assert_eq!(run.passes("always.last"), "pass always.last, end rolled_back");
}

#[test]
fn the_always_of_an_included_runbook_is_not_taken_back() {
    let inner = include("inc", vec![step("x")], vec![change("tidy")]);
    let mut run = Run::of(Book::new(vec![inner, step("b")]).backing_out());
    run.passes("p.inc/x");
    run.passes("p.inc.always.tidy");
    assert_eq!(run.fails("p.b"), "fail p.b, turn undo, turn always, end rolled_back");
}

#[test]
fn in_always_a_failure_keeps_nothing_else_from_being_tried() {
    let members = vec![parallel("g", vec![step("x"), step("y")]).cap(1), step("z")];
    let mut run = Run::of(Book::new(vec![step("a")]).always(members));
    run.passes("p.a");
    run.said();
    assert_eq!(run.fails("always.g.x"), "fail always.g.x, start always.g.y");
    assert_eq!(run.passes("always.g.y"), "pass always.g.y, start always.z");
    assert_eq!(run.passes("always.z"), "pass always.z, end failed");
}

#[test]
fn a_failure_in_always_that_is_declared_to_continue_does_not_change_the_outcome() {
    let always = vec![step("x").on_failure(OnFailure::Continue), step("y")];
    let mut run = Run::of(Book::new(vec![step("a")]).always(always));
    run.passes("p.a");
    run.fails("always.x");
    assert_eq!(run.passes("always.y"), "pass always.y, end done");
}

#[test]
fn a_late_result_is_kept_as_a_fact_and_changes_nothing() {
    let mut run = Run::of(Book::new(vec![step("a").read(), step("b")]));
    run.resume();
    assert_eq!(run.state.inst("p.a").map(|a| a.attempt), Some(2));
    let late = crate::machine::Input::Done { path: "p.a".into(), attempt: 1, done: Done::default() };
    assert!(run.input(late.clone()));
    assert_eq!(run.said(), "late p.a#1");
    run.passes("p.a");
    assert_eq!(run.passes("p.b"), "pass p.b, turn always, end done");
    assert!(run.input(late), "after the end too");
    let unknown = crate::machine::Input::Done { path: "p.a".into(), attempt: 9, done: Done::default() };
    assert!(!run.input(unknown));
}

#[test]
fn secrets_never_stand_in_events() {
    let secret = json!({ "$secret": "token" });
    let steps = vec![step("a").env("TOKEN", "{{ inputs.token }}"), step("b").exec(&["curl", "{{ inputs.token }}"])];
    let mut run = Run::of(Book::new(steps).input("token", InputKind::Secret, secret));
    let text = serde_json::to_string(&run.log).unwrap();
    assert!(text.contains(r#"["TOKEN",{"secret":"token"}]"#), "a reference, not a value: {text}");
    run.said();
    assert_eq!(run.passes("p.a"), "pass p.a, fail p.b, turn always, end failed");
}

#[test]
fn a_wait_passes_when_its_time_was_seen() {
    let mut run = Run::of(Book::new(vec![wait("soak", "5m"), step("b")]));
    assert_eq!(run.said(), "wait p.soak until 300s");
    assert_eq!(run.state.deadlines().0, Some(300_000_000));
    assert_eq!(run.seconds(300), "pass p.soak, start p.b");
}

#[test]
fn a_failed_step_can_be_tried_again_skipped_backed_out_or_stopped_by_a_person() {
    let start = || {
        let book = Book::new(vec![change("a"), step("b").on_failure(OnFailure::Ask), step("c")]);
        let mut run = Run::of(book);
        run.passes("p.a");
        run.said();
        assert_eq!(run.fails("p.b"), "ask failure p.b");
        run
    };
    let mut again = start();
    assert_eq!(again.answer("p.b", Answer::Again), "start p.b#2");
    assert_eq!(again.fails("p.b"), "ask failure p.b");
    assert_eq!(start().answer("p.b", Answer::Skip), "fail p.b, start p.c");
    assert_eq!(start().answer("p.b", Answer::BackOut), "fail p.b, turn undo, start p.a~undo");
    assert_eq!(start().answer("p.b", Answer::Stop), "fail p.b, turn always, end failed");
    assert_eq!(start().answer("p.b", Answer::Go), "", "an answer that does not fit");
}

#[test]
fn a_poll_that_is_tried_again_has_its_whole_time_again() {
    let mut run = Run::of(Book::new(vec![step("a").poll("5s", "12s", 1).on_failure(OnFailure::Ask)]));
    run.seconds(60);
    run.said();
    assert_eq!(run.fails("p.a"), "ask failure p.a");
    assert_eq!(run.answer("p.a", Answer::Again), "start p.a#2");
    assert_eq!(run.fails("p.a"), "plan p.a#3 at 65s");
}

#[test]
fn the_log_alone_rebuilds_the_state() {
    let mut run = Run::of(Book::new(vec![change("a"), step("b")]).backing_out());
    run.passes("p.a");
    run.fails("p.b");
    run.passes("p.a~undo");
    let again = run.replayed();
    assert_eq!(format!("{:?}", again.insts), format!("{:?}", run.state.insts));
    assert_eq!(again.outcome, run.state.outcome);
}
