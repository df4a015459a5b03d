//! Answers of a second person, and the ways to fake one.

use super::*;
use Verdict::{Complete, Tampered, Untrusted};

const CHECKPOINT: &str = "go-no-go";

/// Alice's run with one approval, whatever `answer` makes of the statement that should be signed.
pub(super) fn run_with(answer: impl FnOnce(String) -> (String, SshSig)) -> Check {
    let mut writer = Writer::start(&start(run_a()), &at(1), &[5; 32]).unwrap();
    let mut log = writer.seal(&alice()).unwrap();
    let request = map(json!({"checkpoint": CHECKPOINT}));
    writer.append(RecordType::ApprovalRequest, &at(2), &request).unwrap();
    log.extend(writer.seal(&alice()).unwrap());
    let (statement, sig) = answer(statement(run_a(), Decision::Go, writer.head()));
    let approval = json!({"checkpoint": CHECKPOINT, "decision": "go", "statement": statement, "sig": sig.to_armor()});
    writer.append(RecordType::Approval, &at(3), &map(approval)).unwrap();
    log.extend(writer.seal(&alice()).unwrap());
    writer.append(RecordType::RunEnd, &at(4), &Map::new()).unwrap();
    log.extend(writer.seal(&alice()).unwrap());
    let signature = writer.countersign(&alice()).unwrap();
    Check::new().log(log).signature(Some(signature))
}

fn statement(run: RunId, decision: Decision, head: Head) -> String {
    answer(run, CHECKPOINT, decision, PLAN, head).to_text()
}

fn signed(text: String, key: &SecretKey, namespace: &str) -> (String, SshSig) {
    let sig = SshSig::sign(key, namespace, &Sha256Sum::of(text.as_bytes())).unwrap();
    (text, sig)
}

fn by(key: SecretKey) -> Check {
    run_with(|text| signed(text, &key, APPROVAL_NAMESPACE))
}

#[test]
fn t40_a_second_person_approves() {
    let report = by(bob()).verify();
    assert_eq!((report.verdict, &report.findings), (Complete, &vec![]));
    let line = "valid: GO at 'go-no-go' by bob@example.com, 2026-11-21T00:18:00.000003Z with SHA256:";
    assert!(report.to_string().contains(line), "{report}");
    assert_eq!(report.json()["approvals"][0]["valid"], true);
}

#[test]
fn t41_the_operator_approves_his_own_run() {
    let both = format!("alice@example.com {}\n", alice().public_key().to_line());
    let check = Check { trust: TrustStore::parse(&both).unwrap(), ..by(alice()) };
    check.expect(Tampered, "approval 'go-no-go' was given by the operator (alice@example.com) himself");
    // A second key of the same person is no second person.
    let line = |key: SecretKey| format!("alice@example.com {}\n", key.public_key().to_line());
    let trust = TrustStore::parse(&(line(alice()) + &line(bob()))).unwrap();
    Check { trust, ..by(bob()) }.expect(Tampered, "was given by the operator (alice@example.com) himself");
}

#[test]
fn t42_an_approval_by_an_unknown_key() {
    by(mallory()).expect(Untrusted, "approval 'go-no-go' is by nobody who may approve: key SHA256:");
}

#[test]
fn t52_an_approval_by_a_revoked_key() {
    let revoked = RevokedKeys::parse(bob().public_key().to_line().as_bytes()).unwrap();
    let check = by(bob());
    let text = format!(
        "approval 'go-no-go' is by nobody who may approve: key {} is revoked",
        bob().public_key().fingerprint()
    );
    Check { trust: check.trust.clone().with_revoked(revoked), ..check }.expect(Untrusted, &text);
}

#[test]
fn t43_an_approval_of_another_state_of_the_log() {
    let old = Head { segment: 1, bytes: 400, sha256: Sha256Sum::of(b"old") };
    let check = run_with(|_| signed(statement(run_a(), Decision::Go, old), &bob(), APPROVAL_NAMESPACE));
    check.expect(Tampered, "approval 'go-no-go' was signed for something else: another state of the log");
}

#[test]
fn t44_a_no_go_presented_as_go() {
    let check = run_with(|text| signed(text.replace("decision: go", "decision: no-go"), &bob(), APPROVAL_NAMESPACE));
    check.expect(Tampered, "approval 'go-no-go' was signed for something else");
}

#[test]
fn t45_an_approval_signed_for_another_purpose() {
    let check = run_with(|text| signed(text, &bob(), NAMESPACE));
    check.expect(
        Tampered,
        "approval 'go-no-go' is not signed as it stands: namespace is 'log.v1@runbook', expected 'approval.v1@runbook'",
    );
}

#[test]
fn an_approval_nobody_asked_for() {
    let mut writer = Writer::start(&start(run_a()), &at(1), &[5; 32]).unwrap();
    let (text, sig) = signed(statement(run_a(), Decision::Go, writer.head()), &bob(), APPROVAL_NAMESPACE);
    let approval = json!({"checkpoint": CHECKPOINT, "decision": "go", "statement": text, "sig": sig.to_armor()});
    writer.append(RecordType::Approval, &at(3), &map(approval)).unwrap();
    let log = writer.seal(&alice()).unwrap();
    Check::new().log(log).signature(None).expect(Tampered, "approval 'go-no-go' answers nothing that was asked");
}
