//! The real world with real processes, files and sockets.

mod bash;
mod bench;
mod common;
mod files;
mod http;
mod processes;
