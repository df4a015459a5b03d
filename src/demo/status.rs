//! What the demo tells about itself, as it travels over the control port.

use serde::{Deserialize, Serialize};

use super::colour::Colour;
use super::ports::Addresses;

/// The whole demo at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The serving process.
    pub pid: u32,
    /// Its ports.
    pub ports: Addresses,
    /// The blue app.
    pub blue: ColourStatus,
    /// The green app.
    pub green: ColourStatus,
    /// The balancer and its counters.
    pub balancer: BalancerStatus,
    /// Whether the maintenance flag is set.
    pub maintenance: bool,
    /// Faults of the balancer that are switched on.
    pub balancer_faults: Vec<String>,
}

impl Status {
    /// The status of a colour.
    pub fn of(&self, colour: Colour) -> &ColourStatus {
        match colour {
            Colour::Blue => &self.blue,
            Colour::Green => &self.green,
        }
    }
}

/// One app, as it really is: lies of an app about itself are not repeated here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColourStatus {
    /// Whether a process runs, draining included.
    pub running: bool,
    /// Whether it has stopped accepting and waits for requests in flight.
    pub draining: bool,
    /// The version that runs, or that would run next.
    pub version: String,
    /// The running instance, as in `green-3`.
    pub instance: Option<String>,
    /// Requests in flight.
    pub active_connections: usize,
    /// How the last instance ended, if one has.
    pub last_exit: Option<String>,
    /// Faults that act on it, switched on or brought along by its version.
    pub faults: Vec<String>,
}

/// The balancer: what it serves with, and what it has counted since it came up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancerStatus {
    /// The name in the file.
    pub upstream: String,
    /// SHA-256 of the bytes of the file as loaded, in hexadecimal as `sha256sum` prints it.
    pub config_hash: String,
    /// Successful loads, the first included.
    pub loads: u64,
    /// Why the last reload failed; none after a successful one.
    pub last_reload_error: Option<String>,
    /// Requests received.
    pub requests: u64,
    /// Requests answered with 5xx, the balancer's own 502 and 504 included.
    pub errors: u64,
    /// The servers of the loaded file, in its order.
    pub upstreams: Vec<UpstreamStatus>,
    /// Servers no longer in the file that still owe answers.
    pub draining: Vec<UpstreamStatus>,
}

/// One server behind the balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamStatus {
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// Whose port that is.
    pub color: Option<Colour>,
    /// Its weight; 0 when it is no longer in the file.
    pub weight: u32,
    /// Whether the file marks it down.
    pub down: bool,
    /// Requests sent to it, over all configurations.
    pub requests: u64,
    /// Of these: answered with 5xx, or not at all.
    pub errors: u64,
    /// Of these: not answered yet.
    pub in_flight: u64,
}
