//! Every attack refused, each with its own words.

use super::*;
use Verdict::{Complete, Incomplete, Tampered, Untrusted};

#[track_caller]
fn attack(change: impl FnOnce(&mut Vec<Vec<u8>>), message: &str) {
    let check = Check::new();
    let mut lines = check.lines();
    change(&mut lines);
    check.log(lines.concat()).expect(Tampered, message);
}

fn fail_the_step(lines: &mut [Vec<u8>]) {
    replace(&mut lines[4], "\"exit\":0", "\"exit\":1");
}

#[test]
fn t00_an_untouched_log_is_complete() {
    let report = Check::new().verify();
    assert_eq!(report.verdict, Complete, "{report}");
    assert_eq!((report.records, report.seals, report.outputs), (6, 6, (2, (OUTPUT.len() + RUNBOOK.len()) as u64)));
    assert_eq!(report.signer.as_deref(), Some("alice@example.com"));
    assert_eq!(report.findings, []);
}

#[test]
fn t01_an_edited_field() {
    attack(|l| fail_the_step(l), "record 4 was altered or replaced: its SHA-256 is ");
}

#[test]
fn t02_an_edit_with_the_chain_recomputed() {
    attack(
        |l| {
            fail_the_step(l);
            rechain(l, 5);
        },
        "bytes before it: something after the last good seal (record 3) was altered",
    );
}

#[test]
fn t03_an_edit_resealed_with_the_attackers_key() {
    attack(
        |l| {
            fail_the_step(l);
            reseal(l, 5, &mallory());
        },
        &format!("seal 5 is signed by {} which is not the current session key", mallory().public_key().fingerprint()),
    );
}

#[test]
fn t04_a_deleted_record() {
    attack(|l| drop(l.remove(4)), "records 4..4 are missing (record 5 follows record 3): deletion or reordering");
}

#[test]
fn t05_a_deleted_seal() {
    attack(|l| drop(l.remove(5)), "records 5..5 are missing (record 6 follows record 4): deletion or reordering");
}

#[test]
fn t06_a_deleted_record_with_its_seal() {
    attack(|l| drop(l.drain(2..4)), "records 2..3 are missing (record 4 follows record 1): deletion or reordering");
}

#[test]
fn t07_a_cut_head() {
    attack(|l| drop(l.drain(0..2)), "first record is not run.start of format runbook-log/1");
}

#[test]
fn t08_two_records_swapped() {
    attack(|l| l.swap(2, 4), "records 2..3 are missing (record 4 follows record 1): deletion or reordering");
}

#[test]
fn t09_a_duplicated_record() {
    attack(|l| l.insert(5, l[4].clone()), "record 4 appears again/late at position 5: duplication or reordering");
}

#[test]
fn t10_an_inserted_record() {
    attack(
        |l| {
            l.insert(4, l[4].clone());
            fail_the_step(l);
        },
        "record 4 appears again/late at position 5: duplication or reordering",
    );
}

#[test]
fn t11_a_record_of_another_run() {
    let other = lines(&log_of(run_b(), &alice(), 20).0);
    let message = format!("record 4 belongs to run '{}', not to '{}': spliced from another run", run_b(), run_a());
    attack(|l| l[4] = other[4].clone(), &message);
}

#[test]
fn t12_the_tail_of_another_run() {
    let (log, signature) = log_of(run_b(), &alice(), 20);
    let check = Check::new().signature(Some(signature));
    let spliced = [&check.lines()[..4], &lines(&log)[4..]].concat().concat();
    check.log(spliced).expect(Tampered, "spliced from another run");
}

#[test]
fn t13_the_whole_log_of_another_run() {
    let (log, signature) = log_of(run_b(), &alice(), 20);
    let check = Check { expect_run: Some(run_a()), ..Check::new().log(log).signature(Some(signature)) };
    let message =
        format!("this is the log of run '{}', expected '{}': log replayed under another name", run_b(), run_a());
    check.expect(Tampered, &message);
}

#[test]
fn t14_a_cut_tail_without_the_final_signature_looks_like_a_crash() {
    let check = Check::new().signature(None);
    let cut = check.lines()[..10].concat();
    check.log(cut).expect(Incomplete, "the log stops without run.end (crash, kill, or cut tail): compare the head");
}

#[test]
fn t14b_a_cut_tail_with_the_final_signature_left_behind() {
    let check = Check::new();
    let cut = check.lines()[..10].concat();
    check.log(cut).expect(Tampered, "run.jsonl.sig exists, so the run was finished and countersigned, but the log no");
}

