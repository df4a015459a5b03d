//! Exit codes are public API: each is produced here by a real call.

use crate::support::{Ran, Test};
use rustix::process::Signal;
use std::fs;

const FAILS: &str = "
steps:
  - id: one
    shell: exit 1
";
const CHECKPOINT: &str = "
steps:
  - id: go
    checkpoint: { title: Go? }
";
const BACKS_OUT: &str = "
on_failure: rollback
steps:
  - id: one
    shell: echo there > made
    undo: { shell: rm made }
  - id: two
    shell: exit 1
";
const SLOW: &str = "
steps:
  - id: slow
    shell: touch began; while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done
    repeat: once
  - id: after
    shell: touch after
";

/// Every code that one call gives by itself.
#[test]
fn one_call_gives_each_code() {
    let table: &[(&str, &str, i32)] = &[
        ("run a.yml", "steps: [{ id: one, shell: 'true' }]", 0),
        ("run a.yml", FAILS, 1),
        ("run missing.yml", FAILS, 2),
        ("fly a.yml", FAILS, 2),
        ("run a.yml", "steps: [{ id: one, shel: 'true' }]", 3),
        ("run a.yml", "steps: [{ id: go, checkpoint: { title: Go?, timeout: 10ms } }, { id: w, wait: 50ms }]", 5),
        ("run a.yml", CHECKPOINT, 5),
        ("verify", FAILS, 9),
        ("plan a.yml --detailed-exitcode", FAILS, 10),
        ("plan a.yml --detailed-exitcode", CHECKPOINT, 0),
        ("plan a.yml", FAILS, 0),
        ("run a.yml", BACKS_OUT, 11),
        ("run a.yml", &BACKS_OUT.replace("rm made", "exit 9"), 13),
    ];
    for (args, body, code) in table {
        Test::book(body).new_args(args).code(*code).run();
    }
}

/// 4 without a terminal: the time for an answer passes while nobody drives the run.
#[test]
fn an_answer_that_comes_too_late_is_a_no_go() {
    let ran = Test::book("steps: [{ id: go, checkpoint: { title: Go?, timeout: 50ms } }]").code(5).run();
    std::thread::sleep(std::time::Duration::from_millis(60));
    ran.resume().code(4).run().verified();
    assert_eq!(ran.reason("main.go"), "nobody answered `Go?` in time");
}

#[test]
fn the_code_of_an_ended_run_is_in_its_report() {
    for (body, code) in [(FAILS, 1), (BACKS_OUT, 11), (CHECKPOINT, 5)] {
        assert_eq!(Test::book(body).code(code).run().show()["exit_code"], code);
    }
}

/// 7: somebody else drives the run.
#[test]
fn a_second_driver_is_told_who_drives() {
    let mut first = Test::book(SLOW).start();
    first.until("began");
    let words = format!("is being driven by pid {}", first.pid());
    let second = first.ran().of_run("resume").code(7).run();
    assert!(second.stderr.contains(&words), "{}", second.stderr);
    second.sandbox.write("finish", "");
    first.end();
}

/// 9: a changed log.
#[test]
fn a_changed_log_is_not_verified() {
    let ran = Test::book(FAILS).code(1).run();
    let log = ran.sandbox.runs()[0].join("run.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replace("\"exit\":1", "\"exit\":0").replace("exit 1", "exit 0")).unwrap();
    assert_ne!(fs::read_to_string(&log).unwrap(), text);
    let said = ran.of_run("verify").code(9).run().stdout;
    assert!(said.starts_with("TAMPERED"), "{said}");
}

/// 12: the program was killed in a step that may not simply be repeated.
#[test]
fn a_step_whose_end_nobody_saw_is_unknown() {
    let ran = killed_in_the_slow_step();
    let after = ran.resume().args("--no-input").code(12).run();
    assert!(!after.sandbox.exists("after"));
    // Asking again changes nothing.
    ran.resume().args("--no-input").code(12).run();
    assert_eq!(ran.show()["open_questions"][0]["question"], "in_doubt");
}

/// 130: stopped by Ctrl-C and left to be resumed.
#[test]
fn a_stopped_run_is_left_to_be_resumed() {
    let mut running = Test::book(SLOW).code(130).start();
    running.until("began").signal(Signal::INT).until_logged("\"interrupted\"");
    running.sandbox().write("finish", "");
    let ran = running.end();
    assert!(!ran.sandbox.exists("after"));
    let ran = ran.resume().run();
    assert!(ran.sandbox.exists("after"));
    ran.verified();
}

fn killed_in_the_slow_step() -> Ran {
    let mut running = Test::book(SLOW).start();
    running.until("began");
    let ran = running.kill();
    ran.sandbox.write("finish", "");
    ran
}
