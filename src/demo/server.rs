//! The inside of the serving process: the two colours, their starts and ends, and what is recorded about them.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::app::{App, Surroundings};
use super::balancer::Balancer;
use super::colour::Colour;
use super::error::DemoError;
use super::fault::{Fault, FaultTarget, Switch, Switchboard, is_version};
use super::furnish::renew_files;
use super::gate::Gate;
use super::logfile::LogFile;
use super::paths::Paths;
use super::ports::{Addresses, loopback};
use super::response::lock;
use super::state::{ColourState, INITIAL_VERSION, State};
use super::status::{ColourStatus, Status};
use super::visitors::Visitors;

pub(super) const LEAK_STEP: Duration = Duration::from_millis(250);
/// 200 MB a minute in steps of a quarter of a second.
pub(super) const LEAK_STEP_BYTES: usize = 200_000_000 / 240;
pub(super) const LEAK_MOST_STEPS: usize = 256_000_000 / LEAK_STEP_BYTES;

/// The demo's inside, as the control endpoint sees it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) balancer: Arc<Balancer>,
    pub(super) faults: Arc<Mutex<Switchboard>>,
    pub(super) shutdown: Notify,
    visitors: Visitors,
    paths: Paths,
    ports: Addresses,
    pub(super) log: Arc<LogFile>,
    surroundings: Surroundings,
    blue: Mutex<Slot>,
    green: Mutex<Slot>,
}

/// The place of a colour, with or without a running instance.
#[derive(Debug)]
struct Slot {
    version: String,
    starts: u64,
    running: Option<Arc<Instance>>,
    last_exit: Option<String>,
}

#[derive(Debug)]
struct Instance {
    app: Arc<App>,
    gate: Gate,
}

/// What an operation did, or why it did not, in words for people.
pub(super) type Outcome = Result<String, String>;

impl Server {
    pub(super) fn new(paths: Paths, state: &State) -> Result<Server, DemoError> {
        let log = Arc::new(LogFile::open(&paths.log())?);
        let faults = Arc::new(Mutex::new(Switchboard::new()));
        let balancer = Balancer::new(paths.upstream(), state.ports, Arc::clone(&faults))
            .map_err(|message| DemoError::Refused { message: format!("the balancer cannot start: {message}") })?;
        let token = fs::read_to_string(paths.deploy_token());
        let token = token.map_err(|error| DemoError::file("read", &paths.deploy_token(), error))?;
        let surroundings = Surroundings {
            faults: Arc::clone(&faults),
            log: Arc::clone(&log),
            maintenance_flag: paths.maintenance_flag(),
            deploy_token: token.trim().to_owned(),
        };
        let slot = |recorded: &ColourState| {
            let version = recorded.version.clone();
            Mutex::new(Slot { version, starts: recorded.starts, running: None, last_exit: None })
        };
        Ok(Server {
            balancer: Arc::new(balancer),
            faults,
            shutdown: Notify::new(),
            visitors: Visitors::default(),
            ports: state.ports,
            log,
            surroundings,
            blue: slot(&state.blue),
            green: slot(&state.green),
            paths,
        })
    }

    /// Starts an app; succeeds once it accepts connections, ready or not. Starting what already runs changes nothing.
    pub(super) fn start(self: &Arc<Self>, colour: Colour, version: Option<&str>) -> Outcome {
        let outcome = self.start_unrecorded(colour, version);
        self.record();
        match &outcome {
            Ok(message) => self.log.info(colour.name(), message),
            Err(message) => self.log.error(colour.name(), message),
        }
        outcome
    }

    fn start_unrecorded(self: &Arc<Self>, colour: Colour, version: Option<&str>) -> Outcome {
        let mut slot = lock(self.slot(colour));
        let version = version.unwrap_or(&slot.version).to_owned();
        if !is_version(&version) {
            return Err(format!("\"{version}\" is not a version such as v1.1.0 or v1.1.3-crash"));
        }
        if let Some(running) = &slot.running {
            return already_running(running, &version);
        }
        slot.version = version.clone();
        slot.starts += 1;
        let app = Arc::new(App::new(colour, &version, slot.starts, self.surroundings.clone()));
        if app.has(Fault::Crash) {
            slot.last_exit = Some("exited with status 1 at start".to_owned());
            return Err(format!("{colour} {version} exited with status 1 before it accepted connections"));
        }
        let port = self.ports.port_of(colour);
        let listener = std::net::TcpListener::bind(loopback(port)).and_then(adopt);
        let listener = listener.map_err(|error| format!("{colour} cannot listen on port {port}: {error}"))?;
        let gate = Gate::open(listener, Arc::clone(&app) as Arc<App>);
        let instance = Arc::new(Instance { app, gate });
        slot.running = Some(Arc::clone(&instance));
        drop(slot);
        if instance.app.has(Fault::Latecrash) {
            self.arm_latecrash(Arc::clone(&instance));
        }
        if instance.app.has(Fault::Leak) {
            tokio::spawn(leak(Arc::clone(&instance)));
        }
        Ok(format!("{} {version} started on port {port}", instance.app.instance()))
    }

