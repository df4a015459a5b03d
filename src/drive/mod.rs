//! The half of the program that acts: everything with a clock, files, processes and sockets begins here.

#![expect(clippy::disallowed_methods, reason = "the half that acts on the world begins here")]

pub(crate) mod beneath;
pub mod clock;
pub mod record;
pub mod run;
pub mod world;
