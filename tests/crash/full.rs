//! A disk that is full after so many bytes, for every such number: the run stops with exit code 8, nothing happened
//! whose beginning is not in the log, and it goes on when there is room.

use std::path::Path;

use crate::bed::{Bed, Fault, on_all_processors};
use crate::judge::{Aim, Judged};
use crate::tally::Tally;

const ENOSPC: u32 = 28;
const EOPNOTSUPP: u32 = 95;

const BOOK: &str = "runbook: v1
name: small
steps:
  - id: first
    shell: echo first >> effects; echo first said this
    repeat: once
    undo: { none: the test wants it done }
  - id: go
    checkpoint: { title: Go on? }
  - id: second
    shell: echo second >> effects
    repeat: safe
    undo: { none: the test wants it done }
";

const AIM: Aim<'static> = Aim { code: 0, once: &["first"], some: &["second"] };

const FILES: [(&str, &str); 1] = [("a.yml", BOOK)];

/// The numbers up to this one, or so many apart that the gate has time for them.
fn sampled(until: u64, apart: usize) -> Vec<u64> {
    let apart = if std::env::var_os("RUNBOOK_CRASH_ALL").is_some() { 1 } else { apart };
    (0..until).step_by(apart).collect()
}

/// The run on a disk that is full at some point.
fn on_a_full_disk(bed: &Bed, case: &u64, fault: &Fault, tally: &Tally) {
    let outcome = bed.call_with_person(&["run", "a.yml"], fault);
    let mut judged = Judged::default();
    judged.look(bed, &outcome.calls);
    let words = outcome.screen.split_whitespace().collect::<Vec<_>>().join(" ");
    match outcome.code {
        Some(0) => {}
        Some(8) if words.contains("full") || words.contains("no space left on device") => {}
        Some(8) => judged.wrong.push(format!("does not say why: {words}")),
        other => judged.wrong.push(format!("ended with {other:?}: {words}")),
    }
    judged.finish(bed, &AIM);
    tally.count(case, outcome.code == Some(8), judged);
}

/// The bytes that writes to some files take in a whole run.
fn bytes_of_a_run(only: &str) -> u64 {
    let bed = Bed::new(&FILES).with_key();
    let fault = Fault::none().with("FAULT_ONLY", only).with("FAULT_OPS", "w");
    let outcome = bed.call_with_person(&["run", "a.yml"], &fault);
    assert_eq!(outcome.code, Some(0), "{}", outcome.screen);
    let files: std::collections::BTreeMap<_, _> =
        outcome.calls.iter().map(|c| (&c.path, c.size.unwrap_or(0))).collect();
    files.values().sum()
}

#[test]
fn a_disk_that_is_full_at_any_byte_of_the_log_stops_the_run_and_not_for_good() {
    let only = "/run.";
    let bytes = bytes_of_a_run(only);
    let (cases, tally) = (sampled(bytes, 11), Tally::default());
    on_all_processors(&cases, |at| {
        // Without reserved blocks: as on a file system that cannot reserve any.
        let fault = Fault::none().with("FAULT_ONLY", only).with("FAULT_BUDGET", at);
        let fault = fault.with("FAULT_NO_FALLOCATE", EOPNOTSUPP);
        on_a_full_disk(&Bed::new(&FILES).with_key(), at, &fault, &tally);
    });
    tally.tell("no space left at every byte of the log", bytes as usize, cases.len());
}

#[test]
fn a_disk_that_is_full_at_any_byte_of_anything_stops_the_run_and_not_for_good() {
    let bytes = bytes_of_a_run("/state/");
    let (cases, tally) = (sampled(bytes, 101), Tally::default());
    on_all_processors(&cases, |at| {
        let fault = Fault::none().with("FAULT_ONLY", "/state/").with("FAULT_BUDGET", at);
        on_a_full_disk(&Bed::new(&FILES).with_key(), at, &fault.with("FAULT_NO_FALLOCATE", EOPNOTSUPP), &tally);
    });
    tally.tell("no space left at every byte of all files", bytes as usize, cases.len());
}

#[test]
fn a_batch_that_fits_only_in_part_says_that_the_disk_is_full() {
    let bed = Bed::new(&FILES).with_key();
    let fault = Fault::none().with("FAULT_ONLY", "/run.").with("FAULT_BUDGET", 100);
    let outcome = bed.call_with_person(&["run", "a.yml"], &fault.with("FAULT_NO_FALLOCATE", EOPNOTSUPP));
    assert_eq!(outcome.code, Some(8), "{}", outcome.screen);
    assert!(outcome.screen.contains("is full: free some space"), "{}", outcome.screen);
    assert_eq!(std::fs::read(bed.run_dir().join("run.jsonl")).unwrap().len(), 100);
}

#[test]
fn without_room_for_the_reserve_nothing_begins() {
    let bed = Bed::new(&FILES).with_key();
    let outcome = bed.call_with_person(&["run", "a.yml"], &Fault::none().with("FAULT_NO_FALLOCATE", ENOSPC));
    assert_eq!(outcome.code, Some(8), "{}", outcome.screen);
    assert!(outcome.screen.contains("is full: free some space"), "{}", outcome.screen);
    assert!(bed.lines("effects").is_empty());
}

#[test]
#[ignore = "needs a directory on a file system of about 2 MiB in RUNBOOK_SMALL_DISK; tests/run makes it"]
fn a_real_disk_with_any_number_of_free_pages_stops_the_run_and_not_for_good() {
    let disk = std::env::var_os("RUNBOOK_SMALL_DISK").expect("RUNBOOK_SMALL_DISK names a directory of about 2 MiB");
    let disk = Path::new(&disk).to_path_buf();
    let page = 4096;
    let (filler, tally) = (disk.join("filler"), Tally::default());
    // Beyond that there is room for everything. Without a reserve, what is written runs out of room in the middle.
    let reserving = (0..160).step_by(3).map(|free| (free, true));
    let cases: Vec<(u64, bool)> = reserving.chain((0..40).map(|free| (free, false))).collect();
    for case in &cases {
        let (free, reserves) = *case;
        let fault = Fault::none();
        let fault = if reserves { fault } else { fault.with("FAULT_NO_FALLOCATE", EOPNOTSUPP) };
        let bed = Bed::new(&FILES).with_key();
        let state = tempfile::tempdir_in(&disk).unwrap();
        bed.keep_state_in(state.path());
        let whole = rustix::fs::statvfs(&disk).unwrap();
        let room = (whole.f_bavail * whole.f_frsize).saturating_sub(free * page);
        std::fs::write(&filler, vec![b'x'; room as usize]).unwrap();
        let outcome = bed.call_with_person(&["run", "a.yml"], &fault);
        std::fs::remove_file(&filler).unwrap();
        let mut judged = Judged::default();
        judged.look(&bed, &outcome.calls);
        if !matches!(outcome.code, Some(0 | 8)) {
            judged.wrong.push(format!("ended with {:?}: {}", outcome.code, outcome.screen));
        }
        judged.finish(&bed, &AIM);
        // A run with room ends; that is what it should do.
        tally.count(case, true, judged);
    }
    tally.tell("a real disk with 0, 1, 2, ... pages left", cases.len(), cases.len());
}
