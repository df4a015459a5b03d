//! The demo as callers use it: one method per operation, over the control port.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::colour::Colour;
use super::control::OPERATION_HEADER;
use super::error::DemoError;
use super::exchange::{NoAnswer, block_on, exchange};
use super::fault::{Fault, FaultTarget, Switch};
use super::furnish::renew_files;
use super::paths::Paths;
use super::ports::{Addresses, DEFAULT_FIRST_PORT, loopback, recorded_or};
use super::state::State;
use super::status::{BalancerStatus, Status};

/// How long `up` waits for the demo to answer.
const UP_LIMIT: Duration = Duration::from_secs(3);
/// How long `down` waits before it sends a signal, and again before it kills.
const DOWN_LIMIT: Duration = Duration::from_secs(5);
const CONTROL_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
const KEPT_ENVIRONMENT: [&str; 4] = ["PATH", "HOME", "XDG_STATE_HOME", "LANG"];

/// The demo of one state directory. Creating it does nothing; no method may be called inside an async runtime.
#[derive(Clone, Debug)]
pub struct Demo {
    paths: Paths,
    first_port: u16,
}

impl Demo {
    /// The demo that keeps its files in `state_dir`.
    pub fn new(state_dir: impl Into<PathBuf>) -> Demo {
        Demo { paths: Paths::new(state_dir), first_port: DEFAULT_FIRST_PORT }
    }

    /// The same, with another first candidate for ports that are not recorded yet.
    #[must_use]
    pub fn with_first_port(self, first_port: u16) -> Demo {
        Demo { first_port, ..self }
    }

    /// Where its files are.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Its ports, or those it would try first. Opens no socket.
    pub fn addresses(&self) -> Addresses {
        recorded_or(self.paths.root(), self.first_port)
    }

    /// Starts the detached server as `exe demo serve --state-dir DIR --base PORT` if the demo is not up, and waits until
    /// it answers.
    ///
    /// # Errors
    /// When it does not answer within 3 s; the server is then ended again.
    pub fn up(&self, exe: &Path) -> Result<Addresses, DemoError> {
        if self.is_up() {
            return Ok(self.addresses());
        }
        let root = self.paths.root();
        fs::create_dir_all(root).map_err(|error| DemoError::file("create", root, error))?;
        let log_before = fs::metadata(self.paths.log()).map_or(0, |file| file.len());
        let mut server = self.spawn(exe)?;
        let deadline = Instant::now() + UP_LIMIT;
        let reason = loop {
            if self.is_up() {
                return Ok(self.addresses());
            }
            match server.try_wait() {
                // A twin that was quicker is as good as ours.
                Ok(Some(_)) if self.wait_for(DOWN_LIMIT.min(POLL * 10), || self.is_up()) => return Ok(self.addresses()),
                Ok(Some(exit)) => break self.last_words(log_before).unwrap_or_else(|| exit.to_string()),
                Ok(None) if Instant::now() > deadline => {
                    break format!("no answer within {} s", UP_LIMIT.as_secs());
                }
                Ok(None) => thread::sleep(POLL),
                Err(error) => break error.to_string(),
            }
        };
        // It may be gone already; either way nothing is left behind.
        let _ = server.kill();
        let _ = server.wait();
        Err(DemoError::DidNotComeUp { reason, log: self.paths.log() })
    }

    /// Takes the demo down and waits until it has ended. False if it was not up.
    ///
    /// # Errors
    /// When the process survives the request, SIGTERM and SIGKILL.
    pub fn down(&self) -> Result<bool, DemoError> {
        if !self.is_locked()? {
            return Ok(false);
        }
        let gone = || matches!(self.is_locked(), Ok(false));
        if self.operate("/shutdown", CONTROL_LIMIT).is_ok() && self.wait_for(DOWN_LIMIT, gone) {
            return Ok(true);
        }
        let pid = State::load(&self.paths)?.and_then(|state| state.pid);
        for signal in [rustix::process::Signal::TERM, rustix::process::Signal::KILL] {
            let target = pid.and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
            let Some(target) = target.filter(|_| !gone()) else { break };
            // The lock says that the recorded process lives, so the number has not been given to another one.
            let _ = rustix::process::kill_process(target, signal);
            if self.wait_for(DOWN_LIMIT, gone) {
                break;
            }
        }
        if gone() { Ok(true) } else { Err(DemoError::DidNotGoDown { pid }) }
    }

