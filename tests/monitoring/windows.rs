//! What a window is asked about, and when it is asked again.

use runbook::machine::action::ReadValue;
use runbook::machine::event::{Answer, Event, Outcome};

use super::hours::{Hours, MINUTE};

const HOUR: u64 = 60 * MINUTE;

fn run(text: &str) -> Hours {
    Hours::of(text, |_, _| ReadValue::Number(0.0))
}

/// The run begins at midnight, long before its window, and T is in it.
const AHEAD: &str = r#"
runbook: v1
name: ahead
anchor: { time: "2026-01-01T02:30:00Z" }
window: { allow: "02:00-05:00 UTC" }
phases:
  - { id: look, steps: [{ id: look, shell: ./look, timeout: 1m, effect: read }] }
  - { id: change, at: T, steps: [{ id: deploy, shell: ./deploy, timeout: 1m, undo: { none: kept } }] }
"#;

#[test]
fn a_phase_with_a_mark_is_asked_about_its_mark() {
    let mut inside = run(AHEAD);
    inside.go(24 * HOUR);
    assert_eq!((inside.outcome(), inside.began("change.deploy")), (Some(Outcome::Done), Some(9000)));
    let mut outside = run(&AHEAD.replace("T02:30", "T06:30"));
    outside.go(0);
    assert_eq!(outside.outcome(), Some(Outcome::NoGo), "it is known long before that it may not begin then");
    assert!(outside.reason("change").starts_with("2026-01-01T06:30:00Z is outside the window"));
    // Where T is the end of something the mark is only known once that has ended.
    let moved = AHEAD.replace("T02:30:00Z\"", "T06:30:00Z\", end_of: soak").replace("at: T,", "at: T+10m,");
    let mut moved = run(&moved.replace("effect: read }]", "effect: read }, { id: soak, wait: 3h }]"));
    moved.go(24 * HOUR);
    assert_eq!((moved.outcome(), moved.began("change.deploy")), (Some(Outcome::Done), Some(3 * 3600 + 600)));
}

/// The window closes at three.
const ASKS: &str = r#"
runbook: v1
name: asks
on_failure: rollback
window: { allow: "00:00-03:00 UTC" }
phases:
  - id: change
    steps:
      - { id: one, shell: ./one, timeout: 1m, undo: { shell: ./unone } }
      - { id: go, checkpoint: { title: Go on? } }
      - { id: two, shell: ./two, timeout: 1m, undo: { none: kept } }
      - { id: three, shell: ./three, timeout: 1m, undo: { none: kept } }
"#;

#[test]
fn the_window_is_asked_again_before_the_first_change_after_a_question_a_pause_or_a_new_driver() {
    let asked = |wait: u64| {
        let mut run = run(ASKS);
        run.go(0).pass(wait);
        run.answer("change.go", Answer::Go).go(HOUR);
        run
    };
    assert_eq!(asked(HOUR).outcome(), Some(Outcome::Done));
    let late = asked(3 * HOUR);
    assert_eq!((late.outcome(), late.began("change.two")), (Some(Outcome::RolledBack), None));
    assert!(late.reason("change.two").starts_with("2026-01-01T03:00:00Z is outside the window"));
    let paused = |pause: &str| {
        let mut run = run(&ASKS.replace("checkpoint: { title: Go on? }", &format!("wait: {pause}")));
        run.go(24 * HOUR);
        run.outcome()
    };
    assert_eq!((paused("2h"), paused("4h")), (Some(Outcome::Done), Some(Outcome::RolledBack)));
    let mut left = run(&ASKS.replace("checkpoint: { title: Go on? }", "wait: 2h"));
    left.go(HOUR).killed_for(3 * HOUR).go(24 * HOUR);
    assert_eq!((left.outcome(), left.began("change.two")), (Some(Outcome::RolledBack), None));
}

#[test]
fn whoever_resumes_in_the_middle_of_the_changes_is_told_that_the_window_is_closed() {
    let mut run = run(ASKS);
    run.go(HOUR);
    assert_eq!(run.keeps_from_resuming(), None);
    run.pass(3 * HOUR);
    assert!(run.keeps_from_resuming().is_some_and(|why| why.contains("outside the window")));
    run.taken_over(0, Some("the fix cannot wait"));
    assert_eq!(run.keeps_from_resuming(), None);
    run.answer("change.go", Answer::Go).go(HOUR);
    assert_eq!(run.outcome(), Some(Outcome::Done));
}

#[test]
fn a_reason_against_the_window_holds_until_the_window_has_opened_again() {
    let book = |mark: &str| {
        let second = format!(
            "  - {{ id: later, at: {mark}, steps: [{{ id: more, shell: ./more, timeout: 1m, undo: {{ none: kept }} }}] }}\n"
        );
        format!("{ASKS}{second}")
    };
    let outcome = |mark: &str| {
        let mut run = run(&book(mark));
        run.go(HOUR).taken_over(3 * HOUR, Some("tonight")).answer("change.go", Answer::Go).go(48 * HOUR);
        (run.outcome(), run.began("change.two").is_some(), run.began("later.more").is_some())
    };
    assert_eq!(outcome("T+20h"), (Some(Outcome::Done), true, true), "the same closed time");
    assert_eq!(outcome("T+25h"), (Some(Outcome::Done), true, true), "open");
    assert_eq!(outcome("T+28h"), (Some(Outcome::RolledBack), true, false), "closed again");
}

