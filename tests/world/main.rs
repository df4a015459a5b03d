//! The real world with real processes, files and sockets.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

mod bash;
mod bench;
mod common;
mod files;
mod http;
mod markers;
mod metrics;
mod processes;
mod watch;
