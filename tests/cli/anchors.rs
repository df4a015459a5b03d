//! Heads kept elsewhere: what convicts a log that is whole in itself.

use super::support::*;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::rc::Rc;

const BOOK: &str = "steps: [{ id: one, shell: echo one | tee one }, { id: two, shell: echo two | tee two }]";

fn a_run() -> Ran {
    Test::book(BOOK).args("--no-input").run()
}

fn newest(sandbox: &Sandbox) -> PathBuf {
    sandbox.runs().pop().unwrap()
}

/// Takes the last seals of a run away, and the signature that would tell.
fn cut_tail(run: &Path) {
    let log = fs::read_to_string(run.join("run.jsonl")).unwrap();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    fs::write(run.join("run.jsonl"), lines[..lines.len() - 4].concat()).unwrap();
    let _ = fs::remove_file(run.join("run.jsonl.sig"));
}

fn forget(sandbox: &Sandbox) {
    fs::remove_dir_all(sandbox.state().join("heads")).unwrap();
}

/// The line of a sandbox's own key in its trust store, for another role.
fn line_for(of: &Sandbox, who: &str, role: &str) -> String {
    let key = fs::read_to_string(of.config().join("id_ed25519.pub")).unwrap();
    let key: Vec<&str> = key.split_whitespace().take(2).collect();
    format!("{who} namespaces=\"{role}.v1@runbook\" {}\n", key.join(" "))
}

fn trust(sandbox: &Sandbox, line: &str) {
    let path = sandbox.config().join("allowed_signers");
    fs::write(&path, fs::read_to_string(&path).unwrap_or_default() + line).unwrap();
}

/// Bob, who has a key and trusts the operator's logs, and whom the operator trusts as an approver.
fn bob(operator: &Sandbox) -> Rc<Sandbox> {
    let bob = Test::new().args("keys").env("USER", "bob").run().sandbox;
    trust(&bob, &line_for(operator, "alice@example.com", "log"));
    trust(operator, &line_for(&bob, "bob@example.com", "approval"));
    bob
}

#[test]
fn t57_a_run_remembers_the_head_it_closed_with() {
    let ran = a_run();
    let run = newest(&ran.sandbox);
    cut_tail(&run);
    let said = ran.of_run("verify").code(9).run().stdout;
    assert!(said.starts_with("TAMPERED"), "{said}");
    assert!(said.contains("TAMPERED: the tail was cut: this machine knows this run at "), "{said}");
    let said = ran.of_run("resume").args("--no-input").code(9).run().stderr;
    assert!(said.contains("the tail was cut: this machine knows this run at "), "{said}");
    forget(&ran.sandbox);
    let said = ran.of_run("verify").code(9).run().stdout;
    assert!(said.starts_with("INCOMPLETE"), "{said}");
}

#[test]
fn t56_each_run_names_the_one_before_it() {
    let ran = a_run();
    let first = newest(&ran.sandbox);
    ran.then("run a.yml --no-input").run();
    let second = newest(&ran.sandbox);
    let name = |run: &Path| run.file_name().unwrap().to_str().unwrap().to_string();
    let start: serde_json::Value = serde_json::from_str(ran.log().lines().next().unwrap()).unwrap();
    assert_eq!(start["prev_run"]["run"], name(&first));

    forget(&ran.sandbox);
    cut_tail(&first);
    let said = ran.then("verify").arg(name(&first)).code(9).run().stdout;
    assert!(said.contains(&format!("the tail was cut: run {} knows this run at ", name(&second))), "{said}");
    fs::write(first.join("run.jsonl"), "").unwrap();
    let said = ran.then("verify").arg(name(&second)).run().stdout;
    assert!(said.contains(&format!("NOTE: the previous run {} was cut or rewritten", name(&first))), "{said}");
    fs::remove_dir_all(&first).unwrap();
    let said = ran.then("verify").arg(name(&second)).run().stdout;
    assert!(said.contains(&format!("NOTE: the previous run {} is not here", name(&first))), "{said}");
}

