//! Looking at runs that are damaged, or that go on meanwhile.

use crate::support::{Ran, Test};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

const QUICK: &str = "steps:\n  - id: one\n    shell: echo one";

/// Another run directory beside the one there is, made from it and then damaged.
fn damaged(ran: &Ran, number: usize, damage: impl Fn(&Path)) {
    let good = ran.sandbox.runs().pop().unwrap();
    // Of an earlier time, so that the good one stays the newest.
    let dir = good.with_file_name(format!("01M7Y25WNVFP5SKN67V6PRP4F{number}"));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir(&dir).unwrap();
    fs::copy(good.join("run.jsonl"), dir.join("run.jsonl")).unwrap();
    damage(&dir);
}

fn with_damaged_neighbours() -> Ran {
    let ran = Test::book(QUICK).run();
    let log = |dir: &Path| dir.join("run.jsonl");
    damaged(&ran, 1, |dir| fs::remove_file(log(dir)).unwrap());
    damaged(&ran, 2, |dir| fs::write(log(dir), b"\0\0\0garbage\n").unwrap());
    damaged(&ran, 3, |dir| {
        fs::remove_file(log(dir)).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, log(dir), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    });
    damaged(&ran, 4, |dir| {
        fs::remove_file(log(dir)).unwrap();
        symlink("/etc/passwd", log(dir)).unwrap();
    });
    damaged(&ran, 5, |dir| {
        fs::remove_file(log(dir)).unwrap();
        fs::create_dir(log(dir)).unwrap();
    });
    damaged(&ran, 6, |dir| {
        fs::remove_dir_all(dir).unwrap();
        fs::write(dir, "not a directory").unwrap();
    });
    damaged(&ran, 7, |dir| {
        fs::remove_dir_all(dir).unwrap();
        symlink("/proc", dir).unwrap();
    });
    // Written by somebody who wants to be believed, or to take over the terminal.
    let fake = r#"{"t":"2026-11-21T00:18:07\u001b[2J","title":"\u001b]0;x\u0007ok","operator":"x"}"#;
    damaged(&ran, 8, |dir| {
        fs::write(log(dir), format!("{fake}\n{{\"type\":\"run.end\"}}\n{{\"type\":\"seal\"}}\n")).unwrap()
    });
    ran
}

#[test]
fn damaged_runs_are_listed_as_damaged_with_the_reason_and_hide_no_other() {
    let ran = with_damaged_neighbours();
    let rows: Value = serde_json::from_str(&ran.then("runs -n 100 --output json").run().stdout).unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 9);
    let why = |number: usize| {
        let row = rows.iter().find(|row| row["run"].as_str().unwrap().ends_with(&format!("RP4F{number}"))).unwrap();
        (row["state"].as_str().unwrap(), row["why"].as_str().unwrap_or_default())
    };
    assert_eq!(why(1), ("damaged", "run.jsonl is missing"));
    assert_eq!(why(2), ("damaged", "its log has no first record"));
    assert_eq!(why(3), ("damaged", "run.jsonl is not a regular file"));
    assert_eq!(why(4), ("damaged", "run.jsonl is a symbolic link"));
    assert_eq!(why(5), ("damaged", "run.jsonl is not a regular file"));
    assert_eq!(why(6), ("damaged", "it is not a directory"));
    assert_eq!(why(7), ("damaged", "it is not a directory"));
    let screen = ran.then("runs").run().stdout;
    assert!(screen.contains("damaged         run.jsonl is missing"), "{screen}");
    assert!(screen.lines().any(|line| line.contains("done") && line.contains("book")), "{screen}");
    assert!(!screen.chars().any(|c| c.is_control() && c != '\n'), "{screen:?}");
}

#[test]
fn a_damaged_run_is_never_verified_and_nothing_waits_for_it() {
    let ran = with_damaged_neighbours();
    for number in 1..=8 {
        let verdict = ran.then(&format!("verify 01M7Y25WNVFP5SKN67V6PRP4F{number}")).code(9).run();
        let said = format!("{}{}", verdict.stdout, verdict.stderr);
        assert!(!said.contains("COMPLETE: run") || said.contains("INCOMPLETE"), "{number}: {said}");
        let shown = ran.then(&format!("show 01M7Y25WNVFP5SKN67V6PRP4F{number}")).start().end_any();
        assert!(shown.stderr.starts_with("error: "), "{number}: {}{}", shown.stdout, shown.stderr);
    }
}

/// Root reads everything, so only others can see this.
#[test]
fn a_run_nobody_may_read_is_damaged() {
    let ran = Test::book(QUICK).run();
    damaged(&ran, 1, |dir| fs::set_permissions(dir.join("run.jsonl"), fs::Permissions::from_mode(0o000)).unwrap());
    let rows: Value = serde_json::from_str(&ran.then("runs --output json").run().stdout).unwrap();
    if !rustix::process::geteuid().is_root() {
        assert_eq!(rows[1]["why"], "run.jsonl cannot be opened: permission denied");
    }
    assert_eq!(rows.as_array().unwrap().len(), 2);
}

#[test]
fn a_run_is_running_while_it_is_driven_however_often_it_is_verified() {
    let mut body = String::from("steps:\n");
    for number in 0..150 {
        body += &format!(
            "  - id: s{number}\n    shell: seq 500; seq 500 >&2\n    undo: {{ none: nothing to take back }}\n"
        );
    }
    let mut running = Test::book(&body).start();
    running.until_logged("step.start");
    let (ran, mut looks) = (running.ran(), 0);
    let run = ran.sandbox.run_id();
    loop {
        let looked = ran.then(&format!("verify {run} --output json")).start().end_any();
        let report: Value = serde_json::from_str(&looked.stdout).unwrap();
        if report["verdict"] == "COMPLETE" {
            break;
        }
        assert_eq!((&report["verdict"], &report["running"]), (&"INCOMPLETE".into(), &true.into()), "{report:#}");
        if looks == 0 {
            let screen = ran.then(&format!("verify {run}")).start().end_any().stdout;
            assert!(screen.starts_with("RUNNING: run ") || screen.starts_with("COMPLETE: run "), "{screen}");
        }
        looks += 1;
    }
    running.end();
    assert!(looks >= 3, "it was over before anybody looked: {looks}");
}
