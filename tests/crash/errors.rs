//! A disk that fails: an error from every call by which the program changes its state directory, once and from then on.
//! The run stops with exit code 8 before anything else happens, nothing is synced a second time in the hope that it
//! works, and the run goes on when the disk is well again. Only what merely remembers heads may fail and stop nothing.

use crate::bed::{Bed, Fault, Outcome, on_all_processors};
use crate::judge::{Aim, Judged};
use crate::reference::{AIM, bed, calls, finish};
use crate::tally::Tally;
use crate::trace::Call;

const EIO: i32 = 5;

fn watch() -> Fault {
    Fault::none().with("FAULT_ONLY", "/state/")
}

/// How the run ends when its file step fails.
const WITHOUT_THE_FILE: Aim<'static> = Aim {
    code: AIM.code,
    once: &["first", "left", "right", "undo-first", "undo-left", "undo-right"],
    some: &["flaky", "last"],
};

/// One way to fail.
#[derive(Debug)]
struct Case {
    call: Call,
    /// Once, or this call and all later ones.
    how: &'static str,
}

fn cases(boundaries: &[Call]) -> Vec<Case> {
    let hows = ["error", "from"];
    boundaries.iter().flat_map(|call| hows.map(|how| Case { call: call.clone(), how })).collect()
}

fn with_each(what: &str, prepare: impl Fn() -> (Bed, Vec<String>) + Sync) {
    let (whole, args) = prepare();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let boundaries = calls(&whole, &args, &watch());
    let (cases, tally) = (cases(&boundaries), Tally::default());
    on_all_processors(&cases, |case| {
        let (bed, args) = prepare();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let fault = watch().with("FAULT_AT", case.call.number).with("FAULT_HOW", case.how).with("FAULT_ERRNO", EIO);
        let outcome = bed.call_with_person(&args, &fault);
        let mut judged = Judged::default();
        judged.look(&bed, &outcome.calls);
        let failed = outcome.calls.iter().find(|call| call.errno == EIO);
        if let Some(failed) = failed {
            judge(failed, &outcome, &mut judged);
        }
        match outcome.code {
            // A file step that cannot keep the old content fails before it changes anything.
            Some(code) if code == AIM.code && failed.is_some_and(is_of_a_step) => {
                judged.finish(&bed, &WITHOUT_THE_FILE)
            }
            _ => finish(&bed, &mut judged),
        }
        tally.count(&(case.how, failed), failed.is_some(), judged);
    });
    tally.tell(what, boundaries.len(), cases.len());
}

fn judge(failed: &Call, outcome: &Outcome, judged: &mut Judged) {
    // Closing, giving back what was reserved, removing leftovers: nothing rests on these. Nor on what only helps to convict.
    let is_harmless = |call: &Call| matches!(call.op, 'c' | 't' | 'u') && !is_of_a_step(call) || is_of_an_anchor(call);
    let harmless = outcome.calls.iter().filter(|call| call.errno == EIO).all(is_harmless);
    if outcome.calls.iter().filter(|call| call.errno == EIO).all(is_of_an_anchor) && outcome.code != Some(AIM.code) {
        judged.wrong.push(format!("did not go on without its memory: {:?}", outcome.code));
    }
    let words = outcome.screen.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    match outcome.code {
        Some(code) if code == AIM.code && (harmless || is_of_a_step(failed)) => {}
        Some(8) if words.contains("input/output error") => {}
        Some(8) => judged.wrong.push(format!("does not say why: {words}")),
        other => judged.wrong.push(format!("ended with {other:?}: {words}")),
    }
    // Output whose writing failed is cut to what was hashed, so syncing it claims nothing.
    let is_final = failed.op == 's' || (failed.op == 'w' && failed.is_on_log());
    let later = outcome.calls.iter().filter(|call| call.number > failed.number && call.path == failed.path);
    let again: Vec<char> = later.map(|call| call.op).filter(|op| matches!(op, 's' | 'w')).collect();
    if is_final && !again.is_empty() {
        judged.wrong.push(format!("tried again: {again:?}"));
    }
}

/// Remembering how far logs go is done as well as it can be; no run stops for it.
fn is_of_an_anchor(call: &Call) -> bool {
    let path = call.path.to_string_lossy();
    ["/runbook/heads", "/runbook/newest"].iter().any(|place| path.contains(place))
}

fn is_of_a_step(call: &Call) -> bool {
    call.path.to_string_lossy().contains("/kept")
}

#[test]
fn an_error_at_any_call_of_a_run_stops_it_and_not_for_good() {
    with_each("an error from every call of a run", || (bed(), vec!["run".into(), "a.yml".into()]));
}

#[test]
fn an_error_at_any_call_of_a_resume_stops_it_and_not_for_good() {
    with_each("an error from every call of a resume", || {
        let bed = bed();
        let parked = bed.call(&["run", "a.yml", "--no-input"], &watch());
        assert_eq!(parked.code, Some(5), "{}", parked.screen);
        let run = bed.run_id().unwrap().to_string();
        (bed, vec!["resume".into(), run])
    });
}
