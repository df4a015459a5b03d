//! A hold has an end where the table states one.

use runbook::machine::action::ReadValue;
use runbook::machine::event::{Answer, Outcome};

use super::hours::{Hours, MINUTE, SECOND};

const HEAD: &str = r#"
runbook: v1
name: held
metrics:
  queue: { prometheus: "queue", url: "http://127.0.0.1:9090", unit: count }
on_failure: rollback
steps:
  - { id: first, shell: ./first, timeout: 1m, undo: { shell: ./unfirst } }
"#;

const GUARDED: &str = "
  - id: soak
    wait: 30s
    guards:
";

const DECIDED: &str = "
  - id: judge
    decide:
      over: 30s
";

const TABLE: &str = r#"
      every: 10s
      hit: worst
      hold: { max: 2m, then: THEN }
      investigate: { within: 5m, then: rollback }
      rules:
        - { symptom: Long queue, if: { queue: "> 100" }, action: hold }
        - { symptom: Short queue, if: { queue: "<= 100" }, action: ok }
        - { otherwise: abort }
        - { no_data: hold }
  - { id: last, shell: ./last, timeout: 1m, undo: { none: it stays } }
"#;

fn book(text: &str, then: &str) -> String {
    [HEAD, text, TABLE].concat().replace("THEN", then)
}

/// A long queue between these seconds.
fn queue(from: u64, to: u64) -> impl Fn(&str, u64) -> ReadValue {
    move |_, second| ReadValue::Number(if (from..to).contains(&second) { 500.0 } else { 3.0 })
}

#[test]
fn what_has_held_for_as_long_as_it_may_goes_back() {
    for text in [GUARDED, DECIDED] {
        let mut run = Hours::of(&book(text, "rollback"), queue(0, 9000));
        run.go(10 * MINUTE);
        let (second, reason) = run.ruled().expect("a ruling");
        assert_eq!(second, 120, "{reason}");
        let said = "Long queue: queue 500 > 100";
        assert!(
            reason.starts_with(said) && reason.ends_with("; it has held for 2m 00s, and may for 2m 00s"),
            "{reason}"
        );
        assert_eq!((run.began("main.last"), run.outcome()), (None, Some(Outcome::RolledBack)));
    }
}

#[test]
fn a_hold_that_ends_in_time_goes_on_and_the_next_one_has_all_of_its_time_again() {
    let twice = |_: &str, second: u64| {
        let long = (0..90).contains(&second) || (100..200).contains(&second);
        ReadValue::Number(if long { 500.0 } else { 3.0 })
    };
    let text = book(GUARDED, "rollback").replace("wait: 30s", "wait: 4m");
    let mut run = Hours::of(&text, twice);
    run.go(10 * MINUTE);
    assert_eq!((run.ruled(), run.outcome()), (None, Some(Outcome::Done)));
    let mut run = Hours::of(&book(DECIDED, "rollback"), queue(0, 100));
    run.go(10 * MINUTE);
    assert_eq!((run.ruled(), run.outcome()), (None, Some(Outcome::Done)));
}

#[test]
fn no_data_that_hold_are_not_waited_for_without_end_either() {
    for text in [GUARDED, DECIDED] {
        let mut run = Hours::of(&book(text, "abort"), |_, _| ReadValue::Empty);
        run.go(10 * MINUTE);
        assert_eq!(run.ruled().map(|(second, _)| second), Some(120));
        assert_eq!(run.outcome(), Some(Outcome::NoGo));
    }
}

#[test]
fn after_the_longest_hold_a_person_may_be_asked_and_let_it_pass() {
    for (text, asked) in [(GUARDED, "main.soak~ask"), (DECIDED, "main.judge")] {
        let mut run = Hours::of(&book(text, "investigate"), queue(0, 9000));
        run.go(119 * SECOND);
        assert!(run.questions().is_empty());
        run.go(2 * SECOND);
        assert_eq!(run.questions(), [asked]);
        run.answer(asked, Answer::Go).go(5 * MINUTE);
        assert_eq!((run.began("main.last").is_some(), run.outcome()), (true, Some(Outcome::Done)));
        let mut run = Hours::of(&book(text, "investigate"), queue(0, 9000));
        run.go(10 * MINUTE);
        assert_eq!(run.outcome(), Some(Outcome::RolledBack), "nobody answered");
    }
}

#[test]
fn the_time_of_a_hold_goes_on_across_a_kill() {
    for text in [GUARDED, DECIDED] {
        let mut run = Hours::of(&book(text, "rollback"), queue(0, 9000));
        run.go(65 * SECOND).killed_for(5 * SECOND).go(10 * MINUTE);
        let (second, reason) = run.ruled().expect("a ruling");
        assert!((120..=131).contains(&second), "{second}: {reason}");
        assert_eq!(run.outcome(), Some(Outcome::RolledBack));
    }
}
