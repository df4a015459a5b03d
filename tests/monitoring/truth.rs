//! Samples, time and evidence: what a table must not be fooled by.

use std::cell::Cell;
use std::rc::Rc;

use runbook::decide::{Because, Ruling};
use runbook::machine::action::{Captured, Done, Ended, ReadValue, Series};
use runbook::machine::event::{Event, Outcome};

use super::hours::{Hours, MINUTE, SECOND};

const BOOK: &str = r#"
runbook: v1
name: watched
metrics:
  errors: { prometheus: "errors", url: "http://127.0.0.1:9090", unit: "%" }
on_failure: rollback
guards:
  every: 10s
  hit: worst
  rules:
    - { symptom: Bad for long, if: { errors: "> 5%" }, for: 1m, action: rollback }
    - { symptom: Good, if: { errors: "0% .. 5%" }, action: ok }
    - { otherwise: abort }
    - { no_data: inconclusive }
steps:
  - { id: deploy, shell: ./deploy, timeout: 1m, undo: { shell: ./undeploy } }
  - { id: soak, wait: 1h }
"#;

/// When looks of the table beside the run began and when it ended the run, in seconds of the run.
fn looks(run: &Hours) -> (Vec<u64>, Option<u64>) {
    let second = |us: u64| us / SECOND;
    let began = run.events.iter().filter(|(_, e)| matches!(e, Event::StepStarted(s) if s.path == "~guard"));
    let ruled = run.events.iter().find(|(_, e)| matches!(e, Event::Ruled { .. }));
    (began.map(|(at, _)| second(at.run_us)).collect(), ruled.map(|(at, _)| second(at.run_us)))
}

fn bad(_: &str, _: u64) -> ReadValue {
    ReadValue::Number(6.0)
}

#[test]
fn looks_begin_every_so_often_however_long_reading_takes() {
    let mut run = Hours::of(BOOK, bad);
    run.reading_us = 4 * SECOND;
    run.go(5 * MINUTE);
    assert_eq!(looks(&run), ((0..=6).map(|n| 10 * n).collect(), Some(64)));
}

#[test]
fn what_is_bad_for_long_enough_ends_the_run_also_when_reading_takes_longer_than_the_gap() {
    let mut run = Hours::of(BOOK, bad);
    run.reading_us = 25 * SECOND;
    run.go(10 * MINUTE);
    assert_eq!(looks(&run), (vec![0, 25, 50, 75], Some(100)), "the next look begins at once, and never beside another");
}

#[test]
fn three_in_a_row_are_seen_also_when_reading_takes_longer_than_the_gap() {
    let book = BOOK.replace("\"> 5%\" }, for: 1m", "{ in_a_row: 3, is: \"> 5%\" } }");
    let mut run = Hours::of(&book, bad);
    run.reading_us = 25 * SECOND;
    run.go(10 * MINUTE);
    assert_eq!(looks(&run).1, Some(75));
}

#[test]
fn looks_without_data_are_a_gap_however_long_they_took() {
    let look = Cell::new(0);
    let mut run = Hours::of(BOOK, move |_, _| {
        look.set(look.get() + 1);
        if look.get() % 4 == 0 { ReadValue::Number(6.0) } else { ReadValue::Empty }
    });
    run.reading_us = 9 * SECOND;
    run.go(20 * MINUTE);
    assert_eq!(looks(&run).1, None, "40 seconds lie between two samples, 9 of them are reading");
}

#[test]
fn a_clock_that_is_set_back_does_not_blind_a_table() {
    let value = Rc::new(Cell::new(0.0));
    let script = value.clone();
    let mut run = Hours::of(BOOK, move |_, _| ReadValue::Number(script.get()));
    run.go(10 * MINUTE).set_clock(-3600 * SECOND as i64);
    value.set(6.0);
    run.go(2 * MINUTE);
    assert_eq!(looks(&run).1, Some(670), "a minute of bad samples, the first at 610 seconds");
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
}

#[test]
fn a_clock_that_is_set_forward_makes_no_minute_of_a_moment() {
    let value = Rc::new(Cell::new(0.0));
    let script = value.clone();
    let mut run = Hours::of(BOOK, move |_, _| ReadValue::Number(script.get()));
    run.go(10 * MINUTE);
    value.set(6.0);
    run.go(15 * SECOND).set_clock(3600 * SECOND as i64).go(2 * MINUTE);
    assert_eq!(looks(&run).1, Some(670));
}

#[test]
fn a_clock_that_went_back_while_nobody_drove_is_a_gap() {
    let mut run = Hours::of(BOOK, bad);
    run.go(35 * SECOND).set_clock(-3600 * SECOND as i64).killed_for(5 * SECOND).go(5 * MINUTE);
    let (_, ruled) = looks(&run);
    assert!(ruled.is_some_and(|second| second >= 35 + 60), "{ruled:?}: nobody knows how long nobody looked");
}

