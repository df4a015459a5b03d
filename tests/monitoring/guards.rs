//! Guards: what is wrong for long enough ends the run, what passes by itself does not.

use runbook::decide::Ruling;
use runbook::machine::action::{ReadValue, Series};
use runbook::machine::event::{Answer, Event, Outcome, Refusal};

use super::hours::{Hours, MINUTE, SECOND};

const BOOK: &str = r#"
runbook: v1
name: watched
metrics:
  error_ratio: { prometheus: "errors", url: "http://127.0.0.1:9090", unit: "%" }
on_failure: rollback
guards:
  every: 10s
  hit: worst
  investigate: { within: 15m, then: rollback }
  rules:
    - { symptom: Error rate over 5 % for 5 min, if: { error_ratio: "> 5%" }, for: 5m, action: rollback }
    - { symptom: Error rate over 1 %, if: { error_ratio: "> 1%" }, action: investigate }
    - { symptom: Error rate to 1 %, if: { error_ratio: "0% .. 1%" }, action: ok }
    - { otherwise: investigate }
    - { no_data: inconclusive }
steps:
  - { id: deploy, shell: ./deploy, timeout: 1m, undo: { shell: ./undeploy } }
  - { id: soak, wait: 1h }
"#;

/// So many percent between these seconds, and none otherwise.
fn percent(value: f64, from: u64, to: u64) -> impl Fn(&str, u64) -> ReadValue {
    move |_, second| ReadValue::Number(if (from..to).contains(&second) { value } else { 0.0 })
}

#[test]
fn six_percent_for_three_minutes_and_then_none_asks_and_does_not_roll_back() {
    let mut run = Hours::of(BOOK, percent(6.0, 600, 780));
    run.go(90 * MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::Done));
    assert_eq!(run.rulings("~guard"), [(0, Ruling::Ok), (600, Ruling::Investigate), (780, Ruling::Ok)]);
    assert_eq!(run.happened(|e| matches!(e, Event::Asked(_))), 1);
    assert_eq!(run.happened(|e| matches!(e, Event::Withdrawn { .. })), 1, "what has gone is not asked any more");
    assert_eq!(run.ruled(), None);
}

#[test]
fn six_percent_for_five_minutes_without_a_gap_rolls_back() {
    let mut run = Hours::of(BOOK, percent(6.0, 600, 6000));
    run.go(90 * MINUTE);
    let (second, why) = run.ruled().expect("a ruling");
    assert_eq!(second, 900);
    assert_eq!(why, "Error rate over 5 % for 5 min: error_ratio 6% > 5% since 00:10:00, held 5m of 5m, 31 samples");
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
    assert_eq!(run.happened(|e| matches!(e, Event::StepStarted(s) if s.path == "main.deploy~undo")), 1);
}

#[test]
fn the_five_minutes_go_on_over_a_kill_that_leaves_no_gap() {
    let mut run = Hours::of(BOOK, percent(6.0, 600, 6000));
    run.go(12 * MINUTE).killed_for(5 * SECOND).go(90 * MINUTE);
    let (second, _) = run.ruled().expect("a ruling");
    assert!((900..=910).contains(&second), "{second}: the time is that of the samples, not of the tool");
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
}

#[test]
fn a_kill_that_leaves_a_gap_begins_the_five_minutes_again() {
    let mut run = Hours::of(BOOK, percent(6.0, 600, 6000));
    run.go(12 * MINUTE).killed_for(MINUTE).go(90 * MINUTE);
    let (second, _) = run.ruled().expect("a ruling");
    let again = 720 + 60 + 300;
    assert!((again..=again + 10).contains(&second), "{second}: nobody saw what was in the gap");
}

#[test]
fn samples_missing_for_longer_than_the_allowed_gap_are_not_high_ones() {
    let mut run = Hours::of(BOOK, |_, second| match second {
        600..=1500 if second % 120 < 30 => ReadValue::Empty,
        600..=1500 => ReadValue::Number(6.0),
        _ => ReadValue::Number(0.0),
    });
    run.go(90 * MINUTE);
    assert_eq!(run.ruled(), None);
    assert!(run.rulings("~guard").contains(&(600, Ruling::Inconclusive)), "{:?}", run.rulings("~guard"));
}

#[test]
fn a_gap_that_is_allowed_does_not_begin_the_time_again() {
    let book = BOOK.replace("  every: 10s\n", "  every: 10s\n  gap: 45s\n");
    let mut run = Hours::of(&book, |_, second| match second {
        600..=1500 if second % 120 < 30 => ReadValue::Empty,
        600..=1500 => ReadValue::Number(6.0),
        _ => ReadValue::Number(0.0),
    });
    run.go(90 * MINUTE);
    let (second, why) = run.ruled().expect("a ruling");
    assert_eq!(second, 930, "{why}");
}

