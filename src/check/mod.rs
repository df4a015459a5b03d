//! What is wrong with the meaning of a runbook: one rule per file, each a function from facts to diagnostics.

mod facts;
mod included;
mod rules;
#[cfg(test)]
mod tests;
mod uses;

use crate::runbook::Runbook;
use crate::runbook::model::Fill;
use crate::text::{Diagnostic, Source};

use facts::Facts;
use rules::of_runbook;
use rules::target::{self, Lacking};
pub(crate) use rules::{Use, crossed, of_rounds, of_stages, of_table, proves_a_share};
use serde_json::Value;
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

/// What a runbook, and those it runs, read of their target and the target does not have.
pub(crate) fn check_at_target(
    runbook: &Runbook,
    includes: &dyn Includes,
    name: &str,
    values: &Value,
) -> Vec<Diagnostic> {
    let (facts, mut lacking) = (Facts::of(runbook, includes), Lacking::new());
    target::look(&facts, values, |_| false, &mut lacking);
    for (block, inside) in &facts.inside {
        let asked = target::asked_around(&facts, *block);
        let asks = |path: &[String]| asked.iter().any(|asked| path.starts_with(asked));
        target::look(&Facts::of(inside, includes), values, asks, &mut lacking);
    }
    target::problems(lacking, name)
}

/// What is found in the tables and stages of a runbook once their holes are filled, such as by the limits of a target.
pub(crate) fn check_filled(runbook: &Runbook, fill: &Fill<'_>) -> Vec<Diagnostic> {
    once(of_runbook(runbook, fill))
}

/// Whether two problems are one: what is written is looked at again once its holes are filled.
pub(crate) fn same_problem(one: &Diagnostic, other: &Diagnostic) -> bool {
    let key = |problem: &Diagnostic| (problem.code, problem.place.span.start, problem.place.span.end);
    let source = |problem: &Diagnostic| problem.place.source.name().to_owned();
    key(one) == key(other) && one.message == other.message && source(one) == source(other)
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
