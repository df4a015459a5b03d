//! Tables beside a run, on the run's own time: hours of monitoring in milliseconds.

mod baselines;
mod guards;
mod hours;
mod stages;
mod steps;
