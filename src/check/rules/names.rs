//! First parts of names: `inputs`, `steps`, an item, a result.

use super::{did_you_mean, listed};
use crate::check::facts::Facts;
use crate::check::uses::{Results, Use};
use crate::runbook::model::TargetUse;
use crate::template::Ref;
use crate::text::{Code, Diagnostic};

/// Names every template sees.
pub(super) const ROOTS: [&str; 5] = ["inputs", "vars", "target", "steps", "run"];
/// What `run` knows.
const RUN: [&str; 6] = ["id", "name", "operator", "host", "started", "outcome"];

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for usage in &facts.uses {
        for read in &usage.refs {
            found.extend(unknown_root(facts, usage, read).or_else(|| unknown_part(facts, usage, read)));
        }
    }
}

fn unknown_root(facts: &Facts<'_>, usage: &Use<'_>, read: &Ref) -> Option<Diagnostic> {
    let root = read.path.first()?.as_str();
    let mut known: Vec<&str> = ROOTS.to_vec();
    known.extend(facts.scopes_from(usage.scope).filter_map(|scope| facts.scopes[scope].item));
    known.extend(usage.results.names());
    if known.contains(&root) {
        return None;
    }
    let place = usage.place(read);
    let elsewhere = [Results::Process, Results::Http].into_iter().find(|r| r.names().contains(&root));
    if let Some(kind) = elsewhere {
        let steps = if kind == Results::Http { "http" } else { "shell and exec" };
        let message = format!("`{root}` is not known here");
        return Some(
            Diagnostic::error(Code::UNKNOWN_NAME, message, place)
                .help(format!("it is known in `expect` and `save` of {steps} steps")),
        );
    }
    let message = format!("there is no name `{root}`{}", did_you_mean(root, known.iter().copied()));
    let problem = Diagnostic::error(Code::UNKNOWN_NAME, message, place);
    let full = full_name(facts, root);
    Some(problem.help(full.map_or(format!("names here: {}", listed(known)), |full| format!("write `{full}`"))))
}

/// What somebody who left out the first part may have meant.
fn full_name(facts: &Facts<'_>, name: &str) -> Option<String> {
    if facts.runbook.inputs.iter().any(|input| input.name == name) {
        return Some(format!("inputs.{name}"));
    }
    if facts.by_id.contains_key(name) {
        return Some(format!("steps.{name}"));
    }
    super::vars::setters(facts).into_iter().any(|setter| setter.name == name).then(|| format!("vars.{name}"))
}

fn unknown_part(facts: &Facts<'_>, usage: &Use<'_>, read: &Ref) -> Option<Diagnostic> {
    match (read.path[0].as_str(), read.path.get(1)) {
        ("run", Some(part)) if !RUN.contains(&part.as_str()) => {
            let message = format!("`run` has no `{part}`{}", did_you_mean(part, RUN));
            let problem = Diagnostic::error(Code::UNKNOWN_NAME, message, usage.place(read));
            Some(problem.help(format!("it has: {}", RUN.join(", "))))
        }
        ("target", _) if facts.runbook.target == TargetUse::None => {
            let message = "this runbook says `target: none`, so there is no target to read";
            let problem = Diagnostic::error(Code::UNKNOWN_NAME, message, usage.place(read));
            Some(problem.help("write `target: required`, or use an input"))
        }
        (root, Some(part)) => {
            let parts =
                facts.scopes_from(usage.scope).map(|at| &facts.scopes[at]).find(|s| s.item == Some(root))?.parts?;
            if parts.contains(&part.as_str()) {
                return None;
            }
            let message = format!("`{root}` has no `{part}`{}", did_you_mean(part, parts.iter().copied()));
            let problem = Diagnostic::error(Code::UNKNOWN_NAME, message, usage.place(read));
            Some(problem.help(format!("it has: {}", parts.join(", "))))
        }
        _ => None,
    }
}