#[test]
fn a_value_that_its_source_says_is_old_is_no_data() {
    for (stale_after, from) in [("", 300), (", stale_after: 30s", 30)] {
        let book = BOOK.replace("unit: \"%\" }", &format!("unit: \"%\"{stale_after} }}"));
        let read = |name: &str, _| ReadValue::Number(if name.ends_with("#time") { 1_767_225_600.0 } else { 1.0 });
        let mut run = Hours::of(&book, read);
        run.stamped_us = Some(1_767_225_600 * SECOND);
        run.go(20 * MINUTE);
        let rulings = run.rulings("~guard");
        assert_eq!(rulings.iter().map(|(_, ruling)| *ruling).collect::<Vec<_>>(), [Ruling::Ok, Ruling::Inconclusive]);
        assert!((from..from + 10).contains(&rulings[1].0), "{rulings:?}");
    }
}

#[test]
fn the_same_stamp_again_is_the_same_sample_and_holds_nothing() {
    let mut run = Hours::of(BOOK, bad);
    run.stamped_us = Some(1_767_225_600 * SECOND);
    run.go(4 * MINUTE);
    assert_eq!(looks(&run).1, None);
}

const RATIO: &str = r#"
runbook: v1
name: shares
metrics:
  failed: { scrape: { url: "http://127.0.0.1/metrics", series: 'c{s="5"}', delta: all }, absent: 0, unit: count }
  all: { scrape: { url: "http://127.0.0.1/metrics", series: c, delta: all }, unit: count }
  errors: { ratio: { of: failed, to: all }, min_samples: 59 }
steps:
  - id: look
    decide:
      over: 1m
      every: 10s
      hit: worst
      rules:
        - { symptom: Good, if: { errors: "< 5%" }, action: ok }
        - { symptom: Bad, if: { errors: ">= 5%" }, action: abort }
        - { otherwise: abort }
        - { no_data: inconclusive }
"#;

/// Counters of a page; none for a series that is not there.
fn page(failed: Option<u64>, all: Option<u64>) -> impl Fn(&str, u64) -> ReadValue {
    let counter = |name: &str, count: u64| Series { name: name.into(), counts: vec![(None, count as f64)] };
    move |name, second| match if name == "failed" { failed } else { all } {
        None => ReadValue::Empty,
        Some(per_second) => ReadValue::Series(vec![counter(name, 7 + per_second * second)]),
    }
}

fn last(run: &Hours) -> Ruling {
    let rulings = run.rulings("main.look");
    rulings
        .last()
        .unwrap_or_else(|| {
            panic!(
                "no look: {:?}",
                run.events
                    .iter()
                    .map(|(_, e)| e)
                    .filter(|e| matches!(e, Event::StepFinished { .. } | Event::BlockFinished { .. }))
                    .collect::<Vec<_>>()
            )
        })
        .1
}

#[test]
fn a_series_of_failures_that_is_not_there_yet_counts_nothing_where_that_was_said() {
    let mut run = Hours::of(RATIO, page(None, Some(10)));
    run.go(5 * MINUTE);
    assert_eq!(last(&run), Ruling::Ok);
    let mut run = Hours::of(&RATIO.replace("absent: 0, ", ""), page(None, Some(10)));
    run.go(5 * MINUTE);
    assert_eq!(last(&run), Ruling::Inconclusive);
}

#[test]
fn a_series_that_counts_as_zero_is_never_read_alone() {
    let book = RATIO.replace("errors: \"< 5%\"", "failed: \"< 5\"").replace("errors: \">= 5%\"", "failed: \">= 5\"");
    for (all, ruling) in [(Some(10), Ruling::Ok), (None, Ruling::Inconclusive)] {
        let mut run = Hours::of(&book, page(None, all));
        run.go(5 * MINUTE);
        assert_eq!(last(&run), ruling);
    }
}

#[test]
fn nothing_at_all_is_no_data_whatever_was_said_of_one_series() {
    let mut run = Hours::of(RATIO, page(None, None));
    run.go(5 * MINUTE);
    assert_eq!(last(&run), Ruling::Inconclusive);
}

#[test]
fn the_first_failures_count_when_their_series_appears() {
    let counter = |name: &str, count: u64| {
        ReadValue::Series(vec![Series { name: name.into(), counts: vec![(None, count as f64)] }])
    };
    let mut run = Hours::of(RATIO, move |name, second| match (name, second) {
        ("failed", 0..=25) => ReadValue::Empty,
        ("failed", _) => counter(name, 300),
        _ => counter(name, 10 * second),
    });
    run.go(5 * MINUTE);
    assert_eq!(last(&run), Ruling::Abort);
}

