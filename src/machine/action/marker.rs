//! A marker: one variable that says what an environment is.

use super::Datum;
use serde::{Deserialize, Serialize};

/// Look at one variable. Changes nothing, and no other variable is told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MarkerAction {
    /// Where it is set.
    pub source: MarkerSource,
    /// Its name.
    pub name: String,
    /// What it is compared with. With a secret the value found is never told.
    pub is: Datum,
}

/// Where a marker is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkerSource {
    /// In this environment file.
    File(String),
    /// In the environment of a live process: its number, or a file that holds the number.
    Process(String),
}

/// What was found of a marker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerSeen {
    /// Where was looked, in words: a path, or a process with its number and name.
    pub place: String,
    /// Assignments of the name in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<Assigned>,
    /// Why the whole of it cannot be relied on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

/// One assignment of a marker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// Line in the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The value; none where it may not be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Byte for byte the value it was compared with.
    pub equal: bool,
    /// Why loaders would not agree on the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}
