//! Whose signature it is: kinds of keys, their time, revoked ones, and spellings of signatures nobody makes.

use std::sync::Arc;

use super::*;
use Verdict::{Complete, Tampered, Untrusted};

const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAAEcG9pbg==";

fn ecdsa() -> PublicKey {
    PublicKey::parse_line(ECDSA).unwrap()
}

fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    parts.iter().for_each(|part| wire::put(&mut out, part));
    out
}

/// An SSHSIG of any make.
fn armor(version: u32, key: &[u8], reserved: &[u8], signature: &[u8]) -> String {
    armor_in(NAMESPACE, version, key, reserved, signature)
}

fn armor_in(namespace: &str, version: u32, key: &[u8], reserved: &[u8], signature: &[u8]) -> String {
    let rest = strings(&[key, namespace.as_bytes(), reserved, b"sha256", signature]);
    wire::armor("SSH SIGNATURE", &[b"SSHSIG", &version.to_be_bytes()[..], &rest].concat())
}

/// A key whose mathematics nobody here knows: its signature is the sum of the message.
struct Other;

fn by_other(sum: &Sha256Sum) -> String {
    by_other_in(NAMESPACE, sum)
}

fn by_other_in(namespace: &str, sum: &Sha256Sum) -> String {
    armor_in(namespace, 1, ecdsa().blob(), b"", &strings(&[b"ecdsa-sha2-nistp256", &sum.0]))
}

impl Signer for Other {
    fn public_key(&self) -> PublicKey {
        ecdsa()
    }

    fn sign(&self, message: &Message<'_>) -> Result<SshSig, SignError> {
        Ok(SshSig::parse(&by_other_in(message.namespace, &message.sum)).unwrap())
    }
}

/// Knows that mathematics.
#[derive(Debug)]
struct Mathematician;

impl SignatureChecker for Mathematician {
    fn check(&self, armor: &str, namespace: &str, message: &[u8]) -> Result<(), CheckError> {
        let good = armor == by_other_in(namespace, &Sha256Sum::of(message));
        if good { Ok(()) } else { Err(CheckError::Bad("signature is not valid for these bytes".to_string())) }
    }
}

/// A run whose identity key is the other one.
fn run_by_other() -> Check {
    let mut writer = Writer::start(&start(run_a()), &at(1), &[5; 32]).unwrap();
    let mut log = writer.seal(&Other).unwrap();
    writer.append(RecordType::Anchor, &at(2), &map(json!({"to": "syslog"}))).unwrap();
    log.extend(writer.seal(&Other).unwrap());
    writer.append(RecordType::RunEnd, &at(3), &Map::new()).unwrap();
    log.extend(writer.seal(&Other).unwrap());
    let signature = writer.countersign(&Other).unwrap();
    let trust = TrustStore::parse(&format!("alice@example.com namespaces=\"{NAMESPACE}\" {ECDSA}\n")).unwrap();
    let trust = trust.with_checker(Arc::new(Mathematician));
    Check { trust, ..Check::new().log(log).signature(Some(signature)) }
}

fn alice_with(options: &str) -> Check {
    let text = format!("alice@example.com {options} {}\n", alice().public_key().to_line());
    Check { trust: TrustStore::parse(&text).unwrap(), ..Check::new() }
}

#[test]
fn t51_a_key_counts_only_if_it_was_valid_when_the_run_began() {
    let began = "2026-11-21T00:18:00.000047Z";
    for (options, only) in [
        ("valid-before=\"20261120Z\"", "only before 20261120000000Z"),
        ("valid-after=\"20261122Z\"", "only after 20261122000000Z"),
        ("valid-after=\"20270101\",valid-before=\"20280101\"", "only after 20270101000000Z and before 20280101000000Z"),
    ] {
        let key = alice().public_key().fingerprint();
        let text = format!("UNTRUSTED: key {key} is in the trust store but was not valid at {began}, {only}");
        alice_with(options).expect(Untrusted, &text);
    }
    // Ended after the run began: still good, and whose word the time is stands beside it.
    let check = alice_with("valid-after=\"20261121Z\",valid-before=\"20261121001801Z\"");
    check
        .expect(Complete, "NOTE: the key counts for a limited time, and that the run began in it (2026-11-21T00:18:00");
}

#[test]
fn t52_a_revoked_key_counts_for_nothing_whatever_the_trust_store_says() {
    let revoke = |key: SecretKey| RevokedKeys::parse(key.public_key().to_line().as_bytes()).unwrap();
    let with = |check: Check, key: SecretKey| Check { trust: check.trust.clone().with_revoked(revoke(key)), ..check };
    let text = format!("UNTRUSTED: key {} is revoked: whatever it signed", alice().public_key().fingerprint());
    with(Check::new(), alice()).expect(Untrusted, &text);
    let own = Check { trust: TrustStore::default().with_own_key(alice().public_key()), ..Check::new() };
    with(own, alice()).expect(Untrusted, &text);
    with(Check::new(), bob()).expect(Complete, "");
}

