//! What a GO covers: what stood in the question, until it has been gone, and nothing else.

use runbook::machine::action::{Captured, Done, Ended, ReadValue};
use runbook::machine::event::{Answer, Event, Outcome};
use runbook::machine::{Backing, Input, accept};

use super::hours::{Hours, MINUTE, SECOND};

const HEAD: &str = r#"
runbook: v1
name: covered
metrics:
  memory: { shell: ./memory, effect: read, unit: MiB }
  health: { shell: ./health, effect: read }
on_failure: rollback
phases:
  - id: change
    guards:
      every: 10s
      hit: worst
      investigate: { within: 5m, then: rollback }
      rules:
RULES
        - { symptom: Fine, if: { memory: "<= 100MiB" }, action: ok }
        - { symptom: Well, if: { health: ok }, action: ok }
        - { otherwise: investigate }
        - { no_data: inconclusive }
    steps:
      - { id: first, shell: ./first, timeout: 1m, undo: { shell: ./unfirst } }
      - { id: soak, wait: 2m }
      - { id: second, shell: ./second, timeout: 1m, undo: { none: it stays } }
"#;

const MEMORY: &str = "        - { symptom: Memory is high, if: { memory: \"> 100MiB\" }, action: investigate }\n";
const HEALTH: &str = "        - { symptom: It is not well, if: { health: \"!= ok\" }, action: investigate }\n";

fn book(rules: &[&str]) -> String {
    HEAD.replace("RULES\n", &rules.concat())
}

/// So much memory between these seconds, and not well between those.
fn bad(memory: (u64, u64), health: (u64, u64)) -> impl Fn(&str, u64) -> ReadValue {
    move |name, second| match name {
        "memory" => number(if (memory.0..memory.1).contains(&second) { 5000.0 } else { 10.0 }),
        _ => printed(if (health.0..health.1).contains(&second) { "DOWN" } else { "ok" }),
    }
}

fn number(value: f64) -> ReadValue {
    printed(&value.to_string())
}

fn printed(text: &str) -> ReadValue {
    let stdout = Captured { bytes: text.len() as u64, text: Some(text.into()), ..Captured::default() };
    ReadValue::Done(Box::new(Done { ended: Ended::Exit(0), stdout: Some(stdout), ..Done::default() }))
}

/// When something was asked, in seconds, and the words.
fn asked(run: &Hours) -> Vec<(u64, String)> {
    let asked = run.events.iter().filter_map(|(at, event)| match event {
        Event::Asked(asked) => Some((at.run_us / SECOND, asked.title.clone())),
        _ => None,
    });
    asked.collect()
}

const NEVER: (u64, u64) = (0, 0);
const MEMORY_WORDS: &str = "memory 4.883GiB > 100MiB";
const HEALTH_WORDS: &str = "health \"DOWN\" is != ok";

#[test]
fn letting_pass_one_row_is_not_letting_pass_another_of_the_same_rank() {
    let mut run = Hours::of(&book(&[MEMORY, HEALTH]), bad((20, 9000), (60, 9000)));
    run.go(25 * SECOND).answer("change~ask", Answer::Go).go(30 * SECOND);
    assert!(run.questions().is_empty());
    run.go(3 * MINUTE);
    let asked = asked(&run);
    assert_eq!((run.questions(), asked.len()), (vec!["change~ask".to_string()], 2));
    assert!(asked[1].0 == 60 && asked[1].1.starts_with(HEALTH_WORDS), "{asked:?}");
    assert_eq!(run.began("change.second"), None);
    run.answer("change~ask", Answer::Go).go(MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::Done), "now both were let pass");
}

#[test]
fn what_was_let_pass_does_not_hide_a_row_that_is_true_but_not_yet_for_long_enough() {
    let long = "        - { symptom: For long, if: { memory: \"> 1000MiB\" }, for: 3m, action: rollback }\n";
    let mut run = Hours::of(&book(&[long, MEMORY]), bad((20, 9000), NEVER));
    run.go(25 * SECOND).answer("change~ask", Answer::Go).go(10 * MINUTE);
    assert_eq!(run.ruled().map(|(second, _)| second), Some(200));
    assert_eq!((run.began("change.second"), run.outcome()), (None, Some(Outcome::RolledBack)));
}

