//! Locks: known when planning, and there where a step holds them.

use crate::check::facts::Facts;
use crate::runbook::model::{Kind, TargetUse};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for usage in facts.uses.iter().filter(|usage| usage.key == "lock") {
        for read in usage.refs.iter().filter(|read| !matches!(read.path[0].as_str(), "inputs" | "target")) {
            let message = format!("the lock must be known when planning, and `{}` is not", read.path.join("."));
            let problem = Diagnostic::error(Code::LOCK_NOT_KNOWN, message, usage.place(read));
            found.push(problem.help("use only `inputs.` and `target.`"));
        }
    }
    let book = facts.runbook;
    let unlocked = match &book.lock {
        Some(lock) => lock.value == "none",
        None => book.target == TargetUse::None,
    };
    for (_, step) in facts.steps().filter(|(_, step)| unlocked && matches!(step.kind, Kind::Hold(_))) {
        let message = "this step holds the lock of its run, and there is none";
        let problem = Diagnostic::error(Code::HOLD_WITHOUT_LOCK, message, step.place.clone());
        found.push(problem.help("write `lock: NAME`, or run it with a target"));
    }
}
