//! `state.json`: what outlives the serving process.

use std::fs;
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use super::colour::Colour;
use super::error::DemoError;
use super::paths::Paths;
use super::ports::Addresses;

/// The version both colours have in a fresh demo.
pub(super) const INITIAL_VERSION: &str = "v1.0.0";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) format: u32,
    /// The serving process; none while the demo is down.
    pub(super) pid: Option<u32>,
    pub(super) ports: Addresses,
    pub(super) blue: ColourState,
    pub(super) green: ColourState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ColourState {
    pub(super) version: String,
    pub(super) running: bool,
    /// How often this colour has been started; numbers its instances.
    pub(super) starts: u64,
}

impl ColourState {
    pub(super) fn initial() -> ColourState {
        ColourState { version: INITIAL_VERSION.to_owned(), running: true, starts: 0 }
    }
}

impl State {
    pub(super) fn initial(ports: Addresses) -> State {
        State { format: 1, pid: None, ports, blue: ColourState::initial(), green: ColourState::initial() }
    }

    pub(super) fn of(&self, colour: Colour) -> &ColourState {
        match colour {
            Colour::Blue => &self.blue,
            Colour::Green => &self.green,
        }
    }

    /// The recorded state; none if there has never been one.
    pub(super) fn load(paths: &Paths) -> Result<Option<State>, DemoError> {
        let path = paths.state();
        match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(state) => Ok(Some(state)),
                Err(error) => Err(DemoError::file("read", &path, error.into())),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DemoError::file("read", &path, error)),
        }
    }

    /// Replaces the recorded state in one rename, so that a reader never sees half of it.
    pub(super) fn save(&self, paths: &Paths) -> Result<(), DemoError> {
        let path = paths.state();
        let draft = path.with_extension("json.new");
        let mut text = serde_json::to_string_pretty(self).map_err(|e| DemoError::file("write", &path, e.into()))?;
        text.push('\n');
        fs::write(&draft, text).map_err(|e| DemoError::file("write", &draft, e))?;
        fs::rename(&draft, &path).map_err(|e| DemoError::file("replace", &path, e))
    }
}
