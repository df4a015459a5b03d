//! Tables beside a run, on the run's own time: hours of monitoring in milliseconds.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

mod guards;
mod hours;
mod marks;
mod rounds;
mod steps;
