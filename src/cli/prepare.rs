//! From arguments to a plan: the part `plan` and `run` share.

use super::args::Making;
use super::error::CliError;
use super::inputs::{self, Values};
use super::library::Files;
use super::target;
use crate::drive::world::SecretSource;
use crate::log::Sha256Sum;
use crate::plan::{Library, Plan, Request, Unreadable, build, encode};
use crate::policy::Program;
use crate::runbook::model::Runbook;
use crate::store::Home;
use crate::text::{Diagnostic, Severity, Source};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

/// A plan and what only the driver may know.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
    pub(crate) secrets: Vec<(String, SecretSource)>,
    /// The exact bytes of its files, in the order of its sources.
    pub(crate) texts: Vec<(String, Vec<u8>)>,
    /// Warnings of `check` about the runbook.
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Prepared {
    /// The files the plan was made from, under the names by which the run directory keeps them. `plan` is the number of
    /// the segment that follows it.
    pub(crate) fn kept(&self, plan: u32) -> Vec<(String, Vec<u8>)> {
        let texts = self.texts.iter().enumerate();
        texts.map(|(at, (path, bytes))| (kept_name(plan, at, path), bytes.clone())).collect()
    }

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

/// The name by which a run keeps a file of a plan: the runbook it began with by its own, everything else numbered.
pub(crate) fn kept_name(plan: u32, at: usize, path: &str) -> String {
    let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or("runbook.yml");
    match (plan, at) {
        (1, 0) if !name.starts_with('.') => name.to_string(),
        _ => format!("{plan}.{at}.{name}"),
    }
}

/// What the first record of a segment says about the kept files a plan was made from, so that `verify` notices when one is
/// changed.
pub(crate) fn inputs_sealed(kept: &[(String, Vec<u8>)]) -> serde_json::Value {
    let claim = |(name, bytes): &(String, Vec<u8>)| {
        let (file, sha256) = (format!("inputs/{name}"), Sha256Sum::of(bytes).to_string());
        serde_json::json!({ "file": file, "bytes": bytes.len(), "sha256": sha256 })
    };
    kept.iter().map(claim).collect()
}

/// Makes a plan. Reads files and the environment; starts nothing and connects to nothing.
pub(crate) fn prepare(making: &Making, home: &Home, ask: bool) -> Result<Prepared, CliError> {
    make(&making.file, making.target.as_deref(), home, |book| inputs::collect(book, making, ask))
}

/// Makes the plan again that a run follows, from the files as they are now and the values it was given then.
pub(crate) fn prepare_again(plan: &Plan, home: &Home) -> Result<Prepared, CliError> {
    let mut files = plan.sources.iter().map(|source| source.path.as_str());
    let file = files.next().unwrap_or_default();
    // The profile is the second of the files, if there is one.
    let target = plan.target.as_ref().and_then(|_| files.next());
    let bindings = plan.scopes.first().map(|scope| scope.inputs.as_slice()).unwrap_or_default();
    make(Path::new(file), target, home, |book| inputs::recorded(book, bindings))
}

fn make(
    file: &Path,
    target: Option<&str>,
    home: &Home,
    values: impl FnOnce(&Runbook) -> Result<Values, CliError>,
) -> Result<Prepared, CliError> {
    let files = Reading::default();
    let (source, book, problems) = Files.checked(file)?;
    let (errors, others): (Vec<_>, Vec<_>) = problems.into_iter().partition(|d| d.severity == Severity::Error);
    let Some(book) = book.filter(|_| errors.is_empty()) else { return Err(CliError::Invalid(errors)) };
    let warnings = others.into_iter().filter(|d| d.severity == Severity::Warning).collect();
    let mut loaded = target.map(|name| target::load(name, file, home)).transpose()?;
    let Values { given, secrets } = values(&book)?;
    files.keep(source.name(), source.text().as_bytes());
    if let Some(loaded) = &loaded {
        files.keep(&loaded.source.path, &loaded.bytes);
        loaded.policy_files.iter().for_each(|(path, bytes)| files.keep(path, bytes));
    }
    let policies = loaded.as_mut().map(|loaded| std::mem::take(&mut loaded.policies)).unwrap_or_default();
    let (target, target_source) = loaded.map(|loaded| (loaded.target, loaded.source)).unzip();
    let request = Request { source, runbook: book, given, target, target_source, policies, library: &files };
    let plan = build(request).map_err(CliError::Invalid)?;
    let (bytes, digest) = encode(&plan);
    Ok(Prepared { plan, bytes, digest, secrets, texts: files.texts.into_inner(), warnings })
}

/// Files, each read once and kept as it was read.
#[derive(Default)]
struct Reading {
    texts: RefCell<Vec<(String, Vec<u8>)>>,
}

impl Reading {
    fn keep(&self, path: &str, bytes: &[u8]) {
        let mut texts = self.texts.borrow_mut();
        if !texts.iter().any(|(known, _)| known == path) {
            texts.push((path.to_string(), bytes.to_vec()));
        }
    }
}

impl Library for Reading {
    fn runbook(&self, from: &Source, path: &str) -> Result<(Source, Runbook), Unreadable> {
        let found = Files.runbook(from, path)?;
        self.keep(found.0.name(), found.0.text().as_bytes());
        Ok(found)
    }

    fn sha256(&self, source: &Source) -> String {
        Files.sha256(source)
    }

    fn file_sha256(&self, path: &str) -> Result<String, String> {
        Files.file_sha256(path)
    }

    fn program(&self, path: &str) -> Result<Program, String> {
        Files.program(path)
    }
}
