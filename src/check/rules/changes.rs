//! Looks at changes that would see nothing, or something else than they say.

use super::did_you_mean;
use crate::check::facts::Facts;
use crate::inspect::git::wrong_revision;
use crate::inspect::projects::normal;
use crate::runbook::model::{Changes, Kind, Text};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (_, step) in facts.steps() {
        let Kind::Changes(changes) = &step.kind else { continue };
        found.extend([Some(&changes.base), changes.head.as_ref()].into_iter().flatten().filter_map(revision));
        paths(changes, found);
        couplings(changes, found);
    }
}

/// A revision git would take for something else.
pub(super) fn revision(text: &Text) -> Option<Diagnostic> {
    let why = wrong_revision(&text.value).filter(|_| is_known(text))?;
    let shown = text.value.lines().next().unwrap_or_default();
    let problem = Diagnostic::error(Code::REVISION, format!("`{shown}` {why}"), text.place.clone());
    Some(problem.help("write the name of one commit: an id, a tag or a branch"))
}

/// Every path belongs to one project.
fn paths(changes: &Changes, found: &mut Vec<Diagnostic>) {
    let named = changes.projects.iter().flat_map(|(name, paths)| paths.iter().map(move |path| (name.as_str(), path)));
    let shared = changes.shared.iter().map(|path| ("shared", path));
    let mut seen: Vec<(String, &str, &Text)> = Vec::new();
    for (owner, text) in named.chain(shared).filter(|(_, text)| is_known(text)) {
        match normal(&text.value) {
            Err(why) => {
                let shown = text.value.lines().next().unwrap_or_default();
                found.push(Diagnostic::error(Code::PROJECTS, format!("the path `{shown}` {why}"), text.place.clone()));
            }
            Ok(path) => {
                if let Some((_, other, first)) = seen.iter().find(|(known, ..)| *known == path) {
                    let message = format!("`{}` belongs to `{other}` already", text.value);
                    let problem = Diagnostic::error(Code::PROJECTS, message, text.place.clone());
                    found.push(problem.also(first.place.clone(), "the first one"));
                }
                seen.push((path, owner, text));
            }
        }
    }
}

fn couplings(changes: &Changes, found: &mut Vec<Diagnostic>) {
    let names: Vec<&str> = changes.projects.iter().map(|(name, _)| name.as_str()).collect();
    for text in changes.coupled.iter().flatten().filter(|text| !names.contains(&text.value.as_str())) {
        let hint = did_you_mean(&text.value, names.iter().copied());
        let message = format!("there is no project `{}`{hint}", text.value);
        let problem = Diagnostic::error(Code::PROJECTS, message, text.place.clone());
        found.push(problem.help("coupled are names of `projects:`"));
    }
}

/// Whether a text says now what it will say then.
pub(super) fn is_known(text: &Text) -> bool {
    !text.value.contains("{{") && !text.value.contains("{%")
}
