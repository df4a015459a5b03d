//! File steps: what is written, what is kept, what is put back.

use crate::support::{Test, lines};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

const WRITES_AND_FAILS: &str = "
on_failure: rollback
steps:
  - id: write
    file: { path: conf, template: \"new\\n\", mode: '0640' }
    undo: previous
    activate: echo \"activated $(cat conf)\" >> trace
  - id: fail
    shell: exit 1
";

#[test]
fn undo_previous_restores_bytes_and_mode() {
    let old = b"old\r\n\xff\x00 bytes without a last line feed";
    let test = Test::book(&WRITES_AND_FAILS.replace("    activate: echo \"activated $(cat conf)\" >> trace\n", ""));
    let test = test.file("conf", old).code(11);
    let path = test.sandbox.work().join("conf");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    let ran = test.run();
    assert_eq!(fs::read(&path).unwrap(), old);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o604);
    ran.verified();
}

#[test]
fn what_takes_effect_runs_after_the_write_and_after_the_restore() {
    let ran = Test::book(WRITES_AND_FAILS).file("conf", "old\n").code(11).run();
    assert_eq!(lines(&ran, "trace"), ["activated new", "activated old"]);
    assert_eq!(ran.steps(), ["main.write pass", "main.fail fail", "main.write~undo pass"]);
}

#[test]
fn an_undo_does_not_put_back_what_somebody_smuggled_into_the_run() {
    let body = r#"
on_failure: rollback
steps:
  - id: write
    file: { path: conf, template: "new\n" }
    undo: previous
  - id: smuggle
    shell: |
      cd "$DIR/runs/$RUNBOOK_RUN_ID/kept"
      old=$(sha256sum main.write)
      echo evil > main.write
      evil=$(sha256sum main.write)
      sed -i "s/${old%% *}/${evil%% *}/" main.write.json
    env: { DIR: "{{ inputs.state }}" }
    undo: { none: it stays }
  - { id: fail, shell: exit 1 }
inputs:
  state: { type: string }
"#;
    let test = Test::book(body).file("conf", "old\n").code(13);
    let state = test.sandbox.state().display().to_string();
    let ran = test.arg("-i").arg(format!("state={state}")).run();
    assert_eq!(
        ran.reason("main.write~undo"),
        "what is kept of conf is not what the log says the step found; not touched"
    );
    assert_eq!(ran.read("conf"), "new\n");
}

#[test]
fn a_file_that_was_not_there_is_gone_again() {
    let body = WRITES_AND_FAILS.replace("    activate: echo \"activated $(cat conf)\" >> trace\n", "");
    let ran = Test::book(&body).code(11).run();
    assert!(!ran.sandbox.exists("conf"));
}

#[test]
fn a_write_whose_activation_fails_is_put_back() {
    let body = "
on_failure: rollback
steps:
  - id: write
    file: { path: conf, template: \"broken\\n\" }
    undo: previous
    activate: grep -q old conf
";
    let ran = Test::book(body).file("conf", "old\n").code(11).run();
    assert_eq!(ran.read("conf"), "old\n");
    ran.verified();
}

#[test]
fn somebody_elses_change_is_not_overwritten_by_the_undo() {
    let body = WRITES_AND_FAILS.replace("shell: exit 1", "shell: echo theirs > conf; exit 1");
    let ran = Test::book(&body).file("conf", "old\n").code(13).run();
    assert_eq!(ran.read("conf"), "theirs\n");
    assert!(ran.reason("main.write~undo").contains("changed"), "{}", ran.reason("main.write~undo"));
}

/// But it is made to take effect: whoever wrote it may have died before that.
#[test]
fn a_file_that_is_already_right_is_not_written() {
    let body =
        "steps:\n  - id: write\n    file: { path: conf, template: \"same\\n\" }\n    activate: echo ran >> trace";
    let test = Test::book(body).file("conf", "same\n");
    let path = test.sandbox.work().join("conf");
    let before = fs::metadata(&path).unwrap();
    let ran = test.run();
    let after = fs::metadata(&path).unwrap();
    assert_eq!(lines(&ran, "trace"), ["ran"]);
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
}

#[test]
fn lines_copies_and_absence() {
    let body = "
steps:
  - id: line
    file: { path: hosts, line: '10.0.0.1 db' }
  - id: again
    file: { path: hosts, line: '10.0.0.1 db' }
  - id: copy
    file: { path: copied, copy: from.txt }
  - id: absent
    file: { path: flag, absent: true }
  - id: still_absent
    file: { path: flag, absent: true }
";
    let ran =
        Test::book(body).file("hosts", "127.0.0.1 localhost\n").file("from.txt", "copy me").file("flag", "").run();
    assert_eq!(ran.read("hosts"), "127.0.0.1 localhost\n10.0.0.1 db\n");
    assert_eq!(ran.read("copied"), "copy me");
    assert!(!ran.sandbox.exists("flag"));
    ran.verified();
}

#[test]
fn several_changes_of_one_file_are_taken_back_one_after_the_other() {
    let body = "
on_failure: rollback
steps:
  - id: one
    file: { path: conf, template: one }
    undo: previous
  - id: two
    file: { path: conf, template: two }
    undo: previous
  - id: three
    file: { path: conf, absent: true }
    undo: previous
  - id: fail
    shell: exit 1
";
    let ran = Test::book(body).file("conf", "zero").code(11).run();
    assert_eq!(ran.read("conf"), "zero");
}

#[test]
fn a_symbolic_link_stays_one_or_is_refused() {
    let body = "steps:\n  - id: write\n    file: { path: link, template: new }";
    let test = Test::book(body).file("real", "old");
    std::os::unix::fs::symlink("real", test.sandbox.work().join("link")).unwrap();
    let ran = test.start().end_any();
    let link = fs::symlink_metadata(ran.sandbox.work().join("link")).unwrap();
    assert!(link.is_symlink(), "the link was replaced by a file");
}

#[test]
fn a_directory_in_place_of_the_file_is_an_error_in_plain_words() {
    let test = Test::book("steps:\n  - id: write\n    file: { path: dir, template: x }").code(1);
    fs::create_dir(test.sandbox.work().join("dir")).unwrap();
    let reason = test.run().reason("main.write");
    assert!(reason.contains("directory"), "{reason}");
}
