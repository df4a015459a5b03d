//! A process killed at any moment leaves a log that is good as far as it goes, and a run that can go on.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use runbook::log::{RecordType, RunStart, Sha256Sum, Verdict};
use runbook::store::{Durability, Home, Journal, ResumePoint, RunClock, RunDir, StoreError, keys, verify_dir};
use serde_json::{Map, Value, json};

const CHILD_HOME: &str = "RUNBOOK_TEST_CHILD_HOME";

fn home(root: &Path) -> Home {
    Home::at(&root.join("s"), &root.join("c"))
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// Not a test by itself: the process that is killed. Commits batches of all sizes until then.
#[test]
#[ignore = "the child of a_killed_writer_leaves_a_good_log"]
fn a_child_that_writes_until_it_is_killed() {
    let Some(root) = std::env::var_os(CHILD_HOME) else { return };
    let home = home(Path::new(&root));
    let (clock, key) = (RunClock::start(), keys::load_or_create(home.config_dir()).unwrap().key);
    let dir = RunDir::create(&home, RunDir::new_id().unwrap(), b"{}", &[]).unwrap();
    let plan_sha256 = Sha256Sum::of(b"{}");
    let start = RunStart { run: dir.run(), operator: "a", host: "b", plan_sha256, prev_run: None, extra: Map::new() };
    let mut journal = Journal::create(&dir, Box::new(key), start, &clock.now()).unwrap();
    for size in (0usize..).map(|round| round * 37 % 9000) {
        let durability = if size % 3 == 0 { Durability::Defer } else { Durability::Sync };
        let records = [
            (RecordType::StepEnd, map(json!({"pad": "p".repeat(size)}))),
            (RecordType::StepStart, map(json!({"step": size}))),
        ];
        journal.commit(&records, durability, &clock.now()).unwrap();
    }
}

#[test]
fn a_killed_writer_leaves_a_good_log() {
    let (mut killed, mut records) = (0, 0);
    // Later and later, until enough of them have begun to write, however slow the machine is.
    for round in 0..40u64 {
        if round >= 6 && killed >= 2 && records > 8 {
            break;
        }
        let tmp = tempfile::tempdir().unwrap();
        let home = home(tmp.path());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "a_child_that_writes_until_it_is_killed"])
            .env(CHILD_HOME, tmp.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(15 + round * 23 % 61 + round / 6 * 40));
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success(), "the child ended by itself");

        let Some(run) = home.run_ids().unwrap().pop() else { continue };
        let dir = RunDir::open(&home, run).unwrap();
        let trust = home.trust().unwrap();
        let report = verify_dir(dir.path(), &trust, &[]).unwrap();
        assert_eq!(report.verdict, Verdict::Incomplete, "{report}");
        let point = match ResumePoint::lock(&dir, &trust) {
            // Killed before the first record was sealed: the run never began.
            Err(StoreError::Read(..)) => continue,
            other => other.unwrap(),
        };
        killed += 1;
        records += report.records;
        let clock = RunClock::resume(point.last_mono_us());
        let key = keys::load_or_create(home.config_dir()).unwrap().key;
        let (log, mut journal) = point.open(Box::new(key), "a", "b", Map::new(), &clock.now()).unwrap();
        assert_eq!(log.records.len() as u64, report.records);
        let end = (RecordType::RunEnd, map(json!({"status": "aborted"})));
        journal.commit(&[end], Durability::Sync, &clock.now()).unwrap();
        journal.finish().unwrap();
        let report = verify_dir(dir.path(), &trust, &[]).unwrap();
        assert_eq!(report.verdict, Verdict::Complete, "{report}");
    }
    assert!(killed >= 2 && records > 8, "only {killed} runs with {records} records were killed: too slow to mean much");
}
