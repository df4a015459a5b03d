//! What data, files and neighbours may try, and what comes of it. SECURITY.md names these tests.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod support;

mod clean;
mod cve;
mod files;
mod injection;
mod places;
mod requests;
mod screens;