#[test]
fn t53_a_run_signed_with_a_key_of_another_kind() {
    run_by_other().expect(Complete, "by alice@example.com: 3 records, 3 seals");

    let mut lines = run_by_other().lines();
    let other = by_other(&Sha256Sum::of(b"something else")).replace('\n', "\\n");
    let signature = value(&lines[1])["sig"].as_str().unwrap().replace('\n', "\\n");
    replace(&mut lines[1], &signature, &other);
    rechain(&mut lines, 2);
    run_by_other().log(lines.concat()).expect(Tampered, "seal 1: signature is not valid for these bytes");

    let signature = Some(by_other(&Sha256Sum::of(b"something else")));
    let check = run_by_other().signature(signature);
    check.expect(Tampered, "run.jsonl.sig: signature is not valid for these bytes");
}

#[test]
fn t53_a_signature_nobody_can_check_is_not_trusted_and_not_called_altered() {
    let trust = TrustStore::parse(&format!("alice@example.com {ECDSA}\n")).unwrap();
    let check = Check { trust, ..run_by_other() };
    check
        .expect(Untrusted, "the signature of seal 1 could not be checked: only Ed25519 signatures can be checked here");
    check.expect(Untrusted, "run.jsonl.sig could not be checked: only Ed25519");
}

#[test]
fn t53_an_approval_by_a_key_of_another_kind() {
    let line = format!("bob@example.com namespaces=\"{APPROVAL_NAMESPACE}\" {ECDSA}\n");
    let text = format!("alice@example.com {}\n{line}", alice().public_key().to_line());
    let trust = TrustStore::parse(&text).unwrap();
    let approved = |statement: &str| {
        let sig = |text: String| {
            let sig = Other.sign(&Message::whole(APPROVAL_NAMESPACE, statement.replace("STATEMENT", &text).as_bytes()));
            (text, sig.unwrap())
        };
        approvals::run_with(sig)
    };
    let judged = |statement: &str, trust: TrustStore| Check { trust, ..approved(statement) };
    let with_checker = || trust.clone().with_checker(Arc::new(Mathematician));
    judged("STATEMENT", with_checker()).expect(Complete, "");
    let text = "approval 'go-no-go' is not signed as it stands: signature is not valid for these bytes";
    judged("something else", with_checker()).expect(Tampered, text);
    judged("STATEMENT", trust.clone()).expect(Untrusted, "approval 'go-no-go' could not be checked: only Ed25519");
}

#[test]
fn a_session_key_of_another_kind_announces_nothing() {
    let mut lines = Check::new().lines();
    let announced = value(&lines[0])["session_key"].as_str().unwrap().to_string();
    replace(&mut lines[0], &announced, ECDSA);
    reseal(&mut lines[..2], 1, &alice());
    Check::new().log(lines.concat()).expect(Tampered, "record 0 announces no session key");
}

#[test]
fn a_certificate_is_not_trusted_and_says_so() {
    let certificate = strings(&[b"ssh-ed25519-cert-v01@openssh.com"]);
    let signature = strings(&[b"ssh-ed25519", &[0; 64]]);
    let armor = armor(1, &certificate, b"", &signature);
    let key = SshSig::parse(&armor).unwrap().key;
    let said = trust().check(&key, NAMESPACE, "2026-11-21T00:00:00.000000Z").unwrap_err();
    assert_eq!(said, "it is signed with a certificate, and certificates are not supported: trust a plain key");
}

#[test]
fn t54_signatures_of_a_make_nobody_uses_are_unreadable() {
    let key = alice().public_key();
    let good = strings(&[b"ssh-ed25519", &[7; 64]]);
    let rsa = strings(&[b"ssh-rsa", &[1, 0, 1], &[1; 256]]);
    let sha1 = strings(&[b"ssh-rsa", &[1; 256]]);
    let cases = [
        (armor(1, key.blob(), b"x", &good), "the reserved field is not empty"),
        (armor(2, key.blob(), b"", &good), "not an SSHSIG of version 1"),
        (armor(1, &rsa, b"", &sha1), "signature type ssh-rsa is made over SHA-1, which proves nothing any more"),
        (armor(1, key.blob(), b"", &[&good[..], b"x"].concat()), "trailing bytes"),
        (
            armor(1, key.blob(), b"", &strings(&[b"rsa-sha2-512", &[7; 64]])),
            "signature type rsa-sha2-512 is not one of a key of type ssh-ed25519",
        ),
        (armor(1, &strings(&[b"ssh-dss", b"p"]), b"", &good), "keys of type ssh-dss are not supported"),
    ];
    for (armor, text) in cases {
        let check = Check::new().signature(Some(armor));
        check.expect(Tampered, &format!("run.jsonl.sig: signature unreadable: {text}"));
    }
}

#[test]
fn t54_a_key_of_small_order_signs_nothing() {
    // The neutral element signs every message for a verifier that does not look.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let armor = armor(1, PublicKey::ed25519(&neutral).blob(), b"", &strings(&[b"ssh-ed25519", &signature]));
    Check::new().signature(Some(armor)).expect(Tampered, "run.jsonl.sig: signature is not valid for these bytes");
}
