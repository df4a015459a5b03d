//! Tables beside a run, on the run's own time: hours of monitoring in milliseconds.

#![allow(clippy::disallowed_methods, reason = "how long it took is measured")]

mod baselines;
mod guards;
mod hours;
mod stages;
mod steps;
