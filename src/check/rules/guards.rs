//! Guards that look too seldom to be of use.

use crate::decide::{self, Ruling};
use crate::runbook::model::{Fill, Kind, Outcome, Step, Table, Then, Wait, time_us};
use crate::text::{Code, Diagnostic};

/// What calls for going back is answered within this time, in microseconds.
const ANSWERED_US: u64 = 10_000_000;

/// How often guards look, against what they guard and what they would do.
pub(super) fn pace(table: &Table, resolved: &decide::Table, steps: &[&Step], fill: &Fill<'_>) -> Vec<Diagnostic> {
    let Some(every) = &table.every else { return Vec::new() };
    let words = crate::runbook::units::duration_words;
    let warn = |message: String| Diagnostic::warning(Code::GUARDS_TOO_SELDOM, message, every.place.clone());
    let mut found = Vec::new();
    let longest_us = steps.iter().filter_map(|step| soak_us(step, fill)).max();
    if let Some(soak_us) = longest_us.filter(|soak_us| *soak_us < resolved.every_us) {
        let message = format!(
            "the guards look every {}, and the longest time to look at what they guard is {}: it passes between two looks",
            words(resolved.every_us),
            words(soak_us)
        );
        found.push(warn(message).help("make `every` a small part of it"));
    }
    if goes_back(table) && resolved.every_us > ANSWERED_US {
        let message = format!(
            "a breach may stay unseen for {}; what calls for going back should be answered within {}",
            words(resolved.every_us),
            words(ANSWERED_US)
        );
        found.push(warn(message).help("add `every: 5s`; a metric that is slower is just read more often"));
    }
    found
}

/// Whether it goes back by itself: a row does, or what no row covers, or nobody answers what it asks.
fn goes_back(table: &Table) -> bool {
    let outcomes = table.rules.iter().map(|rule| &rule.outcome).chain(&table.otherwise);
    let of_table = table.investigate.as_ref().map(|ask| ask.then);
    let unanswered = |outcome: &Outcome| outcome.then.or(of_table) == Some(Then::Rollback);
    outcomes.into_iter().any(|outcome| match outcome.action {
        Ruling::Rollback => true,
        Ruling::Investigate => unanswered(outcome),
        Ruling::Escalate => table.escalate.as_ref().is_some_and(|escalate| escalate.then == Then::Rollback),
        _ => false,
    })
}

/// The longest time a step, or one inside it, lets pass to look.
fn soak_us(step: &Step, fill: &Fill<'_>) -> Option<u64> {
    let own = match &step.kind {
        Kind::Wait(Wait::For(time)) => time_us(time, fill).ok(),
        Kind::Decide(table) => table.over.as_ref().and_then(|over| time_us(over, fill).ok()),
        Kind::Stages(stages) => stages.table.iter().filter_map(|stage| time_us(stage.wait.as_ref()?, fill).ok()).max(),
        _ => None,
    };
    let inside = step.kind.inner_steps().into_iter().flatten().filter_map(|step| soak_us(step, fill)).max();
    own.max(inside)
}