#[test]
fn t58_a_run_tells_syslog_and_verify_takes_its_lines_back() {
    let test = Test::book(BOOK);
    let socket = test.sandbox.work().join("log");
    let daemon = UnixDatagram::bind(&socket).unwrap();
    daemon.set_nonblocking(true).unwrap();
    let ran = test.args("--no-input").env("RUNBOOK_SYSLOG", socket.to_str().unwrap()).run();
    let (mut lines, mut buffer) = (String::from("other words\n"), [0; 1000]);
    while let Ok(length) = daemon.recv(&mut buffer) {
        lines += &(String::from_utf8(buffer[..length].to_vec()).unwrap() + "\n");
    }
    ran.sandbox.write("syslog", &lines);
    let known = lines.lines().count() - 1;
    assert!(known >= 3, "{lines}");
    let said = ran.of_run("verify").args("--heads syslog").run().stdout;
    assert!(said.contains(&format!("NOTE: {known} of {known} head(s) of syslog are in this log")), "{said}");

    cut_tail(&newest(&ran.sandbox));
    forget(&ran.sandbox);
    let said = ran.of_run("verify").args("--heads -").stdin(lines).code(9).run().stdout;
    assert!(said.contains("TAMPERED: the tail was cut: - knows this run at "), "{said}");
    ran.of_run("verify").args("--heads nowhere").code(2).run();
}

#[test]
fn a_run_without_a_syslog_goes_on() {
    for setting in ["off", "", "/nowhere/log"] {
        Test::book(BOOK).args("--no-input").env("RUNBOOK_SYSLOG", setting).run().verified();
    }
}

#[test]
fn a_second_person_countersigns_and_a_cut_tail_is_convicted() {
    let ran = a_run();
    let run = newest(&ran.sandbox);
    let bob = bob(&ran.sandbox);
    let mut signing = Test::again(&bob).args("countersign").env("USER", "bob").arg(run.to_str().unwrap());
    signing = signing.args("--note").arg("saw it happen");
    let said = signing.run().stdout;
    assert!(said.contains("countersigned by bob@") && said.contains("namespaces=\"approval.v1@runbook\""), "{said}");
    let said = ran.of_run("verify").run().stdout;
    assert!(said.contains("NOTE: countersigned by bob@example.com at 20"), "{said}");
    assert!(said.contains("Z: saw it happen"), "{said}");

    // Once is enough.
    let again = Test::again(&bob).args("countersign").env("USER", "bob").arg(run.to_str().unwrap()).code(2).run();
    assert!(again.stderr.contains("file exists"), "{}", again.stderr);

    cut_tail(&run);
    forget(&ran.sandbox);
    let said = ran.of_run("verify").code(9).run().stdout;
    assert!(
        said.contains("TAMPERED: the tail was cut: the countersignature of bob@example.com knows this run"),
        "{said}"
    );
}

#[test]
fn a_countersignature_kept_elsewhere_speaks_too() {
    let ran = a_run();
    let run = newest(&ran.sandbox);
    let bob = bob(&ran.sandbox);
    let kept = bob.work().join("kept");
    let export = |to: &Path| {
        Test::again(&bob).args("countersign").arg(run.to_str().unwrap()).arg("--export").arg(to.to_str().unwrap())
    };
    export(&kept).run();
    export(&kept).code(2).run();
    assert!(!run.join("countersignatures").exists());
    let verify = || ran.of_run("verify").arg("--heads").arg(kept.to_str().unwrap());
    let said = verify().run().stdout;
    assert!(said.contains("NOTE: countersigned by bob@example.com"), "{said}");
    cut_tail(&run);
    forget(&ran.sandbox);
    assert!(verify().code(9).run().stdout.contains("the tail was cut: the countersignature of bob@example.com"));
}

#[test]
fn t41_the_operator_cannot_countersign_his_own_run() {
    let ran = a_run();
    let said = ran.of_run("countersign").code(2).run().stderr;
    assert!(said.contains("a countersignature takes a second person; this key is that of the operator ("), "{said}");
    assert!(!newest(&ran.sandbox).join("countersignatures").exists());
}

