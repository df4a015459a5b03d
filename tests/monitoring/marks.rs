//! Marks around T: what begins when, what is too late, what was missed.

use runbook::decide::Ruling;
use runbook::machine::action::ReadValue;
use runbook::machine::event::{Event, Outcome, Parking};

use super::hours::{Hours, MINUTE};

const HOUR: u64 = 60 * MINUTE;

fn run(text: &str) -> Hours {
    Hours::of(text, |_, _| ReadValue::Number(0.0))
}

const BOOK: &str = r#"
runbook: v1
name: marked
anchor: { time: "2026-01-01T02:00:00Z" }
phases:
  - { id: before, at: T-1h, steps: [{ id: look, shell: ./look, timeout: 1m, effect: read }] }
  - { id: change, at: T, not_after: T+30m, steps: [{ id: deploy, shell: ./deploy, timeout: 1m, undo: { none: kept } }] }
  - id: after
    steps:
      - { id: soak, wait: { until: T+5m } }
      - { id: first, shell: ./check, timeout: 1m, effect: read }
      - { id: last, at: T+4h, shell: ./check, timeout: 1m, effect: read }
"#;

#[test]
fn phases_and_steps_begin_at_their_marks() {
    let mut run = run(BOOK);
    run.go(24 * HOUR);
    assert_eq!(run.outcome(), Some(Outcome::Done));
    let began = ["before", "change", "after", "after.first", "after.last"].map(|path| run.began(path).unwrap() / 60);
    assert_eq!(began, [60, 120, 120, 125, 360]);
    assert_eq!(run.missed(), []);
}

#[test]
fn a_check_due_while_the_machine_was_off_is_reported_as_missed_and_run_late() {
    let mut run = run(BOOK);
    // T is two hours after the start; off from T+3h to T+6h, the check was due at T+4h.
    run.go(5 * HOUR).killed_for(3 * HOUR).go(HOUR);
    assert_eq!(run.missed(), [("after.last".to_string(), 2 * 3600)]);
    assert_eq!(run.began("after.last"), Some(8 * 3600));
    assert_eq!(run.outcome(), Some(Outcome::Done));
}

#[test]
fn a_minute_late_is_on_time() {
    let mut run = run(BOOK);
    run.go(5 * HOUR).killed_for(HOUR + MINUTE).go(HOUR);
    assert_eq!((run.missed(), run.outcome()), (vec![], Some(Outcome::Done)));
}

#[test]
fn what_is_too_late_does_not_begin_and_says_by_how_much() {
    let mut run = run(BOOK);
    run.go(HOUR).killed_for(HOUR + 42 * MINUTE).go(HOUR);
    assert_eq!(run.outcome(), Some(Outcome::Failed));
    assert_eq!(run.reason("change"), "it may not begin after 2026-01-01T02:30:00Z, and it is 12m 00s later");
    assert_eq!(run.began("change.deploy"), None);
}

#[test]
fn t_is_the_end_of_the_change_once_it_has_ended() {
    let text = BOOK.replace("02:00:00Z\"", "02:00:00Z\", end_of: change");
    let mut run = run(&text);
    // The change began 20 minutes late, so everything after it is 20 minutes later.
    run.go(HOUR + 30 * MINUTE).killed_for(50 * MINUTE).go(24 * HOUR);
    assert_eq!(run.outcome(), Some(Outcome::Done));
    let began = ["change", "after.first", "after.last"].map(|path| run.began(path).unwrap() / 60);
    assert_eq!(began, [140, 145, 380]);
    assert_eq!(run.missed(), [("change".to_string(), 20 * 60)]);
    assert_eq!(run.happened(|e| matches!(e, Event::Anchored { .. })), 1);
}

