//! What the writer refuses, and what it does with keys.

use super::*;

fn writer() -> Writer {
    Writer::start(&start(run_a()), &at(1), &[5; 32]).unwrap()
}

#[test]
fn a_record_that_could_not_be_read_back_is_not_written() {
    let cases = [
        (RecordType::StepEnd, json!({"ratio": 0.25}), "decimals as strings"),
        (RecordType::StepEnd, json!({"deep": [{"ratio": 1e300}]}), "decimals as strings"),
        (RecordType::StepEnd, json!({"seq": 1}), "field name 'seq' is reserved"),
        (RecordType::Event, json!({"kind": "x"}), "cannot be written here"),
        (RecordType::StepStart, json!({}), "cannot be written here"),
        (RecordType::RunStart, json!({}), "cannot be written here"),
        (RecordType::StepEnd, json!({"stdout": {"file": "out/1"}}), "lacks its length or SHA-256"),
        (RecordType::StepEnd, json!({"long": "x".repeat(1 << 20)}), "up to 1 MiB"),
    ];
    for (kind, payload, message) in cases {
        let mut writer = writer();
        let before = writer.bytes();
        let error = writer.append(kind, &at(2), &map(payload)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(writer.bytes(), before);
    }
    let wrong = At { t: "2026-11-21T00:18:07Z".to_string(), mono_us: 2 };
    assert!(matches!(writer().append(RecordType::StepEnd, &wrong, &Map::new()), Err(WriteError::BadTime(_))));
    assert!(matches!(
        writer().step_start(&at(2), &map(json!({"session_key": ""})), &[1; 32]),
        Err(WriteError::ReservedField(_))
    ));
}

#[test]
fn nothing_can_be_written_after_the_end_and_nothing_sealed_twice() {
    let mut writer = writer();
    assert!(writer.countersign(&alice()).is_err());
    writer.append(RecordType::RunEnd, &at(2), &Map::new()).unwrap();
    assert_eq!(writer.append(RecordType::Anchor, &at(3), &Map::new()), Err(WriteError::Closed));
    writer.seal(&alice()).unwrap();
    assert_eq!(writer.seal(&alice()), Err(WriteError::Closed));
    assert!(writer.countersign(&alice()).is_ok());
}

#[test]
fn of_several_steps_started_in_one_batch_the_last_key_takes_over() {
    let mut writer = writer();
    let mut log = writer.seal(&alice()).unwrap();
    for seed in [61, 62, 63] {
        writer.step_start(&at(2), &Map::new(), &[seed; 32]).unwrap();
    }
    log.extend(writer.seal(&alice()).unwrap());
    writer.append(RecordType::StepEnd, &at(3), &Map::new()).unwrap();
    log.extend(writer.seal(&alice()).unwrap());
    let signers: Vec<PublicKey> = lines(&log)
        .iter()
        .filter_map(|line| value(line)["sig"].as_str().map(|sig| SshSig::parse(sig).unwrap().key))
        .collect();
    assert_eq!(signers, [alice().public_key(), key(5).public_key(), key(63).public_key()]);
    assert_eq!(read(&[&log]).unwrap().records.len(), 5);
}

#[test]
fn an_identity_key_that_cannot_sign_leaves_the_batch_as_it_was() {
    struct Gone;
    impl Signer for Gone {
        fn public_key(&self) -> PublicKey {
            alice().public_key()
        }
        fn sign(&self, _: &Message<'_>) -> Result<SshSig, SignError> {
            Err(SignError("the agent is gone".to_string()))
        }
    }
    let mut writer = writer();
    assert_eq!(writer.seal(&Gone).unwrap_err().to_string(), "cannot sign: the agent is gone");
    assert_eq!(read(&[&writer.seal(&alice()).unwrap()]).unwrap().records.len(), 1);
}

#[test]
fn a_head_is_what_the_last_seal_says() {
    let mut writer = writer();
    let log = writer.seal(&alice()).unwrap();
    let seal = value(&lines(&log)[1]);
    assert_eq!(seal["bytes"], writer.head().bytes);
    assert_eq!(seal["sha256"], writer.head().sha256.to_string());
    assert_eq!(read(&[&log]).unwrap().head, writer.head());
}

#[test]
fn a_run_names_the_one_before_it() {
    let head = Head { segment: 2, bytes: 77, sha256: Sha256Sum::of(b"x") };
    let log = Writer::start(&RunStart { prev_run: Some((run_b(), head)), ..start(run_a()) }, &at(1), &[5; 32])
        .unwrap()
        .seal(&alice())
        .unwrap();
    let report = Check::new().log(log).signature(None).verify();
    assert_eq!(report.prev_run, Some((run_b(), head)));
    assert_eq!(report.plan_sha256, Some(Sha256Sum::of(PLAN)));
}

proptest::proptest! {
    #[test]
    fn any_payload_comes_back_as_it_was_written(key in "[a-p]{1,12}|[\\PC]{1,8}", text: String, number: i64, flag: bool) {
        proptest::prop_assume!(!["seq", "prev", "run", "t", "type", "mono_us"].contains(&key.as_str()));
        let payload = map(json!({key: {"text": text, "list": [number, flag, null]}}));
        let mut writer = writer();
        writer.append(RecordType::StepEnd, &at(2), &payload).unwrap();
        let log = writer.seal(&alice()).unwrap();
        proptest::prop_assert_eq!(&read(&[&log]).unwrap().records[1].payload, &payload);
    }
}

/// Measures, does not judge: `cargo test --profile ci --lib what_a_batch_costs -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement; means something only when optimized"]
#[allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn what_a_batch_costs() {
    let (mut writer, identity) = (writer(), alice());
    writer.seal(&identity).unwrap();
    let payload = map(json!({"step": "migrate-db", "attempt": 1, "event": "ProbeSampled", "value": "0.25"}));
    let count: u32 = 5000;
    let begin = std::time::Instant::now();
    for index in 0..count {
        let now = at(u64::from(index));
        writer.append(RecordType::StepEnd, &now, &payload).unwrap();
        writer.append(RecordType::Event, &now, &payload).unwrap();
        writer.append(RecordType::Event, &now, &payload).unwrap();
        writer.step_start(&now, &payload, &[index as u8; 32]).unwrap();
        std::hint::black_box(writer.seal(&identity).unwrap());
    }
    println!("four records, a new key and a seal: {:?}", begin.elapsed() / count);
    let log = log_of(run_a(), &alice(), 10).0;
    let begin = std::time::Instant::now();
    for _ in 0..500 {
        std::hint::black_box(read(&[&log]).unwrap());
    }
    println!("reading a log with six seals: {:?}", begin.elapsed() / 500);
}
