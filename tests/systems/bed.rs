//! A demo of its own for every test: directory, ports, processes.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use runbook::demo::{Addresses, Colour, Demo, Status};

use crate::http::{Answer, get};
use crate::run::Home;

/// A running demo and the user who works on it.
pub(crate) struct Bed {
    pub(crate) home: Home,
    pub(crate) demo: Demo,
    pub(crate) ports: Addresses,
}

/// What a run that was backed out must leave as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) upstream: String,
    pub(crate) blue: Option<String>,
    pub(crate) green: Option<String>,
    pub(crate) maintenance: bool,
}

impl Bed {
    pub(crate) fn fresh() -> Bed {
        let home = Home::fresh();
        let base = first_port().to_string();
        home.must(&["demo", "up", "--base", &base]);
        let demo = Demo::new(home.state().join("demo"));
        let bed = Bed { ports: demo.addresses(), demo, home };
        bed.wait_until_ready();
        bed
    }

    /// Both colours answer their readiness checks.
    pub(crate) fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        let is_ready = |port| get(port, "/health/ready").is_ok_and(|answer| answer.status == 200);
        while ![self.ports.blue, self.ports.green].into_iter().all(is_ready) {
            assert!(Instant::now() < deadline, "the demo does not become ready");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn through_balancer(&self, path: &str) -> std::io::Result<Answer> {
        get(self.ports.balancer, path)
    }

    /// Colour and version that answer through the balancer.
    pub(crate) fn serving(&self) -> (String, String) {
        let answer = self.through_balancer("/health/live").expect("somebody answers");
        (answer.header("x-color").to_owned(), answer.header("x-version").to_owned())
    }

    pub(crate) fn status(&self) -> Status {
        self.demo.status().expect("the demo answers")
    }

    pub(crate) fn upstream(&self) -> PathBuf {
        self.demo.paths().upstream()
    }

    pub(crate) fn standing(&self) -> Standing {
        let status = self.status();
        let running = |colour: Colour| {
            let colour = status.of(colour);
            colour.running.then(|| colour.version.clone())
        };
        Standing {
            upstream: fs::read_to_string(self.upstream()).expect("the balancer's file"),
            blue: running(Colour::Blue),
            green: running(Colour::Green),
            maintenance: status.maintenance,
        }
    }

    /// Another version on a colour, as an earlier deployment would have left it.
    pub(crate) fn replace(&self, colour: Colour, version: &str) {
        self.demo.stop(colour, Some(Duration::from_secs(2))).expect("stops");
        self.demo.start(colour, Some(version)).expect("starts");
        self.wait_until_ready();
    }

    /// All traffic to one colour, as an earlier deployment would have left it.
    pub(crate) fn route(&self, colour: Colour) {
        self.write_upstream(&[self.ports.port_of(colour)]);
        self.demo.reload().expect("loads");
    }

    /// Writes the balancer's file without loading it.
    pub(crate) fn write_upstream(&self, ports: &[u16]) {
        let servers: String = ports.iter().map(|port| format!("    server 127.0.0.1:{port};\n")).collect();
        fs::write(self.upstream(), format!("upstream app {{\n{servers}}}\n")).expect("written");
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = self.demo.down();
    }
}

/// Each demo begins at ports of its own; the process id keeps two test runs at the same time apart.
pub(crate) fn first_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let bed = NEXT.fetch_add(1, Ordering::Relaxed);
    let run = u16::try_from(std::process::id() % 5).expect("below 5");
    10_000 + run * 1_800 + (bed % 160) * 10
}
