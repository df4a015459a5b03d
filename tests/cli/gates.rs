//! Checkpoints of roles and phrases, waivers, and overridden windows, as people meet them.

use crate::support::{Test, lines, log_of};
use serde_json::Value;

const TARGET: &str = "
target: v1
environment: production
roles:
  lead: [li@example.com, mo@example.com]
  dba: [kim@example.com]
";

const PHRASE: &str = "
steps:
  - id: one
    shell: echo one >> trace
    timeout: 1m
  - id: go
    checkpoint: { title: Put it live?, phrase: deploy fully }
  - id: two
    shell: echo two >> trace
    timeout: 1m
";

fn with_target(body: &str) -> Test {
    Test::book(body).file("targets/prod.yml", TARGET).args("--target prod")
}

fn roles(more: &str) -> String {
    format!(
        "
steps:
  - id: go
    checkpoint: {{ title: Put it live?, roles: {{ lead: 2, dba: 1 }}{more} }}
  - {{ id: two, shell: echo two >> trace, timeout: 1m }}
"
    )
}

#[test]
fn a_phrase_is_typed_at_the_terminal_after_go() {
    let mut person = Test::book(PHRASE).at_terminal();
    person
        .sees("phrase to type for GO: deploy fully")
        .sees("g/n/w: ")
        .types("deploy fully")
        .sees("is not one of the answers");
    person.sees("g/n/w: ").types("g it looks good").sees("type the phrase exactly").types("deploy fully");
    let ran = person.end();
    assert_eq!(lines(&ran, "trace"), ["one", "two"]);
    let decision = &ran.show()["decisions"][0];
    assert_eq!((&decision["answer"], &decision["reason"]), (&"go".into(), &"it looks good".into()));
    ran.verified();
}

#[test]
fn three_wrong_phrases_are_a_no_go_and_none_of_them_is_kept() {
    let mut person = Test::book(PHRASE).code(4).at_terminal();
    for wrong in ["deploy Fully", "deploy fully!", "secret mistake"] {
        person.sees("g/n/w: ").types("g").sees("type the phrase exactly").types(wrong);
    }
    let ran = person.end();
    assert_eq!(lines(&ran, "trace"), ["one"]);
    let log = log_of(&ran.sandbox);
    assert!(log.contains("wrong_phrase") && !log.contains("secret mistake") && !log.contains("Fully"), "{log}");
    assert_eq!(ran.show()["decisions"][0]["refused"].as_array().map(Vec::len), Some(3));
    assert!(ran.of_run("report").run().stdout.contains("| not counted |"));
}

#[test]
fn a_phrase_cannot_come_from_standard_input_and_the_end_of_input_is_a_no() {
    let ran = Test::book(PHRASE).stdin("g\ndeploy fully\n").code(5).run();
    assert_eq!(lines(&ran, "trace"), ["one"]);
    let mut person = Test::book(PHRASE).code(4).at_terminal();
    person.sees("g/n/w: ").types("g").sees("type the phrase exactly").control('d');
    assert_eq!(lines(&person.end(), "trace"), ["one"]);
}

#[test]
fn where_others_are_awaited_the_operator_says_no_or_waits() {
    let mut person = with_target(&roles("")).code(5).at_terminal();
    person.sees("dba: 0 of 1 said GO").sees("lead: 0 of 2 said GO").sees("awaited: li@example.com, mo@example.com");
    person.sees("[n] NO-GO   [w] WAIT").sees("n/w: ").types("g").sees("is not one of the answers").types("w");
    let ran = person.end();
    assert!(!ran.sandbox.exists("trace"));
    let open: Value = ran.show();
    assert_eq!(open["open_questions"][0]["roles"], serde_json::json!({ "dba": 1, "lead": 2 }));
    assert!(ran.of_run("report").run().stdout.contains("| no answer |  |  | 0 of 1 dba, 0 of 2 lead |"));
    let mut again = ran.resume().code(4).at_terminal();
    again.sees("n/w: ").types("n not today");
    let over = again.end();
    assert_eq!(over.show()["result"], "no-go");
    over.verified();
}

#[test]
fn a_run_with_nobody_at_it_waits_for_the_roles() {
    let ran = with_target(&roles("")).code(5).run();
    assert!(ran.stderr.contains("0 of 2 said GO as lead"), "{}", ran.stderr);
}

