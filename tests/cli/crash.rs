//! `kill -9` of the program at any moment, and what `resume` makes of it.

use crate::support::{Ran, Test, lines};

/// A step that says when it began and goes on until it is allowed to end.
fn waits(id: &str, more: &str) -> String {
    format!(
        "  - id: {id}
    shell: |
      echo {id} >> trace
      touch began-{id}
      while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done
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

/// Two of the same step at once would be a silent re-run of the worst kind.
#[test]
fn a_step_that_outlived_the_program_must_end_before_the_run_goes_on() {
    let mut running = Test::book(&format!("steps:\n{}", waits("slow", "    repeat: safe\n"))).start();
    running.until("began-slow");
    let ran = running.kill();
    let refused = ran.of_run("resume").code(7).run();
    assert!(refused.stderr.contains("`main.slow` (process "), "{}", refused.stderr);
    assert!(refused.stderr.contains("is still running; wait for it or end it, then resume"), "{}", refused.stderr);
    ran.sandbox.write("finish", "");
    ran.resume().args("--no-input").run();
    assert_eq!(lines(&ran, "trace"), ["slow", "slow"]);
}

#[test]
fn a_step_that_outlived_a_program_at_a_terminal_is_seen_too() {
    let mut terminal = Test::book(&format!("steps:\n{}", waits("slow", "    repeat: safe\n"))).at_terminal();
    terminal.until("began-slow");
    let ran = terminal.kill();
    let refused = ran.of_run("resume").arg("--no-input").code(7).run();
    assert!(refused.stderr.contains("is still running; wait for it or end it, then resume"), "{}", refused.stderr);
    ran.sandbox.write("finish", "");
    ran.resume().args("--no-input").run();
    assert_eq!(lines(&ran, "trace"), ["slow", "slow"]);
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
        while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done
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
      while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done
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

#[test]
fn a_resumed_run_stands_where_it_was_started() {
    let body = format!("steps:\n{}  - id: after\n    shell: pwd >> trace", waits("slow", "    repeat: safe\n"));
    let ran = killed(&body, "began-slow");
    ran.sandbox.write("elsewhere/file", "");
    let work = ran.sandbox.work().canonicalize().unwrap();
    let ran = ran.resume().args("--no-input").dir("elsewhere").run();
    assert_eq!(lines(&ran, "trace"), ["slow", "slow", work.to_str().unwrap()]);
}

/// The program died between the last record and the last signature.
#[test]
fn a_run_that_was_over_is_only_signed() {
    let ran = Test::book("steps: [{ id: one, shell: echo one >> trace; exit 1 }]").code(1).run();
    std::fs::remove_file(ran.sandbox.runs()[0].join("run.jsonl.sig")).unwrap();
    ran.of_run("verify").code(9).run();
    ran.resume().code(1).run();
    ran.verified();
    assert_eq!(lines(&ran, "trace"), ["one"]);
    ran.resume().code(2).run();
}

#[test]
fn a_log_that_was_changed_is_not_gone_on_with() {
    let ran = killed(&format!("steps:\n{}", waits("slow", "    repeat: safe\n")), "began-slow");
    let plan = ran.sandbox.runs()[0].join("plan.json");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("echo slow", "echo evil")).unwrap();
    ran.resume().args("--no-input").code(9).run();
    assert_eq!(lines(&ran, "trace"), ["slow"]);
}

#[test]
fn a_run_may_be_killed_again_while_it_is_resumed() {
    let body = format!("steps:\n{}  - id: after\n    shell: echo after >> trace", waits("slow", "    repeat: safe\n"));
    let mut running = Test::book(&body).start();
    running.until("began-slow");
    let mut ran = running.kill();
    for _ in 0..2 {
        std::fs::remove_file(ran.sandbox.work().join("began-slow")).unwrap();
        ran.sandbox.write("finish", "");
        let resume = ran.resume().args("--no-input");
        std::fs::remove_file(ran.sandbox.work().join("finish")).unwrap();
        let mut again = resume.start();
        again.until("began-slow");
        ran = again.kill();
    }
    ran.sandbox.write("finish", "");
    let ran = ran.resume().args("--no-input").run();
    assert_eq!(lines(&ran, "trace"), ["slow", "slow", "slow", "slow", "after"]);
    assert_eq!(ran.show()["takeovers"].as_array().map(Vec::len), Some(3));
    ran.verified();
}

#[test]
fn a_list_found_before_the_crash_is_the_list_after_it() {
    let body = "
steps:
  - id: look
    shell: cat names
    effect: read
    save: { names: stdout | lines }
  - id: all
    for_each:
      in: '{{ steps.look.names }}'
      max: 9
      steps:
        - id: one
          repeat: safe
          shell: echo {{ item }} >> trace; touch began; while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done
";
    let mut running = Test::book(body).file("names", "a\nb\n").start();
    running.until("began");
    let ran = running.kill();
    ran.sandbox.write("names", "x\ny\nz\n");
    ran.sandbox.write("finish", "");
    let ran = ran.resume().args("--no-input").run();
    assert_eq!(lines(&ran, "trace"), ["a", "a", "b"]);
}

#[test]
fn the_plan_of_a_run_does_not_change_with_its_file() {
    let body =
        format!("steps:\n{}  - id: after\n    shell: echo planned >> trace", waits("slow", "    repeat: safe\n"));
    let ran = killed(&body, "began-slow");
    ran.sandbox.write("a.yml", "not even YAML: [");
    let ran = ran.resume().args("--no-input --as-planned edited").run();
    assert_eq!(lines(&ran, "trace"), ["slow", "slow", "planned"]);
}

#[test]
fn a_file_step_cut_short_before_it_took_effect_is_settled_and_can_be_taken_back() {
    let body = "
on_failure: rollback
steps:
  - id: write
    file: { path: conf, template: new }
    repeat: safe
    undo: previous
    activate: |
      echo activate $(cat conf) >> trace
      touch activating
      while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done
  - id: fail
    shell: exit 1
";
    let mut running = Test::book(body).file("conf", "old").start();
    running.until("activating");
    let ran = running.kill();
    assert_eq!(ran.read("conf"), "new");
    ran.sandbox.write("finish", "");
    let ran = ran.resume().args("--no-input").code(11).run();
    assert_eq!(ran.read("conf"), "old", "what was kept before the crash is what is put back");
    assert_eq!(lines(&ran, "trace"), ["activate new", "activate new", "activate old"]);
    ran.verified();
}

#[test]
fn a_poll_goes_on_after_a_crash() {
    let body = "
steps:
  - id: ready
    shell: touch began; test -e finish
    effect: read
    poll: { every: 20ms, max: 20s }
    expect: exit == 0
";
    let mut running = Test::book(body).start();
    running.until("began").until_logged("attempt_scheduled");
    let ran = running.kill();
    ran.sandbox.write("finish", "");
    ran.resume().args("--no-input").run().verified();
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
