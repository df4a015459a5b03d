//! What a table keeps from beginning, and what may not end before it agrees.

use runbook::machine::action::ReadValue;
use runbook::machine::event::{Answer, Event, Outcome, Verdict};
use runbook::machine::{Backing, Input, Typed};
use runbook::report::summary;

use super::hours::{Hours, MINUTE, SECOND};

const HEAD: &str = r#"
runbook: v1
name: guarded
metrics:
  errors: { prometheus: "errors", url: "http://127.0.0.1:9090", unit: "%" }
on_failure: rollback
phases:
  - id: change
    guards:
      every: 10s
      hit: worst
      rules:
        - { symptom: Fine, if: { errors: "<= 1%" }, action: ok }
        - RULE
        - { otherwise: abort }
        - { no_data: inconclusive }
    steps:
      - { id: first, shell: ./first, timeout: 1m, undo: { shell: ./unfirst } }
      - { id: soak, wait: 30s }
      - { id: second, shell: ./second, timeout: 1m, undo: { none: it stays } }
  - id: later
    steps: [{ id: third, shell: ./third, timeout: 1m, undo: { none: it stays } }]
"#;

fn book(rule: &str) -> String {
    HEAD.replace("RULE", rule)
}

/// So many percent between these seconds, and none otherwise.
fn errors(value: f64, from: u64, to: u64) -> impl Fn(&str, u64) -> ReadValue {
    move |_, second| ReadValue::Number(if (from..to).contains(&second) { value } else { 0.0 })
}

#[test]
fn nothing_begins_before_the_first_look() {
    let mut run =
        Hours::of(&book("{ symptom: High, if: { errors: \"> 1%\" }, action: rollback }"), errors(9.0, 0, 900));
    run.go(10 * MINUTE);
    assert_eq!(run.began("change.first"), None);
    assert_eq!(run.outcome(), Some(Outcome::NoGo), "there was nothing to take back");
}

#[test]
fn nothing_begins_while_a_table_holds() {
    let rule = "{ symptom: High, if: { errors: \"> 1%\" }, action: hold }";
    let mut run = Hours::of(&book(rule), errors(3.0, 20, 65));
    run.go(10 * MINUTE);
    assert_eq!((run.began("change.first"), run.began("change.second")), (Some(0), Some(70)));
    assert_eq!(run.outcome(), Some(Outcome::Done));
}

#[test]
fn nothing_begins_and_nothing_ends_while_a_row_is_true_but_not_yet_for_long_enough() {
    let rule = "{ symptom: High, if: { errors: \"> 1%\" }, for: 2m, action: rollback }";
    let mut run = Hours::of(&book(rule), errors(3.0, 15, 900));
    run.go(10 * MINUTE);
    assert_eq!(run.began("change.second"), None);
    assert_eq!(run.ruled().expect("a ruling").0, 140);
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
    let mut run = Hours::of(&book(rule), errors(3.0, 15, 65));
    run.go(10 * MINUTE);
    assert_eq!((run.began("change.second"), run.outcome()), (Some(70), Some(Outcome::Done)));
}

#[test]
fn nothing_begins_while_a_table_asks() {
    let rule = "{ symptom: High, if: { errors: \"> 1%\" }, action: investigate }";
    let book = book(rule).replace("hit: worst", "hit: worst\n      investigate: { within: 5m, then: rollback }");
    let mut run = Hours::of(&book, errors(3.0, 15, 9000));
    run.go(MINUTE);
    assert_eq!((run.questions().len(), run.began("change.second")), (1, None));
    run.answer("change~ask", Answer::Go).go(MINUTE);
    assert!(run.began("change.second").is_some());
    assert_eq!(run.outcome(), Some(Outcome::Done), "what a person let pass lets the phase end");
    let mut run = Hours::of(&book, errors(3.0, 15, 9000));
    run.go(10 * MINUTE);
    assert_eq!((run.began("change.second"), run.outcome()), (None, Some(Outcome::RolledBack)), "nobody answered");
}

#[test]
fn a_phase_does_not_end_before_a_look_at_what_it_left() {
    // The second step breaks it, and the next look would have been ten seconds later.
    let rule = "{ symptom: High, if: { errors: \"> 1%\" }, action: rollback }";
    let mut run = Hours::of(&book(rule), errors(9.0, 30, 9000));
    run.go(10 * MINUTE);
    assert_eq!(run.began("later"), None);
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
}

#[test]
fn a_phase_whose_guards_never_had_data_does_not_pass() {
    let mut run =
        Hours::of(&book("{ symptom: High, if: { errors: \"> 1%\" }, action: rollback }"), |_, _| ReadValue::Empty);
    run.go(10 * MINUTE);
    assert_eq!((run.began("change.second"), run.began("later")), (Some(30), None));
    assert_eq!(run.verdict("change"), Some(Verdict::Inconclusive));
    let reason = run.reason("change");
    assert!(reason.starts_with("its guards had nothing to judge by at the end: errors: "), "{reason}");
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
}

