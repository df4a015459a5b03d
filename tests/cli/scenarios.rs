//! Whole stories of people and times, with several keys and a clock of their own.

use crate::approvals::Team;
use crate::support::Test;

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// The call happens on a Friday at this time, UTC.
fn on_friday(test: Test, time: &str) -> Test {
    assert!(std::path::Path::new(FAKETIME).exists(), "faketime is not installed");
    test.env("LD_PRELOAD", FAKETIME)
        .env("FAKETIME", &format!("@2026-11-20 {time}"))
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

const BOOK: &str = "\
target: required
window: { forbid: Fri UTC }
on_failure: rollback
steps:
  - id: deploy
    shell: touch deployed
    timeout: 1m
    undo: { shell: rm deployed; touch taken_back }
  - { id: check, shell: test ! -e broken, effect: read }
";

const TARGET: &str = "\
target: v1
name: prod
environment: production
";

/// A Friday: refused; with a reason and a second person allowed and marked; going back needs nobody.
#[test]
#[ignore = "needs faketime; tests/run runs it"]
fn scenario_14_on_a_friday_it_takes_a_reason_and_a_second_person_and_going_back_takes_nobody() {
    let team = Team::new(BOOK, TARGET);
    let run = |time| on_friday(team.alice("run a.yml -t prod --no-input"), time);
    let refused = run("15:00:00").code(4).run();
    assert!(refused.stderr.contains("is in the forbidden time `Fri UTC`"), "{}", refused.stderr);
    assert!(team.alice.runs().is_empty(), "what is refused has never been");

    let go = |who, time| {
        let call = team.by(who, "go --yes --reason").arg("saw it").arg(team.alice.run_id()).arg("window~override");
        on_friday(call, time)
    };
    let resume = |time| on_friday(team.alice("resume --no-input").arg(team.alice.run_id()), time);
    run("15:01:00").arg("--override-window").arg("users are locked out").code(5).run();
    assert!(!team.alice.exists("deployed"));
    let himself = go(&team.alice, "15:02:00").code(6).run();
    assert!(himself.stderr.contains("by the operator (alice@example.com) himself"), "{}", himself.stderr);
    go(&team.bob, "15:03:00").run();
    resume("15:04:00").run();
    assert!(team.alice.exists("deployed"));
    let said = team.alice("verify").run().stdout;
    assert!(said.starts_with("COMPLETE") && said.contains("GO at 'window~override' by bob@example.com"), "{said}");
    let report = team.alice("report").arg(team.alice.run_id()).run().stdout;
    assert!(report.contains("users are locked out") && report.contains("**GO** as second-person"), "{report}");

    team.alice.write("broken", "");
    run("15:10:00").arg("--override-window").arg("again").code(5).run();
    go(&team.carol, "15:11:00").run();
    resume("15:12:00").code(11).run();
    assert!(team.alice.exists("taken_back"), "backing out is not held on a Friday");
}

/// In the middle of its changes when the window closes: it stays as it is until somebody decides.
#[test]
#[ignore = "needs faketime; tests/run runs it"]
fn a_run_in_the_middle_of_its_changes_is_not_resumed_in_a_closed_window_unless_somebody_decides() {
    let body = "
window: { allow: '10:00-15:00 UTC' }
steps:
  - { id: one, shell: touch one, timeout: 1m, undo: { shell: rm one } }
  - { id: go, checkpoint: { title: Go on? } }
  - { id: two, shell: touch two, timeout: 1m }
";
    let ran = on_friday(Test::book(body), "14:00:00").code(5).run();
    let log = ran.log();
    let refused = on_friday(ran.resume(), "15:05:00").code(4).run();
    assert!(refused.stderr.contains("is outside the window; the next allowed time is 2026-11-21T10:00:00Z"));
    assert!(
        refused.stderr.contains("--override-window") && refused.stderr.contains("--back-out"),
        "{}",
        refused.stderr
    );
    assert_eq!(refused.log(), log, "nothing was touched");
    on_friday(refused.resume().arg("--override-window").arg("it cannot wait"), "15:06:00").code(5).run();
    let back = on_friday(refused.resume().arg("--back-out"), "15:07:00").code(11).run();
    assert!(!back.sandbox.exists("one") && !back.sandbox.exists("two"));
}
