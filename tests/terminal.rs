//! The real program at a pseudo-terminal, and without one.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use rexpect::process::wait::WaitStatus;
use rexpect::session::spawn_command;
use std::path::Path;
use std::process::{Command, Stdio};

const RUNBOOK: &str = r#"runbook: v1
name: try-it
title: Try it
target: none
on_failure: ask
phases:
  - id: first
    steps:
      - { id: look, title: Look around, shell: echo hello, effect: read }
    checkpoint: { title: "Go on?", timeout: 5m }
  - id: second
    steps:
      - id: work
        title: Work for a while
        shell: sleep 0.4; printf '\033[2Jevil\n'; sleep 0.4
        undo: { shell: echo undone }
      - id: breaks
        title: Breaks
        shell: printf 'about to \033]0;title\007break\n'; exit 3
        undo: { none: nothing to undo }
"#;

fn program(dir: &Path) -> Command {
    std::fs::write(dir.join("try.yml"), RUNBOOK).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_runbook"));
    command.args(["run", "try.yml"]).current_dir(dir);
    for name in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"] {
        command.env(name, dir.join(name));
    }
    for name in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "RUNBOOK_COLOR", "ACCESSIBLE", "LC_ALL", "LC_CTYPE"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").env("LANG", "C.UTF-8");
    command
}

/// The session gives every byte as one character.
fn utf8(bytes: &str) -> String {
    String::from_utf8(bytes.chars().map(|c| c as u8).collect()).unwrap()
}

#[test]
fn a_person_answers_at_a_terminal_and_backs_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = spawn_command(program(dir.path()), Some(60_000)).unwrap();
    session.exp_string("Go on?").unwrap();
    session.exp_string(", g/n: ").unwrap();
    session.send_line("g looks fine").unwrap();
    let shown = utf8(&session.exp_string("[q] stop, keep what was done").unwrap());
    assert!(shown.contains("2/4 done") && shown.contains("second.work"), "{shown:?}");
    assert!(shown.contains("about to ␛]0;title␇break"), "{shown:?}");
    assert!(!shown.contains("\x1b[2J") && !shown.contains("\x1b]0;"), "a step drove the terminal: {shown:?}");
    session.exp_string(", r/s/b/q: ").unwrap();
    session.send_line("b").unwrap();
    let shown = session.exp_eof().unwrap();
    assert!(shown.contains("ROLLED BACK") && shown.trim_end().ends_with("exit code 11"), "{shown:?}");
    assert!(matches!(session.process.wait().unwrap(), WaitStatus::Exited(_, 11)));
}

#[test]
fn ctrl_c_at_a_question_leaves_the_run_to_be_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = spawn_command(program(dir.path()), Some(60_000)).unwrap();
    session.exp_string(", g/n: ").unwrap();
    session.send_control('c').unwrap();
    let shown = session.exp_eof().unwrap();
    assert!(shown.contains("runbook resume ") && shown.trim_end().ends_with("exit code 130"), "{shown:?}");
}

#[test]
fn without_a_terminal_it_waits_in_plain_lines() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program(dir.path());
    command.arg("--no-input").stdin(Stdio::null());
    let output = command.output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(5), 0), "{shown}");
    assert!(!shown.contains(['\x1b', '\r']), "{shown:?}");
    assert!(shown.contains("[2/4] ASKED    first.checkpoint"), "{shown}");
}

#[test]
fn json_lines_are_all_that_stands_on_standard_output() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program(dir.path());
    command.args(["--no-input", "--output", "json"]).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["format"], "runbook-events/1");
    assert_eq!(lines[1]["type"], "run_started");
    assert_eq!(lines.last().unwrap()["exit_code"], 5);
}
