//! The whole program, as people and scripts meet it: arguments and files in, screens, exit codes and logs out.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

mod support;

mod bad_input;
mod bad_values;
mod crash;
mod disk;
mod exit_codes;
mod files;
mod flow;
mod golden;
mod http;
mod plan;
mod reading;
mod shell;
mod signals;
mod stages;
mod terminal;
mod values;
mod watch;
