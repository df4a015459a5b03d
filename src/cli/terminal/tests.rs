//! Screens as people see them, from runs driven by hand.

mod asking;
mod pty;
mod screens;
