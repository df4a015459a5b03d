//! A person at a terminal: answers, Ctrl-C, Ctrl-D, a terminal that goes away.

use crate::support::{RUNBOOK, Terminal, Test, lines, log_of};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const GO: &str = "
steps:
  - id: one
    shell: echo one >> trace
  - id: go
    checkpoint: { title: Go on? }
  - id: two
    shell: echo two >> trace; touch began; while [ -e wait ]; do sleep 0.02; done
    repeat: safe
always:
  - id: last
    shell: echo always >> trace
";

#[test]
fn a_go_goes_on() {
    let mut person = Test::book(GO).at_terminal();
    person.sees("Go on?").sees("g/n: ").types("g looks good");
    let ran = person.end();
    assert_eq!(lines(&ran, "trace"), ["one", "two", "always"]);
    let decision = &ran.show()["decisions"][0];
    assert_eq!((&decision["answer"], &decision["reason"]), (&"go".into(), &"looks good".into()));
    ran.verified();
}

#[test]
fn a_no_go_and_the_end_of_input_stop_the_run() {
    for no in ["n", "^D"] {
        let mut person = Test::book(GO).code(4).at_terminal();
        person.sees("g/n: ");
        if no == "n" {
            person.types("n not today")
        } else {
            person.control('d')
        };
        let ran = person.end();
        assert_eq!(lines(&ran, "trace"), ["one", "always"], "{no}");
        assert_eq!(ran.show()["result"], "no-go");
    }
}

#[test]
fn nothing_is_agreed_to_by_accident() {
    let mut person = Test::book(GO).code(4).at_terminal();
    person.sees("g/n: ").types("").sees("g/n: ").types("yes").sees("g/n: ").types("go no further").sees("g/n: ");
    person.types("n");
    assert_eq!(lines(&person.end(), "trace"), ["one", "always"]);
}

#[test]
fn an_answered_checkpoint_is_not_asked_again_after_a_crash() {
    let mut person = Test::book(GO).file("wait", "").at_terminal();
    person.sees("g/n: ").types("g").until("began");
    let ran = person.kill();
    std::fs::remove_file(ran.sandbox.work().join("wait")).unwrap();
    let ran = ran.resume().args("--no-input").run();
    assert_eq!(lines(&ran, "trace"), ["one", "two", "two", "always"]);
    ran.verified();
}

#[test]
fn a_parked_question_is_asked_when_somebody_is_there() {
    let parked = Test::book(GO).code(5).run();
    let mut person = parked.resume().at_terminal();
    person.sees("Go on?").sees("g/n: ").types("g");
    assert_eq!(lines(&person.end(), "trace"), ["one", "two", "always"]);
}

#[test]
fn evidence_is_asked_for_and_kept() {
    let body = "
steps:
  - id: told
    manual: Tell the team
    evidence: { link: required, note: optional }
  - id: after
    shell: echo {{ steps.told.link }} >> trace
";
    let mut person = Test::book(body).at_terminal();
    person.sees("link").types("").sees("is required").types("https://chat/42").sees("note").types("");
    person.sees("d/n: ").types("d");
    assert_eq!(lines(&person.end(), "trace"), ["https://chat/42"]);
}

const FAILS: &str = "
on_failure: ask
steps:
  - id: one
    shell: echo one >> trace
    undo: { shell: echo undo >> trace }
  - id: two
    shell: echo two >> trace; test -e good
  - id: three
    shell: echo three >> trace
";

#[test]
fn after_a_failure_a_person_decides() {
    let table: [(&str, i32, &[&str]); 3] = [
        ("s known problem", 0, &["one", "two", "three"]),
        ("b", 11, &["one", "two", "undo"]),
        ("q", 1, &["one", "two"]),
    ];
    for (answer, code, trace) in table {
        let mut person = Test::book(FAILS).code(code).at_terminal();
        person.sees("r/s/b/q: ").types(answer);
        assert_eq!(lines(&person.end(), "trace"), trace, "{answer}");
    }
}

#[test]
fn a_retry_after_the_cause_is_gone_goes_on() {
    let mut person = Test::book(FAILS).at_terminal();
    person.sees("r/s/b/q: ").sandbox().write("good", "");
    person.types("r");
    assert_eq!(lines(&person.end(), "trace"), ["one", "two", "two", "three"]);
}

#[test]
fn a_step_in_doubt_is_decided_by_a_person() {
    let body = "
steps:
  - id: slow
    shell: echo slow >> trace; touch began; while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done
  - id: after
    shell: echo after >> trace
";
    let table: [(&str, i32, &[&str]); 3] =
        [("d", 0, &["slow", "after"]), ("a", 0, &["slow", "slow", "after"]), ("f", 1, &["slow"])];
    for (answer, code, trace) in table {
        let mut running = Test::book(body).start();
        running.until("began");
        let ran = running.kill();
        ran.sandbox.write("finish", "");
        let mut person = ran.resume().code(code).at_terminal();
        person.sees("d/a/f: ").types(answer);
        let ran = person.end();
        assert_eq!(lines(&ran, "trace"), trace, "{answer}");
        ran.verified();
    }
}

