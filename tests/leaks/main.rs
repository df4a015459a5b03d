//! No secret anywhere: secrets that nobody uses are sent through every sink in every form, and looked for.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

mod canaries;
mod encodings;
mod masking;
mod matrix;
mod sinks;
mod speed;
