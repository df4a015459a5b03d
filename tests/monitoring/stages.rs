//! Traffic in stages: each is proved before the next one, and everything is taken back on a breach.

use runbook::machine::action::{ReadValue, Series};
use runbook::machine::event::{Answer, Event, Outcome, Question};

use super::hours::{Hours, MINUTE, SECOND};

const BOOK: &str = r#"
runbook: v1
name: canary
metrics:
  errors: { prometheus: errors, url: "http://127.0.0.1:9090", samples: requests, min_samples: 100, unit: "%" }
  share: { prometheus: share, url: "http://127.0.0.1:9090", unit: "%" }
on_failure: rollback
steps:
  - { id: canary, shell: ./start canary, timeout: 1m, undo: { shell: ./stop canary } }
  - id: rollout
    guards:
      every: 5s
      hit: worst
      investigate: { within: 10m, then: rollback }
      rules:
        - { symptom: Errors over 5 %, if: { errors: "> 5%" }, action: rollback }
        - { symptom: Errors to 5 %, if: { errors: "0% .. 5%" }, action: ok }
        - { otherwise: investigate }
        - { no_data: inconclusive }
    stages:
      table:
        - { percent: 1, wait: 5m, criteria: { errors: "< 1%" } }
        - { percent: 5, wait: 10m, criteria: same as above }
        - { percent: 25, wait: 15m, criteria: same as above }
        - { percent: 100 }
      every: 10s
      share: { metric: share, tolerance: 2% }
      extend: { max: 2, then: investigate }
      investigate: { within: 15m, then: rollback }
      steps:
        - id: weights
          exec: [./weight, "{{ stage.percent }}", "{{ stage.number }}"]
          timeout: 1m
          undo: { shell: ./weight_back }
      promote:
        main:
          - { id: update, shell: ./update main, timeout: 5m, undo: { shell: ./restore main } }
        remove:
          - { id: stop, shell: ./stop canary, timeout: 1m, undo: { shell: ./start canary } }
"#;

/// The share that the weights give when every stage takes its time once.
fn share(second: u64) -> f64 {
    match second {
        0..=300 => 1.0,
        301..=900 => 5.3,
        901..=1800 => 24.1,
        _ => 0.0,
    }
}

/// A world that is well but for the errors, in percent.
fn errors(of: impl Fn(u64) -> f64 + 'static) -> impl Fn(&str, u64) -> ReadValue {
    move |name, second| {
        ReadValue::Number(match name {
            "errors" => of(second),
            "share" => share(second),
            _ => 5000.0,
        })
    }
}

fn healthy() -> impl Fn(&str, u64) -> ReadValue {
    errors(|_| 0.1)
}

/// The steps that were started, as `second path`, looks left out.
fn steps(run: &Hours) -> Vec<String> {
    let looks = |path: &str| path.ends_with("~guard") || path.ends_with("end-of-stage");
    let started = run.events.iter().filter_map(|(at, event)| match event {
        Event::StepStarted(s) if !looks(&s.path) => Some(format!("{} {}", at.run_us / SECOND, s.path)),
        _ => None,
    });
    started.collect()
}

fn looks(run: &Hours, path: &str) -> usize {
    run.happened(|e| matches!(e, Event::Looked { path: here, .. } if here == path))
}

#[test]
fn all_stages_pass_and_then_main_takes_over_before_the_canary_goes_down() {
    let mut run = Hours::of(BOOK, healthy());
    run.go(3 * 60 * MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::Done), "{:?}", run.ruled());
    let wanted = [
        "0 main.canary",
        "0 main.rollout[1%].weights",
        "300 main.rollout[5%].weights",
        "900 main.rollout[25%].weights",
        "1800 main.rollout[100%].weights",
        "1800 main.rollout.main.update",
        "1800 main.rollout[0%].weights",
        "2100 main.rollout.remove.stop",
    ];
    assert_eq!(steps(&run), wanted);
    let counts = ["1%", "5%", "25%", "0%"].map(|stage| looks(&run, &format!("main.rollout[{stage}].end-of-stage")));
    assert_eq!(counts, [31, 61, 91, 31], "one look every ten seconds, the first and the last included");
    assert_eq!(looks(&run, "main.rollout[100%].end-of-stage"), 0, "without a time there is nothing to look at");
}

