//! A variable that says what an environment is.

use super::Text;

/// `marker: { ... }`.
#[derive(Debug, Clone)]
pub struct Marker {
    /// Where it is set.
    pub source: MarkerSource,
    /// Name of the variable; a template.
    pub name: Text,
    /// What it must be; a template, or one whole secret.
    pub is: Text,
}

/// Exactly one of these keys.
#[derive(Debug, Clone)]
pub enum MarkerSource {
    /// `file:` the path of an environment file; a template.
    File(Text),
    /// `process:` the number of a live process, or the path of a file that holds it; a template.
    Process(Text),
}
