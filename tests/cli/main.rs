//! The whole program, as people and scripts meet it: arguments and files in, screens, exit codes and logs out.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

mod support;

mod anchors;
mod approvals;
mod audit;
mod bad_input;
mod bad_values;
mod changed;
mod changes;
mod crash;
mod disk;
mod exit_codes;
mod files;
mod flow;
mod gates;
mod golden;
mod http;
mod judged;
mod keys;
mod locks;
mod looking;
mod looks;
mod monorepo;
mod plan;
mod policies;
mod probing;
mod reading;
mod repo;
mod resume;
mod scan;
mod scenarios;
mod schedule;
mod second;
mod secrets;
mod shell;
mod signals;
mod planned;
mod stages;
mod target;
mod terminal;
mod token;
mod values;
mod watch;
