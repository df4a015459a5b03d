//! Two people who trust each other, and a third nobody knows.

use std::path::PathBuf;

use super::locks::{LockPlace, Word, holds_of, say};
use super::{Home, SigningKey, keys};
use crate::log::{HoldAction, HoldHistory, SecretKey, Signer as _, SignerLine};

pub(super) struct Two {
    tmp: tempfile::TempDir,
    pub(super) home: Home,
}

impl Two {
    pub(super) fn new() -> Two {
        let tmp = tempfile::tempdir().unwrap();
        let home = Home::at(&tmp.path().join("state"), &tmp.path().join("config"));
        keys::load_or_create(home.config_dir()).unwrap();
        home.prepare().unwrap();
        for name in ["ana", "bea"] {
            let line = SignerLine {
                principals: format!("{name}@bastion"),
                namespaces: Some("log.v1@runbook,approval.v1@runbook".into()),
                valid_after: None,
                valid_before: None,
                key: Two::secret(name).public_key(),
            };
            super::trust::trust(home.config_dir(), &line).unwrap();
        }
        Two { tmp, home }
    }

    pub(super) fn place(&self) -> LockPlace {
        LockPlace::new("prod", None)
    }

    /// A directory several users could share.
    pub(super) fn shared(&self) -> PathBuf {
        let dir = self.tmp.path().join("shared");
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn secret(name: &str) -> SecretKey {
        SecretKey::from_seed(&[name.as_bytes()[0]; 32])
    }

    /// This machine's own key.
    pub(super) fn key(&self) -> SigningKey {
        super::signing_key(self.home.config_dir(), |_| ()).unwrap()
    }

    pub(super) fn say(&self, name: &str, action: HoldAction, reason: &str) {
        self.say_for(name, action, reason, None);
    }

    pub(super) fn say_for(&self, name: &str, action: HoldAction, reason: &str, run: Option<&str>) {
        let word = Word { action, reason, run };
        say(&self.home, &self.place(), &word, &format!("{name}@bastion"), &Two::secret(name)).unwrap();
    }

    pub(super) fn history(&self) -> HoldHistory {
        holds_of(&self.home, &self.place(), &self.home.trust().unwrap()).unwrap()
    }

    pub(super) fn standing(&self) -> Vec<String> {
        self.history().standing().map(|hold| format!("{}: {}", hold.by, hold.reason)).collect()
    }
}
