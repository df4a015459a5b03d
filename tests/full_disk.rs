//! A disk that fills up under a run.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use std::fs;
use std::path::PathBuf;

use runbook::log::{RecordType, RunStart, Sha256Sum, Verdict, read};
use runbook::store::{Durability, Home, Journal, RunClock, RunDir, keys, verify_dir};
use serde_json::json;

#[test]
#[ignore = "needs a directory on a file system of about 2 MiB in RUNBOOK_SMALL_DISK"]
fn a_full_disk_stops_the_run_but_its_end_can_still_be_written() {
    let disk = PathBuf::from(std::env::var_os("RUNBOOK_SMALL_DISK").expect("RUNBOOK_SMALL_DISK names a directory"));
    let home = Home::at(&disk.join("s"), &disk.join("c"));
    let clock = RunClock::start();
    let identity = keys::load_or_create(home.config_dir()).unwrap();
    let dir = RunDir::create(&home, RunDir::new_id().unwrap(), b"{}", &[]).unwrap();
    let plan_sha256 = Sha256Sum::of(b"{}");
    let (run, operator) = (dir.run(), identity.principal.as_str());
    let start = RunStart { run, operator, host: "h", plan_sha256, prev_run: None, extra: Default::default() };
    let mut journal = Journal::create(&dir, Box::new(identity.key.clone()), start, &clock.now()).unwrap();
    let event = json!({"event": "Filler", "text": "x".repeat(60_000)}).as_object().unwrap().clone();
    let error = loop {
        if let Err(error) = journal.commit(&[(RecordType::Event, event.clone())], Durability::Sync, &clock.now()) {
            break error.to_string();
        }
    };
    assert!(error.contains("is full: free some space, then resume the run"), "{error}");
    // Not even a small record is taken any more, except the end.
    let small = json!({"event": "Small"}).as_object().unwrap().clone();
    journal.commit(&[(RecordType::Event, small)], Durability::Sync, &clock.now()).unwrap_err();
    // Fill what other files can still take.
    let _ = fs::write(disk.join("filler"), vec![0; 8 << 20]);
    let end = json!({"status": "aborted", "why": "disk full"}).as_object().unwrap().clone();
    journal.commit(&[(RecordType::RunEnd, end)], Durability::Sync, &clock.now()).unwrap();
    let log = fs::read(dir.path().join("run.jsonl")).unwrap();
    assert!(read(&[&log]).unwrap().ended);
    fs::remove_file(disk.join("filler")).unwrap();
    journal.finish().unwrap();
    assert_eq!(verify_dir(dir.path(), &home.trust().unwrap(), &[]).unwrap().verdict, Verdict::Complete);
}
