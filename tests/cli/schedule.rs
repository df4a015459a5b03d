//! Marks, windows and leaving, with the real clock.

use crate::support::Test;

#[test]
fn a_mark_soon_is_waited_for_and_one_far_away_leaves_the_run_to_a_timer() {
    let body = "
steps:
  - { id: soon, wait: { until: T+1s } }
  - { id: check, shell: touch checked, timeout: 1m }
  - { id: later, at: T+2h, shell: touch later, timeout: 1m }
";
    let ran = Test::book(body).code(5).run();
    assert!(ran.sandbox.exists("checked") && !ran.sandbox.exists("later"));
    let timer = "systemd-run --user --on-calendar='";
    let resume = format!(" UTC' runbook resume {} --no-input", ran.sandbox.run_id());
    assert!(ran.stderr.contains(timer) && ran.stderr.contains(&resume), "{}", ran.stderr);
    // Whoever comes too early is sent away again.
    let again = ran.resume().code(5).run();
    assert!(again.stderr.contains(timer), "{}", again.stderr);
}

#[test]
fn a_mark_that_has_passed_is_said_and_counted_and_its_step_run() {
    let body = "
anchor: { time: '{{ inputs.t_zero }}' }
inputs: { t_zero: { default: '2026-01-01T00:00:00Z' } }
steps:
  - { id: check, at: T+4h, shell: touch checked, timeout: 1m }
";
    let ran = Test::book(body).run();
    assert!(ran.sandbox.exists("checked"));
    let screen = &ran.stderr;
    assert!(
        screen.contains("MISSED") && screen.contains("due 2026-01-01 04:00:00Z") && screen.contains("1 missed"),
        "{screen}"
    );
    assert_eq!(ran.show()["missed"][0]["path"], "main.check");
    assert!(ran.of_run("report").run().stdout.contains("| missed | `main.check`: due 2026-01-01 04:00:00Z"));
}

#[test]
fn a_run_does_not_begin_in_a_closed_window_unless_somebody_says_why() {
    let body = "
window: { forbid: Mon-Sun UTC }
steps: [{ id: one, shell: touch made, timeout: 1m }]
";
    let refused = Test::book(body).code(4).run();
    assert!(refused.stderr.contains("is in the forbidden time `Mon-Sun UTC`"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--override-window"));
    assert!(refused.sandbox.runs().is_empty() && !refused.sandbox.exists("made"));
    let refused = refused.then("run a.yml").arg("--override-window").arg(" \t").code(2).run();
    assert!(refused.stderr.contains("say why in words"), "{}", refused.stderr);
    let ran = refused.then("run a.yml").arg("--override-window").arg("fix of an outage").code(0).run();
    assert!(ran.sandbox.exists("made"));
    assert!(ran.stderr.contains("window overridden: fix of an outage"), "{}", ran.stderr);
    assert_eq!(ran.show()["run"]["override_window"], "fix of an outage");
    ran.verified();
}

#[test]
fn whoever_resumes_may_override_the_window_too_and_is_named() {
    let body = "
steps:
  - { id: go, checkpoint: { title: Go? } }
";
    let ran = Test::book(body).code(5).run();
    let again = ran.resume().arg("--override-window").arg("the fix cannot wait").code(5).run();
    assert!(again.stderr.contains("window overridden: the fix cannot wait"), "{}", again.stderr);
    assert_eq!(again.show()["takeovers"][0]["override_window"], "the fix cannot wait");
}

#[test]
fn t_is_the_end_of_a_phase_of_this_runbook_and_not_of_a_step_it_includes() {
    let inner = "runbook: v1\nname: inner\nsteps: [{ id: switch, shell: 'true', effect: read }]\n";
    let body = "
anchor: { time: '2026-01-01T00:00:00Z', end_of: switch }
phases:
  - { id: prepare, steps: [{ id: other, run: { runbook: inner.yml } }] }
  - { id: switch, steps: [{ id: go, shell: 'true', effect: read }] }
";
    let ran = Test::book(body).file("inner.yml", inner).run();
    let log = ran.log();
    let anchored: Vec<&str> = log.lines().filter(|line| line.contains("anchored")).collect();
    assert!(anchored.len() == 1 && anchored[0].contains(r#""path":"switch""#), "{anchored:?}");
}