#[test]
fn a_question_that_is_not_about_what_is_seen_any_more_is_put_anew() {
    let mut run = Hours::of(&book(&[MEMORY, HEALTH]), bad((20, 45), (45, 9000)));
    run.go(MINUTE);
    let seen = asked(&run);
    assert!(seen[0].1.starts_with(MEMORY_WORDS) && seen[1].1.starts_with(HEALTH_WORDS), "{seen:?}");
    assert_eq!((seen[1].0, seen.len()), (50, 2));
    assert_eq!(run.happened(|e| matches!(e, Event::Withdrawn { .. })), 1);
}

#[test]
fn a_question_names_everything_that_asks_and_what_comes_later_gives_nothing_more_time() {
    let mut run = Hours::of(&book(&[MEMORY, HEALTH]), bad((20, 9000), (60, 9000)));
    run.go(65 * SECOND);
    let asked = run.events.iter().rev().find_map(|(_, event)| match event {
        Event::Asked(asked) => Some(asked.clone()),
        _ => None,
    });
    let asked = asked.expect("a question");
    assert!(asked.title.contains(MEMORY_WORDS) && asked.title.contains(HEALTH_WORDS), "{}", asked.title);
    let shown: Vec<&str> = asked.evidence.iter().map(|(_, words)| words.as_str()).collect();
    assert!(shown[0].starts_with("Memory is high: ") && shown[1].starts_with("It is not well: "), "{shown:?}");
    run.go(10 * MINUTE);
    let expired = run.events.iter().find(|(_, e)| matches!(e, Event::AnswerExpired { .. })).expect("an expiry");
    assert_eq!(expired.0.run_us / SECOND, 20 + 5 * 60, "its time began with the first of them");
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
}

#[test]
fn what_was_let_pass_is_over_when_it_has_been_gone_also_while_something_else_holds() {
    let held = "        - { symptom: It is not well, if: { health: \"!= ok\" }, action: hold }\n";
    let twice = |name: &str, second: u64| match name {
        "memory" => number(if (20..60).contains(&second) || second >= 90 { 5000.0 } else { 10.0 }),
        _ => printed(if second >= 40 { "DOWN" } else { "ok" }),
    };
    let mut run = Hours::of(&book(&[MEMORY, held]), twice);
    run.go(25 * SECOND).answer("change~ask", Answer::Go).go(60 * SECOND);
    assert!(run.questions().is_empty());
    run.go(10 * SECOND);
    assert_eq!(run.questions(), ["change~ask"], "it was gone from 60 to 90");
}

#[test]
fn who_is_escalated_to_is_asked_also_while_something_lesser_is_asked() {
    let levels =
        "      escalate: { levels: [{ to: first line, within: 1m }, { to: the manager, within: 2m }], then: abort }\n";
    let text = book(&[MEMORY, &HEALTH.replace("investigate", "escalate")]);
    let text = text.replace("      rules:\n", &format!("{levels}      rules:\n"));
    let mut run = Hours::of(&text, bad((20, 9000), (60, 9000)));
    run.go(10 * MINUTE);
    let who: Vec<(u64, String)> = run
        .events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::Asked(asked) => Some((at.run_us / SECOND, asked.evidence[0].1.clone())),
            _ => None,
        })
        .collect();
    let times: Vec<u64> = who.iter().map(|(second, _)| *second).collect();
    assert_eq!(times, [20, 60, 120], "{who:?}");
    assert_eq!((who[1].1.as_str(), who[2].1.as_str()), ("first line", "the manager"));
    // The manager had two minutes, and what was asked at 20 would have had until 320.
    assert_eq!((run.ruled(), run.outcome()), (None, Some(Outcome::NoGo)));
    let last = run.events.iter().rev().find(|(_, e)| matches!(e, Event::AnswerExpired { .. })).expect("an expiry");
    assert_eq!(last.0.run_us / SECOND, 240);
}

