//! Looks come some milliseconds early or late, as on every machine: nothing may hang on exactly how many.

use std::cell::Cell;

use runbook::decide::Ruling;
use runbook::machine::action::ReadValue;
use runbook::machine::event::{Event, Outcome};

use super::hours::{Hours, MINUTE, SECOND};

const BOOK: &str = r#"
runbook: v1
name: jitter
metrics:
  m: { prometheus: m, url: "http://127.0.0.1:9090", unit: count }
  main: { prometheus: main, url: "http://127.0.0.1:9090", unit: count }
on_failure: rollback
guards:
  every: 10s
  hit: worst
  rules:
    - { symptom: Bad, if: { m: "> 5" }, for: 1m, action: rollback }
    - { symptom: Good, if: { m: "<= 5" }, action: ok }
    - { otherwise: abort }
    - { no_data: inconclusive }
steps:
  - { id: deploy, shell: ./deploy, timeout: 1m, undo: { shell: ./undeploy } }
  - { id: soak, wait: 1h }
"#;

const SEEDS: u64 = 20;

/// How the guards of a run judged at which second of the run.
fn judged(run: &Hours) -> Vec<(u64, Ruling)> {
    let looks = run.events.iter().filter_map(|(at, event)| match event {
        Event::Looked { ruling, .. } => Some((at.run_us / SECOND, *ruling)),
        _ => None,
    });
    looks.collect()
}

#[test]
fn every_second_look_without_data_does_not_break_what_holds() {
    for seed in 0..SEEDS {
        let look = Cell::new(0);
        let every_second = move |_: &str, _| {
            look.set(look.get() + 1);
            if look.get() % 2 == 1 { ReadValue::Number(9.0) } else { ReadValue::Empty }
        };
        let mut run = Hours::of(BOOK, every_second).seeded(seed);
        run.go(10 * MINUTE);
        assert_eq!(run.ruled().map(|(second, _)| second), Some(60), "seed {seed}: held at 0, 20, 40 and 60 s");
        assert_eq!(run.outcome(), Some(Outcome::RolledBack));
    }
}

#[test]
fn looks_that_begin_late_do_not_make_those_after_them_late() {
    for seed in 0..SEEDS {
        let mut run = Hours::of(BOOK, |_, _| ReadValue::Number(1.0)).seeded(seed);
        run.go(55 * MINUTE);
        let began = run.events.iter().filter(|(_, e)| matches!(e, Event::StepStarted(s) if s.path == "~guard"));
        for (look, (at, _)) in began.enumerate() {
            let late_us = at.run_us - look as u64 * 10 * SECOND;
            assert!(late_us < 100_000, "seed {seed}: look {look} began {late_us} us late");
        }
    }
}

#[test]
fn what_holds_for_its_time_fires_then_and_not_one_look_later_by_chance() {
    for (hold, second) in [("for: 1m", 60), ("for: 15s", 20), ("for: 10s", 10), ("for: 5s", 10), ("for: 1s", 10)] {
        for seed in 0..SEEDS {
            let mut run = Hours::of(&BOOK.replace("for: 1m", hold), |_, _| ReadValue::Number(9.0)).seeded(seed);
            run.go(10 * MINUTE);
            let (at, why) = run.ruled().expect("it fires");
            assert_eq!(at, second, "{hold}, seed {seed}: {why}");
            let words = hold.replace("for: ", "of ");
            assert!(hold != "for: 1m" || why.contains(&format!("held 1m {words}")), "{why}");
        }
    }
}

/// The shortest windows that `check` accepts of looks every 10 s.
const SHORTEST: [&str; 4] = [
    "m: { slope: \"> 1/min\", over: 20s }",
    "m: { trend: increasing, over: 90s }",
    "m: { mann_whitney: main, is: higher, over: 40s, tolerance: 10%, confidence: 98% }",
    "m: { mann_whitney: main, is: higher, over: 60s, tolerance: 10%, confidence: 99.9% }",
];

#[test]
fn the_shortest_window_that_check_accepts_is_judged_at_every_look_once_it_is_full() {
    for condition in SHORTEST {
        let over: u64 = condition.split("over: ").nth(1).unwrap()[..2].parse().unwrap();
        for seed in 0..SEEDS {
            let book = BOOK.replace("m: \"> 5\" }, for: 1m", &format!("{condition} }}"));
            let flat =
                |name: &str, second| ReadValue::Number(if name == "m" { 1.0 } else { 2.0 } + second as f64 / 1e4);
            let mut run = Hours::of(&book, flat).seeded(seed);
            run.go(20 * MINUTE);
            let unjudged = |(second, ruling): &&(u64, Ruling)| {
                (*ruling == Ruling::Inconclusive) || (*second >= over && *ruling == Ruling::Hold)
            };
            let judged = judged(&run);
            assert!(judged.len() > 100 || run.ruled().is_some(), "{judged:?}");
            assert_eq!(judged.iter().find(unjudged), None, "{condition}, seed {seed}: {judged:?}");
        }
    }
}

#[test]
fn values_that_are_each_of_a_while_are_enough_for_the_shortest_window_too() {
    let metric = "m: { prometheus: m, range: 20s, step: 5s, reduce: max,";
    let book = BOOK.replace("m: { prometheus: m,", metric);
    let book = book.replace("m: \"> 5\" }, for: 1m", "m: { trend: decreasing, over: 180s } }");
    for seed in 0..SEEDS {
        let mut run = Hours::of(&book, |_, _| ReadValue::Number(1.0)).seeded(seed);
        run.go(20 * MINUTE);
        let unjudged = |(second, ruling): &&(u64, Ruling)| *second >= 180 && *ruling != Ruling::Ok;
        assert_eq!(judged(&run).iter().find(unjudged), None, "seed {seed}: ten values 20 s apart in 180 s");
    }
}

#[test]
fn a_baseline_is_made_of_all_looks_of_its_time() {
    let book = BOOK.replace(
        "m, url: \"http://127.0.0.1:9090\", unit: count",
        "m, url: \"http://127.0.0.1:9090\", unit: count, baseline: 2s",
    );
    let book = book.replace("m: \"> 5\" }, for: 1m", "m: { vs_baseline: \"> +50%\" } }");
    for seed in 0..SEEDS {
        let mut run = Hours::of(&book, |_, _| ReadValue::Number(1.0)).seeded(seed);
        run.go(5 * MINUTE);
        assert!(run.began("main.deploy").is_some(), "seed {seed}: {:?}", run.reason("before-any-change.take-baseline"));
    }
}
