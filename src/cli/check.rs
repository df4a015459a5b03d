//! `runbook check FILE...`: all problems at once.

use super::args::{CheckArgs, Common, Output};
use super::error::CliError;
use super::library::Files;
use super::prepare::without_known;
use super::{rails, target};
use crate::check::{check_at_target, check_filled, check_for_production};
use crate::plan::inputs::conform;
use crate::plan::known::Known;
use crate::plan::model::{Binding, InputBinding, Scope, Target, Template};
use crate::report::exit;
use crate::runbook::model::{Input, InputKind, Runbook, Text};
use crate::store::Home;
use crate::text::{Diagnostic, RenderStyle, Severity, render, to_json};
use serde_json::Value;
use std::path::Path;

pub(crate) fn run(common: &Common, args: CheckArgs) -> Result<u8, CliError> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    let mut unreadable = Vec::new();
    for file in &args.files {
        match checked(file, args.target.as_deref()) {
            Ok(found) => problems.extend(found),
            Err(CliError::Invalid(found)) => problems.extend(found),
            Err(other) => unreadable.push(other),
        }
    }
    for error in &unreadable {
        super::say(&error.render(&common.style()));
    }
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", to_json(&problems)))?;
    } else if !problems.is_empty() {
        let style = RenderStyle { short: args.short, ..common.style() };
        super::print(&render(&problems, style))?;
    } else if unreadable.is_empty() {
        let files =
            if args.files.len() == 1 { "1 runbook".to_string() } else { format!("{} runbooks", args.files.len()) };
        super::print(&format!("{files} checked, no problems\n"))?;
    }
    let bad = |d: &Diagnostic| d.severity == Severity::Error || (args.strict && d.severity == Severity::Warning);
    Ok(match (unreadable.is_empty(), problems.iter().any(bad)) {
        (_, true) => exit::INVALID,
        (false, false) => exit::USAGE,
        (true, false) => exit::DONE,
    })
}

/// What is wrong with a runbook, and what the policies of the target say of it.
fn checked(file: &Path, target: Option<&str>) -> Result<Vec<Diagnostic>, CliError> {
    let files = Files::default();
    let (source, book, mut problems) = files.checked(file)?;
    let Some(target) = target else { return Ok(problems) };
    let loaded = target::load(target, file, &Home::from_env()?)?;
    if let Some(book) = book {
        if loaded.target.is_production() {
            problems.extend(check_for_production(&book, &files));
        }
        problems.extend(check_at_target(&book, &files, &loaded.target.name, &loaded.target.values));
        let known = known(&book, &loaded.target);
        let fill = |text: &Text| match known.covers(&text.value) {
            true => known.text(&text.value),
            false => Err("known when planning".to_string()),
        };
        let filled = check_filled(&book, &fill);
        problems.extend(without_known(filled, &problems));
        problems.extend(rails::check(&source, book, &loaded));
    }
    Ok(problems)
}

/// What is known of a runbook at a target before any input is given: the defaults.
fn known(book: &Runbook, target: &Target) -> Known {
    let later = |text: &str| Binding::Later {
        template: Template { text: text.into(), at: String::new() },
        pattern: None,
        choices: Vec::new(),
    };
    let binding = |input: &Input| {
        let choices: Vec<String> = input.choices.iter().map(|choice| choice.value.clone()).collect();
        let fits = |value: Value| conform(&input.name, input.kind, None, &choices, value).ok();
        let value = input.default.clone().filter(|_| input.kind != InputKind::Secret).and_then(fits);
        InputBinding {
            name: input.name.clone(),
            kind: input.kind,
            value: value.map_or_else(|| later(&input.name), Binding::Known),
            origin: "default".into(),
        }
    };
    let inputs = book.inputs.iter().map(binding).collect();
    Known::new(&Scope { runbook: book.name.value.clone(), inputs }, Some(target))
}
