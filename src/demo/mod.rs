//! The embedded target system: two colours of a tiny app behind a balancer, with faults to switch on, on loopback only.
//!
//! `runbook demo up` starts one detached process (`runbook demo serve`) that holds everything. The runbook owns one file,
//! `upstream.conf` in the state directory; everything else happens over sockets. Each app really opens and closes its
//! listener, so a connection to a stopped colour is refused by the kernel and not by a pretence.
//!
//! Who owns what:
//! - [`Demo`] is what callers use: one method per operation, over the control port.
//! - `server` holds the two colours, `balancer` the traffic, `control` turns requests into operations.
//! - `gate` is a listener that can drain; app, balancer and control each stand behind one.
//! - `upstream` and `fault` are pure: the file's grammar, the weighted rotation, and what a version implies.

#![expect(clippy::disallowed_methods, reason = "the half that acts on the world begins here")]

mod app;
mod balancer;
mod client;
mod colour;
mod command;
mod control;
mod error;
mod exchange;
mod fault;
mod furnish;
mod gate;
mod load;
mod logfile;
mod metrics;
mod paths;
mod ports;
mod response;
mod serve;
mod server;
mod single;
mod state;
mod status;
mod upstream;
mod visitors;

pub use client::Demo;
pub use colour::Colour;
pub use command::{DemoCommand, run};
pub use error::DemoError;
pub use fault::{Fault, FaultTarget, Switch};
pub use load::{LoadPlan, LoadReport, load};
pub use paths::Paths;
pub use ports::{Addresses, DEFAULT_FIRST_PORT, addresses};
pub use serve::{ServeOptions, serve};
pub use status::{BalancerStatus, ColourStatus, Status, UpstreamStatus};
