//! The shipped runbooks on systems that really serve: the embedded demo with its faults, and nginx before two processes.
//!
//! Every test drives the real binary, in a terminal where somebody is asked, with directories and ports of its own.

#![expect(clippy::disallowed_methods, reason = "these tests act on real systems")]

mod at_full_length;
mod bed;
mod canary;
mod faults;
mod host;
mod http;
mod journal;
mod matrix;
mod memory;
mod monitoring;
mod nginx;
mod prometheus;
mod rollout;
mod run;
mod scenarios;
mod tree;
mod witness;
