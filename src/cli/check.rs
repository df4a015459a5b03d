//! `runbook check FILE...`: all problems at once.

use super::args::{CheckArgs, Common, Output};
use super::error::CliError;
use super::library::Files;
use super::{rails, target};
use crate::check::check_for_production;
use crate::report::exit;
use crate::store::Home;
use crate::text::{Diagnostic, RenderStyle, Severity, render, to_json};
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
        problems.extend(rails::check(&source, book, &loaded));
    }
    Ok(problems)
}
