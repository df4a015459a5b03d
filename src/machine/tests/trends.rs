//! A number that is expected to go one way while a step is repeated.

use super::book::{Book, step};
use super::dialogue::Run;
use crate::decide::Direction;
use crate::machine::event::{Answer, Verdict};
use crate::runbook::model::OnFailure;

/// Drains until fewer than five are left, looking every 10 s for two minutes.
fn drain() -> Run {
    let mut run = Run::of(Book::new(vec![
        step("a")
            .read()
            .poll("10s", "120s", 1)
            .expect("stdout | int < 5")
            .trend("stdout | int", Direction::Decreasing)
            .on_failure(OnFailure::Ask),
    ]));
    run.said();
    run
}

fn look(run: &mut Run, left: &str) -> String {
    let said = run.prints("p.a", left);
    run.seconds(10);
    said
}

fn end(run: &Run) -> (Option<Verdict>, String) {
    let a = run.state.inst("p.a").expect("a step of the run");
    (a.verdict, a.reason.clone().unwrap_or_default())
}

#[test]
fn what_drains_passes_with_its_values() {
    let mut run = drain();
    for left in ["41", "22", "23"] {
        look(&mut run, left);
    }
    assert_eq!(look(&mut run, "3"), "pass p.a, turn always, end done");
    assert_eq!(end(&run), (Some(Verdict::Pass), "41 → 22 → 23 → 3, decreasing".into()));
}

#[test]
fn what_had_drained_already_has_no_trend_to_miss() {
    let mut run = drain();
    look(&mut run, "2");
    assert_eq!(end(&run), (Some(Verdict::Pass), "2 at once".into()));
}

#[test]
fn what_does_not_drain_is_said_not_to_when_the_time_is_over() {
    let mut run = drain();
    let mut said = String::new();
    for _ in 0..13 {
        said = look(&mut run, "7");
    }
    assert!(said.ends_with("ask failure p.a"), "{said}");
    let asked = run.state.questions()[0].title.clone();
    assert!(asked.ends_with("(7 → 7 → 7 → 7 → 7, steady and not decreasing)"), "{asked}");
    // Tried again it is looked at anew, and what was before does not count.
    run.answer("p.a", Answer::Again);
    look(&mut run, "9");
    look(&mut run, "4");
    assert_eq!(end(&run), (Some(Verdict::Pass), "9 → 4".into()));
}

#[test]
fn what_passes_although_it_went_the_other_way_is_a_warning() {
    let mut run = Run::of(Book::new(vec![
        step("a").read().poll("10s", "120s", 3).trend("stdout | int", Direction::Increasing),
        step("b"),
    ]));
    for count in ["100", "100"] {
        look(&mut run, count);
    }
    look(&mut run, "90");
    assert_eq!(end(&run), (Some(Verdict::Warn), "100 → 100 → 90, decreasing and not increasing".into()));
    assert!(run.state.inst("p.b").is_some_and(|b| b.attempt == 1), "a warning lets the run go on");
}

#[test]
fn what_has_no_number_does_not_pass() {
    let mut run =
        Run::of(Book::new(vec![step("a").read().poll("10s", "15s", 1).trend("stdout", Direction::Decreasing)]));
    look(&mut run, "none");
    look(&mut run, "none");
    let (verdict, reason) = end(&run);
    assert_eq!(verdict, None, "it goes on until its time is over: {reason}");
    look(&mut run, "none");
    let (verdict, reason) = end(&run);
    assert_eq!(verdict, Some(Verdict::Fail));
    assert!(reason.contains("the trend is that of a number, and `stdout` is `none`"), "{reason}");
}

#[test]
fn the_values_so_far_survive_the_death_of_the_tool() {
    let mut run = drain();
    look(&mut run, "41");
    look(&mut run, "22");
    let again = run.replayed();
    assert_eq!(again.inst("p.a").map(|a| &a.trail), run.state.inst("p.a").map(|a| &a.trail));
    assert!(format!("{:?}", again.inst("p.a").map(|a| &a.trail)).contains("41.0, 22.0"));
}