#[test]
fn nobody_vouches_for_a_log_that_is_altered_or_a_strangers() {
    let ran = a_run();
    let run = newest(&ran.sandbox);
    let bob = bob(&ran.sandbox);
    let stranger = Test::new().args("countersign").arg(run.to_str().unwrap()).code(9).run().stderr;
    assert!(stranger.contains("nobody should vouch for this log") && stranger.contains("UNTRUSTED"), "{stranger}");
    fs::write(run.join("out/0001.stdout"), "more\n").unwrap();
    let said = Test::again(&bob).args("countersign").arg(run.to_str().unwrap()).code(9).run().stderr;
    assert!(said.contains("nobody should vouch for this log") && said.contains("TAMPERED"), "{said}");
    let said = ran.of_run("attest").code(9).run().stderr;
    assert!(said.contains("nobody should vouch for this log"), "{said}");
}

#[test]
fn t68_an_attestation_whose_subject_is_not_the_log() {
    let ran = a_run();
    let first = newest(&ran.sandbox);
    ran.of_run("attest").args("-o first.json").run();
    let said = ran.of_run("verify").args("--attestation first.json").run().stdout;
    assert!(said.contains("NOTE: attested as COMPLETE by tester@"), "{said}");
    ran.then("run a.yml --no-input").run();
    let said = ran.of_run("verify").args("--attestation first.json").code(9).run().stdout;
    let name = first.file_name().unwrap().to_str().unwrap();
    assert!(said.contains(&format!("TAMPERED: attestation first.json is about run '{name}'")), "{said}");

    // One byte of the runbook, which nothing but the attestation and the plan cover, and the whole log.
    let verify = || ran.then("verify").arg(name).args("--attestation first.json").code(9).run().stdout;
    fs::write(first.join("inputs/a.yml"), "steps: []\n").unwrap();
    let said = verify();
    assert!(said.contains("TAMPERED: inputs/a.yml is not what first.json attests: its SHA-256 is "), "{said}");
    cut_tail(&first);
    forget(&ran.sandbox);
    let said = verify();
    assert!(said.contains("TAMPERED: run.jsonl is not what first.json attests: its SHA-256 is "), "{said}");
    fs::remove_file(first.join("plan.json")).unwrap();
    assert!(verify().contains("TAMPERED: first.json attests plan.json, which is missing"));
    ran.sandbox.write("first.json", ran.read("first.json").replacen("\"payload\": \"ey", "\"payload\": \"eZ", 1));
    assert!(verify().contains("TAMPERED: attestation first.json: its signature is not valid for its payload"));
}

#[test]
fn an_attestation_says_what_happened_to_programs_that_know_no_logs() {
    let ran = a_run();
    let envelope: serde_json::Value = serde_json::from_str(&ran.of_run("attest").run().stdout).unwrap();
    use base64::Engine as _;
    let payload = envelope["payload"].as_str().unwrap();
    let payload = base64::engine::general_purpose::STANDARD.decode(payload).unwrap();
    let statement: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let names: Vec<&str> =
        statement["subject"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["run.jsonl", "plan.json", "inputs/a.yml"]);
    let predicate = &statement["predicate"];
    assert_eq!((&predicate["verdict"], &predicate["result"]), (&"COMPLETE".into(), &"done".into()), "{predicate:#}");
    assert_eq!((&predicate["steps"]["ok"], &predicate["ended"]), (&2.into(), &true.into()), "{predicate:#}");
    assert!(predicate["operator"].as_str().unwrap().starts_with("tester@"), "{predicate:#}");
    assert!(predicate["startedOn"].as_str() < predicate["attestedOn"].as_str(), "{predicate:#}");
}

