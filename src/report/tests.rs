//! A plan made by hand and runs of it, for the tests of reports and of the terminal.

mod decisions;
mod fixture;
mod previews;
mod reports;

pub(crate) use fixture::{Script, exit, plan, prints, tail, template};
