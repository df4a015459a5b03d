//! What may not stand in files, or in added lines.

use super::Text;

/// `scan: { ... }`: exactly one of its keys.
#[derive(Debug, Clone)]
pub enum Scan {
    /// `secrets:` hard-coded secrets in files.
    Secrets {
        /// Paths and patterns of paths; templates.
        files: Vec<Text>,
        /// Texts of lines that may have them.
        allow: Vec<Text>,
    },
    /// `added:` patterns in lines that were added between two commits.
    Added(Box<AddedLines>),
}

/// `added: { ... }`.
#[derive(Debug, Clone)]
pub struct AddedLines {
    /// A directory of the repository; where the run was started unless written. A template.
    pub repo: Option<Text>,
    /// The commit before; a template.
    pub base: Text,
    /// The commit after; `HEAD` unless written. A template.
    pub head: Option<Text>,
    /// Patterns of paths to look at; templates.
    pub paths: Vec<Text>,
    /// Patterns of paths to leave out; templates.
    pub exclude: Vec<Text>,
    /// Regular expressions.
    pub forbid: Vec<Text>,
    /// Texts of lines that may have them.
    pub allow: Vec<Text>,
}
