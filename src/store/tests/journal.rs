//! Writing a log to disk.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use super::*;

#[test]
fn a_finished_run_verifies_and_keeps_its_files_private() {
    let lab = Lab::new();
    let dir = lab.finished();
    let report = lab.expect(&dir, Verdict::Complete, "signed by this machine's own key (self-signed)");
    assert_eq!((report.records, report.seals, report.outputs.0), (4, 4, 2));
    assert_eq!((mode(&dir.join("run.jsonl")), mode(&dir.join("run.jsonl.sig"))), (0o600, 0o600));
    assert!(!dir.join("run.jsonl.sig.tmp").exists());
}

#[test]
fn deferred_commits_are_in_the_file_at_once_and_a_bare_commit_syncs_them() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    let event = [(RecordType::Event, map(json!({"event": "ProbeSampled"})))];
    journal.commit(&event, Durability::Defer, &lab.clock.now()).unwrap();
    journal.commit(&[], Durability::Sync, &lab.clock.now()).unwrap();
    let report = lab.expect(journal.dir().path(), Verdict::Incomplete, "the run is being driven right now");
    assert_eq!((report.records, report.head), (2, Some(journal.head())));
}

#[test]
fn a_record_that_cannot_be_written_leaves_the_journal_usable() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    let bad = [
        (RecordType::Event, map(json!({"event": "Fine"}))),
        (RecordType::Event, map(json!({"event": "Bad", "ratio": 0.5}))),
    ];
    let error = journal.commit(&bad, Durability::Sync, &lab.clock.now()).unwrap_err();
    assert!(matches!(error, JournalError::Record(WriteError::Float(_))), "{error}");
    lab.step(&mut journal);
    let report = lab.expect(&lab.end(journal), Verdict::Complete, "");
    assert_eq!(report.records, 4);
}

#[test]
fn a_log_somebody_else_touched_stops_the_run_for_good() {
    type Touch = fn(&std::path::Path);
    let touches: [(Touch, &str); 4] = [
        (|path| append(path, b"x"), "bytes were written"),
        (|path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(10).unwrap(), "has 10 bytes"),
        (
            |path| {
                fs::rename(path, path.with_extension("old"))
                    .and_then(|()| fs::hard_link(path.with_extension("old"), path))
                    .unwrap()
            },
            "has a second name",
        ),
        (|path| fs::remove_file(path).unwrap(), "was removed or replaced"),
    ];
    for (touch, message) in touches {
        let lab = Lab::new();
        let mut journal = lab.begin();
        touch(&journal.dir().path().join("run.jsonl"));
        let event = [(RecordType::Event, map(json!({"event": "x"})))];
        let error = journal.commit(&event, Durability::Sync, &lab.clock.now()).unwrap_err().to_string();
        let words: Vec<&str> = message.split(' ').collect();
        assert!(error.starts_with("log changed by another process: "), "{error}");
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        let again = journal.commit(&event, Durability::Sync, &lab.clock.now()).unwrap_err();
        assert!(matches!(again, JournalError::Poisoned(_)), "{again}");
        assert!(matches!(journal.finish(), Err(JournalError::Poisoned(_))));
    }
}

#[test]
fn blocks_are_reserved_while_a_run_goes_and_given_back_at_its_end() {
    let lab = Lab::new();
    let journal = lab.begin();
    let path = journal.dir().path().join("run.jsonl");
    let going = fs::metadata(&path).unwrap().blocks() * 512;
    lab.end(journal);
    let ended = fs::metadata(&path).unwrap();
    assert!(ended.blocks() * 512 <= going, "{} > {going}", ended.blocks() * 512);
    assert!(ended.blocks() * 512 < ended.size() + (128 << 10));
}

#[test]
fn a_run_that_has_not_ended_cannot_be_finished_nor_a_finished_one_begun_again() {
    let lab = Lab::new();
    let journal = lab.begin();
    let dir = journal.dir().clone();
    assert!(matches!(journal.finish(), Err(JournalError::Record(WriteError::Closed))));
    assert!(!dir.path().join("run.jsonl.sig").exists());
    let start = RunStart {
        run: dir.run(),
        operator: "a",
        host: "b",
        plan_sha256: Sha256Sum::ZERO,
        prev_run: None,
        extra: Map::new(),
    };
    let error = Journal::create(&dir, lab.boxed(), start, &lab.clock.now()).unwrap_err().to_string();
    assert!(error.contains("cannot create") && error.contains("run.jsonl"), "{error}");
}

#[test]
fn every_step_gets_its_own_session_key() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.step(&mut journal);
    lab.commit(&mut journal, RecordType::StepStart, json!({"step": "two"}));
    let log = fs::read(journal.dir().path().join("run.jsonl")).unwrap();
    let sealed = read(&[&log]).unwrap();
    let mut keys: Vec<&str> = sealed.records.iter().filter_map(|record| record.text("session_key")).collect();
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

fn append(path: &std::path::Path, bytes: &[u8]) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}
