//! Tables beside a run, on the run's own time: hours of monitoring in milliseconds.

#![expect(clippy::disallowed_methods, reason = "the test that says how fast this is has a clock")]

mod baselines;
mod covered;
mod guards;
mod holds;
mod hold_ends;
mod hours;
mod jitter;
mod marks;
mod random;
mod restraint;
mod rounds;
mod stages;
mod steps;
mod truth;
mod values;
mod windows;
