//! The real world: starts what a committed attempt asks for and says what happened.
//!
//! It decides nothing. [`RealWorld::start`] returns at once; the result arrives on the channel given at construction.
//! Processes and files are worked on by one thread each, HTTP requests by the runtime of the driver. What a step prints
//! goes through the secrets masker into `out/` of the run directory and is never held in memory.

mod attempt;
mod bash;
mod changes;
mod command;
mod detach;
mod durable;
mod environment;
mod evidence;
mod file;
mod forms;
mod git;
mod http;
mod kept;
mod live;
mod marker;
mod mask;
mod metrics;
mod ordinary;
mod output;
mod pins;
mod pool;
mod process;
mod secret_command;
mod secret_files;
mod scan;
mod secrets;
mod selftest;
mod sources;
mod trace;
mod watch;

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

pub(crate) use environment::account;
pub use environment::{base_env, left_out_of_path};
pub use live::{Cancel, Running};
pub use mask::{MaskStream, Masker};
pub use secret_command::SecretCommand;
pub use secrets::{SecretRequest, Secrets, ShortSecrets};
pub use selftest::{MaskerFailed, self_test};
pub use sources::{SecretSource, close_given, note_given};

use crate::machine::action::{Action, Done, Ended, LogMark, WatchAction, WatchSource};
use crate::runbook::reach::Reach;
use attempt::{Attempt, Site, untouched};
use live::Live;
use pool::Pool;

/// From TERM to KILL.
pub const GRACE: Duration = Duration::from_secs(5);

/// Splits a script into words if it is one simple command of plain words: no expansion, redirection or assignment.
pub type SimpleCommand = fn(&str) -> Option<Vec<String>>;

/// Places a hold on the lock of the run, for a reason; what was done, or why not, in words.
pub type PlaceHold = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// What the world of one run is made of.
pub struct WorldSetup {
    /// Directory of the run; `out/` and `kept/` are created in it, for this user alone.
    pub run_dir: PathBuf,
    /// Directory the run was started in; relative paths of steps start there.
    pub start_dir: PathBuf,
    /// Environment of every step, as [`base_env`] builds it.
    pub base_env: Vec<(String, String)>,
    /// Values of the secrets the runbook declares.
    pub secrets: Secrets,
    /// Number of the first output file; [`next_free_output`] finds it in a run directory that was used before.
    pub next_output: u32,
    /// Where requests may go.
    pub reach: Reach,
    /// Tells which scripts need no shell.
    pub simple_command: SimpleCommand,
    /// From TERM to KILL; [`GRACE`] unless a test is in a hurry.
    pub grace: Duration,
    /// Holds the lock of the run; none where there is no lock.
    pub hold: Option<PlaceHold>,
}

/// One attempt at one step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttemptId {
    /// Path of the step, as the plan names it.
    pub path: String,
    /// Counts from 1.
    pub attempt: u32,
}

/// What the driver wants beside the result.
#[derive(Debug, Clone, Default)]
pub struct Wants {
    /// The text of the output, because `expect` or `save` read it.
    pub capture: bool,
    /// What the live view calls the attempt.
    pub label: String,
    /// Logs whose end is noted before anything is done.
    pub marks: Vec<String>,
}

/// What the world tells the driver.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "at least every second event is a `Done`, and none is stored")]
pub enum WorldEvent {
    /// A process of this attempt has been started.
    Started {
        /// Which attempt.
        id: AttemptId,
        /// Process id, also the id of its process group.
        pid: u32,
    },
    /// The attempt is over; nothing more is told about it.
    Done(AttemptId, Done),
    /// Output could not be stored, so the record of the run is no longer complete. The attempt is being ended and its
    /// `Done` follows; the driver ends the run.
    OutputLost {
        /// Which attempt.
        id: AttemptId,
        /// What the system said.
        error: String,
    },
}

/// Acts on this machine. Must be used inside a tokio runtime.
pub struct RealWorld {
    site: Arc<Site>,
    pool: Pool,
    http: http::Clients,
    next_output: u32,
}

impl RealWorld {
    /// Prepare the run directory. Results go to `events`.
    pub fn new(setup: WorldSetup, events: UnboundedSender<WorldEvent>) -> io::Result<RealWorld> {
        for dir in ["out", "kept"] {
            private_dir(&setup.run_dir.join(dir))?;
        }
        secret_files::sweep(&setup.run_dir);
        let site = Site {
            run_dir: setup.run_dir,
            start_dir: setup.start_dir,
            base_env: setup.base_env,
            masker: setup.secrets.masker(),
            secrets: setup.secrets,
            simple_command: setup.simple_command,
            grace: setup.grace,
            hold: setup.hold,
            events: events.clone(),
            running: Mutex::default(),
        };
        let http = http::Clients::new(setup.reach);
        Ok(RealWorld { site: Arc::new(site), pool: Pool::new(events), http, next_output: setup.next_output })
    }

