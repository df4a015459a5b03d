//! What changed between two commits of a repository.

use serde::{Deserialize, Serialize};

/// Ask git what changed. Changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangesAction {
    /// A directory of the repository.
    pub repo: String,
    /// The commit before; any name of it but no option and no range.
    pub base: String,
    /// The commit after.
    pub head: String,
    /// Paths from the root of the repository that must exist in one of the two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Microseconds for all of it; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_us: Option<u64>,
}

/// What git says changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesSeen {
    /// Id of the commit before.
    pub base: String,
    /// Id of the commit after.
    pub head: String,
    /// Commits of `head` that are not in `base`, oldest first.
    pub commits: Vec<CommitSeen>,
    /// Files that differ between the two.
    pub files: Vec<String>,
    /// Commits of `base` that are not in `head`: going from one to the other takes them away.
    #[serde(default)]
    pub lost: u64,
    /// Paths that exist in neither of the two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// How many commits and files there are when they are too many to be told here; then both lists are empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_many: Option<(u64, u64)>,
}

/// A commit and the files it changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitSeen {
    /// Its id.
    pub id: String,
    /// Paths from the root of the repository, a rename as two. Of a merge only what differs from all its parents.
    pub files: Vec<String>,
}
