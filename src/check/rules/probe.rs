//! `repeat: probe` and `done_when` belong together.

use crate::check::facts::Facts;
use crate::runbook::model::{Effect, Repeat};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (_, step) in facts.steps() {
        match (step.repeat, &step.done_when) {
            (Some(Repeat::Probe), None) => {
                let problem = Diagnostic::error(Code::PROBE, "`repeat: probe` has nothing to ask", step.place.clone());
                found.push(problem.help("add `done_when: { shell: ... }`, which succeeds when the step has happened"));
            }
            (Some(Repeat::Safe | Repeat::Once), Some(body)) => {
                let problem = Diagnostic::warning(Code::PROBE, "`done_when` is never asked", body.place.clone());
                found.push(problem.help("write `repeat: probe`, or leave `repeat` out"));
            }
            _ => {}
        }
        if let Some(body) = step.done_when.as_ref().filter(|body| body.effect != Effect::Read) {
            let problem = Diagnostic::error(Code::PROBE, "`done_when` may only look", body.place.clone());
            found.push(problem.help("leave `effect` out"));
        }
    }
}
