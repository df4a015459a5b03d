//! Whether a step can be taken back, and says so.

use crate::check::facts::{Facts, Section};
use crate::runbook::model::{Effect, Kind, Step, Undo};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (block, step) in facts.steps() {
        if matches!(step.kind, Kind::File(_)) && step.effect == Effect::Read {
            let message = "a file step changes a file; it cannot be `effect: read`";
            let problem = Diagnostic::error(Code::FILE_THAT_READS, message, step.place.clone());
            found.push(problem.help("leave `effect` out; to look at a file, use `shell: cat FILE`"));
        }
        match (&step.undo, step.effect) {
            (Some(Undo::Previous | Undo::Step(_)), Effect::Irreversible) => {
                let message = "a step that is irreversible cannot have an undo";
                let problem = Diagnostic::error(Code::UNDO_CONTRADICTS, message, step.place.clone());
                found.push(problem.help("write `effect: change`, or leave `undo` out"));
            }
            (Some(Undo::Previous | Undo::Step(_)), Effect::Read) => {
                let message = "a step that only reads leaves nothing to take back";
                let problem = Diagnostic::error(Code::UNDO_CONTRADICTS, message, step.place.clone());
                found.push(problem.help("write `effect: change`, or leave `undo` out"));
            }
            (None, Effect::Change) if is_task(step) && facts.blocks[block].section == Section::Forward => {
                let message = "this step changes something and does not say how it is taken back";
                let problem = Diagnostic::warning(Code::NO_UNDO, message, step.place.clone());
                found.push(advice(problem, step));
            }
            _ => {}
        }
    }
}

fn is_task(step: &Step) -> bool {
    matches!(step.kind, Kind::Shell(_) | Kind::Exec(_) | Kind::Http(_) | Kind::File(_))
}

fn advice(problem: Diagnostic, step: &Step) -> Diagnostic {
    if matches!(step.kind, Kind::File(_)) {
        return problem.help("add `undo: previous`, or say why not: `undo: { none: the reason }`");
    }
    let problem = problem.help("add `undo: { shell: ... }`, or say why not: `undo: { none: the reason }`");
    match step.effect_written {
        true => problem.help("write `effect: irreversible` if it cannot be taken back"),
        false => problem.help("write `effect: read` if it only looks, `irreversible` if it cannot be taken back"),
    }
}
