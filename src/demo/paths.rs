//! What lies where in the state directory.

use std::path::{Path, PathBuf};

/// The files of one demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// The files under `state_dir`; nothing is created.
    pub fn new(state_dir: impl Into<PathBuf>) -> Paths {
        Paths { root: state_dir.into() }
    }

    /// The state directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Process, ports and versions; written by the server only.
    pub fn state(&self) -> PathBuf {
        self.root.join("state.json")
    }

    /// The balancer's configuration; owned by the runbook, read on `reload`.
    pub fn upstream(&self) -> PathBuf {
        self.root.join("upstream.conf")
    }

    /// While this file exists, `/api/*` answers 503.
    pub fn maintenance_flag(&self) -> PathBuf {
        self.root.join("MAINTENANCE_MODE")
    }

    /// The value of `X-Deploy-Token` that passes the maintenance flag; readable by its owner only.
    pub fn deploy_token(&self) -> PathBuf {
        self.root.join("deploy-token")
    }

    /// One directory per known release.
    pub fn releases(&self) -> PathBuf {
        self.root.join("releases")
    }

    /// What the server and the apps say.
    pub fn log(&self) -> PathBuf {
        self.root.join("serve.log")
    }

    /// Locked by the serving process for as long as it lives.
    pub(super) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
}
