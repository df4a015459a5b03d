//! The two directories of a user: state (runs) and configuration (keys, trust).

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::log::{Driver, NAMESPACE, RevokedKeys, RunId, TrustStore};

use super::clock::RunClock;
use super::error::StoreError;
use super::openssh::OpenSsh;
use super::signing::{self, SigningKey};
use super::{files, keys, trust};

/// Where this user's runs and keys are.
#[derive(Debug, Clone)]
pub struct Home {
    state: PathBuf,
    config: PathBuf,
}

impl Home {
    /// The places the environment names. Nothing is created.
    ///
    /// # Errors
    /// When neither `HOME` nor the XDG variables say where.
    pub fn from_env() -> Result<Home, StoreError> {
        Home::resolve(&|name| std::env::var_os(name))
    }

    /// The places an environment names: `$XDG_STATE_HOME/runbook` and `$XDG_CONFIG_HOME/runbook`.
    ///
    /// # Errors
    /// When neither `HOME` nor the XDG variables are absolute paths.
    pub fn resolve(var: &dyn Fn(&str) -> Option<OsString>) -> Result<Home, StoreError> {
        let absolute = |name: &str| var(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let place = |name: &'static str, below_home: &str| {
            let base = absolute(name).or_else(|| absolute("HOME").map(|home| home.join(below_home)));
            base.map(|base| base.join("runbook")).ok_or(StoreError::NoHome(name))
        };
        Ok(Home { state: place("XDG_STATE_HOME", ".local/state")?, config: place("XDG_CONFIG_HOME", ".config")? })
    }

    /// Other places, for example those of a test.
    pub fn at(state: &Path, config: &Path) -> Home {
        Home { state: state.to_path_buf(), config: config.to_path_buf() }
    }

    /// Where keys and the trust store are.
    pub fn config_dir(&self) -> &Path {
        &self.config
    }

    /// Where everything but configuration is.
    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    /// Where run directories are.
    pub fn runs_dir(&self) -> PathBuf {
        self.state.join("runs")
    }

    /// Where this machine remembers how far the logs went; outside the run directories on purpose.
    pub fn heads_dir(&self) -> PathBuf {
        self.state.join("heads")
    }

    /// Where this user's locks are, unless the target names a shared directory.
    pub fn locks_dir(&self) -> PathBuf {
        self.state.join("locks")
    }

    /// The directory of a run; it need not exist.
    pub fn run_path(&self, run: RunId) -> PathBuf {
        self.runs_dir().join(run.to_string())
    }

    /// Whoever drives a run from this segment on, by the name the trust store has for the key: as `verify` will see it.
    ///
    /// # Errors
    /// When the trust store cannot be read.
    pub fn driver(&self, segment: u32, identity: &SigningKey) -> Result<Driver, StoreError> {
        let key = identity.signer.public_key();
        let trust = self.trust()?;
        let principal = trust.principal_of(&key).unwrap_or(&identity.principal).to_string();
        Ok(Driver { segment, key, principal })
    }

    /// Makes the state directories, 0700 and durable.
    ///
    /// # Errors
    /// When they cannot be made or others can enter them.
    pub fn prepare(&self) -> Result<(), StoreError> {
        let first_run = !self.runs_dir().exists();
        files::check_above(&self.state)?;
        files::private_dir(&self.state)?;
        files::private_dir(&self.runs_dir())?;
        if first_run {
            files::sync_dir(&self.state)?;
            self.state.parent().map_or(Ok(()), files::sync_dir)?;
        }
        Ok(())
    }

    /// The ids of all runs, newest first. What is no run directory is passed over.
    ///
    /// # Errors
    /// When the directory of runs cannot be read; that there is none yet is no error.
    pub fn run_ids(&self) -> Result<Vec<RunId>, StoreError> {
        let dir = self.runs_dir();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io("read", &dir)(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::io("read", &dir))?;
            ids.extend(entry.file_name().to_str().and_then(|name| name.parse::<RunId>().ok()));
        }
        ids.sort_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// The one run a full or abbreviated id means; lower case will do.
    ///
    /// # Errors
    /// When the text is shorter than four characters, or no run or more than one begins with it.
    pub fn find(&self, text: &str) -> Result<RunId, StoreError> {
        let wanted = text.to_ascii_uppercase();
        if wanted.len() < 4 {
            return Err(StoreError::TooShort(text.to_string()));
        }
        let mut found = self.run_ids()?;
        found.retain(|id| id.to_string().starts_with(&wanted));
        match found.as_slice() {
            [] => Err(StoreError::NoSuchRun(text.to_string())),
            [one] => Ok(*one),
            _ => Err(StoreError::Ambiguous(text.to_string(), found)),
        }
    }

    /// The user's own trust store: `allowed_signers` beside the keys, the revoked keys, and the keys this machine signs
    /// with. Any of them may be missing.
    ///
    /// # Errors
    /// When a file is there but cannot be used.
    pub fn trust(&self) -> Result<TrustStore, StoreError> {
        let signers = self.config.join(keys::TRUST_FILE);
        for path in [&self.config, &signers, &self.config.join(trust::REVOKED_FILE)] {
            files::refuse_writable(path)?;
        }
        let store = keys::load_trust(&signers)?.unwrap_or_default();
        let store = store.with_checker(Arc::new(OpenSsh)).with_revoked(self.revoked()?);
        let own = [keys::own_public_key(&self.config)?, signing::chosen(&self.config)?.map(|chosen| chosen.public)];
        Ok(own.into_iter().flatten().fold(store, TrustStore::with_own_key))
    }

    /// The keys this user has revoked.
    ///
    /// # Errors
    /// When the list is there but cannot be read or understood.
    pub fn revoked(&self) -> Result<RevokedKeys, StoreError> {
        Ok(trust::load_revoked(&self.config.join(trust::REVOKED_FILE))?.unwrap_or_default())
    }

    /// The name under which this user would sign now; makes no key.
    pub fn operator_name(&self) -> String {
        signing::operator_name(&self.config)
    }

    /// The key this user signs with, made on first use. `say` tells a person to touch a security key.
    ///
    /// # Errors
    /// When it cannot be used, or this user's own trust store says that it does not count now.
    pub fn signing_key(&self, say: fn(&str)) -> Result<SigningKey, StoreError> {
        let key = signing::signing_key(&self.config, say)?;
        let now = RunClock::start().now().t;
        match self.trust()?.check(&key.signer.public_key(), NAMESPACE, &now) {
            Ok(_) => Ok(key),
            Err(why) => Err(StoreError::Refused(format!(
                "nobody would trust what this machine signs: {why}; make a new key with `runbook keys rotate` or choose \
                 one with `runbook keys use`"
            ))),
        }
    }
}