#[test]
fn t15_a_cut_tail_that_an_anchor_knows() {
    let whole = Check::new();
    let head = whole.verify().head.unwrap();
    let (long, cut) = (head.bytes, whole.lines()[..10].concat());
    let mut check = Check { known_heads: vec![head], ..whole.signature(None).log(cut) };
    let short = check.verify().head.unwrap().bytes;
    let message = format!("the tail was cut: an anchor knows this run at {long} bytes, the log ends at {short}");
    check.expect(Tampered, &message);
    check.known_heads = vec![check.verify().head.unwrap()];
    check.expect(Incomplete, "the log stops without run.end");
}

#[test]
fn t16_a_removed_final_signature() {
    let message = "run.jsonl.sig is missing: the run ended but was not countersigned by the identity key";
    Check::new().signature(None).expect(Incomplete, message);
}

#[test]
fn t17_the_final_signature_of_another_run() {
    let signature = log_of(run_b(), &alice(), 20).1;
    Check::new().signature(Some(signature)).expect(Tampered, "run.jsonl.sig: signature is not valid for these bytes");
}

#[test]
fn t18_a_final_signature_by_another_key() {
    let check = Check::new();
    let sum = Sha256Sum::of(&check.segments[0].0);
    let signature = SshSig::sign(&mallory(), NAMESPACE, &sum).unwrap().to_armor();
    let key = mallory().public_key().fingerprint();
    let message = format!("run.jsonl.sig: made by {key} instead of the key that opened the run");
    check.signature(Some(signature)).expect(Tampered, &message);
}

#[test]
fn t19_a_final_signature_for_another_purpose() {
    let check = Check::new();
    let sum = Sha256Sum::of(&check.segments[0].0);
    let signature = SshSig::sign(&alice(), APPROVAL_NAMESPACE, &sum).unwrap().to_armor();
    let message = "run.jsonl.sig: namespace is 'approval.v1@runbook', expected 'log.v1@runbook'";
    check.signature(Some(signature)).expect(Tampered, message);
}

#[test]
fn t20_a_record_after_the_end() {
    attack(|l| l.push(l[4].clone()), "(record 12) was appended after run.end was sealed");
}

#[test]
fn t21_bytes_after_the_end() {
    attack(|l| l.push(b"garbage".to_vec()), "7 bytes after the end of the run");
}

#[test]
fn t22_a_duplicate_key() {
    attack(
        |l| replace(&mut l[4], "\"exit\":0", "\"exit\":0,\"exit\":1"),
        "is malformed: duplicate key 'exit' at line 1 column",
    );
}

#[test]
fn t23_only_white_space() {
    attack(|l| replace(&mut l[4], "\"exit\":0", "\"exit\": 0"), "is malformed: not in compact form");
}

#[test]
fn t24_line_endings_converted() {
    attack(
        |l| l.iter_mut().for_each(|line| line.splice(line.len() - 1.., *b"\r\n").for_each(drop)),
        "record 0 (byte 0) is malformed: not in compact form",
    );
}

#[test]
fn t25_a_byte_order_mark() {
    attack(|l| l.insert(0, b"\xef\xbb\xbf".to_vec()), "record 0 (byte 0) is malformed: expected value");
}

#[test]
fn t26_a_session_seal_relabelled_as_identity() {
    attack(
        |l| replace(&mut l[5], "\"by\":\"session\"", "\"by\":\"identity\""),
        "seal 5: identity key changed inside the run",
    );
}

#[test]
fn t26b_an_identity_seal_relabelled_as_session() {
    attack(
        |l| replace(&mut l[11], "\"by\":\"identity\"", "\"by\":\"session\""),
        "seal 11: the start and the end of a run are sealed by the identity key",
    );
}

#[test]
fn t27_a_seal_that_covers_fewer_bytes() {
    attack(
        |l| {
            let bytes = value(&l[5])["bytes"].as_u64().unwrap();
            replace(&mut l[5], &format!("\"bytes\":{bytes}"), &format!("\"bytes\":{}", bytes - 1));
        },
        "bytes but stands at byte",
    );
}

#[test]
fn t28_an_old_signature_in_a_later_seal() {
    attack(
        |l| {
            let mut seal = value(&l[5]);
            seal["sig"] = value(&l[3])["sig"].clone();
            l[5] = format!("{seal}\n").into_bytes();
        },
        "seal 5: signature is not valid for these bytes",
    );
}

