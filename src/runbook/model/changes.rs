//! What changed between two commits, and whose it is.

use super::Text;

/// `changes: { ... }`.
#[derive(Debug, Clone)]
pub struct Changes {
    /// A directory of the repository; where the run was started unless written. A template.
    pub repo: Option<Text>,
    /// The commit before; a template.
    pub base: Text,
    /// The commit after; `HEAD` unless written. A template.
    pub head: Option<Text>,
    /// Names of projects and their paths, templates.
    pub projects: Vec<(String, Vec<Text>)>,
    /// Paths that every project depends on; templates.
    pub shared: Vec<Text>,
    /// Projects that are deployed together.
    pub coupled: Vec<Vec<Text>>,
    /// One commit may not touch two projects.
    pub isolated: bool,
}