    /// Ends an app: gracefully with `limit` for requests in flight, or by force at once. Stopping what is stopped
    /// changes nothing.
    pub(super) async fn stop(&self, colour: Colour, graceful: Option<Duration>) -> Outcome {
        let Some(instance) = self.instance(colour) else {
            return Ok(format!("{colour} is already stopped"));
        };
        let name = instance.app.instance();
        let exit = match graceful {
            None => {
                instance.gate.kill().await;
                "killed".to_owned()
            }
            Some(limit) if instance.app.has(Fault::Stuck) => {
                if timeout(limit, instance.gate.ended()).await.is_err() {
                    let seconds = limit.as_secs_f64();
                    let message = format!("{name} ignored the stop and still runs after {seconds} s; --force kills it");
                    self.log.error(colour.name(), &message);
                    return Err(message);
                }
                "killed".to_owned()
            }
            Some(limit) if instance.gate.drain(limit).await => {
                "stopped; every request in flight was answered".to_owned()
            }
            Some(limit) => {
                format!("stopped; requests still in flight after {} s were cut", limit.as_secs_f64())
            }
        };
        let message = format!("{name} {exit}");
        self.retire(&instance, exit);
        self.log.info(colour.name(), &message);
        Ok(message)
    }

    /// Switches a fault. `after` is how long an app with `latecrash` lives, counted from now for one that runs.
    pub(super) fn switch(
        self: &Arc<Self>,
        fault: Fault,
        target: FaultTarget,
        to: Switch,
        after: Option<Duration>,
    ) -> Outcome {
        {
            let mut board = lock(&self.faults);
            board.switch(fault, target, to);
            if let Some(after) = after {
                board.set_latecrash_after(after);
            }
        }
        match fault {
            Fault::Latecrash if to.is_on() => {
                let running = target.colours().iter().filter_map(|&colour| self.instance(colour));
                running.for_each(|instance| self.arm_latecrash(instance));
            }
            Fault::Leak if to.is_on() => {
                let running = target.colours().iter().filter_map(|&colour| self.instance(colour));
                running.for_each(|instance| drop(tokio::spawn(leak(instance))));
            }
            Fault::BalConfUnwritable => self.set_config_mode(if to.is_on() { 0o444 } else { 0o644 })?,
            _ => {}
        }
        let whom = if fault.is_of_balancer() { "the balancer" } else { target.name() };
        let message = format!("{fault} is {} for {whom}", if to.is_on() { "on" } else { "off" });
        self.log.info("fault", &message);
        Ok(message)
    }

    /// A steady load through the balancer, for so long.
    pub(super) fn visit(&self, rps: u32, duration: Duration) -> Outcome {
        let log = Arc::clone(&self.log);
        let tell = move |said: &str| log.info("visit", said);
        self.visitors.come(self.ports.balancer_url(), rps, duration, tell)
    }

    /// The pages of all colours that run as one, as a collector would have them.
    pub(super) fn metrics(&self) -> String {
        let running = Colour::ALL.into_iter().filter_map(|colour| self.instance(colour));
        running.map(|instance| instance.app.metrics_text()).collect()
    }

    /// Back to how a fresh demo starts; ports, token and log stay.
    pub(super) async fn reset(self: &Arc<Self>) -> Outcome {
        *lock(&self.faults) = Switchboard::new();
        self.visit(0, Duration::ZERO)?;
        for colour in Colour::ALL {
            if let Some(instance) = self.instance(colour) {
                instance.gate.kill().await;
                self.retire(&instance, "killed by reset".to_owned());
            }
            let mut slot = lock(self.slot(colour));
            (slot.version, slot.starts, slot.last_exit) = (INITIAL_VERSION.to_owned(), 0, None);
            drop(slot);
            self.start(colour, None)?;
        }
        renew_files(&self.paths, self.ports).map_err(|error| error.to_string())?;
        self.balancer.reload()?;
        self.balancer.forget_counts();
        Ok("reset: both colours run v1.0.0, blue is live, no faults".to_owned())
    }