    /// Everything about the running demo.
    pub fn status(&self) -> Result<Status, DemoError> {
        self.ask("/status")
    }

    /// The balancer's part of it.
    pub fn balancer_status(&self) -> Result<BalancerStatus, DemoError> {
        self.ask("/balancer/status")
    }

    /// Starts a colour, with the version it had if none is given; returns once it accepts connections.
    ///
    /// # Errors
    /// When the app exits at start, another version runs, or the text is not a version.
    pub fn start(&self, colour: Colour, version: Option<&str>) -> Result<String, DemoError> {
        let version = match version {
            // The query is sent as it stands, so nothing that could mean something else there is let through.
            Some(version) if version.bytes().any(|b| !b.is_ascii_alphanumeric() && !b".-".contains(&b)) => {
                let message = format!("\"{version}\" is not a version such as v1.1.0 or v1.1.3-crash");
                return Err(DemoError::Refused { message });
            }
            Some(version) => format!("&version={version}"),
            None => String::new(),
        };
        self.operate(&format!("/start?colour={colour}{version}"), CONTROL_LIMIT)
    }

    /// Stops a colour. With a drain limit it stops accepting, lets requests in flight finish that long and cuts the rest;
    /// without one it is killed at once.
    ///
    /// # Errors
    /// When the app is stuck and still runs after the limit.
    pub fn stop(&self, colour: Colour, drain: Option<Duration>) -> Result<String, DemoError> {
        match drain {
            Some(limit) => {
                let request = format!("/stop?colour={colour}&drain_ms={}", limit.as_millis());
                self.operate(&request, limit + CONTROL_LIMIT)
            }
            None => self.operate(&format!("/stop?colour={colour}"), CONTROL_LIMIT),
        }
    }

    /// Switches a fault. `after` sets how long an app with `latecrash` lives (20 s at first).
    pub fn fault(
        &self,
        fault: Fault,
        target: FaultTarget,
        state: Switch,
        after: Option<Duration>,
    ) -> Result<String, DemoError> {
        let state = if state.is_on() { "on" } else { "off" };
        let after = after.map(|after| format!("&after_ms={}", after.as_millis())).unwrap_or_default();
        let request = format!("/fault?name={fault}&colour={}&state={state}{after}", target.name());
        self.operate(&request, CONTROL_LIMIT)
    }

    /// Makes the balancer serve with `upstream.conf` as it is now.
    ///
    /// # Errors
    /// When the file is bad; the old configuration keeps serving.
    pub fn reload(&self) -> Result<String, DemoError> {
        self.operate("/reload", CONTROL_LIMIT)
    }

    /// Says whether `upstream.conf` could be loaded, without loading it.
    pub fn check(&self) -> Result<String, DemoError> {
        self.operate("/check", CONTROL_LIMIT)
    }

    /// Sends so many requests per second through the balancer for so long, from inside the demo; a rate of 0 ends it.
    ///
    /// # Errors
    /// When the rate is above 1000, or the time longer than an hour.
    pub fn visit(&self, rps: u32, duration: Duration) -> Result<String, DemoError> {
        self.operate(&format!("/visit?rps={rps}&for_ms={}", duration.as_millis()), CONTROL_LIMIT)
    }

