//! What a plan is made from, and what it may read meanwhile.

use super::gates::Around;
use super::model::{SourceDigest, Target};
use crate::policy::Program;
use crate::runbook::model as doc;
use crate::text::{Diagnostic, Source};
use serde_json::Value;
use std::collections::BTreeMap;

/// Everything a plan is made from.
pub struct Request<'a> {
    /// The file and its reading.
    pub source: Source,
    /// The runbook.
    pub runbook: doc::Runbook,
    /// Values given for inputs, and where each came from.
    pub given: BTreeMap<String, Given>,
    /// The target profile.
    pub target: Option<Target>,
    /// Digest of the target profile's file.
    pub target_source: Option<SourceDigest>,
    /// The target's policies.
    pub policies: Policies,
    /// Access to included runbooks.
    pub library: &'a dyn Library,
    /// Who makes it and when, and what is waived.
    pub around: Around,
}

/// The policies of a target.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// As they were read.
    pub policies: Vec<doc::Policy>,
    /// Their files.
    pub sources: Vec<SourceDigest>,
    /// The file of the target, to point at in what is wrong with its values.
    pub target: Option<Source>,
}

/// A value given for an input.
#[derive(Debug, Clone)]
pub struct Given {
    /// The value; a secret stands as a reference.
    pub value: Value,
    /// Where it came from, for people.
    pub origin: String,
}

/// Where included runbooks come from.
pub trait Library {
    /// The runbook at a path written in `from`.
    ///
    /// # Errors
    /// Diagnostics of the included file, or words when it cannot be read at all.
    fn runbook(&self, from: &Source, path: &str) -> Result<(Source, doc::Runbook), Unreadable>;
    /// SHA-256 of a source's bytes, hex.
    fn sha256(&self, source: &Source) -> String;
    /// SHA-256 of a file that a step copies, hex.
    ///
    /// # Errors
    /// Words when it cannot be read.
    fn file_sha256(&self, path: &str) -> Result<String, String>;
    /// A script or program that a command calls.
    ///
    /// # Errors
    /// Words when it cannot be read.
    fn program(&self, path: &str) -> Result<Program, String> {
        Err(format!("cannot read {path}: programs are not looked into here"))
    }
}

/// Why an included runbook cannot be used.
pub enum Unreadable {
    /// It cannot be read.
    Missing(String),
    /// It has errors of its own.
    Invalid(Vec<Diagnostic>),
}
