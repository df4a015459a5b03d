//! Names that hide other names.

use super::names::ROOTS;
use crate::check::facts::Facts;
use crate::runbook::model::Kind;
use crate::text::{Code, Diagnostic};

const RESULTS: [&str; 8] = ["exit", "stdout", "stderr", "duration", "status", "headers", "body", "json"];
const CONSTANTS: [&str; 7] = ["KiB", "MiB", "GiB", "ms", "s", "m", "h"];

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (block, step) in facts.steps() {
        for (_, text) in step.save.iter().filter(|(name, _)| name == "result") {
            let message = format!("`steps.{}.result` is how the step ended", step.id);
            found.push(clash(message, text.place.clone()).help("save the value under another name"));
        }
        for (_, text) in
            step.save.iter().enumerate().filter(|(at, s)| step.save[..*at].iter().any(|e| e.0 == s.0)).map(|(_, s)| s)
        {
            found.push(clash("the name is saved twice".into(), text.place.clone()));
        }
        if let (Kind::Stages(_) | Kind::Rounds(_), true) = (&step.kind, inside_another(facts, block, &step.kind)) {
            let message = "a group of the same kind stands around this one, and their values have one name";
            found.push(clash(message.into(), step.place.clone()).help("put the inner one into a runbook of its own"));
        }
        let item = match &step.kind {
            Kind::ForEach(group) => Some(group.name.as_str()),
            Kind::Audit(audit) => Some(audit.name.as_str()),
            _ => None,
        };
        if let Some(name) = item {
            let around = facts.scopes_from(facts.blocks[block].scope).any(|s| facts.scopes[s].item == Some(name));
            let what = match name {
                _ if ROOTS.contains(&name) => "what templates call the values of the run",
                _ if RESULTS.contains(&name) => "part of a step's result",
                _ if CONSTANTS.contains(&name) => "a unit",
                _ if around => "the item of the group around it",
                _ => continue,
            };
            let message = format!("the item cannot be called `{name}`: that is {what}");
            found.push(clash(message, step.place.clone()).help("choose another name with `as:`"));
        }
    }
}

/// Whether stages stand inside stages, or rounds inside rounds.
fn inside_another(facts: &Facts<'_>, block: usize, kind: &Kind) -> bool {
    let around = facts.chain(block).skip(1).filter_map(|at| facts.blocks[at].step);
    around.map(|step| &step.kind).any(|other| std::mem::discriminant(other) == std::mem::discriminant(kind))
}

fn clash(message: String, place: crate::text::Place) -> Diagnostic {
    Diagnostic::error(Code::NAME_CLASH, message, place)
}