#[test]
fn what_a_person_let_pass_is_not_asked_again_until_it_was_gone() {
    let book = BOOK.replace("for: 5m, action: rollback", "for: 2h, action: rollback");
    let mut run = Hours::of(&book, |_, second| {
        ReadValue::Number(if (600..900).contains(&second) || second >= 1200 { 2.0 } else { 0.0 })
    });
    run.go(601 * SECOND);
    assert_eq!(run.questions(), ["~ask"]);
    run.answer("~ask", Answer::Go).go(4 * MINUTE);
    assert_eq!(run.questions(), [""; 0], "it is still at 2 %, and that was let pass");
    run.go(10 * MINUTE);
    assert_eq!(run.questions(), ["~ask"], "it was gone for five minutes and came back");
}

#[test]
fn no_answer_in_time_is_what_was_declared_for_it() {
    let mut run = Hours::of(BOOK, percent(2.0, 600, 9000));
    run.go(90 * MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
    let expired = run.events.iter().find(|(_, e)| matches!(e, Event::AnswerExpired { .. })).expect("an expiry");
    assert_eq!(expired.0.run_us / SECOND, 600 + 15 * 60);
}

#[test]
fn each_level_of_people_has_its_time_and_after_the_last_comes_what_was_declared() {
    let levels =
        "  escalate: { levels: [{ to: first line, within: 5m }, { to: the manager, within: 10m }], then: rollback }\n";
    let book = BOOK
        .replace("> 1%\" }, action: investigate", "> 1%\" }, action: escalate")
        .replace("  rules:", &format!("{levels}  rules:"));
    let mut run = Hours::of(&book, percent(2.0, 600, 9000));
    run.go(90 * MINUTE);
    let asked: Vec<(u64, String)> = run
        .events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::Asked(asked) => Some((at.run_us / SECOND, asked.evidence[0].1.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [(600, "first line".to_string()), (900, "the manager".to_string())]);
    assert_eq!(run.happened(|e| matches!(e, Event::AnswerExpired { .. })), 2);
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
}

#[test]
fn the_first_level_answers_and_the_next_is_not_asked() {
    let levels =
        "  escalate: { levels: [{ to: first line, within: 5m }, { to: the manager, within: 10m }], then: rollback }\n";
    let book = BOOK
        .replace("> 1%\" }, action: investigate", "> 1%\" }, action: escalate")
        .replace("  rules:", &format!("{levels}  rules:"));
    let mut run = Hours::of(&book, percent(2.0, 600, 700));
    run.go(11 * MINUTE).answer("~ask", Answer::Go).go(90 * MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::Done));
    assert_eq!(run.happened(|e| matches!(e, Event::Asked(_))), 1);
}

#[test]
fn a_person_who_looks_can_back_out() {
    let mut run = Hours::of(BOOK, percent(2.0, 600, 9000));
    run.go(11 * MINUTE).answer("~ask", Answer::BackOut).go(MINUTE);
    assert_eq!(run.happened(|e| matches!(e, Event::StepStarted(s) if s.path == "main.deploy~undo")), 1);
}

#[test]
fn one_press_of_ctrl_c_does_not_leave_a_change_that_a_table_watches() {
    let book = BOOK.replace(
        "  - { id: soak, wait: 1h }",
        "  - { id: soak, wait: 1h }\n  - { id: more, shell: ./more, timeout: 1m }",
    );
    let mut run = Hours::of(&book, percent(6.0, 600, 6000));
    run.go(MINUTE).interrupt().go(90 * MINUTE);
    assert_eq!(run.ruled().expect("a ruling").0, 900, "the table went on looking");
    assert_eq!(run.outcome(), Some(Outcome::RolledBack), "and what it said was done");
    assert_eq!(run.happened(|e| matches!(e, Event::Parked { .. })), 0);
}

#[test]
fn after_one_press_of_ctrl_c_a_soak_ends_and_then_the_run_can_be_left() {
    let book = r#"
runbook: v1
name: soaked
metrics:
  error_ratio: { prometheus: "errors", url: "http://127.0.0.1:9090", unit: "%" }
steps:
  - id: soak
    wait: 1h
    guards:
      every: 10s
      hit: worst
      rules: [{ symptom: Fine, if: { error_ratio: "<= 1%" }, action: ok }, { otherwise: abort }, { no_data: hold }]
  - { id: more, shell: ./more, timeout: 1m, undo: { none: kept } }
"#;
    let mut run = Hours::of(book, percent(0.5, 0, 9000));
    run.go(MINUTE).interrupt().go(90 * MINUTE);
    let parked = run.events.iter().find(|(_, e)| matches!(e, Event::Parked { .. })).expect("left").0.run_us;
    assert_eq!(parked / SECOND, 3600, "not before the soak was over");
    assert_eq!(run.began("main.more"), None);
    run.killed_for(MINUTE).go(MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::Done));
}

#[test]
fn a_guard_goes_on_beside_a_checkpoint_and_its_own_question() {
    let book = BOOK.replace("{ id: soak, wait: 1h }", "{ id: soak, checkpoint: { title: Go on? } }");
    let mut run = Hours::of(&book, percent(6.0, 600, 6000));
    run.go(700 * SECOND);
    assert_eq!(run.questions(), ["~ask", "main.soak"]);
    run.go(20 * MINUTE);
    assert_eq!(run.ruled().expect("a ruling").0, 900);
    assert_eq!(run.outcome(), Some(Outcome::RolledBack), "nobody had to answer anything");
}

