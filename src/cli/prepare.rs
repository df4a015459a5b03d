//! From arguments to a plan: the part `plan` and `run` share.

use super::args::Making;
use super::error::CliError;
use super::inputs::{self, Values};
use super::library::Files;
use super::target::{self, Loaded};
use crate::check::{check_at_target, same_problem};
use crate::log::Sha256Sum;
use crate::plan::{Around, Judged, Library, Plan, Request, Unreadable, build_judged, encode, idle_waivers};
use crate::policy::Program;
use crate::runbook::model::Runbook;
use crate::store::Home;
use crate::text::{Diagnostic, Severity, Source};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A plan and what only the driver may know.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
    /// Secrets somebody typed, by name.
    pub(crate) typed: BTreeMap<String, String>,
    /// The exact bytes of its files, in the order of its sources.
    pub(crate) texts: Vec<(String, Vec<u8>)>,
    /// Warnings of `check` about the runbook.
    pub(crate) warnings: Vec<Diagnostic>,
    /// Warnings about its tables, with all limits filled in, that `check` did not give already.
    pub(crate) tables: Vec<Diagnostic>,
    /// Waivers that have no effect, and why.
    pub(crate) idle: Vec<Diagnostic>,
}

impl Prepared {
    /// The files the plan was made from, under the names by which the run directory keeps them. `plan` is the number of
    /// the segment that follows it.
    pub(crate) fn kept(&self, plan: u32) -> Vec<(String, Vec<u8>)> {
        let texts = self.texts.iter().enumerate();
        texts.map(|(at, (path, bytes))| (kept_name(plan, at, path), bytes.clone())).collect()
    }

    /// `2 warnings RB0403 RB0601: runbook check FILE`, and a line for each warning about a table and for each waiver
    /// without effect.
    pub(crate) fn findings(&self, file: &Path) -> Option<String> {
        let idle = self.idle.iter().map(|d| format!("{} {}: it has no effect", d.code, d.message));
        let tables = self.tables.iter().map(|d| format!("{} {}: {}", d.code, d.place, d.message));
        let lines: Vec<String> = self.checked(file).into_iter().chain(tables).chain(idle).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn checked(&self, file: &Path) -> Option<String> {
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
    make(&making.file, making.target.as_deref(), home, around_now(home), |book| inputs::collect(book, making, ask))
}

fn around_now(home: &Home) -> Around {
    let now_us = jiff::Timestamp::now().as_microsecond();
    Around { operator: Some(home.operator_name()), now_us: Some(now_us), ..Around::default() }
}

/// Makes the plan again that a run follows, from the files as they are now and the values it was given then.
pub(crate) fn prepare_again(plan: &Plan, home: &Home) -> Result<Prepared, CliError> {
    let (file, target) = made_from(plan);
    let bindings = plan.scopes.first().map(|scope| scope.inputs.as_slice()).unwrap_or_default();
    // Whoever resumes may be one of the people of a role, and what has expired since has no effect any more.
    let around = Around::default();
    make(Path::new(file), target, home, around, |book| inputs::recorded(book, bindings))
}

/// Makes a plan again from everything as it is now: what was typed on the command line or at a prompt is as it was, all
/// else is read where it came from.
pub(crate) fn prepare_as_given(plan: &Plan, home: &Home) -> Result<Prepared, CliError> {
    let (file, target) = made_from(plan);
    let bindings = plan.scopes.first().map(|scope| scope.inputs.as_slice()).unwrap_or_default();
    make(Path::new(file), target, home, around_now(home), |book| inputs::read_again(book, bindings))
}

/// The runbook of a plan, and its target profile if there is one: the first of its files.
pub(crate) fn made_from(plan: &Plan) -> (&str, Option<&str>) {
    let mut files = plan.sources.iter().map(|source| source.path.as_str());
    (files.next().unwrap_or_default(), plan.target.as_ref().and_then(|_| files.next()))
}

fn make(
    file: &Path,
    target: Option<&str>,
    home: &Home,
    around: Around,
    values: impl FnOnce(&Runbook) -> Result<Values, CliError>,
) -> Result<Prepared, CliError> {
    let files = Reading::default();
    let (source, book, problems) = files.files.checked(file)?;
    let (errors, others): (Vec<_>, Vec<_>) = problems.into_iter().partition(|d| d.severity == Severity::Error);
    let Some(book) = book.filter(|_| errors.is_empty()) else { return Err(CliError::Invalid(errors)) };
    let warnings: Vec<Diagnostic> = others.into_iter().filter(|d| d.severity == Severity::Warning).collect();
    let mut loaded = target.map(|name| target::load(name, file, home)).transpose()?;
    if let Some(Loaded { target, .. }) = &loaded {
        let lacking = check_at_target(&book, &files.files, &target.name, &target.values);
        if !lacking.is_empty() {
            return Err(CliError::Invalid(lacking));
        }
    }
    let Values { given, typed } = values(&book)?;
    files.keep(source.name(), source.text().as_bytes());
    if let Some(loaded) = &loaded {
        files.keep(&loaded.source.path, &loaded.bytes);
        loaded.policy_files.iter().for_each(|(path, bytes)| files.keep(path, bytes));
    }
    let policies = loaded.as_mut().map(|loaded| std::mem::take(&mut loaded.policies)).unwrap_or_default();
    let waivers = match &loaded {
        Some(loaded) => target::waivers(&loaded.target, &loaded.source)?,
        None => None,
    };
    let operator = around.operator.clone();
    let mut around = around;
    if let Some(found) = waivers {
        files.keep(&found.source.path, &found.bytes);
        (around.waivers, around.waivers_source) = (found.waivers, Some(found.source));
    }
    let given_waivers = around.waivers.clone();
    let (target, target_source) = loaded.map(|loaded| (loaded.target, loaded.source)).unzip();
    let request = Request { source, runbook: book, given, target, target_source, policies, library: &files, around };
    let Judged { plan, findings } = build_judged(request).map_err(CliError::Invalid)?;
    let (wrong, findings): (Vec<_>, Vec<_>) = findings.into_iter().partition(|d| d.severity == Severity::Error);
    if !wrong.is_empty() {
        return Err(CliError::Invalid(without_known(wrong, &[])));
    }
    let found: Vec<Diagnostic> = findings.into_iter().filter(|d| d.severity == Severity::Warning).collect();
    let tables = without_known(found, &warnings);
    let idle = idle_waivers(&plan, &given_waivers, operator.as_deref());
    let (bytes, digest) = encode(&plan);
    Ok(Prepared { plan, bytes, digest, typed, texts: files.texts.into_inner(), warnings, tables, idle })
}

/// What is not among the known ones, each once.
pub(super) fn without_known(found: Vec<Diagnostic>, known: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut fresh: Vec<Diagnostic> = Vec::new();
    for problem in found {
        if !known.iter().chain(&fresh).any(|other| same_problem(other, &problem)) {
            fresh.push(problem);
        }
    }
    fresh
}

/// Files, each read once and kept as it was read.
#[derive(Default)]
struct Reading {
    files: Files,
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
        let found = self.files.runbook(from, path)?;
        self.keep(found.0.name(), found.0.text().as_bytes());
        Ok(found)
    }

    fn sha256(&self, source: &Source) -> String {
        self.files.sha256(source)
    }

    fn file_sha256(&self, path: &str) -> Result<String, String> {
        self.files.file_sha256(path)
    }

    fn program(&self, path: &str) -> Result<Program, String> {
        self.files.program(path)
    }
}
