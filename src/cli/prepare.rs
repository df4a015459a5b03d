//! From arguments to a plan: the part `plan` and `run` share.

use super::args::Making;
use super::error::CliError;
use super::inputs::{self, Values};
use super::library::Files;
use super::target;
use crate::drive::world::SecretSource;
use crate::plan::{Plan, Request, build, encode};
use crate::store::Home;

/// A plan and what only the driver may know.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
    pub(crate) secrets: Vec<(String, SecretSource)>,
    /// The runbook's exact bytes, kept with the run.
    pub(crate) runbook: (String, Vec<u8>),
}

/// Makes a plan. Reads files and the environment; starts nothing and connects to nothing.
pub(crate) fn prepare(making: &Making, home: &Home, ask: bool) -> Result<Prepared, CliError> {
    let files = Files;
    let (source, book) = files.sound(&making.file)?;
    let loaded = making.target.as_deref().map(|name| target::load(name, &making.file, home)).transpose()?;
    let Values { given, secrets } = inputs::collect(&book, making, ask)?;
    let text = source.text().as_bytes().to_vec();
    let (target, target_source) = loaded.map(|loaded| (loaded.target, loaded.source)).unzip();
    let name = making.file.file_name().and_then(|n| n.to_str()).unwrap_or("runbook.yml").to_string();
    let request = Request { source, runbook: book, given, target, target_source, library: &files };
    let plan = build(request).map_err(CliError::Invalid)?;
    let (bytes, digest) = encode(&plan);
    Ok(Prepared { plan, bytes, digest, secrets, runbook: (name, text) })
}
