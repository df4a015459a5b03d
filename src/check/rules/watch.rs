//! Watches that cannot tell.

use super::did_you_mean;
use super::patterns::Patterns;
use super::reach::reach;
use crate::check::facts::Facts;
use crate::runbook::model::{Kind, Step, Text, Watch};
use crate::text::{Code, Diagnostic, Place};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let watches = || {
        facts.steps().filter_map(|(block, step)| match &step.kind {
            Kind::Watch(watch) => Some((block, step, &**watch)),
            _ => None,
        })
    };
    let baselines: Vec<&str> =
        watches().filter_map(|(_, _, w)| w.new_patterns.as_ref().map(|limit| limit.baseline.value.as_str())).collect();
    let mut patterns = Patterns::default();
    for (block, step, watch) in watches() {
        for text in watch.must.iter().chain(&watch.must_not) {
            pattern(text, &mut patterns, found);
        }
        if let Some(since) = &watch.since {
            match earlier(facts, block, since) {
                Ok(begun) => found.extend(notes_nothing(begun, since)),
                Err(problem) => found.push(*problem),
            }
        }
        if let Some(limit) = &watch.new_patterns {
            baseline(facts, block, &limit.baseline, found);
        }
        if tells_nothing(watch) && !baselines.contains(&step.id.as_str()) {
            let problem =
                wrong("this watch cannot fail: it says neither what must nor what must not come", &step.place);
            found.push(problem.help("add `must:`, `must_not:` or `new_patterns:`, or use it as a baseline"));
        }
    }
}

/// Only what the world does notes where logs end as it begins.
fn notes_nothing(step: &Step, since: &Text) -> Option<Diagnostic> {
    let acts = matches!(
        step.kind,
        Kind::Shell(_) | Kind::Exec(_) | Kind::Http(_) | Kind::File(_) | Kind::Decide(_) | Kind::Watch(_)
    );
    let problem = || {
        let message =
            format!("`{}` does nothing by itself, so nothing notes where the log ends when it begins", since.value);
        let problem = wrong(message, &since.place).also(step.place.clone(), "the step");
        problem.help("name the step that starts the service, for example")
    };
    (!acts).then(problem)
}

fn tells_nothing(watch: &Watch) -> bool {
    watch.must.is_empty() && watch.must_not.is_empty() && watch.new_patterns.is_none()
}

fn pattern(text: &Text, patterns: &mut Patterns, found: &mut Vec<Diagnostic>) {
    let complain = |why: &str| wrong(format!("this is not a regular expression: {why}"), &text.place);
    if patterns.compile(text, false, complain, found).is_some_and(|regex| regex.is_match("")) {
        let problem = wrong("this pattern matches every line", &text.place);
        found.push(problem.help("write what tells a good line from a bad one"));
    }
}

fn baseline(facts: &Facts<'_>, block: usize, id: &Text, found: &mut Vec<Diagnostic>) {
    match earlier(facts, block, id) {
        Err(problem) => found.push(*problem),
        Ok(step) if !matches!(step.kind, Kind::Watch(_)) => {
            let problem = wrong(format!("`{}` is not a `watch` step, so it knows no lines", id.value), &id.place);
            found.push(problem.also(step.place.clone(), "the step"));
        }
        Ok(_) => {}
    }
}

/// The step of this id, which must be over when `block` begins.
fn earlier<'r>(facts: &Facts<'r>, block: usize, id: &Text) -> Result<&'r Step, Box<Diagnostic>> {
    let found = facts.by_id.get(id.value.as_str()).and_then(|at| Some((*at, facts.blocks[*at].step?)));
    let Some((there, step)) = found else {
        let hint = did_you_mean(&id.value, facts.by_id.keys().copied());
        let message = format!("there is no step `{}`{hint}", id.value);
        return Err(Diagnostic::error(Code::UNKNOWN_STEP, message, id.place.clone()).into());
    };
    // Every watch has a text of its own, and with it the moment it begins.
    let here = facts.uses.iter().find(|usage| usage.block == block && usage.key == "for");
    match here.map(|usage| reach(facts, there, usage)) {
        Some(Err(_)) => {
            let message = format!("the step `{}` is not over when the watch begins", id.value);
            let problem = Diagnostic::error(Code::STEP_NOT_YET_RUN, message, id.place.clone());
            Err(problem.also(step.place.clone(), "the step").into())
        }
        _ => Ok(step),
    }
}

fn wrong(message: impl Into<String>, place: &Place) -> Diagnostic {
    Diagnostic::error(Code::WATCH, message, place.clone())
}
