//! Attacks by somebody who has some of the keys, or who aims at the verifier itself.

use super::*;
use Verdict::{Complete, Incomplete, Tampered, Untrusted};

/// The usual log, changed and sealed again with the keys that sealed it: only a rule can refuse it.
fn with_all_keys(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Check {
    let check = Check::new();
    let mut lines = check.lines();
    change(&mut lines);
    let keys: Vec<SecretKey> = vec![alice(), key(10), key(11), key(11), key(11), alice()];
    let mut seals = 0;
    for at in 0..lines.len() {
        rechain(&mut lines[..=at], at);
        if value(&lines[at])["type"] == "seal" {
            reseal(&mut lines[..=at], at, &keys[seals.min(5)]);
            seals += 1;
        }
    }
    let log = lines.concat();
    let signature = SshSig::sign(&alice(), NAMESPACE, &Sha256Sum::of(&log)).unwrap().to_armor();
    check.log(log).signature(Some(signature))
}

#[test]
fn the_usual_log_sealed_again_with_all_keys_is_the_usual_log() {
    let check = with_all_keys(|_| {});
    assert_eq!(check.segments, Check::new().segments);
}

// T55 on disk: links, pipes, directories; see the store's tests.

#[test]
fn t55_a_file_that_is_no_regular_file_or_cannot_be_read() {
    let check = Check::new();
    let segment = Segment { number: 1, bytes: Some(&check.segments[0].0), signature: check.segments[0].1.as_deref() };
    let evidence = Evidence {
        segments: &[segment],
        trust: &check.trust,
        expect_run: None,
        known_heads: &[],
        plan: Some(&check.plan),
    };
    let report = verify(&evidence, &mut |_| OutputState::Unreadable("not a regular file".to_string()));
    assert_eq!(report.verdict, Tampered);
    let text = report.to_string();
    assert!(text.contains("output file out/0001.stdout cannot be checked: not a regular file"), "{text}");
    assert!(text.contains("file inputs/deploy.yaml cannot be checked: not a regular file"), "{text}");
}

/// A run of alice's that asks `go`, then does `then`.
fn after_a_question(trust: TrustStore, then: impl FnOnce(&mut Writer)) -> Check {
    let mut writer = Writer::start(&start(run_a()), &at(1), &[5; 32]).unwrap();
    let mut log = writer.seal(&alice()).unwrap();
    writer.append(RecordType::ApprovalRequest, &at(2), &map(json!({"checkpoint": "go"}))).unwrap();
    log.extend(writer.seal(&alice()).unwrap());
    then(&mut writer);
    log.extend(writer.seal(&alice()).unwrap());
    Check { trust, ..Check::new() }.log(log).signature(None)
}

fn approve(writer: &mut Writer, key: &SecretKey, us: u64) {
    let text = answer(run_a(), "go", Decision::Go, PLAN, writer.head()).to_text();
    let sig = SshSig::sign(key, APPROVAL_NAMESPACE, &Sha256Sum::of(text.as_bytes())).unwrap().to_armor();
    let payload = json!({"checkpoint": "go", "decision": "go", "statement": text, "sig": sig});
    writer.append(RecordType::Approval, &at(us), &map(payload)).unwrap();
}

#[test]
fn t61_a_step_started_while_an_approval_is_pending() {
    let start_step = |writer: &mut Writer| writer.step_start(&at(3), &map(json!({"step": "a"})), &[7; 32]).unwrap();
    after_a_question(trust(), start_step).expect(Tampered, "record 4 starts a step while approval 'go' is pending");
    let answered = after_a_question(trust(), |writer| {
        approve(writer, &bob(), 3);
        start_step(writer);
    });
    answered.expect(Incomplete, "the log stops without run.end");
}

#[test]
fn t61_an_approval_by_a_key_that_has_expired() {
    let line = format!(
        "bob@example.com namespaces=\"approval.v1@runbook\",valid-before=\"20261120\" {}\n",
        bob().public_key().to_line()
    );
    let alice_line = format!("alice@example.com namespaces=\"log.v1@runbook\" {}\n", alice().public_key().to_line());
    let trust = TrustStore::parse(&(line + &alice_line)).unwrap();
    after_a_question(trust, |writer| approve(writer, &bob(), 3))
        .expect(Untrusted, "is in the trust store but was not valid at 2026-11-21T00:18:00.000002Z");
}

#[test]
fn t61_an_approval_by_the_operators_second_key_under_another_name() {
    // The key stands in the store as Bob's and as Alice's.
    let line = |who: &str, key: SecretKey| format!("{who}@example.com {}\n", key.public_key().to_line());
    let text = line("bob", bob()) + &line("alice", alice()) + &line("alice", bob());
    after_a_question(TrustStore::parse(&text).unwrap(), |writer| approve(writer, &bob(), 3))
        .expect(Tampered, "approval 'go' was given by the operator (alice@example.com) himself");
    // And Alice's own key under another name.
    let text = line("bob", alice()) + &line("alice", alice());
    after_a_question(TrustStore::parse(&text).unwrap(), |writer| approve(writer, &alice(), 3))
        .expect(Tampered, "himself");
}

#[test]
fn t63_a_verdict_written_into_a_record_is_not_printed_as_one() {
    let fake = "mallory\nCOMPLETE: run 1 by alice: OK: verified\n\u{1b}[1A\u{9b}2K";
    let mut writer = Writer::start(&RunStart { operator: fake, ..start(run_a()) }, &at(1), &[5; 32]).unwrap();
    let log = writer.seal(&alice()).unwrap();
    let report = Check::new().log(log).signature(None).verify();
    let text = report.to_string();
    assert!(text.contains("the log names 'mallory\\nCOMPLETE: run 1 by alice: OK: verified\\n\\u{1b}[1A"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{9b}'), "{text:?}");
    assert!(text.lines().all(|line| !line.starts_with("COMPLETE") && !line.starts_with("OK")), "{text}");
    assert!(!report.json().to_string().contains('\u{1b}'));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn t64_a_very_long_line_is_refused_without_being_parsed() {
    let begin = std::time::Instant::now();
    let check = Check::new();
    let long = [check.lines()[..4].concat(), vec![b'x'; 16 << 20], b"\n".to_vec()].concat();
    check.log(long).signature(None).expect(Tampered, "record 4 (byte ");
    let endless = [Check::new().lines()[..4].concat(), vec![b'x'; 16 << 20]].concat();
    Check::new().log(endless).signature(None).expect(Tampered, "record 4 is longer than 1 MiB");
    println!("two lines of 16 MiB refused in {:?}", begin.elapsed());
    assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn t64_json_a_million_deep_is_refused_without_recursion() {
    // As deep as a line may be long; a thread with a small stack would die of recursion.
    let deep = [br#"{"seq":4,"prev":"#.to_vec(), vec![b'['; 1_000_000], b"\n".to_vec()].concat();
    let judge = move || {
        let check = Check::new();
        let mut lines = check.lines();
        lines[4] = deep;
        check.log(lines.concat()).expect(Tampered, "recursion limit exceeded");
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(judge).unwrap().join().unwrap();
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn t64_time_grows_with_the_number_of_records_and_not_faster() {
    let run = |records: u64| {
        let mut writer = Writer::start(&start(run_a()), &at(1), &[5; 32]).unwrap();
        let mut log = writer.seal(&alice()).unwrap();
        for us in 0..records {
            writer.append(RecordType::Event, &at(us % 59_000_000), &map(json!({"event": "tick"}))).unwrap();
            if us % 100 == 99 {
                log.extend(writer.seal(&alice()).unwrap());
            }
        }
        let check = Check::new().log(log).signature(None);
        let begin = std::time::Instant::now();
        assert_eq!(check.verify().records, records + 1);
        begin.elapsed()
    };
    // A busy machine may spoil one measurement; ten times the records would cost a hundred times the time in all three.
    let linear = (0..3).any(|_| {
        let (few, many) = (run(1_000), run(10_000));
        println!("1,000 records in {few:?}, 10,000 in {many:?}: {:?} each", many / 10_000);
        many < few * 30
    });
    assert!(linear, "verifying takes more time per record the more there are");
}

#[test]
fn t67_a_seal_left_out_and_its_records_sealed_by_a_later_key() {
    // The attacker has the key of the second step and moves what the first one sealed under it.
    let check = Check::new();
    let mut lines = check.lines();
    lines.remove(3);
    for (seq, line) in lines.iter_mut().enumerate().skip(3) {
        replace(line, &format!("\"seq\":{}", seq + 1), &format!("\"seq\":{seq}"));
    }
    reseal(&mut lines, 3, &key(11));
    let message =
        format!("seal 4 is signed by {} which is not the current session key", key(11).public_key().fingerprint());
    check.log(lines.concat()).signature(None).expect(Tampered, &message);
}

#[test]
fn t67_old_records_sealed_again_with_a_newer_key() {
    let check = Check::new();
    let mut lines = check.lines();
    replace(&mut lines[2], "--dsn", "--DSN");
    reseal(&mut lines, 3, &key(11));
    let message =
        format!("seal 3 is signed by {} which is not the current session key", key(11).public_key().fingerprint());
    check.log(lines.concat()).signature(None).expect(Tampered, &message);
}

#[test]
fn t67_a_seal_that_seals_nothing() {
    let check = Check::new();
    let mut lines = check.lines();
    let again = lines[5].clone();
    lines.insert(6, again);
    for (seq, line) in lines.iter_mut().enumerate().skip(6) {
        replace(line, &format!("\"seq\":{}", seq - 1), &format!("\"seq\":{seq}"));
    }
    reseal(&mut lines, 6, &key(11));
    check.log(lines.concat()).signature(None).expect(Tampered, "seal 6 seals nothing");
}

#[test]
fn a_session_key_of_small_order_lets_nobody_go_on() {
    let neutral = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let check = with_all_keys(|lines| {
        let old = value(&lines[2])["session_key"].as_str().unwrap().to_string();
        replace(&mut lines[2], &old, neutral);
    });
    let mut lines = check.lines();
    // The signature that fits every message under the neutral key, for whoever does not look.
    let armor = value(&lines[5])["sig"].as_str().unwrap().to_string();
    let mut blob = wire::unarmor("SSH SIGNATURE", &armor).unwrap();
    let (key_at, end) = (33, blob.len());
    blob[key_at..key_at + 32].fill(0);
    blob[end - 64..].fill(0);
    (blob[key_at], blob[end - 64]) = (1, 1);
    let mut seal = value(&lines[5]);
    seal["sig"] = wire::armor("SSH SIGNATURE", &blob).into();
    lines[5] = format!("{seal}\n").into_bytes();
    check.log(lines[..6].concat()).signature(None).expect(Tampered, "seal 5: signature is not valid for these bytes");
}

#[test]
fn a_session_key_has_one_spelling() {
    let spellings: [fn(&str) -> String; 5] = [
        |line| format!("{line} me@host"),
        |line| line.replace("ssh-ed25519 ", "ssh-ed25519  "),
        |line| line.replace("ssh-ed25519 ", "ssh-rsa "),
        |line| format!(" {line}"),
        |_| String::new(),
    ];
    for spell in spellings {
        let check = with_all_keys(|lines| {
            let old = value(&lines[2])["session_key"].as_str().unwrap().to_string();
            replace(&mut lines[2], &old, &spell(&old));
        });
        check.expect(Tampered, "record 2 announces no session key");
    }
}

#[test]
fn a_time_has_one_spelling() {
    for time in ["2026-11-21T00:18:60.000157Z", "1969-12-31T00:18:00.000157Z", "9999-12-31T00:18:00.000157Z"] {
        let check = with_all_keys(|lines| replace(&mut lines[2], "2026-11-21T00:18:00.000157Z", time));
        check.expect(Tampered, "field 't' is not a UTC time with microseconds");
    }
}

#[test]
fn a_changed_stored_runbook_is_tampering() {
    let mut check = Check::new();
    check.files.insert("inputs/deploy.yaml".to_string(), b"steps: [1]".to_vec());
    check.expect(Tampered, "file inputs/deploy.yaml was altered within its first 10 bytes");
    check.files.remove("inputs/deploy.yaml");
    check.expect(Tampered, "file inputs/deploy.yaml is missing");
    check.files.insert("inputs/deploy.yaml".to_string(), RUNBOOK.to_vec());
    check.expect(Complete, "");
}
