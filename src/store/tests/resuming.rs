//! Going on after an interruption.

use std::io::Write as _;

use super::*;

fn resume(lab: &Lab, dir: &RunDir) -> Result<(SealedLog, Journal), StoreError> {
    let point = ResumePoint::lock(dir, &lab.home.trust()?)?;
    let clock = RunClock::resume(point.last_mono_us());
    point.open(lab.boxed(), &keys::principal(), "host2", Map::new(), &clock.now())
}

fn tear(dir: &RunDir, file: &str) {
    let mut file = fs::OpenOptions::new().append(true).open(dir.path().join(file)).unwrap();
    file.write_all(b"{\"seq\":99,\"prev\":\"").unwrap();
}

#[test]
fn a_torn_run_goes_on_in_a_new_segment_and_verifies_as_a_whole() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.step(&mut journal);
    let dir = journal.dir().clone();
    drop(journal);
    tear(&dir, "run.jsonl");
    let before = fs::read(dir.path().join("run.jsonl")).unwrap();
    lab.expect(dir.path(), Verdict::Incomplete, "torn last record (18 bytes at byte ");

    let (log, mut journal) = resume(&lab, &dir).unwrap();
    assert_eq!((log.records.len(), log.ended), (3, false));
    lab.commit(&mut journal, RecordType::Event, json!({"event": "Resumed"}));
    drop(journal);
    tear(&dir, "run.2.jsonl");

    let (log, journal) = resume(&lab, &dir).unwrap();
    assert_eq!(log.records.len(), 5);
    lab.end(journal);
    let report = lab.expect(dir.path(), Verdict::Complete, "");
    assert_eq!((report.records, report.head.unwrap().segment), (7, 3));
    assert_eq!(fs::read(dir.path().join("run.jsonl")).unwrap(), before);
    assert!(dir.path().join("run.3.jsonl.sig").exists() && !dir.path().join("run.jsonl.sig").exists());
}

#[test]
fn a_run_that_is_driven_cannot_be_resumed_and_the_error_names_the_driver() {
    let lab = Lab::new();
    let journal = lab.begin();
    let error = resume(&lab, journal.dir()).unwrap_err().to_string();
    assert_eq!(error, format!("run {} is being driven by pid {}", journal.dir().run(), std::process::id()));
    let dir = journal.dir().clone();
    drop(journal);
    let (_, journal) = resume(&lab, &dir).unwrap();
    assert!(matches!(resume(&lab, &dir), Err(StoreError::Busy { pid: Some(_), .. })));
    drop(journal);
}

#[test]
fn what_cannot_go_on_is_refused() {
    let lab = Lab::new();
    let ended =
        RunDir::open(&lab.home, lab.finished().file_name().unwrap().to_str().unwrap().parse().unwrap()).unwrap();
    assert!(matches!(resume(&lab, &ended), Err(StoreError::Ended(_))));

    let empty = RunDir::create(&lab.home, RunDir::new_id().unwrap(), PLAN, &[]).unwrap();
    fs::write(empty.path().join("run.jsonl"), "").unwrap();
    let error = resume(&lab, &empty).unwrap_err().to_string();
    assert!(error.contains("the log has no sealed record: it never began, or its log was cut"), "{error}");

    let mut journal = lab.begin();
    lab.step(&mut journal);
    let dir = journal.dir().clone();
    drop(journal);
    fs::write(dir.path().join("out/0001.stdout"), "applied 4 migrations\n").unwrap();
    let error = resume(&lab, &dir).unwrap_err().to_string();
    assert!(error.contains("output file out/0001.stdout was altered"), "{error}");
    assert!(!dir.path().join("run.2.jsonl").exists());
}

#[test]
fn a_crash_right_after_the_new_segment_was_made_is_survived() {
    let lab = Lab::new();
    let journal = lab.begin();
    let dir = journal.dir().clone();
    drop(journal);
    fs::write(dir.path().join("run.2.jsonl"), "{\"seq\":0,").unwrap();
    let (log, journal) = resume(&lab, &dir).unwrap();
    assert_eq!(log.records.len(), 1);
    lab.end(journal);
    let report = lab.expect(dir.path(), Verdict::Complete, "");
    assert_eq!(report.head.unwrap().segment, 3);
}

#[test]
fn a_plan_is_stored_for_the_segment_that_turns_to_it() {
    let lab = Lab::new();
    let dir = lab.begin().dir().clone();
    let texts = |text: &str| [("2.0.deploy.yml".to_string(), text.as_bytes().to_vec())];
    assert_eq!(dir.store_plan(2, b"first try", &texts("one")).unwrap(), "plan.2.json");
    assert_eq!(dir.store_plan(2, b"second try", &texts("two")).unwrap(), "plan.2.json", "a try that came to nothing");
    assert_eq!(dir.accepted_plan(2, "plan.2.json").unwrap(), b"second try");
    assert_eq!(dir.input("2.0.deploy.yml").unwrap().unwrap(), b"two");
    assert_eq!(dir.input("3.0.deploy.yml").unwrap(), None);
    for (segment, name) in [(2, "plan.json"), (2, "plan.3.json"), (2, "../plan.2.json"), (3, "plan.3.json")] {
        assert!(dir.accepted_plan(segment, name).is_err(), "{segment} {name}");
    }
    for name in ["../plan.json", "a/b", ".hidden", ""] {
        assert!(dir.input(name).is_err(), "{name}");
    }
}

#[test]
fn the_resume_record_states_the_file_as_it_was_found() {
    let lab = Lab::new();
    let journal = lab.begin();
    let (dir, head) = (journal.dir().clone(), journal.head());
    drop(journal);
    tear(&dir, "run.jsonl");
    let found = fs::read(dir.path().join("run.jsonl")).unwrap();
    drop(resume(&lab, &dir).unwrap());
    let second = fs::read(dir.path().join("run.2.jsonl")).unwrap();
    let record = &read(&[&found, &second]).unwrap().records[1];
    assert_eq!(record.kind, RecordType::RunResume);
    assert_eq!(record.payload["file"], "run.jsonl");
    assert_eq!(record.payload["bytes"], found.len());
    assert_eq!(record.payload["sha256"], Sha256Sum::of(&found).to_string());
    assert_eq!(record.payload["sealed_bytes"], head.bytes);
    assert_eq!(record.payload["pid"], std::process::id());
}

#[test]
fn a_run_killed_before_its_final_signature_can_be_signed_later_by_the_same_key_only() {
    let lab = Lab::new();
    let path = lab.finished();
    let dir = RunDir::open(&lab.home, path.file_name().unwrap().to_str().unwrap().parse().unwrap()).unwrap();
    let (trust, signature) = (lab.home.trust().unwrap(), path.join("run.jsonl.sig"));
    let original = fs::read(&signature).unwrap();
    fs::remove_file(&signature).unwrap();
    lab.expect(&path, Verdict::Incomplete, "run.jsonl.sig is missing");
    let other = countersign(&dir, &trust, &SecretKey::from_seed(&[1; 32])).unwrap_err().to_string();
    assert!(other.starts_with("only the key that opened the log may sign it: SHA256:"), "{other}");
    countersign(&dir, &trust, &lab.identity()).unwrap();
    assert_eq!(fs::read(&signature).unwrap(), original);

    let unfinished = lab.begin().dir().clone();
    assert!(matches!(countersign(&unfinished, &trust, &lab.identity()), Err(StoreError::NotEnded(_))));
}
