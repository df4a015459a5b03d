//! `decide` steps: a table looked at once or for a time.

use runbook::decide::Ruling;
use runbook::machine::action::ReadValue;
use runbook::machine::event::{Event, Outcome, Verdict};

use super::hours::{Hours, MINUTE, SECOND};

const BOOK: &str = r#"
runbook: v1
name: decided
metrics:
  error_ratio: { prometheus: errors, url: "http://127.0.0.1:9090", samples: requests, min_samples: 100, unit: "%" }
on_failure: rollback
steps:
  - { id: deploy, shell: ./deploy, timeout: 1m, undo: { shell: ./undeploy } }
  - id: soak
    decide:
      every: 10s
      over: 5m
      hit: first
      rules:
        - { symptom: Errors over 1 %, if: { error_ratio: "> 1%" }, action: rollback }
        - { symptom: Errors to 1 %, if: { error_ratio: "0% .. 1%" }, action: continue }
        - { otherwise: abort }
        - { no_data: extend }
      extend: { max: 2, then: abort }
  - { id: after, shell: ./after, timeout: 1m, undo: { none: a note } }
"#;

fn steady(value: f64, requests: f64) -> impl Fn(&str, u64) -> ReadValue {
    move |name, _| ReadValue::Number(if name.ends_with("#samples") { requests } else { value })
}

/// In seconds.
fn ended(run: &Hours) -> u64 {
    run.events.last().expect("events").0.run_us / SECOND
}

#[test]
fn a_table_that_passes_for_its_whole_time_passes_the_step() {
    let mut run = Hours::of(BOOK, steady(0.2, 500.0));
    run.go(60 * MINUTE);
    assert_eq!((run.outcome(), ended(&run)), (Some(Outcome::Done), 300));
    assert_eq!(run.rulings("main.soak"), [(0, Ruling::Continue)]);
    let saved = run.events.iter().find_map(|(_, event)| match event {
        Event::StepFinished { path, saved, .. } if path == "main.soak" => Some(saved["ruling"].clone()),
        _ => None,
    });
    assert_eq!(saved.unwrap(), "continue");
}

#[test]
fn the_first_breach_rolls_back_without_waiting_for_the_end() {
    let mut run = Hours::of(BOOK, |name, second| {
        ReadValue::Number(match name {
            "error_ratio" if second >= 60 => 3.0,
            "error_ratio" => 0.1,
            _ => 500.0,
        })
    });
    run.go(60 * MINUTE);
    assert_eq!((run.outcome(), ended(&run)), (Some(Outcome::RolledBack), 60));
    assert_eq!(
        run.ruled().unwrap().1,
        "Errors over 1 %: error_ratio 3% > 1% (500 observations) since 00:01:00, 1 sample"
    );
}

#[test]
fn too_few_samples_are_looked_at_longer_as_often_as_declared_and_never_pass() {
    let mut run = Hours::of(BOOK, steady(0.0, 30.0));
    run.go(60 * MINUTE);
    assert_eq!(run.happened(|e| matches!(e, Event::Extended { .. })), 2);
    assert_eq!((run.outcome(), ended(&run)), (Some(Outcome::NoGo), 900));
    let (_, why) = run.ruled().unwrap();
    assert_eq!(why, "error_ratio: 30 of 100 observations needed, after 2 extensions");
}

#[test]
fn no_data_and_no_extension_is_inconclusive_and_stops() {
    let book =
        BOOK.replace("      extend: { max: 2, then: abort }\n", "").replace("no_data: extend", "no_data: inconclusive");
    for nothing in [ReadValue::Empty, ReadValue::NotANumber, ReadValue::Unreadable("connection refused".into())] {
        let mut run = Hours::of(&book, move |_, _| nothing.clone());
        run.go(60 * MINUTE);
        let verdict = run.events.iter().find_map(|(_, event)| match event {
            Event::StepFinished { path, verdict, .. } if path == "main.soak" => Some(*verdict),
            _ => None,
        });
        assert_eq!(verdict, Some(Verdict::Inconclusive));
        assert_eq!(run.happened(|e| matches!(e, Event::StepStarted(s) if s.path == "main.after")), 0);
    }
}

#[test]
fn a_step_that_decides_goes_on_where_it_was_after_a_kill() {
    let mut run = Hours::of(BOOK, steady(0.2, 500.0));
    run.go(3 * MINUTE).killed_for(60 * MINUTE).go(60 * MINUTE);
    assert_eq!((run.outcome(), ended(&run)), (Some(Outcome::Done), 300));
}
