//! Attacks on a run directory, and what crashes leave in one.

use std::io::Write as _;
use std::path::Path;

use super::*;
use Verdict::{Complete, Incomplete, Tampered};

fn append(path: &Path, bytes: &[u8]) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// A run that was interrupted once and finished, in two segments.
fn resumed(lab: &Lab) -> PathBuf {
    let mut journal = lab.begin();
    lab.step(&mut journal);
    let dir = journal.dir().clone();
    drop(journal);
    append(&dir.path().join("run.jsonl"), b"{\"seq\":99,\"prev\":\"");
    lab.end(resume(lab, &dir).unwrap())
}

fn resume(lab: &Lab, dir: &RunDir) -> Result<Journal, StoreError> {
    let point = ResumePoint::lock(dir, &lab.home.trust()?)?;
    let clock = RunClock::resume(point.last_mono_us());
    Ok(point.open(lab.boxed(), &keys::principal(), "host2", Map::new(), &clock.now())?.1)
}

#[test]
fn t35_the_stored_runbook_changed_or_removed() {
    let lab = Lab::new();
    let dir = lab.finished();
    lab.expect(&dir, Complete, "");
    fs::write(dir.join("inputs/deploy.yml"), "steps: [a]\n").unwrap();
    lab.expect(&dir, Tampered, "file inputs/deploy.yml was altered within its first 10 bytes");
    fs::remove_file(dir.join("inputs/deploy.yml")).unwrap();
    lab.expect(&dir, Tampered, "file inputs/deploy.yml is missing");
}

#[test]
fn t55_a_directory_or_a_device_in_place_of_an_output_file() {
    let lab = Lab::new();
    let dir = lab.finished();
    let file = dir.join("out/0001.stdout");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    lab.expect(&dir, Tampered, "output file out/0001.stdout cannot be checked: not a regular file");
    fs::remove_dir(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    lab.expect(&dir, Tampered, "output file out/0001.stdout cannot be checked");
}

#[test]
fn t55_a_link_in_place_of_the_log_is_not_followed() {
    let lab = Lab::new();
    let dir = lab.finished();
    fs::rename(dir.join("run.jsonl"), dir.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", dir.join("run.jsonl")).unwrap();
    let error = verify_dir(&dir, &lab.home.trust().unwrap(), &[]).unwrap_err().to_string();
    assert!(error.contains("cannot open") && error.contains("run.jsonl"), "{error}");
}

#[test]
fn t59_a_second_writer_is_kept_out_by_the_lock() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    let dir = journal.dir().clone();
    let refused = resume(&lab, &dir).map(|_| ()).unwrap_err().to_string();
    assert_eq!(refused, format!("run {} is being driven by pid {}", dir.run(), std::process::id()));
    lab.step(&mut journal);
    lab.expect(&lab.end(journal), Complete, "");
}

#[test]
fn t59_a_second_writer_without_the_lock_is_noticed_by_the_first_and_by_verify() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    let path = journal.dir().path().join("run.jsonl");
    // Somebody goes on from a copy of the log, with its keys, and both write.
    let copy = fs::read(&path).unwrap();
    lab.commit(&mut journal, RecordType::Event, json!({"event": "mine"}));
    let mine = fs::read(&path).unwrap()[copy.len()..].to_vec();
    append(&path, &mine);
    let event = [(RecordType::Event, map(json!({"event": "next"})))];
    let error = journal.commit(&event, Durability::Sync, &lab.clock.now()).unwrap_err().to_string();
    assert!(error.starts_with("log changed by another process: "), "{error}");
    let dir = journal.dir().path().to_path_buf();
    drop(journal);
    lab.expect(&dir, Tampered, "record 2 appears again/late at position 4: duplication or reordering");
}

/// The directory of a resumed run after a change, and what verify says about it.
fn resumed_run_after(change: impl FnOnce(&Path), message: &str) {
    let lab = Lab::new();
    let dir = resumed(&lab);
    lab.expect(&dir, Complete, "");
    change(&dir);
    lab.expect(&dir, Tampered, message);
}

#[test]
fn t60_a_first_segment_that_was_removed() {
    let remove = |dir: &Path| fs::remove_file(dir.join("run.jsonl")).unwrap();
    resumed_run_after(remove, "run.jsonl is missing, but run.2.jsonl goes on after it");
}

#[test]
fn t60_a_last_segment_that_was_removed() {
    let remove = |dir: &Path| fs::remove_file(dir.join("run.2.jsonl")).unwrap();
    resumed_run_after(remove, "run.2.jsonl.sig exists, but run.2.jsonl is missing");
}

