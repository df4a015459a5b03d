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

/// A small generator: the same numbers in every run of the test.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn however_often_the_machine_is_off_every_round_is_done_on_time_or_reported() {
    let due: Vec<u64> = (1..=12).map(|n| n * 5 * 60).chain((1..=14).map(|n| (60 + n * 30) * 60)).collect();
    let mut hours = 0;
    for seed in 0..300 {
        let mut numbers = Numbers(seed);
        let mut run = run();
        while run.outcome().is_none() {
            run.go(numbers.below(100 * 60) * 1_000_000);
            if run.outcome().is_none() {
                run.killed_for(numbers.below(90 * 60) * 1_000_000);
            }
        }
        assert_eq!(run.outcome(), Some(Outcome::Done));
        let missed = run.missed();
        let mut last = 0;
        for (n, due) in due.iter().enumerate() {
            let path = format!("main.monitor[{}]", n + 1);
            let late = missed.iter().filter(|(at, _)| *at == path).count();
            match run.began(&path) {
                Some(at) => {
                    assert!(at >= *due && at >= last, "{seed}: round {} began at {at}, due {due}, after {last}", n + 1);
                    assert_eq!(late, usize::from(at > due + 60), "{seed}: round {} began at {at}, due {due}", n + 1);
                    last = at;
                }
                None => assert_eq!(late, 1, "{seed}: round {} was neither done nor reported", n + 1),
            }
        }
        hours += last / 3600;
    }
    assert!(hours > 2000, "only {hours} hours were simulated");
}

/// What is looked at after a deployment, in rounds that get rarer, each of which decides.
const DAY: &str = r#"
runbook: v1
name: day
metrics:
  errors: { prometheus: "errors", url: "http://127.0.0.1:9090", unit: "%" }
steps:
  - id: monitor
    rounds:
      times: [{ every: 5m, until: 1h }, { every: 30m, until: 8h }, { every: 2h, until: 24h }]
      steps:
        - id: look
          decide:
            hit: worst
            rules: [{ symptom: Fine, if: { errors: "<= 1%" }, action: ok }, { otherwise: abort }, { no_data: abort }]
"#;

#[test]
fn a_hundred_days_of_monitoring_after_deployments_take_no_time() {
    let mut took = std::time::Duration::ZERO;
    for _ in 0..100 {
        let mut run = Hours::of(DAY, |_, _| ReadValue::Number(0.5));
        let since = std::time::Instant::now();
        run.go(25 * HOUR);
        took += since.elapsed();
        assert_eq!(run.outcome(), Some(Outcome::Done));
        assert_eq!(run.happened(|e| matches!(e, Event::Looked { .. })), 12 + 14 + 8);
    }
    println!("{:.0} hours of rounds simulated per second", 2400.0 / took.as_secs_f64());
}
