//! A runbook and those it includes, held against the policies of a target before any input is known.

use super::library::Files;
use super::target::Loaded;
use crate::plan::Library as _;
use crate::plan::known::Known;
use crate::plan::model::{Scope, Target};
use crate::policy::{self, Rails, Surroundings};
use crate::runbook::model::{Runbook, Text};
use crate::template;
use crate::text::{Diagnostic, Source};
use serde_json::Value;

/// Everything the policies say of a runbook file.
pub(super) fn check(source: &Source, book: Runbook, loaded: &Loaded) -> Vec<Diagnostic> {
    let rails = Rails { policies: &loaded.policies.policies, production: loaded.target.is_production() };
    if rails.policies.is_empty() {
        return Vec::new();
    }
    let mut problems: Vec<Diagnostic> =
        loaded.policies.target.iter().flat_map(|source| policy::check_target(&rails, source)).collect();
    problems.extend(policy::needs(&book, &rails, &|path| open(path)));
    problems.extend(defaults(&book, &rails));
    let mut seen = vec![source.name().to_owned()];
    commands(&book, &rails, &loaded.target, &mut seen, &mut problems);
    problems
}

fn commands(
    book: &Runbook,
    rails: &Rails<'_>,
    target: &Target,
    seen: &mut Vec<String>,
    problems: &mut Vec<Diagnostic>,
) {
    let known = Known::new(&Scope { runbook: book.name.value.clone(), inputs: Vec::new() }, Some(target));
    let value = |text: &str| -> Option<Value> {
        let value = known.covers(text).then(|| known.value(text).ok()).flatten()?;
        template::is_secret(&value).is_none().then_some(value)
    };
    problems.extend(policy::commands(book, &Surroundings { rails: *rails, known: &value, files: None }).problems);
    for path in policy::includes(book) {
        let Some(inner) = open(path) else { continue };
        let name = inner.place.source.name().to_owned();
        if !seen.contains(&name) {
            seen.push(name);
            commands(&inner, rails, target, seen, problems);
        }
    }
}

/// Defaults of inputs that were never filled in.
fn defaults(book: &Runbook, rails: &Rails<'_>) -> Vec<Diagnostic> {
    let wrong = book.inputs.iter().filter_map(|input| {
        let (code, message) = policy::check_value(rails, &input.name, input.default.as_ref()?)?;
        Some(Diagnostic::error(code, message, input.place.clone()))
    });
    wrong.collect()
}

/// The runbook a `run` step names; none when it cannot be read, or is only known with inputs.
fn open(path: &Text) -> Option<Runbook> {
    Some(Files::default().runbook(&path.place.source, &path.value).ok()?.1)
}
