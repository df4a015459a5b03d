//! The shipped runbooks on systems that really serve: the embedded demo with its faults, and nginx before two processes.
//!
//! Every test drives the real binary, in a terminal where somebody is asked, with directories and ports of its own.

mod bed;
mod faults;
mod http;
mod nginx;
mod run;
mod scenarios;
mod tree;
mod witness;
