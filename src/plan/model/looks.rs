//! What steps that only look ask of the world, before their templates are resolved.

use super::Template;
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
