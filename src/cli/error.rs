//! What can go wrong in a command, and the exit code it deserves.

use crate::report::{exit, visible};
use crate::store::StoreError;
use crate::text::{Diagnostic, RenderStyle, render};

/// A command that did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum CliError {
    /// Arguments, missing files, unknown runs.
    Usage(String),
    /// Problems in runbook files or inputs, with their places.
    Invalid(Vec<Diagnostic>),
    /// The log or the state directory cannot be written.
    Journal(String),
    /// The window of the runbook is closed.
    NotNow(String),
    /// Another process drives the run.
    Busy(String),
    /// Another run has the lock, or a person holds it; the text is the whole screen.
    Locked(String),
    /// What was planned is not what is there now; the text is the whole screen.
    Stale(String),
    /// A log that does not verify.
    Unverified(String),
    /// Anything else the system refused.
    System(String),
    /// Something in this program is broken, so it does nothing.
    Bug(String),
}

impl CliError {
    /// Public API: see the help text.
    pub(crate) fn code(&self) -> u8 {
        match self {
            CliError::Usage(_) | CliError::System(_) => exit::USAGE,
            CliError::Invalid(_) => exit::INVALID,
            CliError::Journal(_) => exit::JOURNAL,
            CliError::NotNow(_) => exit::NO_GO,
            CliError::Busy(_) | CliError::Locked(_) => exit::LOCKED,
            CliError::Stale(_) => exit::STALE,
            CliError::Unverified(_) => exit::UNVERIFIED,
            CliError::Bug(_) => exit::BUG,
        }
    }

    pub(crate) fn render(&self, style: &RenderStyle) -> String {
        match self {
            CliError::Invalid(problems) => render(problems, *style),
            CliError::Stale(screen) | CliError::Locked(screen) => screen.clone(),
            CliError::Usage(words)
            | CliError::Journal(words)
            | CliError::NotNow(words)
            | CliError::Busy(words)
            | CliError::Unverified(words)
            | CliError::Bug(words)
            // Names of files and words of others are in it.
            | CliError::System(words) => format!("error: {}\n", visible(words)),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> CliError {
        let words = error.to_string();
        match error {
            StoreError::Busy { .. } => CliError::Busy(words),
            StoreError::Tampered(_) | StoreError::Read(..) => CliError::Unverified(words),
            StoreError::Ended(_)
            | StoreError::Refused(_)
            | StoreError::TooShort(_)
            | StoreError::NoSuchRun(_)
            | StoreError::Ambiguous(..)
            | StoreError::NoHome(_) => CliError::Usage(words),
            _ => CliError::Journal(words),
        }
    }
}
