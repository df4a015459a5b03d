//! Ctrl-C once, twice, three times; TERM; a terminal that goes away.

use crate::support::{Running, Test, lines};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// A step that ends when it is allowed to, or says how it was ended.
const BODY: &str = r#"
steps:
  - id: first
    shell: echo first >> trace
    undo: { shell: echo undo-first >> trace }
  - id: slow
    repeat: safe
    shell: |
      trap 'echo term >> trace; exit 143' TERM
      touch began
      while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done
      echo slow >> trace
    undo: { shell: echo undo-slow >> trace }
  - id: after
    shell: echo after >> trace
always:
  - id: last
    shell: echo always >> trace
"#;

fn stopped_by(signals: &[Signal], code: i32) -> Running {
    stopped(BODY, signals, code)
}

fn stopped(body: &str, signals: &[Signal], code: i32) -> Running {
    let mut running = Test::book(body).code(code).start();
    running.until("began");
    for (press, signal) in signals.iter().enumerate() {
        let words = format!("\"stage\":{}", press + 1);
        running.signal(*signal).until_logged(&words);
    }
    running
}

#[test]
fn the_first_ctrl_c_lets_the_step_finish_and_starts_nothing_new() {
    for signal in [Signal::INT, Signal::TERM] {
        let running = stopped_by(&[signal], 130);
        running.sandbox().write("finish", "");
        let ran = running.end();
        assert_eq!(lines(&ran, "trace"), ["first", "slow"]);
        assert_eq!(ran.show()["result"], "stopped");
        let ran = ran.resume().run();
        assert_eq!(lines(&ran, "trace"), ["first", "slow", "after", "always"]);
        ran.verified();
    }
}

#[test]
fn the_second_ctrl_c_ends_the_step_and_takes_everything_back() {
    let ran = stopped_by(&[Signal::INT, Signal::INT], 11).end();
    assert_eq!(lines(&ran, "trace"), ["first", "term", "undo-slow", "undo-first", "always"]);
    ran.verified();
}

#[test]
fn the_third_ctrl_c_kills_and_leaves_the_run_to_be_resumed() {
    let deaf = BODY.replace("trap 'echo term >> trace; exit 143' TERM", "trap '' TERM");
    let since = Instant::now();
    let ran = stopped(&deaf, &[Signal::INT, Signal::INT, Signal::INT], 130).end();
    assert!(since.elapsed() < Duration::from_secs(4), "KILL came only after the grace period");
    assert_eq!(lines(&ran, "trace"), ["first"]);
    let said = ran.of_run("verify").code(9).run().stdout;
    assert!(said.starts_with("INCOMPLETE"), "{said}");
    // The second press asked to back out, and that still holds.
    let ran = ran.resume().code(11).run();
    assert_eq!(lines(&ran, "trace"), ["first", "undo-slow", "undo-first", "always"]);
    ran.verified();
}

#[test]
fn ctrl_c_in_a_wait_stops_at_once() {
    let mut running = Test::book("steps: [{ id: soak, wait: 30s }]").code(130).start();
    running.until_logged("wait_started").signal(Signal::INT);
    let since = Instant::now();
    let ran = running.end();
    assert!(since.elapsed() < Duration::from_secs(3));
    assert_eq!(ran.show()["parked"], "interrupted");
}

#[test]
fn ctrl_c_while_backing_out_does_not_leave_it_half_done_at_the_first_press() {
    let body = "
on_failure: rollback
steps:
  - id: one
    shell: 'true'
    undo: { shell: echo undo-one >> trace }
  - id: two
    shell: 'true'
    undo:
      shell: |
        touch undoing
        while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done
        echo undo-two >> trace
  - id: three
    shell: exit 1
";
    let mut running = Test::book(body).code(130).start();
    running.until("undoing").signal(Signal::INT).until_logged("\"stage\":1");
    running.sandbox().write("finish", "");
    let ran = running.end();
    assert_eq!(lines(&ran, "trace"), ["undo-two"]);
    let ran = ran.resume().code(11).run();
    assert_eq!(lines(&ran, "trace"), ["undo-two", "undo-one"]);
}

#[test]
fn a_lost_terminal_is_no_answer_and_no_end() {
    let body = BODY.replace("  - id: after\n", "  - id: go\n    checkpoint: { title: Go? }\n  - id: after\n");
    let mut running = Test::book(&body).code(5).start();
    running.until("began").signal(Signal::HUP);
    std::thread::sleep(Duration::from_millis(50));
    running.sandbox().write("finish", "");
    let ran = running.end();
    assert_eq!(lines(&ran, "trace"), ["first", "slow"]);
    assert_eq!(ran.show()["result"], "waiting");
}