#[test]
fn what_waits_for_a_mark_has_to_end_inside_too() {
    let far = |after: &str| {
        let mut run = run(&format!(
            r#"
runbook: v1
name: far
window: {{ allow: "00:00-03:00 UTC", must_end_inside: true }}
phases:
  - {{ id: a, estimate: 1m, steps: [{{ id: one, shell: ./one, timeout: 1m, undo: {{ none: kept }} }}] }}
  - {{ id: b, {after} }}
"#
        ));
        run.go(48 * HOUR);
        (run.outcome(), run.began("a.one").is_some(), run.reason("a"))
    };
    let more = "steps: [{ id: two, shell: ./two, timeout: 1m, undo: { none: kept } }]";
    let marked = far(&format!("at: T+4h, estimate: 1m, {more}"));
    assert_eq!((marked.0, marked.1), (Some(Outcome::NoGo), false));
    assert!(marked.2.starts_with("what is left takes 4h 01m by its estimates and marks, and"), "{}", marked.2);
    let step = far("steps: [{ id: two, at: T+4h, shell: ./two, timeout: 1m, undo: { none: kept } }]");
    assert_eq!((step.0, step.1), (Some(Outcome::NoGo), false));
    assert_eq!(far(&format!("at: T+2h, {more}")).0, Some(Outcome::Done));
    let look = "at: T+24h, steps: [{ id: two, shell: ./two, timeout: 1m, effect: read }]";
    // Looking later is no change, and is not asked for its mark before it comes to it.
    assert!(far(look).1);
}

#[test]
fn a_phase_that_has_only_waited_may_not_change_anything_after_its_last_mark() {
    let book = |not_after: &str| {
        format!(
            r#"
runbook: v1
name: late
phases:
  - id: change
    not_after: {not_after}
    steps:
      - {{ id: nap, wait: 10m }}
      - {{ id: deploy, shell: ./deploy, timeout: 1m, undo: {{ none: kept }} }}
      - {{ id: soak, wait: 1h }}
      - {{ id: more, shell: ./more, timeout: 1m, undo: {{ none: kept }} }}
"#
        )
    };
    let mut late = run(&book("T+5m"));
    late.go(HOUR);
    assert_eq!((late.outcome(), late.began("change.deploy")), (Some(Outcome::Failed), None));
    assert_eq!(late.reason("change.deploy"), "it may not begin after 2026-01-01T00:05:00Z, and it is 5m 00s later");
    let mut begun = run(&book("T+15m"));
    begun.go(24 * HOUR);
    assert_eq!(begun.outcome(), Some(Outcome::Done), "it has begun in time, and a soak makes it no later");
}

#[test]
fn t_is_the_end_of_the_last_item() {
    let mut run = run(r#"
runbook: v1
name: items
anchor: { time: "2026-01-01T00:00:00Z", end_of: nap }
phases:
  - { id: each, steps: [{ id: all, for_each: { in: [1, 2, 3], steps: [{ id: nap, wait: 10m }] } }] }
  - { id: after, steps: [{ id: soak, wait: { until: T+5m } }, { id: check, shell: ./check, timeout: 1m, effect: read }] }
"#);
    run.go(24 * HOUR);
    assert_eq!(run.happened(|event| matches!(event, Event::Anchored { .. })), 3);
    assert_eq!((run.outcome(), run.began("after.check")), (Some(Outcome::Done), Some(35 * 60)));
}

#[test]
fn what_counts_from_the_end_of_something_that_was_skipped_says_so() {
    let book = |anchor: &str, skipped: &str| {
        format!(
            r#"
runbook: v1
name: skipped
anchor: {{ {anchor} }}
phases:
  - id: change
    steps:
      - {{ id: nap, wait: 10m }}
      - {skipped}
  - {{ id: after, steps: [{{ id: soak, wait: {{ until: T+15m }} }}, {{ id: check, shell: ./check, timeout: 1m, effect: read }}] }}
"#
        )
    };
    let step = r#"{ id: switch, when: "1 == 2", shell: ./switch, timeout: 1m, undo: { none: kept } }"#;
    let block = r#"{ id: maybe, when: "1 == 2", parallel: { steps: [{ id: switch, shell: ./switch, timeout: 1m, undo: { none: kept } }] } }"#;
    for skipped in [step, block] {
        let mut run = run(&book("end_of: switch", skipped));
        run.go(HOUR);
        assert_eq!((run.outcome(), run.began("after.check")), (Some(Outcome::Failed), None));
        let words = "T is the end of `switch`, and that was skipped, so nobody can say when this is due";
        assert_eq!(run.reason("after.soak"), words);
    }
    let mut planned = run(&book(r#"end_of: switch, time: "2026-01-01T00:20:00Z""#, step));
    planned.go(HOUR);
    assert_eq!((planned.outcome(), planned.began("after.check")), (Some(Outcome::Done), Some(35 * 60)));
}