#[test]
fn a_stage_sees_its_percent_and_its_number() {
    let mut run = Hours::of(BOOK, healthy());
    run.go(3 * 60 * MINUTE);
    let values = run.events.iter().filter_map(|(_, event)| match event {
        Event::StepStarted(s) if s.path.ends_with(".weights") => Some(format!("{:?}", s.action)),
        _ => None,
    });
    let values: Vec<String> = values.collect();
    for (action, (percent, number)) in values.iter().zip([(1, 1), (5, 2), (25, 3), (100, 4), (0, 5)]) {
        let said = |n: u32| action.contains(&format!("\"{n}\""));
        assert!(said(percent) && said(number), "{percent} {number}: {action}");
    }
    assert_eq!(values.len(), 5);
}

#[test]
fn a_breach_in_the_third_stage_goes_back_within_one_look_and_takes_all_weights_back() {
    let mut run = Hours::of(BOOK, errors(|second| if second >= 1003 { 9.0 } else { 0.1 }));
    run.go(3 * 60 * MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
    let (second, why) = run.ruled().expect("a ruling");
    assert!((1003..=1008).contains(&second), "{second}");
    assert!(why.starts_with("Errors over 5 %: errors 9% > 5%"), "{why}");
    let undos = ["[25%].weights", "[5%].weights", "[1%].weights"].map(|step| format!("main.rollout{step}~undo"));
    let wanted: Vec<String> =
        undos.into_iter().chain(["main.canary~undo".into()]).map(|path| format!("{second} {path}")).collect();
    assert_eq!(steps(&run)[4..], wanted);
}

#[test]
fn too_few_samples_are_waited_for_twice_and_then_a_person_is_asked() {
    let mut run = Hours::of(BOOK, |name, second| {
        ReadValue::Number(match name {
            "errors" => 0.0,
            "share" => share(second.min(299)),
            _ => 40.0,
        })
    });
    run.go(15 * MINUTE);
    assert_eq!(run.happened(|e| matches!(e, Event::Extended { .. })), 2);
    assert_eq!(run.questions(), ["main.rollout[1%].end-of-stage"]);
    let asked = run.events.iter().find_map(|(at, event)| match event {
        Event::Asked(asked) => Some((at.run_us / SECOND, asked.question, asked.title.clone())),
        _ => None,
    });
    let title = "errors: 40 of 100 observations needed".to_string();
    assert_eq!(asked, Some((900, Question::Ruling, title)));
    assert_eq!(steps(&run).len(), 2, "the second stage has not begun");
    run.go(60 * MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::RolledBack), "nobody answered");
}

#[test]
fn a_person_may_let_a_stage_pass_that_cannot_be_told() {
    let mut run = Hours::of(BOOK, |name, second| {
        ReadValue::Number(match name {
            "errors" => 0.0,
            "share" => share(second.min(299)),
            _ => 40.0,
        })
    });
    run.go(15 * MINUTE).answer("main.rollout[1%].end-of-stage", Answer::Go).go(SECOND);
    assert_eq!(steps(&run)[2..], ["900 main.rollout[5%].weights"]);
}

#[test]
fn no_data_never_lets_a_stage_pass() {
    for nothing in [ReadValue::Empty, ReadValue::NotANumber, ReadValue::Unreadable("connection refused".into())] {
        let book = BOOK.replace("{ max: 2, then: investigate }", "{ max: 2, then: rollback }");
        let mut run = Hours::of(&book, move |_, _| nothing.clone());
        run.go(3 * 60 * MINUTE);
        assert_eq!(run.outcome(), Some(Outcome::RolledBack));
        assert_eq!(run.ruled().expect("a ruling").0, 900, "three times five minutes");
        assert_eq!(run.happened(|e| matches!(e, Event::StepStarted(s) if s.path.contains("[5%]"))), 0);
    }
}

