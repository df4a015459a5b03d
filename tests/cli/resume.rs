//! Resuming again and again: every takeover is a segment of its own, and what was found is never written to.

use crate::support::{Ran, Test, lines};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// `one` ran, and a person is asked before `two`.
fn waiting() -> Ran {
    let steps = "steps:
  - { id: one, shell: echo one >> trace }
  - { id: ask, checkpoint: { title: Go on? } }
  - { id: two, shell: echo two >> trace }";
    Test::book(steps).args("--no-input").code(5).run()
}

fn dir(ran: &Ran) -> PathBuf {
    ran.sandbox.runs().pop().unwrap()
}

/// Every segment there is, with its bytes.
fn segments(ran: &Ran) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir(ran)).unwrap().flatten().map(|e| e.path());
    let logs = files.filter(|p| p.extension().is_some_and(|e| e == "jsonl"));
    logs.map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&p).unwrap())).collect()
}

fn goes(test: Test) -> Ran {
    let mut person = test.at_terminal();
    person.sees("g/n: ").types("g");
    person.end()
}

#[test]
fn a_run_may_be_resumed_any_number_of_times() {
    let ran = waiting();
    let mut before = segments(&ran);
    for number in 2..=5 {
        ran.resume().args("--no-input").code(5).run();
        let now = segments(&ran);
        assert!(now.contains_key(&format!("run.{number}.jsonl")) && now.len() == before.len() + 1);
        assert!(before.iter().all(|(name, bytes)| now[name] == *bytes), "what was found is as it was");
        before = now;
    }
    let ran = goes(ran.resume());
    assert_eq!(lines(&ran, "trace"), ["one", "two"]);
    assert_eq!(ran.show()["takeovers"].as_array().map(Vec::len), Some(5));
    assert!(before.iter().all(|(name, bytes)| segments(&ran)[name] == *bytes));
    ran.verified();
}

#[test]
fn a_resumption_killed_before_its_first_record_leaves_a_run_that_can_be_resumed() {
    for left in ["", "{", "{\"seq\":0,\"prev\":\"0000", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        let ran = waiting();
        let resumed = ran.resume().args("--no-input").code(5).run();
        assert!(resumed.stderr.contains("PARKED"), "{}", resumed.stderr);
        for number in [3, 4] {
            fs::write(dir(&ran).join(format!("run.{number}.jsonl")), left).unwrap();
        }
        assert!(ran.of_run("verify").code(9).run().stdout.starts_with("INCOMPLETE"), "{left:?}");
        assert!(ran.then("runs").run().stdout.contains("waiting"), "{left:?}");
        let ran = goes(ran.resume());
        assert_eq!(lines(&ran, "trace"), ["one", "two"], "{left:?}");
        assert_eq!(fs::read_to_string(dir(&ran).join("run.4.jsonl")).unwrap(), left);
        ran.verified();
    }
}

#[test]
fn the_opening_record_that_was_not_sealed_did_not_happen() {
    let ran = waiting();
    ran.resume().args("--no-input").code(5).run();
    let second = dir(&ran).join("run.2.jsonl");
    let opening: Vec<u8> = fs::read(&second).unwrap().split_inclusive(|b| *b == b'\n').next().unwrap().to_vec();
    // This machine remembers the sealed record; a power cut that takes it takes the memory of it as well.
    fs::remove_dir_all(ran.sandbox.state().join("heads")).unwrap();
    for cut in [opening.len(), opening.len() - 1, opening.len() / 2] {
        fs::write(&second, &opening[..cut]).unwrap();
        assert!(ran.of_run("verify").code(9).run().stdout.starts_with("INCOMPLETE"), "{cut}");
        assert!(ran.show()["takeovers"].as_array().is_some_and(Vec::is_empty), "{cut}");
    }
    let ran = goes(ran.resume());
    assert_eq!(lines(&ran, "trace"), ["one", "two"]);
    assert_eq!(ran.show()["takeovers"].as_array().map(Vec::len), Some(1));
    ran.verified();
}

#[test]
fn a_plan_stored_for_a_segment_that_never_came_is_nobodys_plan() {
    let ran = waiting();
    fs::write(dir(&ran).join("plan.2.json"), "left by a resumption that was killed").unwrap();
    fs::write(dir(&ran).join("inputs/2.0.a.yml"), "the same").unwrap();
    ran.resume().args("--no-input").code(5).run();
    let book = ran.read("a.yml");
    ran.sandbox.write("a.yml", book.replace("echo two", "echo 2"));
    fs::write(dir(&ran).join("plan.3.json"), "left by another").unwrap();
    let ran = goes(ran.resume().args("--accept-changes typo"));
    assert_eq!(lines(&ran, "trace"), ["one", "2"]);
    ran.verified();
}
