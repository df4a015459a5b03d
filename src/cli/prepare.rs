//! From arguments to a plan: the part `plan` and `run` share.

use super::args::Making;
use super::error::CliError;
use super::inputs::{self, Values};
use super::library::Files;
use super::target;
use crate::drive::world::SecretSource;
use crate::plan::{Plan, Request, build, encode};
use crate::store::Home;
use crate::text::{Diagnostic, Severity};
use std::collections::BTreeSet;
use std::path::Path;

/// A plan and what only the driver may know.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
    pub(crate) secrets: Vec<(String, SecretSource)>,
    /// The runbook's exact bytes, kept with the run.
    pub(crate) runbook: (String, Vec<u8>),
    /// Warnings of `check` about the runbook.
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Prepared {
    /// `2 warnings RB0403 RB0601: runbook check FILE`, where there are any.
    pub(crate) fn findings(&self, file: &Path) -> Option<String> {
        let codes: BTreeSet<String> = self.warnings.iter().map(|d| d.code.to_string()).collect();
        let codes = codes.into_iter().collect::<Vec<_>>().join(" ");
        let number = match self.warnings.len() {
            0 => return None,
            1 => "1 warning".to_string(),
            n => format!("{n} warnings"),
        };
        Some(format!("{number} {codes}: runbook check {}", file.display()))
    }
}

/// Makes a plan. Reads files and the environment; starts nothing and connects to nothing.
pub(crate) fn prepare(making: &Making, home: &Home, ask: bool) -> Result<Prepared, CliError> {
    let files = Files;
    let (source, book, problems) = files.checked(&making.file)?;
    let (errors, others): (Vec<_>, Vec<_>) = problems.into_iter().partition(|d| d.severity == Severity::Error);
    let Some(book) = book.filter(|_| errors.is_empty()) else { return Err(CliError::Invalid(errors)) };
    let warnings = others.into_iter().filter(|d| d.severity == Severity::Warning).collect();
    let loaded = making.target.as_deref().map(|name| target::load(name, &making.file, home)).transpose()?;
    let Values { given, secrets } = inputs::collect(&book, making, ask)?;
    let text = source.text().as_bytes().to_vec();
    let (target, target_source) = loaded.map(|loaded| (loaded.target, loaded.source)).unzip();
    let name = making.file.file_name().and_then(|n| n.to_str()).unwrap_or("runbook.yml").to_string();
    let request = Request { source, runbook: book, given, target, target_source, library: &files };
    let plan = build(request).map_err(CliError::Invalid)?;
    let (bytes, digest) = encode(&plan);
    Ok(Prepared { plan, bytes, digest, secrets, runbook: (name, text), warnings })
}
