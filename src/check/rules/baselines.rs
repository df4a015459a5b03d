//! Baselines: taken before the first change of the whole run, and long enough for three looks.

use super::metrics::wrong;
use crate::check::facts::{Facts, Section};
use crate::check::included::all_steps;
use crate::runbook::model::{Effect, Kind, Runbook, Step};
use crate::runbook::units::duration_us;
use crate::text::{Code, Diagnostic};

/// A baseline takes three looks, at least a second apart.
const SHORTEST_US: u64 = 2_000_000;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for text in facts.runbook.metrics.iter().filter_map(|metric| metric.baseline.as_ref()) {
        if duration_us(&text.value).is_some_and(|us| us < SHORTEST_US) {
            let problem = wrong("a baseline is made of three looks, a second apart or more", &text.place);
            found.push(problem.help("look for 2s at the least, better for minutes"));
        }
    }
    for (block, book) in &facts.inside {
        let Some(metric) = book.metrics.iter().find(|metric| metric.baseline.is_some()) else { continue };
        let Some(Kind::Run(run)) = facts.blocks[*block].step.map(|step| &step.kind) else { continue };
        if !is_late(facts, *block) {
            continue;
        }
        let message =
            format!("the baseline of `{}` in `{}` would be taken after the first change", metric.name, book.name.value);
        let problem = Diagnostic::error(Code::BASELINE_TOO_LATE, message, run.runbook.place.clone());
        let problem = problem.also(metric.place.clone(), "the metric");
        found.push(problem.help("run it before the first change, or take the baseline in this runbook"));
    }
}

/// Whether something may have changed before this block begins. What is run again and again, or beside others, is before and
/// after all of it.
fn is_late(facts: &Facts<'_>, block: usize) -> bool {
    let again =
        |step: &Step| matches!(step.kind, Kind::ForEach(_) | Kind::Rounds(_) | Kind::Stages(_) | Kind::Parallel(_));
    let around = facts.chain(block).filter(|at| facts.blocks[*at].step.is_some_and(again)).last();
    let is_before = |at: usize| at < block || around.is_some_and(|around| facts.chain(at).any(|outer| outer == around));
    let forward = facts.steps().filter(|(at, _)| facts.blocks[*at].section == Section::Forward && is_before(*at));
    let inside = facts.inside.iter().filter(|(at, _)| *at != block || around.is_some());
    forward.map(|(_, step)| step.effect).any(changes)
        || inside.filter(|(at, _)| is_before(*at)).any(|(_, book)| all_effects(book).any(changes))
}

fn all_effects(book: &Runbook) -> impl Iterator<Item = Effect> {
    all_steps(book).into_iter().map(|step| step.effect)
}

fn changes(effect: Effect) -> bool {
    effect != Effect::Read
}
