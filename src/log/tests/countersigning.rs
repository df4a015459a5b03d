//! Second people who vouch for a head, and the ways to fake one.

use super::*;
use Verdict::{Complete, Tampered};

fn said(run: RunId, head: Head) -> CountersignStatement {
    let (by, note) = ("bob@example.com".to_string(), "saw it happen".to_string());
    CountersignStatement { run, head, by, at: at(9).t, note }
}

fn last_head() -> Head {
    Check::new().verify().head.unwrap()
}

fn by(key: SecretKey) -> String {
    Countersignature::sign(said(run_a(), last_head()), &key).unwrap().to_text()
}

/// The verdict over a log with this countersignature beside it.
fn with(check: &Check, text: &str) -> Report {
    let mut report = check.verify();
    report.take_countersignature("bob", text, &check.trust);
    report
}

#[track_caller]
fn says(check: &Check, text: &str, verdict: Verdict, message: &str) {
    let report = with(check, text);
    assert_eq!(report.verdict, verdict, "{report}");
    assert!(report.to_string().contains(message), "expected {message:?} in:\n{report}");
}

#[test]
fn a_countersignature_of_an_approver_is_listed() {
    let report = with(&Check::new(), &by(bob()));
    assert_eq!(report.verdict, Complete, "{report}");
    let expected = "NOTE: countersigned by bob@example.com at 2026-11-21T00:18:00.000009Z: saw it happen";
    assert!(report.to_string().contains(expected), "{report}");
    assert_eq!(report.json()["countersigned"][0]["by"], "bob@example.com");
    assert_eq!(report.countersigned[0].head, last_head());
}

#[test]
fn the_statement_is_plain_text_before_its_signature() {
    let (text, head) = (by(bob()), last_head());
    let statement = format!(
        "runbook-countersignature v1\nrunbook head {} 1 {} {}\nby: bob@example.com\nat: 2026-11-21T00:18:00.000009Z\n\
         note: saw it happen\n",
        run_a(),
        head.bytes,
        head.sha256
    );
    assert!(text.starts_with(&(statement + "-----BEGIN SSH SIGNATURE-----\n")), "{text}");
    let two_lines = CountersignStatement { note: "a\nrunbook head".into(), ..said(run_a(), head) };
    let refused = Countersignature::sign(two_lines, &bob()).unwrap_err().to_string();
    assert_eq!(refused, "cannot sign: the note is not a single line of plain text");
}

#[test]
fn t15_the_tail_is_cut_and_a_countersignature_knows_the_head() {
    let lines = Check::new().lines();
    let check = Check::new().log(lines[..lines.len() - 2].concat()).signature(None);
    let message = format!(
        "TAMPERED: the tail was cut: the countersignature of bob@example.com knows this run at {} bytes, the log ends at {}",
        last_head().bytes,
        check.verify().head.unwrap().bytes
    );
    says(&check, &by(bob()), Tampered, &message);
}

#[test]
fn t34_the_key_holder_rewrites_a_run_that_was_countersigned() {
    let (log, signature) = log_of(run_a(), &alice(), 77);
    let check = Check::new().log(log).signature(Some(signature));
    assert_eq!(check.verify().verdict, Complete);
    let message = "history was rewritten: the countersignature of bob@example.com knows another log of ";
    says(&check, &by(bob()), Tampered, message);
}

#[test]
fn t41_the_operator_countersigns_his_own_run() {
    let line = |who: &str, key: SecretKey| format!("{who}@example.com {}\n", key.public_key().to_line());
    let trust = TrustStore::parse(&(line("alice", alice()) + &line("bob", bob()))).unwrap();
    let himself = "TAMPERED: countersignature bob was given by the operator (alice@example.com) himself";
    says(&Check { trust, ..Check::new() }, &by(alice()), Tampered, himself);
    // A second key of the same person is no second person.
    let trust = TrustStore::parse(&(line("alice", alice()) + &line("alice", bob()))).unwrap();
    says(&Check { trust, ..Check::new() }, &by(bob()), Tampered, himself);
}

#[test]
fn a_strangers_countersignature_does_not_count_and_harms_nothing() {
    let report = with(&Check::new(), &by(mallory()));
    assert_eq!(report.verdict, Complete, "{report}");
    assert!(report.to_string().contains("NOTE: countersignature bob does not count: key SHA256:"), "{report}");
    assert_eq!(report.countersigned, []);
    // Neither does one of somebody who may only keep logs.
    let trust = format!("carol@example.com namespaces=\"{NAMESPACE}\" {}\n", mallory().public_key().to_line());
    let operators = TrustStore::parse(&trust).unwrap();
    let mut report = Check::new().verify();
    report.take_countersignature("carol", &by(mallory()), &operators);
    assert!(report.to_string().contains("not for namespace approval.v1@runbook"), "{report}");
}

#[test]
fn a_countersignature_of_another_run() {
    let text = Countersignature::sign(said(run_b(), last_head()), &bob()).unwrap().to_text();
    let message = format!("countersignature bob is for run '{}', not for '{}'", run_b(), run_a());
    says(&Check::new(), &text, Tampered, &message);
}

#[test]
fn an_edited_countersignature_and_one_signed_for_another_purpose() {
    let good = by(bob());
    let edited = good.replace("saw it happen", "saw nothing");
    says(&Check::new(), &edited, Tampered, "countersignature bob: signature is not valid for these bytes");
    let statement = said(run_a(), last_head()).to_text();
    let sum = Sha256Sum::of(statement.as_bytes());
    let log = statement + &SshSig::sign(&bob(), NAMESPACE, &sum).unwrap().to_armor();
    says(&Check::new(), &log, Tampered, "namespace is 'log.v1@runbook', expected 'approval.v1@runbook'");
    // An approval of a checkpoint is no countersignature.
    let approval = answer(run_a(), "go", Decision::Go, PLAN, last_head()).to_text();
    let sum = Sha256Sum::of(approval.as_bytes());
    let approval = approval + &SshSig::sign(&bob(), APPROVAL_NAMESPACE, &sum).unwrap().to_armor();
    says(&Check::new(), &approval, Tampered, "countersignature bob: not a countersignature of this version");
    for (bad, why) in [("", "it has no signature"), (&good[..good.len() - 9], "does not end with -----END SSH")] {
        says(&Check::new(), bad, Tampered, &format!("countersignature bob: {why}"));
    }
}

#[test]
fn no_byte_of_a_countersignature_can_be_changed_unnoticed() {
    let (check, good) = (Check::new(), by(bob()).into_bytes());
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        let report = with(&check, &String::from_utf8_lossy(&bytes));
        assert!(report.countersigned.is_empty(), "byte {at}: {report}");
        assert_eq!(report.verdict, Tampered, "byte {at}: {report}");
    }
}
