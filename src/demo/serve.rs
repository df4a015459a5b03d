//! `runbook demo serve`: from a state directory to a serving process, and to its orderly end.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::colour::Colour;
use super::control::Control;
use super::error::DemoError;
use super::exchange::{block_on, raise_descriptor_limit};
use super::furnish::furnish;
use super::gate::Gate;
use super::logfile::LogFile;
use super::paths::Paths;
use super::ports::{Claimed, DEFAULT_FIRST_PORT, claim};
use super::server::{Server, adopt};
use super::state::State;

/// How long requests in flight may take when the whole demo goes down.
const SHUTDOWN_DRAIN: Duration = Duration::from_secs(2);

/// How to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// The first port to try when no ports are recorded yet.
    pub first_port: u16,
}

impl Default for ServeOptions {
    fn default() -> ServeOptions {
        ServeOptions { first_port: DEFAULT_FIRST_PORT }
    }
}

/// Serves the demo of `state_dir` until SIGTERM, SIGINT or a shutdown request. Colours that ran when it last went down
/// run again, with the same versions and ports.
///
/// # Errors
/// When another process serves this directory, a port is taken, or a file of the directory cannot be used (a bad
/// `upstream.conf` included). Must not be called inside an async runtime.
pub fn serve(state_dir: &Path, options: ServeOptions) -> Result<(), DemoError> {
    let paths = Paths::new(state_dir);
    fs::create_dir_all(paths.root()).map_err(|error| DemoError::file("create", paths.root(), error))?;
    let outcome = serve_alone(&paths, options);
    if let Err(error) = &outcome {
        // Whoever started us in the background has only the log to see why.
        LogFile::open(&paths.log())?.error("demo", &error.to_string());
    }
    outcome
}

fn serve_alone(paths: &Paths, options: ServeOptions) -> Result<(), DemoError> {
    let _lock = take_lock(paths)?;
    let recorded = State::load(paths)?;
    let claimed = claim(recorded.as_ref().map(|state| state.ports), options.first_port)?;
    let state = recorded.unwrap_or_else(|| State::initial(claimed.ports));
    furnish(paths, claimed.ports)?;
    raise_descriptor_limit();
    block_on(serve_claimed(paths.clone(), claimed, &state))?
}

async fn serve_claimed(paths: Paths, claimed: Claimed, state: &State) -> Result<(), DemoError> {
    let mut stop_signals = StopSignals::watch()?;
    let server = Arc::new(Server::new(paths, state)?);
    let adopt = |listener| adopt(listener).map_err(|error| DemoError::system("listen", error));
    for colour in Colour::ALL.into_iter().filter(|&colour| state.of(colour).running) {
        // Its failure is in the log and in the status, as that of any other start.
        let _ = server.start(colour, None);
    }
    let balancer = Gate::open(adopt(claimed.balancer)?, Arc::clone(&server.balancer));
    let control = Gate::open(adopt(claimed.control)?, Arc::new(Control::new(Arc::clone(&server))));
    server.record();
    server.log.info("demo", "serving");
    tokio::select! {
        () = stop_signals.arrive() => {}
        () = server.shutdown.notified() => {}
    }
    server.log.info("demo", "going down");
    server.record_down();
    balancer.drain(SHUTDOWN_DRAIN).await;
    server.drain_apps(SHUTDOWN_DRAIN).await;
    control.drain(SHUTDOWN_DRAIN).await;
    Ok(())
}

/// Held by the open file for as long as this process lives.
fn take_lock(paths: &Paths) -> Result<File, DemoError> {
    let path = paths.lock();
    let file = File::create(&path).map_err(|error| DemoError::file("open", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(DemoError::AlreadyServing { state_dir: paths.root().to_owned() }),
        Err(fs::TryLockError::Error(error)) => Err(DemoError::file("lock", &path, error)),
    }
}

/// The signals that end the demo. A lost terminal does not.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    _hangup: Signal,
}

impl StopSignals {
    pub(super) fn watch() -> Result<StopSignals, DemoError> {
        let watch = |kind| signal(kind).map_err(|error| DemoError::system("watch signals", error));
        Ok(StopSignals {
            terminate: watch(SignalKind::terminate())?,
            interrupt: watch(SignalKind::interrupt())?,
            _hangup: watch(SignalKind::hangup())?,
        })
    }

    pub(super) async fn arrive(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