const REQUESTS: &str = r#"
runbook: v1
name: requests
metrics:
  p95: { latency_of: get, quantile: 0.95, min_samples: 1 }
  requests: { latency_of: get, reduce: count }
steps:
  - id: all
    for_each:
      in: [fast1, fast2, unanswered1, unanswered2]
      as: item
      key: item
      collect: true
      steps:
        - { id: get, severity: warn, timeout: 1s, http: { get: "http://127.0.0.1/{{ item }}" } }
  - id: look
    decide:
      hit: worst
      rules:
        - { symptom: Fast, if: { p95: "< LIMIT" }, action: ok }
        - { symptom: Slow, if: { p95: ">= LIMIT" }, action: rollback }
        - { symptom: Enough, if: { requests: ">= 4" }, action: ok }
        - { otherwise: abort }
        - { no_data: inconclusive }
"#;

#[test]
fn requests_without_an_answer_are_slow_ones_and_never_make_a_quantile_better() {
    // Of four requests two got no answer within a second: P95 is a second or more, and nobody knows how much more.
    for (limit, ruling) in [("500ms", Ruling::Rollback), ("1s", Ruling::Rollback), ("5s", Ruling::Inconclusive)] {
        let mut run = Hours::of(&REQUESTS.replace("LIMIT", limit), bad);
        run.go(5 * MINUTE);
        assert_eq!(last(&run), ruling, "{limit}");
    }
}

#[test]
fn one_good_look_of_many_is_no_baseline() {
    const BASE: &str = r#"
runbook: v1
name: usual
metrics:
  load: { prometheus: load, url: "http://127.0.0.1:9090", unit: count, baseline: 1m }
steps:
  - id: look
    decide:
      hit: worst
      rules:
        - { symptom: Usual, if: { load: { vs_baseline: "<= +10%" } }, action: ok }
        - { symptom: Unusual, if: { load: { vs_baseline: "> +10%" } }, action: abort }
        - { otherwise: abort }
        - { no_data: inconclusive }
"#;
    let path = "before-any-change.take-baseline";
    for (good_every, why) in [(13, "1 of 13 looks found it"), (3, "5 of 13 looks found it"), (2, "")] {
        let look = Cell::new(0);
        let mut run = Hours::of(BASE, move |_, _| {
            look.set(look.get() + 1);
            if (look.get() - 1) % good_every == 0 { ReadValue::Number(100.0) } else { ReadValue::Empty }
        });
        run.go(5 * MINUTE);
        assert!(run.reason(path).contains(why), "{good_every}: {}", run.reason(path));
        assert_eq!(run.reason(path).is_empty(), why.is_empty(), "{good_every}: {}", run.reason(path));
        assert!(!run.reason(path).contains("source failed"), "it answered each time: {}", run.reason(path));
    }
}

#[test]
fn digits_are_a_text_where_they_are_compared_with_texts_and_a_number_elsewhere() {
    let printed = |text: &str| {
        let stdout = Captured { text: Some(format!("{text}\n")), ..Captured::default() };
        ReadValue::Done(Box::new(Done { ended: Ended::Exit(0), stdout: Some(stdout), ..Done::default() }))
    };
    let cases = [
        ("[\"20261121\"]", "20261121", Outcome::Done),
        ("[\"20261121\"]", "20261122", Outcome::NoGo),
        ("[\"12e4567\", \"1.10\"]", "1.10", Outcome::Done),
        ("[\"12e4567\", \"1.10\"]", "1.1", Outcome::NoGo),
        ("'!= \"5\"'", "6", Outcome::Done),
        ("'!= \"5\"'", "5", Outcome::NoGo),
        ("\"> 20261120\"", "20261121", Outcome::Done),
        ("\"== 1.1\"", "1.10", Outcome::Done),
    ];
    for (cell, text, wanted) in cases {
        let book = format!(
            r#"
runbook: v1
name: versions
metrics:
  version: {{ shell: ./version, effect: read }}
steps:
  - id: look
    decide:
      hit: worst
      rules:
        - {{ symptom: Right, if: {{ version: {cell} }}, action: ok }}
        - {{ otherwise: abort }}
        - {{ no_data: inconclusive }}
"#
        );
        let script = printed(text);
        let mut run = Hours::of(&book, move |_, _| script.clone());
        run.go(MINUTE);
        assert_eq!(run.outcome(), Some(wanted), "{cell} of {text}: {:?}", run.ruled());
        let no_data = run.happened(|e| matches!(e, Event::Looked { cause: Because::NoData, .. }));
        assert_eq!(no_data, 0, "{cell} of {text}");
    }
}
