//! Tables beside a run, on the run's own time: hours of monitoring in milliseconds.

mod guards;
mod hours;
mod marks;
mod rounds;
mod steps;