#[test]
fn data_that_come_late_are_waited_for() {
    let rule = "{ symptom: High, if: { errors: \"> 1%\" }, action: rollback }";
    let late = |_: &str, second| if second < 70 { ReadValue::Empty } else { ReadValue::Number(0.5) };
    let mut run = Hours::of(&book(rule), late);
    run.go(10 * MINUTE);
    assert_eq!((run.began("change.second"), run.began("later")), (Some(30), Some(70)));
    assert_eq!(run.outcome(), Some(Outcome::Done));
}

#[test]
fn where_somebody_is_to_be_asked_a_person_says_whether_a_change_without_data_stays() {
    let rule = "{ symptom: High, if: { errors: \"> 1%\" }, action: rollback }";
    let book = book(rule).replace("hit: worst", "hit: worst\n      investigate: { within: 5m, then: rollback }");
    let mut run = Hours::of(&book, |_, _| ReadValue::Empty);
    run.go(3 * MINUTE);
    assert_eq!((run.questions().len(), run.began("later")), (1, None));
    run.answer("change~ask", Answer::Go).go(MINUTE);
    assert_eq!(run.outcome(), Some(Outcome::Done));
}

#[test]
fn letting_pass_that_no_row_covers_one_metric_is_not_letting_pass_another() {
    let book = HEAD
        .replace(
            "metrics:",
            "metrics:\n  memory: { prometheus: \"memory\", url: \"http://127.0.0.1:9090\", unit: \"%\" }",
        )
        .replace("RULE", "{ symptom: Small, if: { memory: \"<= 50%\" }, action: ok }")
        .replace("otherwise: abort", "otherwise: investigate, within: 5m, then: rollback")
        .replace("wait: 30s", "wait: 3m");
    let mut run = Hours::of(&book, |name, second| {
        let high = if name == "memory" { second >= 20 } else { second >= 60 };
        ReadValue::Number(if high { 95.0 } else { 0.0 })
    });
    run.go(25 * SECOND).answer("change~ask", Answer::Go).go(15 * SECOND);
    assert!(run.questions().is_empty());
    run.go(30 * SECOND);
    assert_eq!(run.questions().len(), 1, "errors without a row are another matter");
    let asked = run.happened(|e| matches!(e, Event::Asked(_)));
    assert_eq!(asked, 2);
}

#[test]
fn a_soak_under_guards_ends_with_a_look_after_its_time() {
    let book = r#"
runbook: v1
name: soaked
metrics:
  errors: { prometheus: "errors", url: "http://127.0.0.1:9090", unit: "%" }
steps:
  - id: soak
    wait: 25s
    guards:
      every: 30s
      hit: worst
      rules: [{ symptom: Fine, if: { errors: "<= 1%" }, action: ok }, { otherwise: abort }, { no_data: hold }]
"#;
    let mut run = Hours::of(book, errors(9.0, 5, 9000));
    run.go(10 * MINUTE);
    assert_eq!(run.ruled().map(|(second, _)| second), Some(25), "not at 30 s, and not never");
}

#[test]
fn a_doubt_that_nobody_is_there_to_settle_is_left_although_a_table_looks() {
    let rule = "{ symptom: High, if: { errors: \"> 1%\" }, action: rollback }";
    let book = book(rule).replace("id: second, shell: ./second", "id: endless, shell: ./second");
    let mut run = Hours::of(&book, errors(3.0, 9000, 9001));
    run.go(2 * MINUTE).killed_for(5 * SECOND).go(MINUTE);
    assert_eq!(run.questions(), ["change.endless"]);
    run.tell(Input::NobodyThere);
    assert_eq!(run.happened(|e| matches!(e, Event::Parked { .. })), 1);
}

const ONE_STEP: &str = r#"
runbook: v1
name: one
metrics:
  errors: { prometheus: "errors", url: "http://127.0.0.1:9090", unit: "%" }
on_failure: rollback
steps:
  - { id: first, shell: ./first, timeout: 1m, undo: { shell: ./unfirst } }
  - id: STEP
    DOES
    guards:
      every: 10s
      hit: worst
      rules:
        - { symptom: Fine, if: { errors: "<= 1%" }, action: ok }
        - { symptom: High, if: { errors: "> 1%" }, action: rollback }
        - { otherwise: abort }
        - { no_data: inconclusive }
"#;

#[test]
fn what_a_person_says_is_over_does_not_end_before_a_look_either() {
    let typed = Backing { phrase: Some(Typed("go on".into())), ..Backing::default() };
    let ana = || Input::Answer {
        path: "main.go".into(),
        answer: Answer::Go,
        by: "ana".into(),
        reason: None,
        evidence: Default::default(),
        backing: typed.clone(),
    };
    for (id, does, answer) in [
        ("by_hand", "manual: Do it", Some(Answer::Done)),
        ("go", "checkpoint: { title: Go on? }", Some(Answer::Go)),
        ("go", "checkpoint: { title: Go on?, phrase: go on }", None),
    ] {
        for breach in [12, 9000] {
            let text = ONE_STEP.replace("STEP", id).replace("DOES", does);
            let path = format!("main.{id}");
            let mut run = Hours::of(&text, errors(9.0, breach, 9900));
            run.go(14 * SECOND);
            match answer {
                Some(answer) => run.answer(&path, answer).go(0),
                None => run.tell(ana()).go(0),
            };
            let passed = run.verdict(&path) == Some(Verdict::Pass) && run.ruled().is_none();
            assert_eq!(passed, breach == 9000, "{does}: {:?}", run.ruled());
        }
    }
}

