//! `kill -9` of the program at any moment, and what `resume` makes of it.

use crate::support::{Ran, Test, lines};

/// A step that says when it began and goes on until it is allowed to end.
fn waits(id: &str, more: &str) -> String {
    format!(
        "  - id: {id}
    shell: |
      echo {id} >> trace
      touch began-{id}
      while [ ! -e finish ]; do sleep 0.02; done
{more}"
    )
}

fn killed(body: &str, when: &str) -> Ran {
    let mut running = Test::book(body).start();
    running.until(when);
    let ran = running.kill();
    // What the program had started lives on and comes to its end.
    ran.sandbox.write("finish", "");
    ran
}

#[test]
fn a_step_that_may_be_repeated_runs_again() {
    let body = format!("steps:\n{}  - id: after\n    shell: echo after >> trace", waits("slow", "    repeat: safe\n"));
    let ran = killed(&body, "began-slow");
    let ran = ran.resume().args("--no-input").run();
    assert_eq!(lines(&ran, "trace"), ["slow", "slow", "after"]);
    assert_eq!(ran.steps(), ["main.slow pass", "main.after pass"]);
    ran.verified();
}

#[test]
fn a_step_that_only_looks_runs_again_by_itself() {
    let body = format!("steps:\n{}", waits("slow", "    effect: read\n"));
    let ran = killed(&body, "began-slow").resume().args("--no-input").run();
    assert_eq!(lines(&ran, "trace"), ["slow", "slow"]);
}

#[test]
fn a_probe_that_says_yes_saves_the_repetition() {
    let more = "    repeat: probe\n    done_when: { shell: test -e began-slow }\n";
    let body = format!("steps:\n{}  - id: after\n    shell: echo after >> trace", waits("slow", more));
    let ran = killed(&body, "began-slow").resume().args("--no-input").run();
    assert_eq!(lines(&ran, "trace"), ["slow", "after"]);
    assert_eq!(ran.reason("main.slow"), "its probe says that it had already happened");
}

#[test]
fn a_probe_that_says_no_runs_the_step_again() {
    let more = "    repeat: probe\n    done_when: { shell: test -e never }\n";
    let ran = killed(&format!("steps:\n{}", waits("slow", more)), "began-slow").resume().args("--no-input").run();
    assert_eq!(lines(&ran, "trace"), ["slow", "slow"]);
}

#[test]
fn a_step_that_must_happen_once_is_never_repeated_silently() {
    let ran = killed(&format!("steps:\n{}", waits("slow", "    repeat: once\n")), "began-slow");
    ran.resume().args("--no-input").code(12).run();
    assert_eq!(lines(&ran, "trace"), ["slow"]);
}

/// Changing steps are `once` unless they say otherwise.
#[test]
fn a_change_is_not_repeated_unless_it_says_so() {
    let ran = killed(&format!("steps:\n{}", waits("slow", "")), "began-slow");
    ran.resume().args("--no-input").code(12).run();
    assert_eq!(lines(&ran, "trace"), ["slow"]);
}

#[test]
fn what_was_finished_before_is_not_done_again() {
    let body =
        format!("steps:\n  - id: first\n    shell: echo first >> trace\n{}", waits("slow", "    repeat: safe\n"));
    let ran = killed(&body, "began-slow").resume().args("--no-input").run();
    assert_eq!(lines(&ran, "trace"), ["first", "slow", "slow"]);
}

#[test]
fn a_killed_run_is_incomplete_until_it_is_resumed() {
    let ran = killed(&format!("steps:\n{}", waits("slow", "    repeat: safe\n")), "began-slow");
    let said = ran.of_run("verify").code(9).run().stdout;
    assert!(said.starts_with("INCOMPLETE"), "{said}");
    assert_eq!(ran.show()["exit_code"], 12);
    ran.resume().args("--no-input").run().verified();
}

#[test]
fn a_run_killed_in_a_parallel_group_finishes_each_member_once() {
    let body = format!(
        "steps:
  - id: both
    parallel:
      steps:
      - id: quick
        shell: echo quick >> trace
{}",
        waits("slow", "    repeat: safe\n").replace("\n  ", "\n      ").replacen("  - id", "      - id", 1)
    );
    let mut running = Test::book(&body).start();
    running.until("began-slow").until_logged("\"path\":\"main.both.quick\",\"verdict\":\"pass\"");
    let ran = running.kill();
    ran.sandbox.write("finish", "");
    let ran = ran.resume().args("--no-input").run();
    let mut trace = lines(&ran, "trace");
    trace.sort();
    assert_eq!(trace, ["quick", "slow", "slow"]);
    ran.verified();
}

#[test]
fn an_undo_that_was_cut_short_is_not_repeated_silently() {
    let body = "
on_failure: rollback
steps:
  - id: one
    shell: echo one >> trace
    undo: { shell: echo undo-one >> trace }
  - id: two
    shell: echo two >> trace
    undo:
      shell: |
        echo undo-two >> trace
        touch undoing
        while [ ! -e finish ]; do sleep 0.02; done
  - id: three
    shell: exit 1
always:
  - id: last
    shell: echo always >> trace
";
    let ran = killed(body, "undoing");
    // What an undo did when nobody looked is for a person to say.
    let ran = ran.resume().args("--no-input").code(12).run();
    assert_eq!(lines(&ran, "trace"), ["one", "two", "undo-two"]);
    assert_eq!(ran.show()["open_questions"][0]["path"], "main.two~undo");
}

#[test]
fn a_run_killed_in_its_always_finishes_it() {
    let body = "
steps:
  - id: one
    shell: exit 1
always:
  - id: clean
    repeat: safe
    shell: |
      echo clean >> trace
      touch cleaning
      while [ ! -e finish ]; do sleep 0.02; done
  - id: tell
    shell: echo tell >> trace
";
    let ran = killed(body, "cleaning").resume().args("--no-input").code(1).run();
    assert_eq!(lines(&ran, "trace"), ["clean", "clean", "tell"]);
    ran.verified();
}

#[test]
fn in_a_wait_only_driven_time_counts() {
    let mut running = Test::book("steps: [{ id: pause, wait: 300ms }]").start();
    running.until_logged("wait_started");
    let ran = running.kill();
    std::thread::sleep(std::time::Duration::from_millis(320));
    let since = std::time::Instant::now();
    ran.resume().args("--no-input").run();
    assert!(since.elapsed().as_millis() > 150, "the time nobody drove was counted");
}

/// Whatever the moment of death, the run comes to its end with every step done at least once and in order.
#[test]
fn killed_at_any_moment_a_run_of_safe_steps_comes_to_its_end() {
    let steps: String =
        (0..6).map(|n| format!("  - id: s{n}\n    repeat: safe\n    shell: sleep 0.03; echo {n} >> trace\n")).collect();
    let mut resumed = 0;
    for round in 0..8u64 {
        let mut running = Test::book(&format!("steps:\n{steps}")).start();
        running.until_logged("run.start");
        std::thread::sleep(std::time::Duration::from_millis(round * 25));
        let ran = running.kill();
        if ran.log().contains("\"run.end\"") {
            ran.resume().code(2).run();
        } else {
            resumed += 1;
            ran.resume().args("--no-input").run();
        }
        ran.verified();
        let mut trace = lines(&ran, "trace");
        trace.dedup();
        assert_eq!(trace, ["0", "1", "2", "3", "4", "5"]);
    }
    assert!(resumed >= 3, "only {resumed} of 8 runs were killed before their end");
}
