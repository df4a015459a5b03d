//! What is wrong with the meaning of a runbook: one rule per file, each a function from facts to diagnostics.

mod facts;
mod included;
mod rules;
#[cfg(test)]
mod tests;
mod uses;

use crate::runbook::Runbook;
use crate::text::{Diagnostic, Source};

use facts::Facts;
use std::collections::BTreeSet;

/// Access to the files a runbook runs.
pub trait Includes {
    /// The file at `path` as written in `from`; its name identifies it.
    ///
    /// # Errors
    /// Words for people when it cannot be read.
    fn load(&self, from: &Source, path: &str) -> Result<Source, String>;
}

/// Everything wrong with the meaning of a runbook that [`crate::runbook::read`] accepted in form.
///
/// Errors, warnings and advice, in no particular order.
pub fn check(runbook: &Runbook, includes: &dyn Includes) -> Vec<Diagnostic> {
    let facts = Facts::of(runbook, includes);
    let mut found = Vec::new();
    for rule in rules::ALL {
        rule(&facts, &mut found);
    }
    once(found)
}

/// What is wrong with a runbook only where its target is production.
pub fn check_for_production(runbook: &Runbook, includes: &dyn Includes) -> Vec<Diagnostic> {
    rules::unlocked(&Facts::of(runbook, includes)).into_iter().collect()
}

/// A metric is read by every table that names it; what is wrong with it is said once.
fn once(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    let mut keep = |problem: &Diagnostic| {
        let span = problem.place.span;
        seen.insert((problem.code, span.start, span.end, problem.message.clone()))
    };
    found.into_iter().filter(|problem| keep(problem)).collect()
}