#[test]
fn after_nobody_looked_for_a_while_nothing_begins_before_a_look() {
    let rule = "{ symptom: High, if: { errors: \"> 1%\" }, action: rollback }";
    let text = book(rule).replace("every: 10s", "every: 30s").replace("wait: 30s", "wait: 20s");
    let mut run = Hours::of(&text, errors(9.0, 60, 9000));
    run.go(15 * SECOND).killed_for(70 * SECOND).go(10 * MINUTE);
    assert_eq!((run.ruled().map(|(second, _)| second), run.began("change.second")), (Some(85), None), "killed");
    let mut run = Hours::of(&text, errors(9.0, 60, 9000));
    run.go(15 * SECOND).pass(70 * SECOND);
    run.go(10 * MINUTE);
    assert_eq!((run.ruled().map(|(second, _)| second), run.began("change.second")), (Some(85), None), "asleep");
}

/// Something under guards that never have data, and a step after it.
const BLIND: &str = r#"
runbook: v1
name: blind
metrics:
  errors: { prometheus: "errors", url: "http://127.0.0.1:9090", unit: "%" }
OF_RUN
phases:
  - id: change
    steps:
      - id: both
        OF_BLOCK
        parallel:
          steps:
            - { id: one, shell: ./one, timeout: 1m, undo: { none: it stays } }
            - { id: two, shell: ./two, timeout: 1m, undo: { none: it stays } }
  - id: later
    steps: [{ id: third, shell: ./third, timeout: 1m, undo: { none: it stays } }]
"#;

const TABLE: &str = r#"every: 10s, hit: worst, rules: [{ symptom: Fine, if: { errors: "<= 1%" }, action: ok }, { otherwise: abort }, { no_data: inconclusive }]"#;

fn blind(of_run: &str, of_block: &str) -> Hours {
    let put = |text: &str| text.replace("TABLE", &format!("{{ {TABLE} }}"));
    let text = BLIND.replace("OF_RUN", &put(of_run)).replace("OF_BLOCK", &put(of_block));
    let mut run = Hours::of(&text, |_, _| ReadValue::Empty);
    run.go(10 * MINUTE);
    run
}

#[test]
fn a_run_whose_guards_never_had_data_says_so_at_the_end_and_that_nobody_stopped_it() {
    let screen = summary(&blind("guards: TABLE", "title: Both").view());
    assert!(screen.contains("the whole run  its guards had nothing to judge by at the end: errors: "), "{screen}");
    assert!(screen.contains("for the whole run") && !screen.contains("operator"), "{screen}");
}

#[test]
fn what_may_be_unproved_is_shown_and_counted_as_a_warning() {
    let run = blind("title: Blind", "severity: warn\n        guards: TABLE");
    assert_eq!((run.began("later").is_some(), run.outcome()), (true, Some(Outcome::Done)));
    let (view, screen) = (run.view(), summary(&run.view()));
    assert_eq!((view.counts().ok, view.counts().warned, view.counts().failed), (3, 1, 0));
    assert!(screen.contains("change.both  its guards had nothing to judge by at the end: "), "{screen}");
    let decided = BLIND.replace("OF_RUN", "title: Blind").replace("OF_BLOCK", "title: Both");
    let decided = decided.replace(
        "  - id: later\n    steps: [",
        &format!(
            "  - id: later\n    steps: [{{ id: look, severity: warn, decide: {{ {} }} }}, ",
            TABLE.replace("every: 10s, ", "")
        ),
    );
    let mut run = Hours::of(&decided, |_, _| ReadValue::Empty);
    run.go(10 * MINUTE);
    let counts = run.view().counts();
    assert_eq!((run.outcome(), counts.ok, counts.warned, counts.failed), (Some(Outcome::Done), 3, 1, 0));
}

#[test]
fn where_failures_are_asked_about_a_person_is_asked_about_guards_without_data_too() {
    for (of_run, asked) in [("guards: TABLE\non_failure: ask", "~ask"), ("on_failure: ask", "change.both~ask")] {
        let mut run = blind(of_run, if asked == "~ask" { "title: Both" } else { "guards: TABLE" });
        assert_eq!(run.questions(), [asked]);
        run.answer(asked, Answer::Go).go(MINUTE);
        assert_eq!(run.outcome(), Some(Outcome::Done));
    }
}

#[test]
fn a_step_whose_time_comes_while_a_table_holds_begins_when_that_ends_and_wakes_nobody_before() {
    let rule = "{ symptom: High, if: { errors: \"> 1%\" }, action: hold }";
    let text = book(rule).replace("id: second, shell", "id: second, at: T+45s, shell");
    let mut run = Hours::of(&text, errors(3.0, 35, 65));
    run.go(10 * MINUTE);
    assert_eq!((run.began("change.second"), run.outcome()), (Some(70), Some(Outcome::Done)));
}
