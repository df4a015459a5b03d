//! What the program really writes, judged by the second verifier: keys of every kind, changed plans, revoked keys.

use crate::support::*;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Waits at its question; then goes on with another plan, and a person says go.
const BODY: &str = "steps:
  - { id: one, shell: echo one }
  - { id: ask, checkpoint: { title: Go on? } }
  - { id: two, shell: echo two }";

/// The first word and the reasons of the second verifier.
fn second(ran: &Ran, run: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/second_verifier.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(run).arg(ran.sandbox.config().join("allowed_signers"));
    let revoked = ran.sandbox.config().join("revoked_keys");
    if revoked.exists() {
        python.arg(revoked);
    }
    let output = python.output().expect("python3");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Both must say the same word; what this machine remembers is no part of the comparison.
fn both_say(ran: &Ran, run: &Path, what: &str) -> String {
    let _ = fs::remove_dir_all(ran.sandbox.state().join("heads"));
    let first = ran.then("verify").arg(run.to_str().unwrap()).command().output().unwrap().stdout;
    let first = String::from_utf8(first).unwrap();
    let second = second(ran, run);
    let word = |said: &str| said.split([':', '\n']).next().unwrap().to_string();
    assert_eq!(word(&first), word(&second), "{what}:\n{first}\n{second}");
    word(&first)
}

/// Changes one byte of each of some files, at several places, and puts it back.
fn every_change_is_judged_alike(ran: &Ran, run: &Path, kind: &str) {
    let mut convicted = 0;
    for (path, bytes) in files_below(run) {
        let places = if path.extension().is_some_and(|e| e == "jsonl" || e == "sig") { 8 } else { 1 };
        for place in 0..places.min(bytes.len()) {
            let mut changed = bytes.clone();
            changed[bytes.len() * place / places] ^= 1;
            fs::write(&path, changed).unwrap();
            let said = both_say(ran, run, &format!("{kind}: {} at {place}", path.display()));
            convicted += u32::from(said == "TAMPERED");
        }
        fs::remove_file(&path).unwrap();
        both_say(ran, run, &format!("{kind}: without {}", path.display()));
        fs::write(&path, bytes).unwrap();
    }
    assert!(convicted > 20, "{kind}: {convicted}");
}

#[test]
#[ignore = "needs ssh-keygen and python3; tests/run runs it"]
fn both_verifiers_agree_about_runs_of_every_kind_of_key() {
    for make in ["", "-t rsa -b 2048", "-t ecdsa -b 256", "-t ecdsa -b 384", "-t ecdsa -b 521"] {
        let test = Test::book(BODY);
        let mut keygen = Command::new("sh");
        keygen.current_dir(test.sandbox.work()).arg("-c").arg(format!("ssh-keygen -q {make} -N '' -C '' -f key"));
        assert!(make.is_empty() || keygen.status().unwrap().success());
        let keys = test.new_args(if make.is_empty() { "keys" } else { "keys use key" }).run();
        keys.then("run a.yml --no-input").code(5).run();
        let ran = keys.then("run a.yml --no-input").code(5).run();
        let run = ran.sandbox.runs().pop().unwrap();
        assert_eq!(both_say(&ran, &run, make), "INCOMPLETE");

        ran.sandbox.write("a.yml", book(&BODY.replace("echo two", "echo 2")));
        ran.resume().args("--no-input --accept-changes typo").code(5).run();
        let mut person = ran.resume().at_terminal();
        person.sees("g/n: ").types("g");
        let ran = person.end();
        assert_eq!(both_say(&ran, &run, make), "COMPLETE");
        let log = fs::read_to_string(run.join("run.jsonl")).unwrap();
        assert!(log.contains("\"prev_run\":{") && fs::exists(run.join("plan.2.json")).unwrap());
        every_change_is_judged_alike(&ran, &run, make);

        let public = if make.is_empty() {
            ran.sandbox.config().join("id_ed25519.pub")
        } else {
            ran.sandbox.work().join("key.pub")
        };
        ran.then("keys revoke").arg(public.to_str().unwrap()).run();
        assert_eq!(both_say(&ran, &run, make), "UNTRUSTED");
    }
}
