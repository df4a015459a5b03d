//! Where the tool keeps things: nobody else's directory, nobody else's file, nothing through a link.

use crate::support::Test;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

const BODY: &str = "steps:\n  - id: one\n    shell: echo hello\n  - id: two\n    file: { path: conf, template: new }\n    undo: previous";

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn refused(test: Test, why: &str) {
    let sandbox = test.sandbox.clone();
    let ran = test.start().end_any();
    assert!(ran.stderr.contains(why), "no `{why}` in {}", ran.stderr);
    assert!(!sandbox.exists("conf"), "something was done all the same");
}

#[test]
fn a_state_directory_that_others_can_reach_is_refused() {
    for bits in [0o755, 0o770, 0o777, 0o1777, 0o710] {
        let test = Test::book(BODY);
        fs::create_dir_all(test.sandbox.state()).unwrap();
        mode(&test.sandbox.state(), bits);
        refused(test, "is open to others");
    }
    let test = Test::book(BODY);
    fs::create_dir_all(test.sandbox.state().join("runs")).unwrap();
    mode(&test.sandbox.state(), 0o700);
    mode(&test.sandbox.state().join("runs"), 0o777);
    refused(test, "is open to others");
}

#[test]
fn a_place_that_others_could_exchange_is_refused_unless_it_is_sticky() {
    let test = Test::book(BODY);
    let above = test.sandbox.state().parent().unwrap().to_path_buf();
    mode(&above, 0o777);
    refused(test, "put something else in its place");
    let test = Test::book(BODY);
    let above = test.sandbox.state().parent().unwrap().to_path_buf();
    mode(&above, 0o1777);
    assert!(test.run().sandbox.exists("conf"));
}

#[test]
fn a_link_a_file_or_a_pipe_in_the_place_of_a_directory_is_refused() {
    for kind in ["link", "file", "pipe"] {
        for at in ["", "runs"] {
            let test = Test::book(BODY);
            let state = test.sandbox.state();
            let place = if at.is_empty() { state } else { state.join(at) };
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            mode(place.parent().unwrap(), 0o700);
            let elsewhere = test.sandbox.work().join("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            mode(&elsewhere, 0o700);
            match kind {
                "link" => symlink(&elsewhere, &place).unwrap(),
                "file" => fs::write(&place, "").unwrap(),
                _ => assert!(Command::new("mkfifo").arg(&place).status().unwrap().success()),
            }
            let _sandbox = test.sandbox.clone();
            let before = fs::read_dir(&elsewhere).unwrap().count();
            refused(test, "is not a directory");
            assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), before, "{kind} at `{at}` led out");
        }
    }
}

#[test]
fn somebody_elses_state_directory_is_refused() {
    if !rustix::process::getuid().is_root() {
        // Only root can give a directory to somebody else.
        return;
    }
    let test = Test::book(BODY);
    fs::create_dir_all(test.sandbox.state()).unwrap();
    mode(&test.sandbox.state(), 0o700);
    std::os::unix::fs::chown(test.sandbox.state(), Some(4711), Some(4711)).unwrap();
    refused(test, "belongs to another user");
}

#[test]
fn outputs_and_kept_files_are_read_only_where_they_belong() {
    let ran = Test::book(BODY).file("conf", "old").run();
    let secret = ran.sandbox.work().join("secret");
    fs::write(&secret, "precious").unwrap();
    let run = ran.sandbox.runs().pop().unwrap();
    let output = run.join("out/0001.stdout");
    fs::remove_file(&output).unwrap();
    symlink(&secret, &output).unwrap();
    let told = ran.of_run("logs").start().end_any();
    assert!(!told.stdout.contains("precious"), "{}", told.stdout);
    fs::remove_file(&output).unwrap();
    // The directory itself a link.
    fs::rename(run.join("out"), run.join("out2")).unwrap();
    let elsewhere = ran.sandbox.work().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("0001.stdout"), "precious").unwrap();
    symlink(&elsewhere, run.join("out")).unwrap();
    let told = ran.of_run("logs").start().end_any();
    assert!(!told.stdout.contains("precious"), "{}", told.stdout);
    let told = ran.of_run("verify").start().end_any();
    assert!(!told.stdout.starts_with("COMPLETE"), "{}", told.stdout);
}

/// Nothing is ever written into a file that was there before, so a second name of somebody's file stays untouched.
#[test]
fn a_planted_hard_link_is_never_written_to() {
    let body = format!("{}\n  - id: go\n    checkpoint: {{ title: Go }}\n  - id: three\n    shell: echo three", BODY);
    let parked = Test::book(&body).args("--no-input").code(5).run();
    let victim = parked.sandbox.work().join("victim");
    fs::write(&victim, "precious").unwrap();
    let run = parked.sandbox.runs().pop().unwrap();
    for name in
        ["out/0002.stdout", "out/0003.stdout", "out/0004.stdout", "kept/x.json", "run.2.jsonl.tmp", "plan.2.json"]
    {
        let _ = fs::hard_link(&victim, run.join(name));
    }
    for name in ["newest", "newest.tmp"] {
        let _ = fs::remove_file(parked.sandbox.state().join(name));
        fs::hard_link(&victim, parked.sandbox.state().join(name)).unwrap();
    }
    let _ = parked.of_run("resume").args("--no-input").start().end_any();
    let _ = parked.then("run a.yml --no-input").start().end_any();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(fs::metadata(&victim).unwrap().nlink() > 3, "the links were there");
}