    /// Begin the attempt; its [`WorldEvent::Done`] comes in any case.
    pub fn start(&mut self, id: AttemptId, action: &Action, wants: Wants) {
        let number = self.next_output;
        self.next_output += 1;
        let live = match Live::new(id.clone(), wants.label) {
            Ok(live) => Arc::new(live),
            Err(error) => return self.refuse(id, &error),
        };
        self.running_now().push(Arc::clone(&live));
        let sample = matches!(action, Action::Sample(_));
        let attempt = Attempt {
            site: Arc::clone(&self.site),
            live,
            number,
            capture: wants.capture || sample,
            keep: !sample,
            marks: self.marks(wants.marks),
        };
        let since = Instant::now();
        if let Action::Http(request) = action {
            let (request, clients, events) = (request.clone(), self.http.clone(), self.site.events.clone());
            tokio::spawn(async move {
                let done = http::run(&attempt, &clients, &request).await;
                let _ = events.send(attempt.done(done, since));
            });
            return;
        }
        if let Action::Sample(sample) = action {
            let (sample, clients, events) = (sample.clone(), self.http.clone(), self.site.events.clone());
            tokio::spawn(async move {
                let attempt = Arc::new(attempt);
                let done = metrics::run(&attempt, &clients, &sample).await;
                let _ = events.send(attempt.done(done, since));
            });
            return;
        }
        let action = action.clone();
        let hired = self.pool.run(move || {
            let done = match &action {
                Action::File(change) => file::change(&attempt, change),
                Action::Restore(restore) => file::restore(&attempt, restore),
                Action::Changes(wanted) => changes::run(&attempt, wanted),
                Action::Scan(wanted) => scan::run(&attempt, wanted),
                Action::Marker(wanted) => marker::run(&attempt, wanted),
                Action::Watch(wanted) => watch::run(&attempt, wanted),
                Action::Hold(wanted) => attempt.hold(&wanted.reason),
                Action::Shell(_) | Action::Exec(_) | Action::Http(_) | Action::Sample(_) => {
                    command::run(&attempt, &action)
                }
            };
            attempt.done(done, since)
        });
        if let Err(error) = hired {
            self.running_now().retain(|live| live.id != id);
            self.refuse(id, &error);
        }
    }

    /// A log that is to be watched from now on is watched from where it ends now, whenever that is looked at.
    pub fn locate(&self, watch: &mut WatchAction) {
        if let (WatchSource::File(path), None) = (&watch.source, &watch.since) {
            watch.since = watch::end_of(&self.site.path(path), &self.site.masker);
        }
    }

    /// Where these logs end now.
    fn marks(&self, logs: Vec<String>) -> Vec<LogMark> {
        let mark = |path: String| {
            let position = watch::end_of(&self.site.path(&path), &self.site.masker)?;
            Some(LogMark { path, position })
        };
        logs.into_iter().filter_map(mark).collect()
    }

    /// End everything that runs now. What is started later is not affected: undo must be able to run.
    pub fn cancel(&self, how: Cancel) {
        for live in self.running_now().iter() {
            live.cancel(how);
        }
    }

    /// What runs now, in the order it was started.
    pub fn running(&self) -> Vec<Running> {
        self.running_now().iter().map(|live| live.running()).collect()
    }

    fn running_now(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Live>>> {
        self.site.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, id: AttemptId, error: &io::Error) {
        let why = format!("this machine is out of resources: {error}");
        let _ = self.site.events.send(WorldEvent::Done(id, untouched(Ended::Failed(why))));
    }
}

/// The number after the highest that an output file in this run directory has: 1 in a fresh one.
pub fn next_free_output(run_dir: &Path) -> io::Result<u32> {
    let entries = match std::fs::read_dir(run_dir.join("out")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(1),
        entries => entries?,
    };
    let mut highest = 0;
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.split('.').next()?.parse().ok());
        highest = highest.max(number.unwrap_or(0));
    }
    Ok(highest + 1)
}

/// A link in its place would lead what is kept somewhere else.
fn private_dir(path: &Path) -> io::Result<()> {
    let is_dir = || std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match is_dir() {
            true => Ok(()),
            false => Err(io::Error::other(format!("{} is not a directory", path.display()))),
        },
        result => result,
    }
}