    pub(super) fn status(&self) -> Status {
        Status {
            pid: std::process::id(),
            ports: self.ports,
            blue: self.colour_status(Colour::Blue),
            green: self.colour_status(Colour::Green),
            balancer: self.balancer.status(),
            maintenance: self.paths.maintenance_flag().exists(),
            balancer_faults: lock(&self.faults).of_balancer(),
        }
    }

    fn colour_status(&self, colour: Colour) -> ColourStatus {
        let slot = lock(self.slot(colour));
        let running = slot.running.as_ref();
        ColourStatus {
            running: running.is_some(),
            draining: running.is_some_and(|instance| !instance.gate.is_open()),
            version: slot.version.clone(),
            instance: running.map(|instance| instance.app.instance()),
            active_connections: running.map_or(0, |instance| instance.app.active()),
            last_exit: slot.last_exit.clone(),
            faults: lock(&self.faults).of_app(colour, &slot.version),
        }
    }

    fn slot(&self, colour: Colour) -> &Mutex<Slot> {
        match colour {
            Colour::Blue => &self.blue,
            Colour::Green => &self.green,
        }
    }

    fn instance(&self, colour: Colour) -> Option<Arc<Instance>> {
        lock(self.slot(colour)).running.clone()
    }

    /// Empties the slot if it still holds this instance; somebody else may have been quicker.
    fn retire(&self, instance: &Arc<Instance>, exit: String) {
        let mut slot = lock(self.slot(instance.app.colour));
        if slot.running.as_ref().is_some_and(|running| Arc::ptr_eq(running, instance)) {
            slot.running = None;
            slot.last_exit = Some(exit);
        }
        drop(slot);
        self.record();
    }

    fn arm_latecrash(self: &Arc<Self>, instance: Arc<Instance>) {
        let (server, after) = (Arc::clone(self), lock(&self.faults).latecrash_after());
        tokio::spawn(async move {
            let outlived = timeout(after, instance.gate.ended()).await.is_err();
            if outlived && instance.app.has(Fault::Latecrash) {
                instance.gate.kill().await;
                server.log.error(&instance.app.instance(), "exited with status 1 (injected by fault latecrash)");
                server.retire(&instance, "exited with status 1".to_owned());
            }
        });
    }

    fn set_config_mode(&self, mode: u32) -> Result<(), String> {
        let path = self.paths.upstream();
        fs::set_permissions(&path, Permissions::from_mode(mode))
            .map_err(|error| format!("cannot change the mode of {}: {error}", path.display()))
    }

    fn state(&self) -> State {
        let of = |colour| {
            let slot = lock(self.slot(colour));
            ColourState { version: slot.version.clone(), running: slot.running.is_some(), starts: slot.starts }
        };
        let (blue, green) = (of(Colour::Blue), of(Colour::Green));
        State { format: 1, pid: Some(std::process::id()), ports: self.ports, blue, green }
    }

    /// Ends both apps without recording it: they run again when the demo comes up again.
    pub(super) async fn drain_apps(&self, limit: Duration) {
        let drain = async |colour| {
            if let Some(instance) = self.instance(colour) {
                instance.gate.drain(limit).await;
            }
        };
        tokio::join!(drain(Colour::Blue), drain(Colour::Green));
    }

    /// Records that nobody serves any more.
    pub(super) fn record_down(&self) {
        self.save(&State { pid: None, ..self.state() });
    }

    pub(super) fn record(&self) {
        self.save(&self.state());
    }

    fn save(&self, state: &State) {
        if let Err(error) = state.save(&self.paths) {
            self.log.error("demo", &error.to_string());
        }
    }
}

/// Really takes memory, in steps small enough to look like growth, for as long as the instance suffers from the fault.
async fn leak(instance: Arc<Instance>) {
    if instance.app.leaking.swap(true, Ordering::Relaxed) {
        return;
    }
    let mut leaked = Vec::new();
    while instance.app.has(Fault::Leak) && timeout(LEAK_STEP, instance.gate.ended()).await.is_err() {
        if leaked.len() < LEAK_MOST_STEPS {
            // Written and not just reserved, or the system would not count it.
            leaked.push(vec![1_u8; LEAK_STEP_BYTES]);
        }
    }
    instance.app.leaking.store(false, Ordering::Relaxed);
}

fn already_running(running: &Instance, version: &str) -> Outcome {
    let (app, gate) = (&running.app, &running.gate);
    if !gate.is_open() {
        return Err(format!("{} is still draining; wait for it or stop it with --force", app.instance()));
    }
    if app.version == version {
        return Ok(format!("{} {version} already runs", app.instance()));
    }
    Err(format!("{} runs {}; stop it before starting {version}", app.instance(), app.version))
}

/// Hands a bound listener to the event loop.
pub(super) fn adopt(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
