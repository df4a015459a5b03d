//! What steps that only look ask of the world, before their templates are resolved.

use super::{Template, Tree};
use serde::{Deserialize, Serialize};

/// A variable that must have a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Marker {
    /// Where it is set.
    pub source: MarkerSource,
    /// Its name.
    pub name: Template,
    /// What it must be.
    pub is: Template,
}

/// Where a marker is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkerSource {
    /// An environment file.
    File(Template),
    /// A live process, by its number or a file that holds it.
    Process(Template),
}

/// A set of objects and what must be true of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The objects.
    pub objects: Tree,
    /// Name of one object in conditions.
    pub name: String,
    /// Expression of an object's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Template>,
    /// How many there must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Template>,
    /// The names there must be, neither more nor fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal: Option<Tree>,
    /// Conditions for every object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Template>,
}

/// What changed between two commits, and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// A directory of the repository.
    pub repo: Template,
    /// The commit before.
    pub base: Template,
    /// The commit after.
    pub head: Template,
    /// Names of projects and their paths.
    pub projects: Vec<(String, Vec<Template>)>,
    /// Paths that every project depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Template>,
    /// Projects that are deployed together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupled: Vec<Vec<String>>,
    /// One commit may not touch two projects.
    pub isolated: bool,
}

/// What may not be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scan {
    /// Hard-coded secrets in files.
    Secrets {
        /// Paths and patterns of paths.
        files: Vec<Template>,
        /// Texts of lines that may have them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        allow: Vec<String>,
    },
    /// Patterns in lines that were added between two commits.
    Added(Box<AddedLines>),
}

/// Lines that were added between two commits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddedLines {
    /// A directory of the repository.
    pub repo: Template,
    /// The commit before.
    pub base: Template,
    /// The commit after.
    pub head: Template,
    /// Patterns of paths to look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<Template>,
    /// Patterns of paths to leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Template>,
    /// Regular expressions.
    pub forbid: Vec<String>,
    /// Texts of lines that may have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}
