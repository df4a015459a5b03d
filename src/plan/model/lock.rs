//! The lock of a run.

use super::{Effect, Plan};
use serde::{Deserialize, Serialize};

/// The lock without which a run changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Its name.
    pub name: String,
    /// The directory that several users share it in: an absolute path. None is the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
}

impl Plan {
    /// Whether anything in it changes anything, going forward, backing out or at the end.
    pub fn changes_anything(&self) -> bool {
        self.nodes.iter().any(|node| node.effect != Effect::Read)
    }

    /// Whether it changes something that its target calls production, and nothing keeps a second run away.
    pub fn is_unlocked_in_production(&self) -> bool {
        let target = self.target.as_ref().filter(|target| target.values["environment"] == "production");
        target.is_some() && self.lock.is_none() && self.changes_anything()
    }
}
