//! `kill -9` at every call by which the program changes a file: before it, after it, and in the middle of a write; and
//! the same with what a power cut takes on top.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use runbook::log::{Verdict, segment_file};

use crate::bed::{Bed, Fault, Outcome, on_all_processors};
use crate::reference::{ROLLED_BACK, bed, repeated, wrong_at_the_end};
use crate::trace::{acknowledged, cut_power};

/// Closing tells nobody anything: a kill around it is a kill around its neighbours.
const BOUNDARIES: &str = "odwsrlumt";

/// In the middle of a write: its first byte, half of it, all but its last byte.
const TORN: [&str; 3] = ["torn:0", "torn:2", "torn:4"];

/// What is counted.
#[derive(Default)]
struct Tally {
    kills: AtomicU64,
    acknowledged: AtomicU64,
    lost: AtomicU64,
    resumes: AtomicU64,
    repeated: AtomicU64,
    misjudged: AtomicU64,
    never_began: AtomicU64,
    slowest_us: AtomicU64,
    /// What went wrong, with the case it happened in.
    wrong: Mutex<Vec<String>>,
}

impl Tally {
    fn wrong(&self, case: &Case, what: String) {
        self.wrong.lock().unwrap().push(format!("{case:?}: {what}"));
    }
}

fn add(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

/// One way to die.
#[derive(Debug, Clone)]
struct Case {
    at: u64,
    how: &'static str,
    power: bool,
}

/// Every way to die in a call that makes these boundaries.
fn cases(outcome: &Outcome) -> Vec<Case> {
    let mut cases = Vec::new();
    for call in &outcome.calls {
        let torn = if call.op == 'w' { &TORN[..] } else { &[] };
        for how in ["before", "after"].iter().chain(torn) {
            cases.push(Case { at: call.number, how, power: false });
        }
        cases.push(Case { at: call.number, how: "after", power: true });
    }
    cases
}

fn fault(case: &Case) -> Fault {
    Fault::at(case.at, case.how).with("FAULT_OPS", BOUNDARIES)
}

fn watch() -> Fault {
    Fault::none().with("FAULT_OPS", BOUNDARIES)
}

/// What is left must be judged rightly, and go on to its end with everything done as often as it should be.
fn examine(bed: &Bed, case: &Case, killed: &Outcome, tally: &Tally) {
    if !killed.was_killed() {
        // The order of parallel steps differs from run to run, and so does how much is written in one go.
        return;
    }
    add(&tally.kills, 1);
    if case.power {
        cut_power(&killed.calls, &[(bed.work("conf"), "old")]);
    }
    judge(bed, case, killed, tally);
    finish(bed, case, tally);
}

/// The log as it was found by whoever comes first.
fn judge(bed: &Bed, case: &Case, killed: &Outcome, tally: &Tally) {
    let Some(_) = bed.run_id() else { return };
    let report = bed.report();
    let sealed = bed.sealed();
    let signed = sealed.as_ref().is_some_and(|log| log.ended) && signature_is_there(&bed.run_dir());
    let right = if signed { Verdict::Complete } else { Verdict::Incomplete };
    if report.verdict != right {
        add(&tally.misjudged, 1);
        tally.wrong(case, format!("verifies as {report}"));
    }
    for (path, bytes) in acknowledged(&killed.calls) {
        let records = records_in(&path, bytes);
        add(&tally.acknowledged, records);
        let segment = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let kept = sealed.iter().flat_map(|log| &log.records).filter(|r| segment_file(r.segment) == segment).count();
        if kept < records {
            add(&tally.lost, records - kept);
            tally.wrong(case, format!("{kept} of {records} acknowledged records of {segment} are left"));
        }
    }
}

fn signature_is_there(dir: &Path) -> bool {
    let names = std::fs::read_dir(dir).unwrap().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().ends_with(".jsonl.sig"))
}

/// Whole lines that are no seals in the first bytes of a log.
fn records_in(path: &Path, bytes: u64) -> usize {
    let log = std::fs::read(path).unwrap_or_default();
    let known = &log[..log.len().min(bytes as usize)];
    let lines = known.split_inclusive(|b| *b == b'\n').filter(|line| line.ends_with(b"\n"));
    lines.filter(|line| !String::from_utf8_lossy(line).contains("\"type\":\"seal\"")).count()
}