#[test]
fn a_share_that_is_not_there_keeps_the_next_stage_from_beginning() {
    let mut run = Hours::of(BOOK, |name, _| ReadValue::Number(if name == "share" { 9.0 } else { 0.0 }));
    run.go(60 * MINUTE);
    assert!(!steps(&run).iter().any(|step| step.contains("[5%]")), "{:?}", steps(&run));
}

#[test]
fn criteria_that_hold_again_at_the_end_pass_and_those_that_do_not_are_looked_at_longer() {
    let mut run = Hours::of(BOOK, errors(|second| if (10..290).contains(&second) { 3.0 } else { 0.1 }));
    run.go(301 * SECOND);
    assert_eq!(steps(&run)[2..], ["300 main.rollout[5%].weights"]);
    let mut run = Hours::of(BOOK, errors(|second| if second >= 10 { 3.0 } else { 0.1 }));
    run.go(301 * SECOND);
    let why = run.events.iter().find_map(|(_, event)| match event {
        Event::Extended { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(
        why.as_deref(),
        Some("errors 3% is not < 1% (5000 observations); looking 5m 00s longer, extension 1 of 2")
    );
}

#[test]
fn the_canary_stays_up_while_it_still_has_traffic() {
    let mut run = Hours::of(BOOK, |name, second| {
        ReadValue::Number(match name {
            "errors" => 0.1,
            "share" if second > 1800 => 40.0,
            "share" => share(second),
            _ => 5000.0,
        })
    });
    run.go(50 * MINUTE);
    assert_eq!(run.happened(|e| matches!(e, Event::StepStarted(s) if s.path.ends_with("remove.stop"))), 0);
    assert_eq!(run.questions(), ["main.rollout[0%].end-of-stage"]);
}

#[test]
fn a_kill_in_the_second_stage_goes_on_in_the_second_stage() {
    // Away for 20 s in the sixth minute: what comes after happens 20 s later.
    let mut run = Hours::of(BOOK, |name, second| {
        let driven = if second > 360 { second - 20 } else { second };
        ReadValue::Number(match name {
            "errors" => 0.1,
            "share" => share(driven),
            _ => 5000.0,
        })
    });
    run.go(6 * MINUTE).killed_for(20 * SECOND).go(3 * 60 * MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::Done), "{:?}", run.ruled());
    let started = steps(&run);
    let weights: Vec<&String> = started.iter().filter(|step| step.ends_with(".weights")).collect();
    let stages = [
        "0 main.rollout[1%]",
        "300 main.rollout[5%]",
        "900 main.rollout[25%]",
        "1800 main.rollout[100%]",
        "1800 main.rollout[0%]",
    ];
    assert_eq!(weights, stages.map(|stage| format!("{stage}.weights")).iter().collect::<Vec<_>>());
}

#[test]
fn a_stage_with_a_time_and_nothing_to_hold_is_a_pause() {
    let book =
        BOOK.replace("share: { metric: share, tolerance: 2% }\n", "\n").replace(", criteria: { errors: \"< 1%\" }", "");
    let book = book.replace(", criteria: same as above", "");
    let mut run = Hours::of(&book, healthy());
    run.go(3 * 60 * MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::Done));
    assert_eq!(run.happened(|e| matches!(e, Event::WaitStarted { .. })), 3);
    assert_eq!(steps(&run).last().unwrap(), "1800 main.rollout.remove.stop");
}

/// Counters that rise each second by so many requests and errors.
fn counters(requests: f64, failed: f64) -> impl Fn(&str, u64) -> ReadValue {
    move |name, second| {
        ReadValue::Number(match name {
            "failed" => failed * second as f64,
            "requests" => requests * second as f64,
            _ => share(second.min(299)),
        })
    }
}

/// The same canary, judged by counters of a page.
fn counted(delta: &str) -> String {
    let page = format!("{{ url: \"http://127.0.0.1:8000/metrics\", series: NAME, delta: {delta} }}");
    let metric = |name: &str| format!("  {name}: {{ scrape: {}, unit: count }}\n", page.replace("NAME", name));
    let ratio = "  errors: { ratio: { of: failed, to: requests }, min_samples: 100 }\n";
    let (from, to) = (BOOK.find("  errors:").expect("a metric"), BOOK.find("  share:").expect("a metric"));
    format!("{}{}{}{ratio}{}", &BOOK[..from], metric("failed"), metric("requests"), &BOOK[to..])
}

#[test]
fn a_stage_is_judged_by_all_that_was_counted_since_it_began() {
    let mut run = Hours::of(&counted("all"), counters(0.5, 0.0));
    run.go(301 * SECOND);
    assert_eq!(steps(&run)[2..], ["300 main.rollout[5%].weights"], "150 requests in five minutes are enough");
    let mut run = Hours::of(&counted("1m"), counters(0.5, 0.0));
    run.go(20 * MINUTE);
    assert_eq!(steps(&run).len(), 2, "30 requests in a minute never are");
}

#[test]
fn a_counter_that_is_new_in_every_stage_counts_from_where_the_stage_began() {
    let mut run = Hours::of(&counted("all"), counters(0.2, 0.0));
    run.go(302 * SECOND);
    let why = run.events.iter().find_map(|(_, event)| match event {
        Event::Extended { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    let wanted = "errors: 60 of 100 observations needed; looking 5m 00s longer, extension 1 of 2";
    assert_eq!(why.as_deref(), Some(wanted));
    run.go(5 * MINUTE);
    assert_eq!(steps(&run)[2..], ["600 main.rollout[5%].weights"], "looking longer is what brings the evidence");
}

/// Two processes that count; the old one has counted much, and is gone after a minute.
fn replaced() -> impl Fn(&str, u64) -> ReadValue {
    move |name, second| {
        let counter = |version: &str, count: f64| Series { name: version.into(), counts: vec![(None, count)] };
        let (old, new) = match name {
            "failed" => (50.0, 0.0),
            "requests" => (9_000.0, 0.2 * second as f64),
            _ => return ReadValue::Number(share(second.min(299))),
        };
        let there = if second < 60 { vec![counter("v1", old), counter("v2", new)] } else { vec![counter("v2", new)] };
        ReadValue::Series(there)
    }
}

#[test]
fn a_counter_that_vanishes_is_no_evidence_and_is_said() {
    let mut run = Hours::of(&counted("all"), replaced());
    run.go(302 * SECOND);
    let why = run.events.iter().find_map(|(_, event)| match event {
        Event::Extended { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    let wanted = "errors: 60 of 100 observations needed; looking 5m 00s longer, extension 1 of 2";
    assert_eq!(why.as_deref(), Some(wanted), "what is left of both is less than before, and no restart");
    run.go(5 * MINUTE);
    assert_eq!(steps(&run)[2..], ["600 main.rollout[5%].weights"]);
    let words = "errors 0% < 1% (120 observations, 1 series vanished)";
    let said = run.happened(|event| matches!(event, Event::Looked { because, .. } if because.contains(words)));
    assert!(said > 0, "it is said when the stage passes");
}

#[test]
fn what_cannot_be_told_yet_holds_a_stage_no_longer_than_its_extensions_would() {
    let book = BOOK.replace("criteria: { errors: \"< 1%\" }", "criteria: { errors: { trend: steady, over: 2h } }");
    let mut run = Hours::of(&book, healthy());
    run.go(16 * MINUTE);
    assert_eq!(run.questions(), ["main.rollout[1%].end-of-stage"]);
    let asked = run.events.iter().find_map(|(at, event)| match event {
        Event::Asked(_) => Some(at.run_us / SECOND),
        _ => None,
    });
    let asked = asked.expect("a question");
    assert!((900..=910).contains(&asked), "five minutes, and two times five minutes more: {asked}");
    run.go(60 * MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::RolledBack), "nobody answered");
}