#[test]
fn without_an_anchor_t_is_the_start_of_the_run() {
    let mut run = run(r#"
runbook: v1
name: marked
steps:
  - { id: late, at: T+10m, shell: ./late, timeout: 1m, effect: read }
"#);
    run.go(HOUR);
    assert_eq!((run.began("main.late"), run.outcome()), (Some(600), Some(Outcome::Done)));
}

#[test]
fn members_of_a_group_wait_for_themselves_and_not_for_a_group_that_failed() {
    let text = r#"
runbook: v1
name: marked
steps:
  - id: both
    parallel:
      steps:
        - { id: now, shell: ./now, timeout: 1m, effect: read }
        - { id: later, at: T+10m, shell: ./later, timeout: 1m, effect: read }
"#;
    let mut good = run(text);
    good.go(HOUR);
    assert_eq!((good.began("main.both.now"), good.began("main.both.later")), (Some(0), Some(600)));
    let mut bad = run(&text
        .replace("effect: read }\n        - { id: later", "effect: read, expect: exit == 1 }\n        - { id: later"));
    bad.go(HOUR);
    assert_eq!((bad.began("main.both.later"), bad.outcome()), (None, Some(Outcome::Failed)));
}

#[test]
fn a_driver_may_leave_while_only_a_mark_is_waited_for_and_comes_back_to_the_same_wait() {
    let mut run = run(BOOK);
    run.go(2 * HOUR + 10 * MINUTE);
    let until = match run.leaves() {
        Some(Event::Parked { reason: Parking::Until(until) }) => until,
        other => panic!("{other:?}"),
    };
    assert_eq!(until, 1_767_225_600_000_000 + 6 * 3_600_000_000);
    // Back too early: it may leave again. Back in the last two minutes: it stays.
    run.killed_for(HOUR).go(0);
    assert!(run.leaves().is_some());
    run.killed_for(2 * HOUR + 49 * MINUTE).go(0);
    assert_eq!(run.leaves(), None);
    run.go(2 * MINUTE);
    assert_eq!((run.outcome(), run.missed()), (Some(Outcome::Done), vec![]));
}

#[test]
fn a_table_beside_a_wait_keeps_the_driver_and_can_end_the_wait() {
    let text = r#"
runbook: v1
name: guarded
metrics:
  error_ratio: { prometheus: errors, url: "http://127.0.0.1:9090", samples: requests, min_samples: 100, unit: "%" }
on_failure: rollback
steps:
  - { id: deploy, shell: ./deploy, timeout: 1m, undo: { shell: ./undeploy } }
  - id: soak
    wait: { until: T+1h }
    guards:
      every: 10s
      hit: worst
      rules:
        - { symptom: Errors, if: { error_ratio: "> 5%" }, action: rollback }
        - { symptom: Few errors, if: { error_ratio: "0% .. 5%" }, action: ok }
        - { otherwise: hold }
        - { no_data: hold }
"#;
    let mut run = Hours::of(text, |name, second| {
        ReadValue::Number(match name {
            "error_ratio" if second >= 1200 => 9.0,
            "error_ratio" => 0.1,
            _ => 500.0,
        })
    });
    run.go(10 * MINUTE);
    assert_eq!(run.leaves(), None);
    run.go(HOUR);
    assert_eq!(run.rulings("main.soak~guard"), [(0, Ruling::Ok), (1200, Ruling::Rollback)]);
    assert_eq!((run.outcome(), run.ruled().map(|(at, _)| at)), (Some(Outcome::RolledBack), Some(1200)));
}

/// The window is open from midnight to three.
const NIGHT: &str = r#"
runbook: v1
name: night
on_failure: rollback
window: { allow: "00:00-03:00 UTC", exempt: [rollback] }
phases:
  - { id: first, steps: [{ id: deploy, shell: ./deploy, timeout: 1m, undo: { shell: ./undeploy } }, { id: soak, wait: 2h }] }
  - { id: second, steps: [{ id: more, shell: ./more, timeout: 1m, undo: { none: kept } }] }
always:
  - { id: tidy, shell: ./tidy, timeout: 1m }
"#;

#[test]
fn a_phase_does_not_begin_in_a_closed_window_and_taking_back_is_not_held() {
    let mut good = run(NIGHT);
    good.go(24 * HOUR);
    assert_eq!(good.outcome(), Some(Outcome::Done));
    let mut late = run(NIGHT);
    late.go(HOUR).killed_for(2 * HOUR).go(24 * HOUR);
    assert_eq!((late.outcome(), late.began("second.more")), (Some(Outcome::RolledBack), None));
    let words = "2026-01-01T04:00:00Z is outside the window; the next allowed time is 2026-01-02T00:00:00Z";
    assert_eq!(late.reason("second"), words);
    let mut allowed = run(NIGHT);
    allowed.go(HOUR).taken_over(2 * HOUR, Some("the fix cannot wait")).go(24 * HOUR);
    assert_eq!(allowed.outcome(), Some(Outcome::Done));
    assert_eq!([late.began("first.deploy~undo"), late.began("always.tidy")], [Some(4 * 3600); 2]);
}

#[test]
fn estimates_of_what_is_left_must_fit_before_each_phase() {
    let text =
        NIGHT.replace("exempt:", "must_end_inside: true, exempt:").replace("id: second,", "id: second, estimate: 90m,");
    let mut run = run(&text);
    run.go(24 * HOUR);
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
    assert!(
        run.reason("second")
            .starts_with("what is left takes 1h 30m by its estimates and marks, and the window closes in 1h 00m")
    );
}
