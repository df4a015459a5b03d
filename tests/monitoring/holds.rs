//! Holds while tables run beside the run: nothing is begun, but somebody goes on looking.

use runbook::decide::Ruling;
use runbook::machine::Input;
use runbook::machine::action::ReadValue;
use runbook::machine::event::{Event, OnHold, Outcome};

use super::hours::{Hours, MINUTE};

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
    - { symptom: Error rate to 5 %, if: { error_ratio: "0% .. 5%" }, action: ok }
    - { otherwise: investigate }
    - { no_data: inconclusive }
steps:
  - { id: deploy, shell: ./deploy, timeout: 1m, undo: { shell: ./undeploy } }
  - { id: soak, wait: 10m }
  - { id: more, shell: ./more, timeout: 1m, undo: { shell: ./less } }
"#;

fn held() -> Input {
    let text = str::to_string;
    let (since, reason) = (text("2026-01-01T00:00:00Z"), text("incident"));
    Input::OnHold(OnHold { lock: text("prod"), by: text("bea"), since, reason })
}

fn began(run: &Hours, path: &str) -> bool {
    run.began(path).is_some()
}

#[test]
fn on_hold_somebody_stays_and_goes_on_when_it_is_lifted() {
    let mut run = Hours::of(BOOK, |_, _| ReadValue::Number(0.0));
    run.go(5 * MINUTE).tell(held()).go(60 * MINUTE);
    assert_eq!(run.happened(|event| matches!(event, Event::Parked { .. })), 0, "the tables need a driver");
    assert!(!began(&run, "main.more"));
    assert!(run.happened(|event| matches!(event, Event::Looked { .. })) > 300);
    run.tell(Input::HoldLifted).go(60 * MINUTE);
    assert!(began(&run, "main.more"));
    assert_eq!(run.outcome(), Some(Outcome::Done));
}

#[test]
fn on_hold_a_table_may_still_take_the_run_back() {
    let errors = |_: &str, second: u64| ReadValue::Number(if second > 1200 { 6.0 } else { 0.0 });
    let mut run = Hours::of(BOOK, errors);
    run.go(5 * MINUTE).tell(held()).go(60 * MINUTE);
    assert_eq!(run.rulings("~guard").last().map(|(_, ruling)| *ruling), Some(Ruling::Rollback));
    assert!(began(&run, "main.deploy~undo") && !began(&run, "main.more"));
    assert_eq!(run.outcome(), Some(Outcome::RolledBack));
}

#[test]
fn on_hold_without_a_table_the_run_is_left() {
    let body = BOOK.lines().filter(|line| !line.starts_with("    - {") && !line.starts_with("guards"));
    let body: Vec<&str> = body
        .filter(|line| {
            !["  every: 10s", "  hit: worst", "  investigate: { within: 15m, then: rollback }", "  rules:"]
                .contains(line)
        })
        .collect();
    let body = body
        .join("\n")
        .replace("metrics:\n", "")
        .replace("  error_ratio: { prometheus: \"errors\", url: \"http://127.0.0.1:9090\", unit: \"%\" }\n", "");
    let mut run = Hours::of(&body, |_, _| ReadValue::Number(0.0));
    run.go(5 * MINUTE).tell(held()).go(MINUTE);
    assert_eq!(run.happened(|event| matches!(event, Event::Parked { .. })), 1);
}