#[test]
fn t29_a_whole_log_by_an_unknown_key() {
    let (log, signature) = log_of(run_a(), &mallory(), 30);
    let message = format!("UNTRUSTED: key {} is not in the trust store", mallory().public_key().fingerprint());
    Check::new().log(log).signature(Some(signature)).expect(Untrusted, &message);
}

#[test]
fn t30_an_unfinished_log_by_an_unknown_key() {
    let log = lines(&log_of(run_a(), &mallory(), 30).0)[..2].concat();
    Check::new().log(log).signature(None).expect(Untrusted, "is not in the trust store");
}

#[test]
fn t31_a_log_opened_with_a_key_that_may_only_approve() {
    let log = lines(&log_of(run_a(), &bob(), 30).0)[..2].concat();
    let message = "is in the trust store but not for namespace log.v1@runbook";
    Check::new().log(log).signature(None).expect(Untrusted, message);
}

#[test]
fn t32_a_later_session_key_cannot_rewrite_an_earlier_step() {
    let later = key(11);
    attack(
        |l| {
            replace(&mut l[2], "--dsn", "--DSN");
            reseal(l, 3, &later);
        },
        "seal 3 is signed by",
    );
}

#[test]
fn t33_the_key_holder_can_rewrite_everything_unless_t34_somebody_kept_a_head() {
    let before = Check::new();
    let kept = Head { bytes: value(&before.lines()[5])["bytes"].as_u64().unwrap(), ..before.verify().head.unwrap() };
    let (log, signature) = log_of(run_a(), &alice(), 40);
    let mut check = before.log(log).signature(Some(signature));
    check.expect(Complete, "");
    check.known_heads = vec![kept];
    check.expect(Tampered, "history was rewritten: an anchor knows another log of ");
}

#[test]
fn t35_another_plan_than_the_one_that_ran() {
    let check = Check { plan: b"{}".to_vec(), ..Check::new() };
    check.expect(Tampered, "the plan differs from the one this run executed");
}

#[test]
fn t36_to_t39_an_output_file_altered_cut_extended_or_deleted() {
    let with = |data: Option<Vec<u8>>| {
        let mut check = Check::new();
        check.files.remove("out/0001.stdout");
        check.files.extend(data.map(|data| ("out/0001.stdout".to_string(), data)));
        check
    };
    let mut altered = OUTPUT.to_vec();
    altered[0] ^= 1;
    with(Some(altered)).expect(Tampered, "output file out/0001.stdout was altered within its first 52 bytes");
    let cut = "output file out/0001.stdout is shorter (10 bytes) than the sealed 52 bytes";
    with(Some(OUTPUT[..10].to_vec())).expect(Tampered, cut);
    let extended = "output file out/0001.stdout has 4 bytes more than were sealed";
    with(Some([OUTPUT, b"more"].concat())).expect(Tampered, extended);
    with(None).expect(Tampered, "output file out/0001.stdout is missing");
}

#[test]
fn t46_an_edited_time() {
    attack(
        |l| replace(&mut l[4], "\"mono_us\":4000", "\"mono_us\":0"),
        "monotonic clock runs backwards at record 4 (0 < 157)",
    );
}

#[test]
fn t47_an_unknown_record_type() {
    attack(|l| replace(&mut l[4], "step.end", "step.fnd"), "record 4 has unknown type 'step.fnd'");
}

#[test]
fn t23b_a_missing_or_moved_envelope_field_is_malformed() {
    attack(|l| replace(&mut l[4], "\"mono_us\":4000,", ""), "field 'mono_us' expected, found 'type'");
    attack(|l| replace(&mut l[4], "\"t\":", "\"T\":"), "field 't' expected, found 'T'");
    attack(|l| replace(&mut l[5], "\"by\"", "\"t\":1,\"by\""), "field 'by' expected, found 't'");
    attack(|l| replace(&mut l[5], "\"}\n", "\",\"note\":1}\n"), "a seal has no field 'note'");
    attack(|l| replace(&mut l[8], "\"event\":", "\"evening\":"), "an event record must say which in 'event'");
    attack(|l| replace(&mut l[4], "00:18:00.004000Z", "00:18:00.004000+"), "'t' is not a UTC time");
    attack(|l| replace(&mut l[4], "2026-11-21", "2026-13-21"), "'t' is not a UTC time");
}

