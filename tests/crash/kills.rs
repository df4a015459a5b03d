//! `kill -9` at every call by which the program changes a file: before it, after it, and in the middle of a write; and
//! the same with what a power cut takes on top.

use runbook::log::Verdict;

use crate::bed::{Bed, Fault, Outcome, on_all_processors};
use crate::judge::Judged;
use crate::reference::{AIM, FILES, bed, calls, finish};
use crate::tally::Tally;
use crate::trace::{Call, Loss, cut_power};

/// Closing tells nobody anything: a kill around it is a kill around its neighbours.
const BOUNDARIES: &str = "odwsrlumt";

/// In the middle of a write: its first byte, half of it, all but its last byte.
const TORN: [&str; 3] = ["torn:0", "torn:2", "torn:4"];

/// One way to die.
#[derive(Debug, Clone)]
struct Case {
    at: u64,
    how: &'static str,
    /// What a power cut takes as well.
    power: Option<Loss>,
}

/// Every way to die at one of these boundaries.
fn cases(calls: &[Call]) -> Vec<Case> {
    let mut cases = Vec::new();
    for call in calls {
        let torn = if call.op == 'w' { &TORN[..] } else { &[] };
        for how in ["before", "after"].iter().chain(torn) {
            cases.push(Case { at: call.number, how, power: None });
        }
        let losses = if call.op == 'w' { &[Loss::Cut, Loss::Zeroed, Loss::Holed][..] } else { &[Loss::Cut] };
        cases.extend(losses.iter().map(|loss| Case { at: call.number, how: "after", power: Some(*loss) }));
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
fn examine(bed: &Bed, case: &Case, outcome: &Outcome, tally: &Tally) {
    let mut judged = Judged::default();
    let killed = die(bed, case, outcome, &mut judged);
    finish(bed, &mut judged);
    tally.count(case, killed, judged);
}

/// Whether the kill came about: the order of parallel steps differs from run to run, and so do the last numbers.
fn die(bed: &Bed, case: &Case, outcome: &Outcome, judged: &mut Judged) -> bool {
    if let (Some(loss), true) = (case.power, outcome.was_killed()) {
        cut_power(&outcome.calls, loss, &[(bed.work("conf"), "old")]);
    }
    judged.look(bed, &outcome.calls);
    outcome.was_killed()
}

#[test]
fn killed_at_any_boundary_of_a_run_nothing_is_lost_or_repeated() {
    let boundaries = calls(&bed(), &["run", "a.yml"], &watch());
    let (cases, tally) = (cases(&boundaries), Tally::default());
    on_all_processors(&cases, |case| {
        let bed = bed();
        let killed = bed.call_with_person(&["run", "a.yml"], &fault(case));
        examine(&bed, case, &killed, &tally);
    });
    tally.tell("kill -9 at every boundary of a run", boundaries.len(), cases.len());
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
    let boundaries = calls(&whole, &["resume", &run], &watch());
    let (cases, tally) = (cases(&boundaries), Tally::default());
    on_all_processors(&cases, |case| {
        let (bed, run) = parked();
        let killed = bed.call_with_person(&["resume", &run], &fault(case));
        if case.at % 2 == 1 || !killed.was_killed() || bed.verdict() == Verdict::Complete {
            return examine(&bed, case, &killed, &tally);
        }
        let mut judged = Judged::default();
        die(&bed, case, &killed, &mut judged);
        tally.count(case, true, judged);
        let again = Case { at: case.at * 7 % boundaries.len() as u64 + 1, how: "before", power: case.power };
        let killed = bed.call_with_person(&["resume", &run], &fault(&again));
        examine(&bed, &again, &killed, &tally);
    });
    tally.tell("kill -9 at every boundary of a resume, and again in the next", boundaries.len(), cases.len());
}

#[test]
fn killed_at_any_boundary_of_its_first_use_the_next_use_makes_one_good_key() {
    let fresh = || Bed::new(&FILES);
    let only = |fault: Fault| fault.with("FAULT_OPS", BOUNDARIES).with("FAULT_ONLY", "/config/");
    let boundaries = calls(&fresh(), &["run", "a.yml"], &only(Fault::none()));
    assert!(boundaries.len() > 8, "{boundaries:?}");
    let (cases, tally) = (cases(&boundaries), Tally::default());
    on_all_processors(&cases, |case| {
        let bed = fresh();
        let killed = bed.call_with_person(&["run", "a.yml"], &only(Fault::at(case.at, case.how)));
        examine(&bed, case, &killed, &tally);
        let mut judged = Judged::default();
        let keys = std::fs::read_dir(bed.home().config_dir()).unwrap().flatten();
        let left: Vec<_> = keys.map(|e| e.file_name()).filter(|n| n.to_string_lossy().ends_with(".tmp")).collect();
        if left.len() > 1 {
            judged.wrong.push(format!("left behind: {left:?}"));
        }
        tally.count(case, false, judged);
    });
    tally.tell("kill -9 at every boundary of making a key", boundaries.len(), cases.len());
}

/// The number of the first call in the reference run that this holds for.
fn boundary(holds: impl Fn(&Call) -> bool) -> u64 {
    calls(&bed(), &["run", "a.yml"], &watch())
        .iter()
        .find(|call| holds(call))
        .expect("the run makes such a call")
        .number
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
    assert_eq!(signed.code, Some(AIM.code), "{}", signed.screen);
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
    assert_eq!(bed.call_with_person(&["run", "a.yml"], &watch()).code, Some(AIM.code));
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
    assert_eq!(resumed.code, Some(AIM.code), "{}", resumed.screen);
    let mut judged = Judged::default();
    finish(&bed, &mut judged);
    assert_eq!(judged.wrong, Vec::<String>::new());
    let answers = bed.sealed().unwrap().records.iter().filter(|r| r.payload.get("answer").is_some()).count();
    assert_eq!(answers, 1, "a question was answered more than once");
}

/// Reading steps share a sync. What a power cut could damage of them stays below what `verify` takes for an accident.
#[test]
fn what_is_not_synced_never_grows_beyond_what_a_power_cut_is_forgiven() {
    let book = "runbook: v1
name: readers
steps:
  - id: all
    for_each:
      in: '{{ range(0, 60) | list }}'
      max: 60
      steps:
        - id: one
          effect: read
          shell: head -c 60000 /dev/zero | tr '\\0' x
          save: { text: stdout }
";
    let bed = Bed::new(&[("a.yml", book)]).with_key();
    let outcome = bed.call(&["run", "a.yml"], &watch());
    assert_eq!(outcome.code, Some(0), "{}", outcome.screen);
    let (mut synced, mut most, mut whole) = (0, 0, 0);
    for call in outcome.calls.iter().filter(|call| call.is_on_log()) {
        whole = call.size.unwrap_or(0);
        most = most.max(whole - synced);
        if call.op == 's' {
            synced = whole;
        }
    }
    assert!(whole > 4 << 20, "a log of {whole} bytes is too short to mean anything");
    assert!(most < 1 << 20, "{most} bytes were not synced");
}

/// What the log says of an output file must not outlive its name.
#[test]
fn the_names_of_kept_files_are_durable_before_the_log_relies_on_them() {
    let book = "runbook: v1
name: talker
steps:
  - id: talks
    shell: echo said
    undo: { none: it only talks }
";
    let bed = Bed::new(&[("a.yml", book)]).with_key();
    let outcome = bed.call(&["run", "a.yml"], &watch());
    assert_eq!(outcome.code, Some(0), "{}", outcome.screen);
    let calls = &outcome.calls;
    let after = |from: usize, holds: &dyn Fn(&Call) -> bool| from + calls[from..].iter().position(holds).unwrap();
    let syncs = |call: &Call, name: &str| call.op == 's' && call.path.ends_with(name);

    let made = after(0, &|call| call.op == 'm' && call.path.ends_with("kept"));
    let synced = after(made, &|call| syncs(call, &bed.run_id().unwrap().to_string()));
    assert!(synced < after(0, &|call| call.op == 'w' && call.is_on_log()), "kept/ may be lost: {calls:#?}");

    let made = after(0, &|call| call.op == 'o' && call.path.ends_with("out/0001.stdout"));
    let synced = after(made, &|call| syncs(call, "out"));
    assert!(synced < after(made, &|call| call.op == 'w' && call.is_on_log()), "output may be lost: {calls:#?}");
}