    /// Both colours at v1.0.0, blue live, no faults, no maintenance. A demo that is down keeps its ports and is put back
    /// on disk.
    pub fn reset(&self) -> Result<String, DemoError> {
        if self.is_locked()? {
            return self.operate("/reset", CONTROL_LIMIT);
        }
        if let Some(state) = State::load(&self.paths)? {
            State::initial(state.ports).save(&self.paths)?;
            renew_files(&self.paths, state.ports)?;
        }
        Ok("reset; the demo is down".to_owned())
    }

    fn spawn(&self, exe: &Path) -> Result<Child, DemoError> {
        let log = self.paths.log();
        let log = OpenOptions::new().create(true).append(true).open(&log);
        let log = log.map_err(|error| DemoError::file("open", &self.paths.log(), error))?;
        let absolute = |path| std::path::absolute(path).map_err(|error| DemoError::file("find", path, error));
        Command::new(absolute(exe)?)
            .args(["demo", "serve", "--base", &self.first_port.to_string(), "--state-dir"])
            .arg(absolute(self.paths.root())?)
            .current_dir("/")
            // It outlives the step that starts it, whose environment may hold secrets.
            .env_clear()
            .envs(KEPT_ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // Its own group: a Ctrl-C or the end of that step is not meant for it.
            .process_group(0)
            .spawn()
            .map_err(|error| DemoError::file("start", exe, error))
    }

    /// Up means: this directory's own server answers. Somebody else's demo on these ports does not count.
    fn is_up(&self) -> bool {
        let recorded = State::load(&self.paths).ok().flatten().and_then(|state| state.pid);
        recorded.is_some() && self.status().is_ok_and(|status| Some(status.pid) == recorded)
    }

    fn is_locked(&self) -> Result<bool, DemoError> {
        let path = self.paths.lock();
        match File::open(&path) {
            Ok(file) => Ok(matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(DemoError::file("open", &path, error)),
        }
    }

    fn wait_for(&self, limit: Duration, done: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if done() {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(POLL);
        }
    }

    /// Why the server ended, from what it has added to its log.
    fn last_words(&self, log_before: u64) -> Option<String> {
        let log = fs::read_to_string(self.paths.log()).ok()?;
        // A log that grew too large has been emptied at the start; then all of it is new.
        let added = usize::try_from(log_before).ok().and_then(|from| log.get(from..)).unwrap_or(&log);
        let its_own = added.lines().rev().find_map(|line| line.split_once(" ERROR demo "));
        let last = || added.lines().rev().find(|line| !line.trim().is_empty());
        its_own.map(|(_, reason)| reason).or_else(last).map(str::to_owned)
    }

    fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, DemoError> {
        let (_, page) = self.talk(Method::GET, path, CONTROL_LIMIT)?;
        serde_json::from_value(page).map_err(|error| broken(path, &error.to_string()))
    }

    fn operate(&self, path: &str, limit: Duration) -> Result<String, DemoError> {
        let (succeeded, page) = self.talk(Method::POST, path, limit)?;
        let message = page[if succeeded { "message" } else { "error" }].as_str();
        let message = message.ok_or_else(|| broken(path, "an answer of another kind"))?.to_owned();
        if succeeded { Ok(message) } else { Err(DemoError::Refused { message }) }
    }

    fn talk(&self, method: Method, path: &str, limit: Duration) -> Result<(bool, Value), DemoError> {
        let control = loopback(self.addresses().control);
        let answer = block_on(exchange(method, control, path, Some(OPERATION_HEADER), limit))?;
        let answer = answer.map_err(|error| match error {
            NoAnswer::Refused => DemoError::NotUp { state_dir: self.paths.root().to_owned() },
            other => broken(path, &other.to_string()),
        })?;
        let page = serde_json::from_slice(answer.body()).map_err(|error| broken(path, &error.to_string()))?;
        Ok((answer.status().is_success(), page))
    }
}

fn broken(request: &str, reason: &str) -> DemoError {
    DemoError::Control { request: request.to_owned(), reason: reason.to_owned() }
}
