//! A disk that fills up: nothing starts whose beginning could not be written, and the run goes on when there is room.

use crate::support::{Test, lines};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time: they share the small disk.
static DISK: Mutex<()> = Mutex::new(());

/// The state directory on a small disk, and a way to fill it.
fn on_the_small_disk(name: &str, body: &str) -> (Test, PathBuf, MutexGuard<'static, ()>) {
    let turn = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let disk = std::env::var_os("RUNBOOK_SMALL_DISK").expect("RUNBOOK_SMALL_DISK names a directory of about 2 MiB");
    let mine = PathBuf::from(disk).join(name);
    fs::create_dir_all(&mine).unwrap();
    let test = Test::book(body);
    let state = test.sandbox.state().parent().unwrap().to_path_buf();
    fs::remove_dir(&state).unwrap();
    std::os::unix::fs::symlink(&mine, &state).unwrap();
    (test, mine.join("filler"), turn)
}

fn fill(filler: &PathBuf) {
    // The last write fails: that is the point.
    let _ = fs::write(filler, vec![b'x'; 8 << 20]);
}

/// Every step has a record of several kilobytes and leaves one line outside.
fn many_steps(count: u32) -> String {
    let padding = "x".repeat(4000);
    format!(
        "steps:\n  - id: begin\n    shell: touch began; while [ -e wait ]; do sleep 0.02; done\n  - id: many\n    for_each:\n      \
         in: '{{{{ range(0, {count}) | list }}}}'\n      max: {count}\n      steps:\n        - id: one\n          repeat: safe\n          \
         shell: |\n            # {padding}\n            echo {{{{ item }}}} >> trace\n"
    )
}

#[test]
#[ignore = "needs a directory on a file system of about 2 MiB in RUNBOOK_SMALL_DISK; tests/run makes it"]
fn a_full_disk_stops_the_run_before_the_next_step_and_not_for_good() {
    let (test, filler, _turn) = on_the_small_disk("full", &many_steps(100));
    let mut running = test.file("wait", "").code(8).start();
    running.until("began");
    fill(&filler);
    fs::remove_file(running.sandbox().work().join("wait")).unwrap();
    let ran = running.end();
    let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("is full: free some space, then resume the run"), "{said}");
    let done = lines(&ran, "trace");
    assert!(!done.is_empty() && done.len() < 100, "{} steps ran", done.len());
    // Every step that ran had its beginning in the log first.
    let begun = ran.log().matches("\"type\":\"step.start\"").count();
    assert!(done.len() < begun, "{} steps ran, {begun} are in the log", done.len());
    // Still full: refused, and again nothing runs.
    ran.resume().args("--no-input").code(8).run();
    assert_eq!(lines(&ran, "trace"), done);

    fs::remove_file(&filler).unwrap();
    let ran = ran.resume().args("--no-input").run();
    let mut all = lines(&ran, "trace");
    all.dedup();
    assert_eq!(all, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
    ran.verified();
    fs::remove_dir_all(filler.parent().unwrap()).unwrap();
}

#[test]
#[ignore = "needs a directory on a file system of about 2 MiB in RUNBOOK_SMALL_DISK; tests/run makes it"]
fn output_that_cannot_be_kept_ends_the_run() {
    let body = "
steps:
  - id: begin
    shell: touch began; while [ -e wait ]; do sleep 0.02; done
  - id: loud
    repeat: safe
    shell: head -c 100000 /dev/urandom | base64; touch loud
  - id: after
    shell: touch after
";
    let (test, filler, _turn) = on_the_small_disk("loud", body);
    let mut running = test.file("wait", "").code(8).start();
    running.until("began");
    fill(&filler);
    fs::remove_file(running.sandbox().work().join("wait")).unwrap();
    let ran = running.end();
    assert!(!ran.sandbox.exists("after"), "a step ran after output was lost");
    fs::remove_file(&filler).unwrap();
    let ran = ran.resume().args("--no-input").run();
    assert!(ran.sandbox.exists("after"));
    ran.verified();
    fs::remove_dir_all(filler.parent().unwrap()).unwrap();
}
