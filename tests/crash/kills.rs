//! `kill -9` at every call by which the program changes a file: before it, after it, and in the middle of a write; and
//! the same with what a power cut takes on top.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use runbook::log::{Verdict, segment_file};

use crate::bed::{Bed, Fault, Outcome, on_all_processors};
use crate::reference::{BOOK, ROLLED_BACK, bed, repeated, wrong_at_the_end};
use crate::trace::{Call, acknowledged, cut_power};

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
    die_of(bed, case, killed, tally);
    finish(bed, case, tally);
}

fn die_of(bed: &Bed, case: &Case, killed: &Outcome, tally: &Tally) {
    if case.power {
        cut_power(&killed.calls, &[(bed.work("conf"), "old")]);
    }
    judge(bed, case, killed, tally);
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

/// The reference run as somebody left it who was not there to say go.
fn parked() -> (Bed, String) {
    let bed = bed();
    let parked = bed.call(&["run", "a.yml", "--no-input"], &watch());
    assert_eq!(parked.code, Some(5), "{}", parked.screen);
    let run = bed.run_id().unwrap().to_string();
    (bed, run)
}

/// And every other of them is killed a second time, while it resumes from the first.
#[test]
fn killed_at_any_boundary_of_a_resume_it_can_be_resumed_again() {
    let (whole, run) = parked();
    let outcome = whole.call_with_person(&["resume", &run], &watch());
    assert_eq!(outcome.code, Some(ROLLED_BACK), "{}", outcome.screen);
    assert_eq!((wrong_at_the_end(&whole), repeated(&whole)), (vec![], vec![]));
    let (boundaries, cases, tally) = (outcome.calls.len(), cases(&outcome), Tally::default());
    on_all_processors(&cases, |case| {
        let (bed, run) = parked();
        let killed = bed.call_with_person(&["resume", &run], &fault(case));
        let again = Case { at: case.at * 7 % boundaries as u64 + 1, how: "before", power: case.power };
        if killed.was_killed() && case.at % 2 == 0 && bed.verdict() != Verdict::Complete {
            add(&tally.kills, 1);
            die_of(&bed, case, &killed, &tally);
            let killed = bed.call_with_person(&["resume", &run], &fault(&again));
            match killed.was_killed() {
                true => examine(&bed, &again, &killed, &tally),
                false => finish(&bed, case, &tally),
            }
        } else {
            examine(&bed, case, &killed, &tally);
        }
    });
    told("kill -9 at every boundary of a resume, and again in the next", boundaries, cases.len(), &tally);
}

#[test]
fn killed_at_any_boundary_of_its_first_use_the_next_use_makes_one_good_key() {
    let fresh = || Bed::new(&[("a.yml", BOOK), ("conf", "old")]);
    let only = |fault: Fault| fault.with("FAULT_OPS", BOUNDARIES).with("FAULT_ONLY", "/config/");
    let outcome = fresh().call_with_person(&["run", "a.yml"], &only(Fault::none()));
    assert!(outcome.calls.len() > 8, "{:?}", outcome.calls);
    let (cases, tally) = (cases(&outcome), Tally::default());
    on_all_processors(&cases, |case| {
        let bed = fresh();
        let killed = bed.call_with_person(&["run", "a.yml"], &only(Fault::at(case.at, case.how)));
        examine(&bed, case, &killed, &tally);
        let keys = std::fs::read_dir(bed.home().config_dir()).unwrap().flatten();
        let left: Vec<_> = keys.map(|e| e.file_name()).filter(|n| n.to_string_lossy().ends_with(".tmp")).collect();
        if left.len() > 1 {
            tally.wrong(case, format!("left behind: {left:?}"));
        }
    });
    told("kill -9 at every boundary of making a key", outcome.calls.len(), cases.len(), &tally);
}

/// The number of the first call in the reference run that this holds for.
fn boundary(holds: impl Fn(&Call) -> bool) -> u64 {
    let outcome = bed().call_with_person(&["run", "a.yml"], &watch());
    outcome.calls.iter().find(|call| holds(call)).expect("the run makes such a call").number
}

#[test]
fn a_kill_between_the_signature_and_its_name_leaves_a_run_that_only_needs_its_signature() {
    let bed = bed();
    let only = Fault::at(1, "before").with("FAULT_OPS", "r").with("FAULT_ONLY", ".sig");
    let killed = bed.call_with_person(&["run", "a.yml"], &only);
    assert!(killed.was_killed(), "{}", killed.screen);
    let dir = bed.run_dir();
    assert!(dir.join("run.jsonl.sig.tmp").exists() && !dir.join("run.jsonl.sig").exists());
    assert_eq!(bed.verdict(), Verdict::Incomplete, "{}", bed.report());
    let effects = bed.counted("effects");
    let run = bed.run_id().unwrap().to_string();
    let signed = bed.call(&["resume", &run], &watch());
    assert_eq!(signed.code, Some(ROLLED_BACK), "{}", signed.screen);
    assert_eq!((bed.verdict(), bed.counted("effects")), (Verdict::Complete, effects));
    assert!(!dir.join("run.jsonl.sig.tmp").exists(), "the leftover is still there");
}

#[test]
fn a_kill_after_mkdir_leaves_a_directory_that_hurts_nobody() {
    let bed = bed();
    let run_dir = boundary(|call| call.op == 'm' && call.path.parent().is_some_and(|p| p.ends_with("runs")));
    let killed = bed.call(&["run", "a.yml"], &Fault::at(run_dir, "after").with("FAULT_OPS", BOUNDARIES));
    assert!(killed.was_killed(), "{}", killed.screen);
    let run = bed.run_id().unwrap().to_string();
    assert_eq!(std::fs::read_dir(bed.run_dir()).unwrap().count(), 0);
    let verified = bed.call(&["verify", &run], &watch());
    assert_eq!(verified.code, Some(9), "{}", verified.screen);
    assert!(verified.screen.starts_with("INCOMPLETE"), "{}", verified.screen);
    let resumed = bed.call(&["resume", &run], &watch());
    assert_eq!(resumed.code, Some(9), "{}", resumed.screen);
    assert!(resumed.screen.contains("it never began"), "{}", resumed.screen);
    let list = bed.call(&["runs"], &watch());
    assert_eq!(list.code, Some(0), "{}", list.screen);
    assert!(list.screen.contains(&run), "{}", list.screen);
    assert_eq!(bed.call_with_person(&["run", "a.yml"], &watch()).code, Some(ROLLED_BACK));
    assert_eq!(bed.verdict(), Verdict::Complete);
}

#[test]
fn a_kill_while_somebody_is_asked_leaves_the_question_open() {
    let bed = bed();
    let killed = bed.call_until_asked(&["run", "a.yml"]);
    assert!(killed.was_killed() && killed.screen.contains("(go or no-go)"), "{}", killed.screen);
    assert_eq!(bed.verdict(), Verdict::Incomplete);
    let run = bed.run_id().unwrap().to_string();
    assert_eq!(bed.call(&["resume", &run, "--no-input"], &watch()).code, Some(5), "nobody answered yet");
    let resumed = bed.call_with_person(&["resume", &run], &watch());
    assert_eq!(resumed.code, Some(ROLLED_BACK), "{}", resumed.screen);
    assert_eq!((wrong_at_the_end(&bed), repeated(&bed)), (vec![], vec![]));
    assert_eq!(bed.verdict(), Verdict::Complete);
    let answers = bed.sealed().unwrap().records.iter().filter(|r| r.payload.get("answer").is_some()).count();
    assert_eq!(answers, 1, "a question was answered more than once");
}

/// Cases shown in full when there are many.
fn shown() -> usize {
    std::env::var("SHOWN").ok().and_then(|n| n.parse().ok()).unwrap_or(12)
}
