//! Everything that can go wrong with the demo, in words for the person who typed the command.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a demo operation failed.
#[derive(Debug)]
pub enum DemoError {
    /// No demo serves this state directory.
    NotUp {
        /// The state directory that was asked for.
        state_dir: PathBuf,
    },
    /// Another process already serves this state directory.
    AlreadyServing {
        /// The state directory that is taken.
        state_dir: PathBuf,
    },
    /// The demo understood the request and could not or would not do it; the message says why.
    Refused {
        /// The demo's own words.
        message: String,
    },
    /// The demo did not come up in time, or ended at once.
    DidNotComeUp {
        /// What was seen instead.
        reason: String,
        /// Where the server wrote what happened.
        log: PathBuf,
    },
    /// The demo did not go away although asked and then signalled.
    DidNotGoDown {
        /// The process that still holds the state directory.
        pid: Option<u32>,
    },
    /// No port range is free, or the recorded one is taken by somebody else.
    Ports {
        /// Which ports, and what to do.
        message: String,
    },
    /// The control port was reached, but the conversation broke.
    Control {
        /// What was attempted.
        request: String,
        /// What happened.
        reason: String,
    },
    /// A file of the state directory cannot be used as it is.
    File {
        /// The file.
        path: PathBuf,
        /// What was attempted, as in `cannot {attempt} {path}`.
        attempt: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused something that is not about a file: a runtime, a signal handler, a process.
    System {
        /// What was attempted, as in `cannot {attempt}`.
        attempt: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The parameters of a load run are outside their limits or not a loopback address.
    Load {
        /// What is wrong and what is allowed.
        message: String,
    },
    /// A strict load run saw a dropped or failed request.
    NotClean {
        /// Requests that got no answer.
        dropped: u64,
        /// Requests that were answered with a status outside 2xx, or not by an app of the demo.
        failed: u64,
    },
}

impl DemoError {
    pub(super) fn file(attempt: &'static str, path: &Path, source: io::Error) -> DemoError {
        DemoError::File { path: path.to_owned(), attempt, source }
    }

    pub(super) fn system(attempt: &'static str, source: io::Error) -> DemoError {
        DemoError::System { attempt, source }
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoError::NotUp { state_dir } => {
                write!(f, "the demo is not up in {}; start it with `runbook demo up`", state_dir.display())
            }
            DemoError::AlreadyServing { state_dir } => {
                write!(f, "another process already serves {}; see `runbook demo status`", state_dir.display())
            }
            DemoError::Refused { message } | DemoError::Ports { message } | DemoError::Load { message } => {
                f.write_str(message)
            }
            DemoError::DidNotComeUp { reason, log } => {
                write!(f, "the demo did not come up: {reason}; see {}", log.display())
            }
            DemoError::DidNotGoDown { pid: Some(pid) } => write!(f, "the demo (process {pid}) did not go down"),
            DemoError::DidNotGoDown { pid: None } => f.write_str("the demo did not go down"),
            DemoError::Control { request, reason } => write!(f, "the demo did not answer {request}: {reason}"),
            DemoError::File { path, attempt, source } => write!(f, "cannot {attempt} {}: {source}", path.display()),
            DemoError::System { attempt, source } => write!(f, "cannot {attempt}: {source}"),
            DemoError::NotClean { dropped, failed } => {
                write!(f, "the load was not served cleanly: {dropped} dropped, {failed} answered with an error")
            }
        }
    }
}

impl std::error::Error for DemoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DemoError::File { source, .. } | DemoError::System { source, .. } => Some(source),
            _ => None,
        }
    }
}