#[test]
fn nobody_goes_on_over_red() {
    let body = "
steps:
  - { id: look, shell: exit 3, effect: read, on_failure: continue }
  - { id: go, checkpoint: { title: Put it live? } }
  - { id: two, shell: echo two >> trace, timeout: 1m }
";
    let mut person = Test::book(body).code(4).at_terminal();
    person.sees("RED main.look fail: exit 3").sees("nobody may say GO over red").sees("n/w: ");
    person.types("g").sees("is not one of the answers").types("n");
    let ran = person.end();
    assert!(!ran.sandbox.exists("trace"));
    let shown: Value = ran.show();
    assert_eq!(shown["decisions"][0]["red"][0], "main.look fail: exit 3");
}

#[test]
fn a_plan_names_the_people_and_refuses_what_nobody_could_answer() {
    let plan = with_target(&roles(", phrase: deploy fully, expires: 90m, reference: required"))
        .new_args("plan a.yml --target prod")
        .run();
    let said = plan.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains(
            "GO takes 1 of dba (kim@example.com), signed; 2 of lead (li@example.com, mo@example.com), signed"
        ),
        "{said}"
    );
    assert!(said.contains("the phrase `deploy fully`; a reference; it stays good for 1h 30m"), "{said}");
    let cases = [
        ("roles: { cook: 1 }", "error[RB1080]: the target `prod` does not say who holds the role `cook`"),
        ("roles: { lead: 3 }", "error[RB1081]: 3 people of the role `lead` must say GO, and"),
    ];
    for (roles, message) in cases {
        let body = format!("\nsteps:\n  - {{ id: go, checkpoint: {{ title: Go?, {roles} }} }}\n");
        let refused = with_target(&body).code(3).run();
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
    }
    let alone = Test::book("\nsteps:\n  - { id: go, checkpoint: { title: Go?, roles: { lead: 1 } } }\n").code(3).run();
    assert!(alone.stderr.contains("only a target can say who holds the role `lead`"), "{}", alone.stderr);
}

#[test]
fn the_operator_is_not_counted_among_the_people_of_a_role() {
    let keys: Value = serde_json::from_str(&Test::new().args("keys --output json").run().stdout).unwrap();
    let me = keys["principal"].as_str().unwrap_or_default().to_string();
    assert!(!me.is_empty());
    let body = "\nsteps:\n  - { id: go, checkpoint: { title: Go?, roles: { lead: 1 } } }\n";
    let target = format!("target: v1\nroles: {{ lead: [{me}] }}\n");
    let refused = Test::book(body).file("targets/prod.yml", target).args("--target prod").code(3).run();
    let words = format!("1 people of the role `lead` must say GO, and besides {me}, who would run it, 0 can");
    assert!(refused.stderr.contains(&words), "{}", refused.stderr);
}

const WAIVED: &str = "
steps:
  - { id: grafana, shell: exit 7, effect: read }
  - { id: told, manual: Tell the channel }
  - { id: go, checkpoint: { title: Put it live? } }
  - { id: two, shell: echo two >> trace, timeout: 1m }
";

fn waived(waivers: &str) -> Test {
    let target = "target: v1\nwaivers: ../waivers/prod.yml\n";
    Test::book(WAIVED).file("targets/prod.yml", target).file("waivers/prod.yml", waivers).args("--target prod")
}

const GRAFANA: &str = "- { step: main.grafana, person: li@example.com, reason: CHG-7, until: 2999-01-31 }\n";

#[test]
fn a_waived_failure_is_a_warning_that_everybody_sees() {
    let plan = waived(GRAFANA).new_args("plan a.yml --target prod").run();
    assert!(
        plan.stdout.contains("waived    main.grafana by li@example.com until 2999-01-31: CHG-7"),
        "{}",
        plan.stdout
    );
    assert!(plan.stdout.contains(", 1 waived") && plan.stdout.contains("waivers/prod.yml"), "{}", plan.stdout);
    let mut person = waived(GRAFANA).at_terminal();
    person.sees("waived by li@example.com until 2999-01-31: CHG-7 (exit 7)");
    person.sees("d/n: ").types("d").sees("g/n: ").types("g");
    let ran = person.end();
    assert_eq!(lines(&ran, "trace"), ["two"]);
    assert!(ran.stdout.contains("1 waived"), "{}", ran.stdout);
    let shown: Value = ran.show();
    assert_eq!((&shown["counts"]["waived"], &shown["waivers"][0]["used"][0]), (&1.into(), &"main.grafana".into()));
    let report = ran.of_run("report").run().stdout;
    assert!(report.contains("## Waivers") && report.contains("**yes**: `main.grafana`"), "{report}");
    ran.verified();
}