#[test]
fn a_guard_ends_a_step_that_would_go_on_for_ever() {
    let book =
        BOOK.replace("{ id: soak, wait: 1h }", "{ id: endless, shell: ./watch, timeout: 20h, undo: { none: a look } }");
    let mut run = Hours::of(&book, percent(6.0, 60, 9000));
    run.go(20 * MINUTE);
    assert!(run.cancelled);
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
}

#[test]
fn a_thousand_hours_of_monitoring_take_seconds() {
    for (every, hours, looks_an_hour) in [("10s", 1_000, 360), ("1m", 3_000, 60), ("5m", 10_000, 12)] {
        let book = BOOK.replace("every: 10s", &format!("every: {every}")).replace("for: 5m", "for: 15m");
        let since = std::time::Instant::now();
        let mut run = Hours::of(&book.replace("wait: 1h", &format!("wait: {hours}h")), |_, _| ReadValue::Number(0.5));
        let mut looks = 0;
        for _ in 0..=hours {
            run.go(60 * MINUTE);
            looks += run.forget();
        }
        let took = since.elapsed().as_secs_f64();
        println!("{:.0} hours of looks every {every} simulated per second", f64::from(hours) / took);
        assert_eq!(run.outcome(), Some(Outcome::Done));
        // One more before anything began, and one when everything was over.
        assert_eq!(looks, hours as usize * looks_an_hour + 2);
    }
}

/// Every kind of window there is, one of them over everything since the run began.
const WINDOWS: &str = r#"
runbook: v1
name: windows
metrics:
  rss: { prometheus: "rss", url: "http://127.0.0.1:9090", unit: MiB }
  main: { prometheus: "main", url: "http://127.0.0.1:9090", unit: MiB }
  rate: { scrape: { url: "http://127.0.0.1:8000/metrics", series: requests, rate: 10m }, unit: "/s" }
  total: { scrape: { url: "http://127.0.0.1:8000/metrics", series: requests, delta: all }, unit: count }
steps:
  - id: soak
    wait: 200h
    guards:
      every: 30s
      hit: worst
      rules:
        - { symptom: Leaks, if: { rss: { slope: "> 100MiB/min", over: 30m } }, action: abort }
        - { symptom: Falls, if: { rss: { trend: decreasing, over: 20m } }, action: continue }
        - { symptom: Larger, if: { rss: { mann_whitney: main, is: higher, over: 10m, tolerance: 10%, confidence: 98% } }, action: continue }
        - { symptom: High, if: { rss: { in_a_row: 5, is: "> 900MiB" } }, action: abort }
        - { symptom: Quiet, if: { rate: "< 1/s" }, for: 10m, action: abort }
        - { symptom: Fine, if: { rss: "< 900MiB", main: "< 900MiB", rate: ">= 1/s", total: ">= 0" }, action: ok }
        - { otherwise: hold }
        - { no_data: inconclusive }
"#;

#[test]
fn a_run_remembers_what_its_windows_need_however_long_it_looks() {
    let mut run = Hours::of(WINDOWS, |name, second| match name {
        "rate" | "total" => {
            let count = 2.0 * second as f64;
            ReadValue::Series(vec![Series { name: "requests".into(), counts: vec![(None, count)] }])
        }
        _ => ReadValue::Number(400.0 + (second / 30 % 7) as f64),
    });
    let mut after = |hours: u64| {
        run.go(hours * 60 * MINUTE);
        assert_eq!(run.outcome(), None, "{:?}", run.ruled());
        (run.forget(), run.remembers())
    };
    let (early_looks, early) = after(2);
    let (late_looks, late) = after(98);
    assert_eq!((early_looks, late_looks), (241, 98 * 120));
    // Numbers such as the count of attempts have more digits later.
    assert!(late < early + 200, "{early} characters after 2 hours, {late} after 100");
}

const GATED: &str = "
  - { id: go, checkpoint: { title: Put it live? } }
  - { id: more, shell: ./more, timeout: 1m }
";

#[test]
fn nobody_says_go_while_guards_say_anything_but_ok_and_everybody_may_when_they_do_again() {
    let text = BOOK.replace("  - { id: soak, wait: 1h }\n", GATED.trim_start_matches('\n'));
    let mut run = Hours::of(&text, percent(3.0, 60, 120));
    run.go(65 * SECOND).answer("main.go", Answer::Go).go(5 * SECOND);
    let refused = |run: &Hours| run.happened(|e| matches!(e, Event::Refused { why: Refusal::Red(_), .. }));
    assert_eq!((refused(&run), run.began("main.more")), (1, None));
    // That a person let the symptom pass says that the run may stay, not that it may go on.
    run.answer("~ask", Answer::Go).answer("main.go", Answer::Go).go(10 * SECOND);
    assert_eq!((refused(&run), run.began("main.more")), (2, None));
    run.go(45 * SECOND).answer("main.go", Answer::Go).go(MINUTE);
    assert!(run.began("main.more").is_some());
    assert_eq!(run.outcome(), Some(Outcome::Done));
}
