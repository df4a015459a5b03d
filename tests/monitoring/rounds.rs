//! Rounds: the same steps again and again, each at its time.

use runbook::machine::action::ReadValue;
use runbook::machine::event::{Event, Outcome};

use super::hours::{Hours, MINUTE};

const HOUR: u64 = 60 * MINUTE;

const BOOK: &str = r#"
runbook: v1
name: rounds
steps:
  - id: monitor
    rounds:
      times: [{ every: 5m, until: 1h }, { every: 30m, until: 8h }]
      steps:
        - { id: look, title: "Round {{ round.number }}", shell: ./look, timeout: 1m, effect: read }
"#;

fn run() -> Hours {
    Hours::of(BOOK, |_, _| ReadValue::Number(0.0))
}

/// Minutes at which rounds looked.
fn looked(run: &Hours) -> Vec<(String, u64)> {
    let paths = (1..=26).map(|n| format!("main.monitor[{n}].look"));
    paths.filter_map(|path| run.began(&path).map(|at| (path, at / 60))).collect()
}

#[test]
fn every_round_begins_when_it_is_due() {
    let mut run = run();
    run.go(24 * HOUR);
    assert_eq!(run.outcome(), Some(Outcome::Done));
    let minutes: Vec<u64> = looked(&run).iter().map(|(_, at)| *at).collect();
    let wanted: Vec<u64> = (1..=12).map(|n| n * 5).chain((1..=14).map(|n| 60 + n * 30)).collect();
    assert_eq!((minutes, run.missed()), (wanted, vec![]));
}

#[test]
fn missed_rounds_are_reported_and_the_last_of_them_is_run_once_late() {
    let mut run = run();
    // Away from 1:40 to 3:10: due then were the rounds at 2:00, 2:30 and 3:00.
    run.go(HOUR + 40 * MINUTE).killed_for(HOUR + 30 * MINUTE).go(24 * HOUR);
    assert_eq!(run.outcome(), Some(Outcome::Done));
    let missed = [(14, 70), (15, 40), (16, 10)].map(|(n, late)| (format!("main.monitor[{n}]"), late * 60));
    assert_eq!(run.missed(), missed);
    let around: Vec<(String, u64)> = looked(&run).into_iter().filter(|(_, at)| (80..230).contains(at)).collect();
    let wanted = [(13, 90), (16, 190), (17, 210)].map(|(n, at)| (format!("main.monitor[{n}].look"), at));
    assert_eq!(around, wanted);
    assert!(run.reason("main.monitor[14]").starts_with("missed: due at "), "{}", run.reason("main.monitor[14]"));
}

#[test]
fn a_round_that_takes_too_long_does_not_overlap_the_next() {
    let text = BOOK
        .replace("times: [{ every: 5m, until: 1h }, { every: 30m, until: 8h }]", "times: [{ every: 5m, until: 20m }]");
    let text = text.replace("{ id: look,", "{ id: long, wait: 7m }\n        - { id: look,");
    let mut run = Hours::of(&text, |_, _| ReadValue::Number(0.0));
    run.go(HOUR);
    let minutes: Vec<u64> = looked(&run).iter().map(|(_, at)| *at).collect();
    // 5 to 12, then the round of 10 two minutes late until 19, then that of 15 until 26, then that of 20.
    assert_eq!(minutes, [12, 19, 26, 33]);
    assert_eq!(run.missed().len(), 3);
}

#[test]
fn a_round_that_fails_ends_the_rounds() {
    let text = BOOK.replace("effect: read }", "effect: read, expect: \"round.number < 3\" }");
    let mut run = Hours::of(&text, |_, _| ReadValue::Number(0.0));
    run.go(24 * HOUR);
    assert_eq!(run.outcome(), Some(Outcome::Failed));
    assert_eq!(looked(&run).len(), 3);
    assert_eq!(run.happened(|e| matches!(e, Event::BlockStarted { path, .. } if path.starts_with("main.monitor["))), 3);
}