#[test]
fn a_waived_manual_step_may_be_left_undone() {
    let told = format!(
        "{GRAFANA}- {{ step: main.told, person: li@example.com, reason: nobody is there, until: 2999-01-31 }}\n"
    );
    let mut person = waived(&told).at_terminal();
    person.sees("waived by li@example.com until 2999-01-31: nobody is there: not done is a warning");
    person.sees("d/n: ").types("n").sees("g/n: ").types("g");
    assert_eq!(lines(&person.end(), "trace"), ["two"]);
}

#[test]
fn a_waiver_that_has_expired_or_is_for_a_change_or_for_nothing_is_told() {
    let cases = [
        (
            GRAFANA.replace("2999", "2020"),
            "error[RB1084]: the waiver of `main.grafana` by li@example.com expired on 2020-01-31",
        ),
        (GRAFANA.replace("grafana", "two"), "error[RB1086]: `main.two` cannot be waived"),
        (GRAFANA.replace("grafana", "go"), "error[RB1086]: `main.go` cannot be waived"),
        (GRAFANA.replace("2999-01-31", "soon"), "`until` needs a day such as 2026-12-31, found `soon`"),
        (GRAFANA.replace("li@example.com", "'li and mo'"), "error[RB1082]: `li and mo` is not a name of one person"),
        (GRAFANA.replace("reason: CHG-7, ", ""), "a waiver needs `reason`"),
        ("waivers: []\n".into(), "`waivers` needs a list of waivers"),
    ];
    for (waivers, message) in cases {
        let refused = waived(&waivers).code(3).run();
        assert!(refused.stderr.contains(message), "{message}: {}", refused.stderr);
        assert!(refused.sandbox.runs().is_empty());
    }
    let missing = waived("")
        .new_args("run a.yml --target prod")
        .file("targets/prod.yml", "target: v1\nwaivers: gone.yml\n")
        .code(2)
        .run();
    assert!(
        missing.stderr.contains("targets/gone.yml: there is no such file; target `prod` names it"),
        "{}",
        missing.stderr
    );
    let misspelt = waived(&GRAFANA.replace("grafana", "grafna")).new_args("plan a.yml --target prod").run();
    assert!(
        misspelt
            .stdout
            .contains("RB1085 this runbook has no step `main.grafna`; did you mean `main.grafana`?: it has no effect"),
        "{}",
        misspelt.stdout
    );
}

#[test]
fn overriding_a_window_in_production_takes_a_second_person() {
    let body = "
window: { forbid: Mon-Sun UTC }
steps: [{ id: one, shell: touch made, timeout: 1m }]
always: [{ id: last, shell: touch last, timeout: 1m }]
";
    let mut person = with_target(body).arg("--override-window").arg("fix of an outage").code(4).at_terminal();
    person.sees("Run outside its window?").sees("why").sees("fix of an outage");
    person.sees("awaited: anybody but whoever drives the run").sees("n/w: ").types("n");
    let ran = person.end();
    assert!(!ran.sandbox.exists("made") && ran.sandbox.exists("last"));
    assert!(ran.stdout.contains("at window~override"), "{}", ran.stdout);
    let plan = with_target(body).new_args("plan a.yml --target prod").run();
    assert!(
        plan.stdout.contains("override  with --override-window, and then: GO takes 1 of second-person"),
        "{}",
        plan.stdout
    );
    let parked = with_target(body).arg("--override-window").arg("now").code(5).run();
    assert!(!parked.sandbox.exists("made") && !parked.sandbox.exists("last"));
}

#[test]
fn a_window_names_the_role_that_may_override_it() {
    let body = "
window: { forbid: Mon-Sun UTC, override: lead }
steps: [{ id: one, shell: touch made, timeout: 1m }]
";
    let ran = with_target(body).arg("--override-window").arg("now").code(5).run();
    assert!(ran.stderr.contains("0 of 1 said GO as lead"), "{}", ran.stderr);
    let again = ran.resume().arg("--override-window").arg("still").code(5).run();
    assert_eq!(again.show()["decisions"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_phase_that_only_looks_may_begin_outside_the_window_and_the_next_one_is_a_no_go() {
    let body = "
window: { forbid: Mon-Sun UTC }
phases:
  - { id: look, steps: [{ id: one, shell: touch looked, effect: read }] }
  - { id: change, steps: [{ id: two, shell: touch made, timeout: 1m }] }
";
    let ran = Test::book(body).code(4).run();
    assert!(ran.sandbox.exists("looked") && !ran.sandbox.exists("made"));
    assert!(ran.stderr.contains("is in the forbidden time `Mon-Sun UTC`"), "{}", ran.stderr);
    ran.verified();
}
