//! Crashes, full disks and failing disks: what is left of a run, and whether it can go on.
//!
//! `tests/faults/shim.c` is preloaded into the program and counts the calls by which it changes files. The tests take
//! the reference run as often as it has such calls, and each time something happens at another one.
//!
//! `RUNBOOK_CRASH_ALL=1` leaves no case out where the gate takes a part of them.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

mod bed;
mod errors;
mod full;
mod judge;
mod kills;
mod reference;
mod tally;
mod trace;