#[test]
fn t60_segments_that_were_swapped() {
    let swap = |dir: &Path| {
        fs::rename(dir.join("run.jsonl"), dir.join("x")).unwrap();
        fs::rename(dir.join("run.2.jsonl"), dir.join("run.jsonl")).unwrap();
        fs::rename(dir.join("x"), dir.join("run.2.jsonl")).unwrap();
    };
    resumed_run_after(swap, "run.jsonl: first record is not run.start of format runbook-log/1");
}

#[test]
fn t60_a_segment_that_was_copied_to_the_next_number() {
    let copy = |dir: &Path| {
        fs::copy(dir.join("run.2.jsonl"), dir.join("run.3.jsonl")).unwrap();
        fs::rename(dir.join("run.2.jsonl.sig"), dir.join("run.3.jsonl.sig")).unwrap();
    };
    resumed_run_after(copy, "run.2.jsonl was finished, but run.3.jsonl goes on after it");
}

#[test]
fn t60_a_torn_tail_that_was_tidied_up_after_the_resume() {
    let tidy = |dir: &Path| {
        let log = fs::read(dir.join("run.jsonl")).unwrap();
        let whole = log.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        fs::write(dir.join("run.jsonl"), &log[..whole]).unwrap();
    };
    resumed_run_after(tidy, "bytes of run.jsonl, which has ");
}

#[test]
fn t65_a_run_that_is_driven_right_now_is_not_called_a_crash_without_a_word() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.step(&mut journal);
    let report = verify_dir(journal.dir().path(), &lab.home.trust().unwrap(), &[]).unwrap();
    assert_ne!(report.verdict, Complete);
    assert!(report.to_string().contains("driven right now"), "{report}");
}

// What crashes leave behind.

#[test]
fn killed_between_writing_the_final_signature_and_its_rename() {
    let lab = Lab::new();
    let dir = lab.finished();
    fs::rename(dir.join("run.jsonl.sig"), dir.join("run.jsonl.sig.tmp")).unwrap();
    lab.expect(&dir, Incomplete, "run.jsonl.sig is missing: the run ended but was not countersigned");
    let run = RunDir::open(&lab.home, dir.file_name().unwrap().to_str().unwrap().parse().unwrap()).unwrap();
    countersign(&run, &lab.home.trust().unwrap(), &lab.identity()).unwrap();
    lab.expect(&dir, Complete, "");
    assert!(!dir.join("run.jsonl.sig.tmp").exists());
}

#[test]
fn killed_while_a_person_was_asked() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.commit(&mut journal, RecordType::ApprovalRequest, json!({"checkpoint": "go"}));
    let dir = journal.dir().clone();
    drop(journal);
    lab.expect(dir.path(), Incomplete, "the log stops without run.end");
    // A resumed run may start steps: the question is asked anew where it is needed.
    let mut journal = resume(&lab, &dir).unwrap();
    lab.step(&mut journal);
    lab.expect(&lab.end(journal), Complete, "");
}

#[test]
fn the_power_failed_after_the_directory_was_made() {
    let lab = Lab::new();
    let dir = lab.home.run_path(RunDir::new_id().unwrap());
    lab.home.prepare().unwrap();
    fs::create_dir(&dir).unwrap();
    lab.expect(&dir, Incomplete, "there is no log: nothing to verify");
}

#[test]
fn the_disk_was_full_in_the_middle_of_a_write_or_at_the_end_of_the_run() {
    let lab = Lab::new();
    let dir = lab.finished();
    let log = fs::read(dir.join("run.jsonl")).unwrap();
    fs::remove_file(dir.join("run.jsonl.sig")).unwrap();
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let before_the_end = lines[..lines.len() - 2].concat();
    fs::write(dir.join("run.jsonl"), &before_the_end).unwrap();
    lab.expect(&dir, Incomplete, "the log stops without run.end");
    fs::write(dir.join("run.jsonl"), &log[..before_the_end.len() + 77]).unwrap();
    lab.expect(&dir, Incomplete, "torn last record (77 bytes at byte ");
}

#[test]
fn the_last_page_of_an_output_was_never_written() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.commit(&mut journal, RecordType::StepStart, json!({"step": "a"}));
    let file = journal.dir().path().join("out/0001.stdout");
    fs::write(&file, OUTPUT).unwrap();
    let sha256 = Sha256Sum::of(OUTPUT).to_string();
    let stdout = json!({"file": "out/0001.stdout", "bytes": OUTPUT.len(), "sha256": sha256});
    lab.commit(&mut journal, RecordType::StepOutput, json!({"step": "a", "stdout": stdout}));
    let dir = journal.dir().path().to_path_buf();
    drop(journal);
    // The file grew beyond what was recorded; its last page came back empty.
    append(&file, &[0; 4096]);
    lab.expect(&dir, Incomplete, "the log stops without run.end");
    // A page that was recorded may not be empty.
    fs::write(&file, vec![0; OUTPUT.len()]).unwrap();
    lab.expect(&dir, Tampered, "output file out/0001.stdout was altered within its first 21 bytes");
}