#[test]
fn a_missing_input_is_asked_for_until_it_fits() {
    let body = "
inputs: { version: { pattern: 'v\\d+', help: Release } }
steps: [{ id: one, shell: 'echo {{ inputs.version }} >> trace' }]
";
    let mut person = Test::book(body).at_terminal();
    person.sees("version (Release): ").types("three").sees("does not match").sees("version (Release): ").types("v3");
    assert_eq!(lines(&person.end(), "trace"), ["v3"]);
}

#[test]
fn a_secret_is_asked_for_without_showing_it() {
    let body = "
inputs: { token: { type: secret } }
steps:
  - id: one
    shell: printf '%s' \"$TOKEN\" | wc -c >> trace; echo \"$TOKEN\"
    env: { TOKEN: '{{ inputs.token }}' }
";
    let mut person = Test::book(body).at_terminal();
    person.sees("token (hidden): ").types("typed-secret-value");
    let ran = person.end();
    assert_eq!(lines(&ran, "trace"), ["18"]);
    assert!(!ran.stdout.contains("typed-secret"), "{}", ran.stdout);
    let files = ran.all_files();
    assert!(files.iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains("typed-secret")));
}

const SLOW: &str = r#"
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
  - id: after
    shell: echo after >> trace
always:
  - id: last
    shell: echo always >> trace
"#;

fn pressed(times: u8, code: i32) -> Terminal {
    let mut person = Test::book(SLOW).code(code).at_terminal();
    person.until("began");
    for press in 1..=times {
        person.control('c').until_logged(&format!("\"stage\":{press}"));
    }
    person
}

#[test]
fn ctrl_c_once_finishes_what_runs() {
    let person = pressed(1, 130);
    person.sandbox().write("finish", "");
    let ran = person.end();
    assert!(ran.stdout.contains("^C again"), "{}", ran.stdout);
    assert_eq!(lines(&ran, "trace"), ["first", "slow"]);
    assert_eq!(lines(&ran.resume().run(), "trace"), ["first", "slow", "after", "always"]);
}

#[test]
fn ctrl_c_twice_takes_everything_back() {
    let ran = pressed(2, 11).end();
    assert_eq!(lines(&ran, "trace"), ["first", "term", "undo-first", "always"]);
    ran.verified();
}

#[test]
fn no_answer_in_time_is_a_no_go() {
    let body = GO.replace("{ title: Go on? }", "{ title: Go on?, timeout: 300ms }");
    let mut person = Test::book(&body).code(4).at_terminal();
    person.sees("g/n: ");
    let ran = person.end();
    assert_eq!(lines(&ran, "trace"), ["one", "always"]);
    assert_eq!(ran.reason("main.go"), "nobody answered `Go on?` in time");
}

#[test]
fn a_no_go_takes_back_where_the_runbook_says_so() {
    let body = "
on_failure: rollback
steps:
  - id: one
    shell: echo one >> trace
    undo: { shell: echo undo >> trace }
  - id: go
    checkpoint: { title: Go on? }
";
    let mut person = Test::book(body).code(4).at_terminal();
    person.sees("g/n: ").types("n");
    assert_eq!(lines(&person.end(), "trace"), ["one", "undo"]);
}

/// Lines typed ahead belong to nobody.
#[test]
fn what_was_typed_before_the_question_does_not_answer_it() {
    let body = GO.replace(
        "shell: echo one >> trace",
        "shell: touch began; while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done; echo one >> trace",
    );
    let mut person = Test::book(&body).code(4).at_terminal();
    person.until("began").types("g").types("g");
    person.sandbox().write("finish", "");
    person.sees("Go on?").sees("g/n: ");
    std::thread::sleep(Duration::from_millis(100));
    person.types("n");
    assert_eq!(lines(&person.end(), "trace"), ["one", "always"]);
}

#[test]
fn ctrl_c_at_a_question_leaves_it_open() {
    let mut person = Test::book(GO).code(130).at_terminal();
    person.sees("g/n: ").control('c');
    let ran = person.end();
    ran.resume().args("--no-input").code(5).run();
    assert_eq!(lines(&ran, "trace"), ["one"]);
}

/// The terminal emulator dies; the run goes on to the next question and waits there.
#[test]
fn a_closed_terminal_neither_ends_a_run_nor_answers_for_anybody() {
    let test = Test::book(&GO.replace(
        "shell: echo one >> trace",
        "shell: touch began; while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done; echo one >> trace",
    ));
    let mut command = Command::new("setsid");
    command.args(["script", "-qec", &format!("exec {RUNBOOK} run a.yml"), "/dev/null"]);
    test.surround(&mut command);
    let mut emulator = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let sandbox = test.sandbox.clone();
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        let since = Instant::now();
        while !holds() {
            assert!(since.elapsed() < Duration::from_secs(20), "{what} never came; log:\n{}", log_of(&sandbox));
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    until("the step", &|| sandbox.exists("began"));
    emulator.kill().unwrap();
    emulator.wait().unwrap();
    sandbox.write("finish", "");
    until("parking", &|| log_of(&sandbox).contains("\"parked\""));
    // The driver has let go as soon as the next one may take over.
    std::thread::sleep(Duration::from_millis(100));
    let ran = Test::again(&sandbox).args("resume").arg(sandbox.run_id()).args("--no-input").code(5).run();
    assert_eq!(lines(&ran, "trace"), ["one"]);
}