/// Resumes until there is a verdict, as a person would.
fn finish(bed: &Bed, case: &Case, tally: &Tally) {
    let began = bed.sealed().is_some();
    if !began {
        add(&tally.never_began, 1);
        let effects = bed.lines("effects");
        if !effects.is_empty() {
            tally.wrong(case, format!("no record, but {effects:?} happened"));
        }
        if let Some(run) = bed.run_id() {
            let said = bed.call(&["resume", &run.to_string()], &watch());
            if said.code != Some(9) {
                tally.wrong(case, format!("resuming a run that never began: {said:?}"));
            }
        }
        let again = bed.call_with_person(&["run", "a.yml"], &watch());
        if again.code != Some(ROLLED_BACK) {
            tally.wrong(case, format!("starting again: {:?} {}", again.code, again.screen));
        }
    } else if bed.verdict() != Verdict::Complete {
        add(&tally.resumes, 1);
        let since = std::time::Instant::now();
        let resumed = bed.call_with_person(&["resume", &bed.run_id().unwrap().to_string()], &watch());
        tally.slowest_us.fetch_max(since.elapsed().as_micros() as u64, Ordering::Relaxed);
        if resumed.code != Some(ROLLED_BACK) {
            tally.wrong(case, format!("resumed to {:?}: {}", resumed.code, resumed.screen));
        }
    }
    let repeated = repeated(bed);
    if !repeated.is_empty() {
        add(&tally.repeated, repeated.len());
        tally.wrong(case, format!("repeated silently: {repeated:?}"));
    }
    if bed.verdict() != Verdict::Complete {
        add(&tally.misjudged, 1);
        tally.wrong(case, format!("at the end: {}", bed.report()));
    }
    for what in wrong_at_the_end(bed) {
        tally.wrong(case, what);
    }
}

fn told(what: &str, boundaries: usize, cases: usize, tally: &Tally) {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!("{what}");
    println!("  boundaries                    {boundaries:>6}");
    println!("  ways to die                   {cases:>6}");
    println!("  kills                         {:>6}", count(&tally.kills));
    println!("  runs that had not begun       {:>6}", count(&tally.never_began));
    println!("  resumes                       {:>6}", count(&tally.resumes));
    println!("  slowest resume to the end     {:>6} ms", count(&tally.slowest_us) / 1000);
    println!("  acknowledged records          {:>6}", count(&tally.acknowledged));
    println!("  acknowledged records lost     {:>6}", count(&tally.lost));
    println!("  silent re-runs                {:>6}", count(&tally.repeated));
    println!("  logs that verify wrongly      {:>6}", count(&tally.misjudged));
    let wrong = tally.wrong.lock().unwrap();
    assert!(wrong.is_empty(), "{} cases went wrong:\n{}", wrong.len(), wrong[..wrong.len().min(shown())].join("\n"));
    assert!(count(&tally.kills) * 10 >= cases as u64 * 9, "too few of the kills came about to mean much");
}

#[test]
fn killed_at_any_boundary_of_a_run_nothing_is_lost_or_repeated() {
    let whole = bed();
    let outcome = whole.call_with_person(&["run", "a.yml"], &watch());
    assert_eq!(outcome.code, Some(ROLLED_BACK), "{}", outcome.screen);
    assert_eq!((wrong_at_the_end(&whole), repeated(&whole)), (vec![], vec![]));
    let (cases, tally) = (cases(&outcome), Tally::default());
    on_all_processors(&cases, |case| {
        let bed = bed();
        let killed = bed.call_with_person(&["run", "a.yml"], &fault(case));
        examine(&bed, case, &killed, &tally);
    });
    told("kill -9 at every boundary of a run", outcome.calls.len(), cases.len(), &tally);
}

/// Cases shown in full when there are many.
fn shown() -> usize {
    std::env::var("SHOWN").ok().and_then(|n| n.parse().ok()).unwrap_or(12)
}
