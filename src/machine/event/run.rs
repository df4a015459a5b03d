//! What events say of a whole run: how it began, its lock, its plans.

use serde::{Deserialize, Serialize};

/// A lock that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// Its name.
    pub lock: String,
    /// The shared directory it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Since when: UTC, RFC 3339.
    pub since: String,
    /// The run it was taken over from, and what had become of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<TakenOver>,
}

/// A run whose lock another one has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// Id of the run.
    pub run: String,
    /// What had become of it.
    pub how: String,
}

/// A hold that a run came upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnHold {
    /// Name of the lock.
    pub lock: String,
    /// Who holds it.
    pub by: String,
    /// Since when, by that person's clock.
    pub since: String,
    /// Why.
    pub reason: String,
}

/// First record of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// Run id.
    pub run: String,
    /// Name of the runbook.
    pub runbook: String,
    /// Title for people.
    pub title: String,
    /// Target profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// SHA-256 of the stored plan, hex.
    pub plan_sha256: String,
    /// Who runs it.
    pub operator: String,
    /// Where.
    pub host: String,
    /// UTC, RFC 3339.
    pub started: String,
    /// Version of the tool.
    pub tool: String,
    /// Directory it was started in: where relative paths of steps begin, for whoever goes on with it as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Why it may run outside its window, in the words of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_window: Option<String>,
    /// Fingerprint of the operator's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_key: Option<String>,
}

/// The runbook in the working tree was not the one the run follows, and somebody decided to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Which of the two to follow.
    pub follow: Follow,
    /// Words of whoever decided.
    pub why: String,
    /// SHA-256 of the plan the working tree makes, hex; none when it makes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree_sha256: Option<String>,
    /// The new plan as it is stored with the run, when that is followed from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<StoredPlan>,
}

/// Which plan a resumed run follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Follow {
    /// The one it followed before.
    AsPlanned,
    /// The one the working tree makes now.
    Changes,
}

/// A plan stored in the run directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPlan {
    /// Name of the file.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}
