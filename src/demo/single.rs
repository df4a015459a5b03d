//! `runbook demo app`: one app as a process of its own, for balancers that are not the demo's.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::ValueEnum;

use super::app::{App, Surroundings};
use super::colour::Colour;
use super::error::DemoError;
use super::exchange::block_on;
use super::fault::{Fault, FaultTarget, Switch, Switchboard, is_version};
use super::furnish::fresh_token;
use super::gate::Gate;
use super::logfile::LogFile;
use super::ports::loopback;
use super::response::lock;
use super::serve::StopSignals;
use super::server::{LEAK_MOST_STEPS, LEAK_STEP, LEAK_STEP_BYTES, adopt};

/// How long requests in flight may take when the process is asked to end.
const DRAIN: Duration = Duration::from_secs(10);
/// How often the file of faults is looked into.
const FAULTS_EVERY: Duration = Duration::from_millis(100);

/// Serves until SIGTERM or SIGINT, then lets requests in flight finish. While `flag` exists, `/api/*` answers 503; what
/// stands in `faults` acts. What the app has to say goes to standard error.
///
/// # Errors
/// When the version is none, brings along a crash at start, or the port is taken. Must not be called inside an async
/// runtime.
pub(super) fn serve_app(
    colour: Colour,
    port: u16,
    version: &str,
    flag: Option<PathBuf>,
    faults: Option<PathBuf>,
) -> Result<(), DemoError> {
    let refused = |message: String| DemoError::Refused { message };
    if !is_version(version) {
        return Err(refused(format!("\"{version}\" is not a version such as v1.1.0 or v1.1.3-crash")));
    }
    let surroundings = Surroundings {
        faults: Arc::new(Mutex::new(Switchboard::new())),
        log: Arc::new(LogFile::open(Path::new("/dev/stderr"))?),
        maintenance_flag: flag.unwrap_or_default(),
        deploy_token: fresh_token()?,
    };
    let app = Arc::new(App::new(colour, version, 1, surroundings));
    if app.has(Fault::Crash) {
        return Err(refused(format!("{colour} {version} exits before it accepts connections")));
    }
    block_on(async {
        let mut signals = StopSignals::watch()?;
        let listener = std::net::TcpListener::bind(loopback(port)).and_then(adopt);
        let gate = Gate::open(listener.map_err(|error| DemoError::system("listen", error))?, Arc::clone(&app));
        if app.has(Fault::Leak) {
            tokio::spawn(leak());
        }
        if let Some(file) = faults {
            tokio::spawn(follow(file, app.surroundings.clone()));
        }
        signals.arrive().await;
        gate.drain(DRAIN).await;
        Ok(())
    })?
}

/// Takes memory as the whole demo's fault does, for as long as the process lives.
async fn leak() {
    let mut leaked = Vec::new();
    while leaked.len() < LEAK_MOST_STEPS {
        tokio::time::sleep(LEAK_STEP).await;
        // Written and not just reserved, or the system would not count it.
        leaked.push(vec![1_u8; LEAK_STEP_BYTES]);
    }
    std::future::pending::<()>().await;
}

/// Switches on what is named in the file, and off what is not. No file is an empty one.
async fn follow(file: PathBuf, app: Surroundings) {
    let mut known = String::new();
    loop {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        if text != known {
            switch(&text, &app);
            known = text;
        }
        tokio::time::sleep(FAULTS_EVERY).await;
    }
}

fn switch(names: &str, app: &Surroundings) {
    let named: Vec<&str> = names.split_whitespace().collect();
    for unknown in named.iter().filter(|name| Fault::parse(name).is_none()) {
        app.log.error("faults", &format!("there is no fault \"{unknown}\""));
    }
    for fault in Fault::value_variants() {
        let to = if named.contains(&fault.name().as_str()) { Switch::On } else { Switch::Off };
        lock(&app.faults).switch(*fault, FaultTarget::All, to);
    }
}
