//! The prompt on a pseudo-terminal. The child is this test program itself, running the ignored test below.

use super::asking::{asked, talk};
use crate::cli::terminal::prompt::{Prompt, Tty};
use crate::drive::run::Incoming;
use crate::machine::Input;
use crate::machine::event::Question;
use rexpect::session::{PtySession, spawn_command};
use std::process::Command;
use std::time::{Duration, Instant};

const RESULT: &str = "RUNBOOK_TEST_RESULT";

#[test]
#[ignore = "runs on the pseudo-terminal that the tests below make"]
fn child() {
    let Ok(result) = std::env::var(RESULT) else { return };
    let (send, mut incoming) = tokio::sync::mpsc::unbounded_channel();
    let mut prompt = Prompt::new(Tty::open().unwrap(), "ana".into(), send);
    assert!(prompt.ask(talk(&asked(Question::Checkpoint))));
    let words = match incoming.blocking_recv().unwrap() {
        Incoming::Input(Input::Answer { answer, reason, .. }) => format!("{answer:?} {reason:?}"),
        other => format!("{other:?}"),
    };
    std::fs::write(result, words).unwrap();
}

struct Child {
    session: PtySession,
    result: tempfile::NamedTempFile,
}

impl Child {
    fn start() -> Child {
        let result = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "cli::terminal::tests::pty::child", "--nocapture"]);
        command.env(RESULT, result.path());
        let mut session = spawn_command(command, Some(20_000)).unwrap();
        session.exp_string("ana, g/n: ").unwrap();
        Child { session, result }
    }

    fn result(&self) -> String {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.result.path()).unwrap();
            if !text.is_empty() {
                return text;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no result");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_person_at_a_terminal_is_asked_until_there_is_an_answer() {
    let mut child = Child::start();
    child.session.send_line("").unwrap();
    child.session.exp_string("[g] GO").unwrap();
    child.session.exp_string("ana, g/n: ").unwrap();
    child.session.send_line("sure").unwrap();
    child.session.exp_string("`sure` is not one of the answers").unwrap();
    child.session.send_line("g all green").unwrap();
    assert_eq!(child.result(), r#"Go Some("all green")"#);
}

#[test]
fn ctrl_d_at_a_terminal_is_no_go() {
    let mut child = Child::start();
    child.session.send_control('d').unwrap();
    assert_eq!(child.result(), r#"NoGo Some("end of input")"#);
}
