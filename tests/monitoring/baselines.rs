//! What metrics were before the change, and slopes: memory that is more than before, and memory that grows.

use runbook::decide::Ruling;
use runbook::machine::action::ReadValue;
use runbook::machine::event::{Event, Outcome, Verdict};

use super::hours::{Hours, MINUTE, SECOND};

const BOOK: &str = r#"
runbook: v1
name: memory
metrics:
  rss: { shell: ./rss, effect: read, unit: MiB, baseline: 2m }
on_failure: rollback
guards:
  every: 10s
  hit: worst
  rules:
    - { symptom: Memory leaks, if: { rss: { slope: "> 100MiB/min", over: 3m } }, action: rollback }
    - { symptom: Memory up by half, if: { rss: { vs_baseline: "> +50%" } }, action: abort }
    - { symptom: Memory up 10 %, if: { rss: { vs_baseline: "<= +15%" } }, action: ok }
    - { symptom: Memory up further, if: { rss: { vs_baseline: "> +15%" } }, action: continue }
    - { otherwise: abort }
    - { no_data: inconclusive }
steps:
  - { id: deploy, shell: ./deploy, timeout: 1m, undo: { shell: ./undeploy } }
  - { id: soak, wait: 1h }
"#;

const LOOK: &str = "before-any-change.take-baseline";

/// So many MiB at a second, as the script prints them.
fn mib(of: impl Fn(u64) -> f64 + 'static) -> impl Fn(&str, u64) -> ReadValue {
    move |_, second| printed(&format!("{}", of(second)))
}

fn printed(text: &str) -> ReadValue {
    use runbook::machine::action::{Captured, Done, Ended};
    let stdout = Captured { text: Some(text.to_string()), ..Captured::default() };
    ReadValue::Done(Box::new(Done { ended: Ended::Exit(0), stdout: Some(stdout), ..Done::default() }))
}

fn started(run: &Hours, path: &str) -> Option<u64> {
    run.events.iter().find_map(|(at, event)| match event {
        Event::StepStarted(s) if s.path == path => Some(at.run_us / SECOND),
        _ => None,
    })
}

#[test]
fn memory_that_grows_a_hundred_mib_a_minute_goes_back() {
    let mut run = Hours::of(BOOK, mib(|second| 1000.0 + second.saturating_sub(600) as f64 * 120.0 / 60.0));
    run.go(2 * 60 * MINUTE);
    let (second, why) = run.ruled().expect("a ruling");
    assert!((601..=600 + 180).contains(&second), "{second}");
    assert!(why.contains("slope"), "{why}");
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
}

#[test]
fn memory_that_is_ten_percent_more_and_flat_is_well() {
    let mut run = Hours::of(BOOK, mib(|second| if second > 120 { 440.0 } else { 400.0 }));
    run.go(2 * 60 * MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::Done), "{:?}", run.ruled());
    assert_eq!(run.rulings("~guard").last().map(|(_, ruling)| *ruling), Some(Ruling::Ok));
}

#[test]
fn memory_that_is_half_as_much_again_stops() {
    let mut run = Hours::of(BOOK, mib(|second| if second > 600 { 640.0 } else { 400.0 }));
    run.go(2 * 60 * MINUTE);
    let (second, why) = run.ruled().expect("a ruling");
    assert_eq!(second, 610);
    assert!(why.starts_with("Memory up by half: rss 640MiB > +50%"), "{why}");
    assert!(why.contains("of 400MiB"), "{why}");
}

#[test]
fn the_baseline_is_taken_before_anything_changes() {
    let mut run = Hours::of(BOOK, mib(|_| 400.0));
    run.go(2 * 60 * MINUTE);
    assert_eq!((started(&run, LOOK), started(&run, "main.deploy")), (Some(0), Some(120)));
    assert_eq!(run.happened(|e| matches!(e, Event::Looked { path, .. } if path == LOOK)), 13);
    let saved = run.events.iter().find_map(|(_, event)| match event {
        Event::StepFinished { path, saved, .. } if path == LOOK => Some(saved["rss"].clone()),
        _ => None,
    });
    assert_eq!(saved, Some(serde_json::json!(400.0)), "the median stands in the log");
}

#[test]
fn a_guard_has_nothing_to_compare_with_until_the_baseline_is_there() {
    let mut run = Hours::of(BOOK, mib(|_| 400.0));
    run.go(2 * 60 * MINUTE);
    let rulings = run.rulings("~guard");
    let early = rulings.iter().filter(|(second, _)| *second < 120);
    assert!(early.clone().count() > 0 && early.clone().all(|(_, ruling)| !ruling.passes()), "{rulings:?}");
    assert!(rulings.iter().any(|(second, ruling)| *second >= 120 && *ruling == Ruling::Ok), "{rulings:?}");
}

#[test]
fn without_a_number_there_is_no_baseline_and_nothing_is_changed() {
    for (nothing, why) in [
        (printed(""), "the answer is empty"),
        (printed("n/a"), "not a number"),
        (ReadValue::Unreadable("no such file".into()), "no such file"),
    ] {
        let mut run = Hours::of(BOOK, move |_, _| nothing.clone());
        run.go(2 * 60 * MINUTE);
        let (verdict, reason) = run
            .events
            .iter()
            .find_map(|(_, event)| match event {
                Event::StepFinished { path, verdict, reason, .. } if path == LOOK => Some((*verdict, reason.clone())),
                _ => None,
            })
            .expect("it ended");
        assert_eq!(verdict, Verdict::Inconclusive, "{why}");
        assert!(reason.expect("a reason").starts_with("no baseline to compare with later: rss: "), "{why}");
        assert_eq!(started(&run, "main.deploy"), None);
    }
}

#[test]
fn a_kill_while_the_baseline_is_taken_goes_on_taking_it() {
    let mut run = Hours::of(BOOK, mib(|_| 400.0));
    run.go(MINUTE).killed_for(MINUTE).go(3 * MINUTE);
    assert_eq!(started(&run, "main.deploy"), Some(120), "run time counts only while somebody drives");
}

#[test]
fn a_kill_after_the_baseline_keeps_it() {
    let mut run = Hours::of(BOOK, mib(|second| if second > 600 { 640.0 } else { 400.0 }));
    run.go(5 * MINUTE).killed_for(5 * SECOND).go(2 * 60 * MINUTE);
    let (_, why) = run.ruled().expect("a ruling");
    assert!(why.contains("of 400MiB"), "{why}");
}