#[test]
fn t55_an_output_path_cannot_leave_the_run_directory() {
    for path in ["../run.jsonl", "/etc/passwd", "out/../../x", "out//x", "out/.hidden", "out/\u{1b}[2J", ""] {
        let mut payload = step_end();
        payload["stdout"]["file"] = path.into();
        let message = format!("output path '{}' leaves the run directory", path.escape_debug());
        let mut writer = Writer::start(&start(run_a()), &at(1), &[9; 32]).unwrap();
        let refused = writer.append(RecordType::StepEnd, &at(2), &payload).unwrap_err();
        assert_eq!(refused.to_string(), format!("a step.end record cannot be written: {message}"));

        // Written by somebody with the key and another program.
        writer.append(RecordType::StepEnd, &at(2), &step_end()).unwrap();
        let mut lines = lines(&writer.seal(&alice()).unwrap());
        let quoted = Value::from(path).to_string();
        replace(&mut lines[1], "\"out/0001.stdout\"", &quoted);
        reseal(&mut lines, 1, &alice());
        Check::new().log(lines.concat()).signature(None).expect(Tampered, &message);
    }
}

#[test]
fn t62_a_clock_that_steps_back_is_a_note_not_tampering() {
    let mut writer = Writer::start(&start(run_a()), &at(5_000_000), &[9; 32]).unwrap();
    let back = At { t: at(3_200_000).t, mono_us: 5_000_010 };
    writer.append(RecordType::RunEnd, &back, &Map::new()).unwrap();
    let log = writer.seal(&alice()).unwrap();
    let signature = writer.countersign(&alice()).unwrap();
    let message = "NOTE: clock stepped back 1.8s between records 0 and 1 (monotonic order is right)";
    Check::new().log(log).signature(Some(signature)).expect(Complete, message);
}

#[test]
fn t63_text_of_a_record_cannot_draw_on_the_terminal() {
    let check = Check::new();
    let mut lines = check.lines();
    replace(&mut lines[4], "\"type\":\"step.end\"", "\"type\":\"\\u001b[2JCOMPLETE\"");
    let report = check.log(lines.concat()).verify().to_string();
    assert!(report.contains("unknown type '\\u{1b}[2JCOMPLETE'"), "{report}");
    assert!(!report.chars().any(|c| c.is_control() && c != '\n'), "{report:?}");
}

#[test]
fn t64_a_line_of_a_gigabyte_or_a_million_brackets_is_refused_quickly() {
    let long = [vec![b'x'; 3 << 20], b"\n".to_vec()].concat();
    attack(|l| l.insert(4, long), "is malformed: the line is longer than 1 MiB");
    attack(|l| l.insert(4, [vec![b'['; 500_000], b"\n".to_vec()].concat()), "recursion limit exceeded");
}

#[test]
fn t66_a_log_without_seals_is_never_complete() {
    let check = Check::new();
    let bare: Vec<Vec<u8>> = check.lines().into_iter().step_by(2).collect();
    let mut lines = bare;
    for (seq, line) in lines.iter_mut().enumerate() {
        replace(line, &format!("\"seq\":{}", seq * 2), &format!("\"seq\":{seq}"));
    }
    rechain(&mut lines, 1);
    let check = check.log(lines.concat()).signature(None);
    check.expect(Incomplete, "no record is sealed: nothing to verify");
}

#[test]
fn no_segments_at_all_is_incomplete() {
    let report = Check::new().verify_segments(&[]);
    assert_eq!(report.verdict, Incomplete);
    assert!(report.to_string().contains("there is no log: nothing to verify"), "{report}");
}

#[test]
fn the_own_key_of_this_machine_is_complete_with_a_note() {
    let (log, signature) = log_of(run_a(), &mallory(), 30);
    let trust = trust().with_own_key(mallory().public_key());
    let check = Check { trust, ..Check::new().log(log).signature(Some(signature)) };
    check.expect(Complete, "NOTE: signed by this machine's own key (self-signed)");
}

#[test]
fn a_signature_without_its_log_is_tampering() {
    let check = Check::new();
    let segment = Segment { number: 1, bytes: None, signature: Some(b"x") };
    let report = check.verify_segments(&[segment]);
    assert_eq!(report.verdict, Tampered);
    assert!(report.to_string().contains("run.jsonl.sig exists, but run.jsonl is missing"), "{report}");
}
