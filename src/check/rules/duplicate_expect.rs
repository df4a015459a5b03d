//! The same condition twice: most likely one of them should have been another.

use crate::check::facts::Facts;
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (_, step) in facts.steps() {
        for (at, condition) in step.expect.iter().enumerate() {
            let same = |other: &&crate::runbook::model::Text| other.value.trim() == condition.value.trim();
            if let Some(first) = step.expect[..at].iter().find(same) {
                let message = "this condition stands here twice";
                let problem = Diagnostic::warning(Code::DUPLICATE_EXPECT, message, condition.place.clone());
                found.push(problem.also(first.place.clone(), "the first one"));
            }
        }
    }
}
