//! Changes without a time limit.

use crate::check::facts::Facts;
use crate::runbook::model::{Effect, Kind};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (_, step) in facts.steps() {
        let waits = matches!(step.kind, Kind::Shell(_) | Kind::Exec(_) | Kind::Http(_));
        if waits && step.effect != Effect::Read && step.timeout.is_none() {
            let message = "this change has no time limit";
            let problem = Diagnostic::advice(Code::NO_TIMEOUT, message, step.place.clone());
            found.push(problem.help("add `timeout: 5m` or what fits"));
        }
    }
}
