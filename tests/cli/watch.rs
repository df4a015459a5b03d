//! Watching a log that somebody else writes.

use crate::support::{Ran, Test};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const BOOK: &str = "
steps:
  - { id: before, watch: { file: app.log, for: 700ms } }
  - { id: restart, shell: echo \"$LINE\" >> app.log, env: { LINE: '{{ inputs.line }}' }, timeout: 5s, undo: { none: a line } }
  - id: quiet
    watch:
      file: app.log
      for: 700ms
      since: restart
      must: ['listening on \\d+']
      must_not: [panic]
      new_patterns: { baseline: before, max: 1 }
inputs: { line: { default: listening on 8080 } }
";

/// Runs while an app writes a line every few milliseconds.
fn beside_an_app(test: Test) -> Ran {
    let log: PathBuf = test.sandbox.work().join("app.log");
    let stop = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&stop);
    let app = std::thread::spawn(move || {
        let mut log = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        for n in 0.. {
            if over.load(Ordering::Relaxed) {
                return;
            }
            writeln!(log, "request {n} took {n} ms").unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let ran = test.run();
    stop.store(true, Ordering::Relaxed);
    app.join().unwrap();
    ran
}

#[test]
fn a_watch_counts_lines_from_the_start_of_an_earlier_step() {
    let ran = beside_an_app(Test::book(BOOK).file("app.log", "panic of yesterday\n"));
    let seen = ran.logs("main.quiet");
    assert!(seen.contains("listening on 8080") && !seen.contains("yesterday"), "{seen}");
    ran.verified();
}

#[test]
fn a_line_that_must_not_come_fails_the_step_and_is_shown() {
    let ran = beside_an_app(Test::book(BOOK).arg("-i").arg("line=panic: listening on 8080").code(1));
    let why = ran.reason("main.quiet");
    assert_eq!(why, "a line came that must not, for `panic`: panic: listening on 8080");
}

#[test]
fn a_line_that_must_come_and_does_not_fails_the_step() {
    let ran = beside_an_app(Test::book(BOOK).arg("-i").arg("line=starting").code(1));
    let why = ran.reason("main.quiet");
    assert!(why.starts_with(r"no line for `listening on \d+` came in 700ms; "), "{why}");
}

#[test]
fn more_new_kinds_of_lines_than_allowed_fail_the_step() {
    let ran = beside_an_app(Test::book(&BOOK.replace("max: 1", "max: 0")).code(1));
    let why = ran.reason("main.quiet");
    let wanted = "1 kind of line that `before` did not see, 0 allowed; the first: listening on 8080";
    assert_eq!(why, wanted);
}

#[test]
fn a_log_in_which_nothing_comes_says_nothing() {
    let book = "steps: [{ id: quiet, watch: { file: app.log, for: 200ms, must_not: [panic] } }]";
    let ran = Test::book(book).file("app.log", "old\n").code(1).run();
    assert_eq!(ran.reason("main.quiet"), "no line came in 200ms, so there was nothing to judge");
    assert!(ran.log().contains("inconclusive"));
}

#[test]
fn a_log_that_does_not_exist_is_unavailable() {
    let book = "steps: [{ id: quiet, watch: { file: none.log, for: 200ms, must_not: [panic] } }]";
    let ran = Test::book(book).code(1).run();
    assert!(ran.reason("main.quiet").ends_with("none.log does not exist"), "{}", ran.reason("main.quiet"));
    assert!(ran.log().contains("unavailable"));
}

#[test]
fn what_a_script_prints_is_watched_until_the_time_is_over() {
    let script = "echo ready; sleep 30; echo never";
    let book =
        format!("steps: [{{ id: out, watch: {{ shell: '{script}', for: 500ms, must: [ready], must_not: [never] }} }}]");
    Test::book(&book).run();
}

#[test]
fn a_watch_goes_on_after_a_kill_from_where_its_step_began() {
    let book = "
steps:
  - { id: restart, shell: echo listening >> app.log, timeout: 5s, undo: { none: a line } }
  - { id: quiet, watch: { file: app.log, for: 1s, since: restart, must: [listening] } }
";
    let mut run = Test::book(book).file("app.log", "old\n").start();
    run.until_logged("main.quiet");
    let killed = run.kill();
    killed.sandbox.write("app.log", "old\nlistening\nwhile nobody looked\n");
    let ran = killed.resume().run();
    assert_eq!(ran.logs("main.quiet"), "listening\nwhile nobody looked\n");
}

/// A run that was killed while it watched, what came after that, and what is said of it.
fn killed_while_watching(source: &str, meanwhile: &str) -> Ran {
    let book = format!("steps: [{{ id: quiet, watch: {{ {source}, for: 2s, must_not: [ERROR] }} }}]");
    let mut run = Test::book(&book).file("app.log", "old\n").start();
    run.until_logged("main.quiet");
    let killed = run.kill();
    let log = killed.sandbox.read("app.log");
    killed.sandbox.write("app.log", log + meanwhile);
    killed.resume().code(1).run()
}

#[test]
fn a_watch_that_was_killed_sees_what_came_while_nobody_looked() {
    let ran = killed_while_watching("file: app.log", "ERROR crash\n");
    assert_eq!(ran.reason("main.quiet"), "a line came that must not, for `ERROR`: ERROR crash");
    ran.verified();
}

#[test]
fn a_command_that_was_killed_while_it_was_watched_is_inconclusive() {
    let ran = killed_while_watching("shell: 'while sleep 0.1; do echo fine; done'", "");
    let wanted = "nobody saw how it ended, and what came while nobody looked cannot be printed again";
    assert_eq!(ran.reason("main.quiet"), wanted);
    assert!(ran.log().contains("inconclusive"));
}

#[test]
fn a_line_too_long_to_be_looked_at_is_inconclusive() {
    let print = "printf \"%3000000s\" x; echo";
    let book = format!("steps: [{{ id: quiet, watch: {{ shell: '{print}', for: 20s, must_not: [ERROR] }} }}]");
    let ran = Test::book(&book).code(1).run();
    assert_eq!(ran.reason("main.quiet"), "a line came that is longer than 1 MiB, and its end was not looked at");
}