#[test]
fn letting_pass_that_one_metric_has_no_data_is_not_letting_pass_that_another_cannot_be_judged() {
    let text = book(&[MEMORY, HEALTH]).replace("no_data: inconclusive", "no_data: investigate");
    let mut run = Hours::of(&text, |name, second| match name {
        "memory" if second < 60 => number(10.0),
        "memory" => printed("many"),
        _ if second >= 20 => ReadValue::Empty,
        _ => printed("ok"),
    });
    run.go(25 * SECOND).answer("change~ask", Answer::Go).go(30 * SECOND);
    assert!(run.questions().is_empty());
    run.go(10 * SECOND);
    assert_eq!(run.questions(), ["change~ask"]);
    assert!(asked(&run)[1].1.starts_with("memory: "), "{:?}", asked(&run));
}

const DECIDED: &str = r#"
runbook: v1
name: decided
metrics:
  memory: { prometheus: "memory", url: "http://127.0.0.1:9090", unit: MiB }
  errors: { prometheus: "errors", url: "http://127.0.0.1:9090", unit: "%" }
on_failure: rollback
steps:
  - { id: deploy, shell: ./deploy, timeout: 1m, undo: { shell: ./undeploy } }
  - id: soak
    decide:
      every: 10s
      over: 5m
      hit: worst
      investigate: { within: 5m, then: rollback }
      rules:
        - { symptom: Memory is high, if: { memory: "> 100MiB" }, action: investigate }
        - { symptom: Errors, if: { errors: "> 50%" }, action: rollback }
        - { symptom: Fine, if: { memory: "<= 100MiB" }, action: ok }
        - { symptom: Few errors, if: { errors: "<= 50%" }, action: ok }
        - { otherwise: abort }
        - { no_data: investigate }
  - { id: after, shell: ./after, timeout: 1m, undo: { none: a note } }
"#;

#[test]
fn a_decide_step_goes_on_looking_after_a_go_until_its_time_is_over() {
    let metrics = |errors_from: u64| {
        move |name: &str, second: u64| match name {
            "memory" => ReadValue::Number(if second >= 20 { 5000.0 } else { 10.0 }),
            _ => ReadValue::Number(if second >= errors_from { 99.0 } else { 0.0 }),
        }
    };
    let mut run = Hours::of(DECIDED, metrics(9000));
    run.go(40 * SECOND).answer("main.soak", Answer::Go).go(10 * MINUTE);
    assert_eq!((run.began("main.after"), run.outcome()), (Some(300), Some(Outcome::Done)));
    assert_eq!(run.reason("main.soak"), "accepted by bob: I looked");
    for errors_from in [30, 200] {
        let mut run = Hours::of(DECIDED, metrics(errors_from));
        run.go(40 * SECOND).answer("main.soak", Answer::Go).go(10 * MINUTE);
        assert_eq!(run.ruled().map(|(second, _)| second), Some(errors_from.max(40)), "at once, or when it comes");
        assert_eq!((run.began("main.after"), run.outcome()), (None, Some(Outcome::RolledBack)));
    }
}

#[test]
fn a_decide_step_asks_about_everything_it_does_not_know() {
    let mut run = Hours::of(DECIDED, |name, _| match name {
        "memory" => ReadValue::Number(5000.0),
        _ => ReadValue::Empty,
    });
    run.go(MINUTE);
    let title = &asked(&run)[0].1;
    assert!(title.contains(MEMORY_WORDS) && title.contains("errors: "), "{title}");
}

#[test]
fn an_answer_to_what_was_asked_before_is_none_to_what_is_asked_now() {
    let mut run = Hours::of(&book(&[MEMORY, HEALTH]), bad((20, 9000), (60, 9000)));
    run.go(25 * SECOND);
    let shown = run.view().open_questions()[0].about.clone();
    let late = |about| Input::Answer {
        path: "change~ask".into(),
        answer: Answer::Go,
        by: "ana".into(),
        reason: Some("memory only".into()),
        evidence: Default::default(),
        backing: Backing { about: Some(about), ..Backing::default() },
    };
    run.go(40 * SECOND);
    assert_eq!(accept(run.view().state(), late(shown)), None);
    let now = run.view().open_questions()[0].about.clone();
    assert!(now.len() == 2 && accept(run.view().state(), late(now)).is_some());
}
