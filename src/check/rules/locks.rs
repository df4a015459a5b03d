//! Locks: known when planning, there where a step holds them, and none that is ignored in silence.

use crate::check::facts::Facts;
use crate::check::included::all_steps;
use crate::runbook::model::{Effect, Kind, Runbook, TargetUse};
use crate::text::{Code, Diagnostic};

/// The lock of a runbook that does not say, where there is a target.
const USUAL: &str = "{{target.name}}";

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
    ignored(facts, found);
}

/// A run has one lock, that of the runbook that is run. What an included one asks for counts only if it is the same.
fn ignored(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let ours = lock_of(facts.runbook);
    for (block, book) in &facts.inside {
        let Some(Kind::Run(run)) = facts.blocks[*block].step.map(|step| &step.kind) else { continue };
        let Some(lock) = book.lock.as_ref().filter(|lock| lock.value != "none" && lock_of(book) != ours) else {
            continue;
        };
        let message = format!("`{}` has a lock of its own, which does not count here", book.name.value);
        let problem = Diagnostic::warning(Code::INNER_LOCK, message, run.runbook.place.clone());
        let problem = problem.also(lock.place.clone(), "not taken");
        found.push(problem.help("give this runbook a `lock` that keeps others from both, or run the other by itself"));
    }
}

/// As it is written, without the blanks inside braces; the same text is taken for the same lock.
fn lock_of(book: &Runbook) -> Option<String> {
    match &book.lock {
        Some(lock) if lock.value == "none" => None,
        Some(lock) => Some(lock.value.replace("{{ ", "{{").replace(" }}", "}}")),
        None if book.target == TargetUse::None => None,
        None => Some(USUAL.into()),
    }
}

/// Changes without a lock, which matter where the target is production.
pub(in crate::check) fn unlocked(facts: &Facts<'_>) -> Option<Diagnostic> {
    let lock = facts.runbook.lock.as_ref().filter(|lock| lock.value == "none")?;
    let inside = facts.inside.iter().map(|(_, book)| &**book);
    let changes = |book: &Runbook| all_steps(book).iter().any(|step| step.effect != Effect::Read);
    if !std::iter::once(facts.runbook).chain(inside).any(changes) {
        return None;
    }
    let problem = Diagnostic::warning(Code::UNLOCKED, Code::UNLOCKED.title(), lock.place.clone());
    Some(problem.help("leave `lock` out, or name one: the target says `environment: production`"))
}