#[test]
fn a_time_stamp_that_nobody_gives_is_an_error_in_words() {
    let ran = a_run();
    let said = ran.of_run("timestamp").args("--tsa http://127.0.0.1:9/").code(2).run().stderr;
    assert!(said.starts_with("error: no time stamp from http://127.0.0.1:9/: "), "{said}");
    let authority = ran.sandbox.config().join("allowed_signers");
    let verify = || ran.of_run("verify").arg("--tsa-ca").arg(authority.to_str().unwrap()).code(9).run().stdout;
    assert!(verify().contains("INCOMPLETE: there is no time stamp to check"));
    fs::write(newest(&ran.sandbox).join("run.jsonl.tsr"), "rubbish").unwrap();
    let said = verify();
    assert!(said.contains("run.jsonl.tsr: ") && !said.starts_with("COMPLETE"), "{said}");
    let said = ran.of_run("verify").run().stdout;
    assert!(said.contains("NOTE: run.jsonl.tsr was not checked: --tsa-ca names"), "{said}");
}

/// This machine's memory is only one of those who know how far a run went.
#[test]
fn no_run_is_resumed_that_any_anchor_here_convicts() {
    let waiting = || Test::book("steps: [{ id: one, shell: echo one }, { id: ask, checkpoint: { title: Go? } }]");
    let resumed = |ran: &Ran, run: &Path, who: &str| {
        forget(&ran.sandbox);
        cut_tail(run);
        let said = ran.then("resume").arg(run.file_name().unwrap().to_str().unwrap()).args("--no-input").code(9).run();
        assert!(said.stderr.contains(&format!("the tail was cut: {who}")), "{}", said.stderr);
        assert!(!run.join("run.2.jsonl").exists());
    };
    let ran = waiting().args("--no-input").code(5).run();
    let first = newest(&ran.sandbox);
    ran.then("run a.yml --no-input").code(5).run();
    resumed(&ran, &first, "run ");

    let ran = waiting().args("--no-input").code(5).run();
    let run = newest(&ran.sandbox);
    Test::again(&bob(&ran.sandbox)).args("countersign").env("USER", "bob").arg(run.to_str().unwrap()).run();
    resumed(&ran, &run, "the countersignature of bob@example.com");
}

#[test]
fn half_a_countersignature_of_somebody_who_was_killed_convicts_nobody() {
    let ran = a_run();
    let place = newest(&ran.sandbox).join("countersignatures");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("bob@example.com.1-77.tmp"), "runbook-countersig").unwrap();
    ran.verified();
}

/// One key under two names is the operator's when one of them is.
#[test]
fn t61_an_operator_with_a_second_name_is_no_second_person() {
    let ran = a_run();
    let run = newest(&ran.sandbox);
    let bob = bob(&ran.sandbox);
    Test::again(&bob).args("countersign").env("USER", "bob").arg(run.to_str().unwrap()).run();
    ran.verified();
    let own = fs::read_to_string(ran.sandbox.config().join("allowed_signers")).unwrap();
    let operator = own.split(' ').next().unwrap().to_string();
    trust(&ran.sandbox, &line_for(&bob, &operator, "log"));
    let said = ran.of_run("verify").code(9).run().stdout;
    assert!(said.contains(&format!("was given by the operator ({operator}) himself")), "{said}");
}

#[test]
fn a_revoked_key_vouches_for_nothing() {
    let ran = a_run();
    let run = newest(&ran.sandbox);
    let bob = bob(&ran.sandbox);
    let key = |of: &Sandbox| of.config().join("id_ed25519.pub").to_str().unwrap().to_string();
    Test::again(&bob).args("keys revoke").arg(key(&bob)).run();
    let said = Test::again(&bob).args("countersign").env("USER", "bob").arg(run.to_str().unwrap()).code(2).run();
    assert!(said.stderr.contains("is revoked and will never be trusted again"), "{}", said.stderr);
    assert!(!run.join("countersignatures").exists());
    ran.then("keys revoke").arg(key(&ran.sandbox)).run();
    let said = ran.of_run("attest").code(2).run().stderr;
    assert!(said.contains("is revoked and will never be trusted again"), "{said}");
}
