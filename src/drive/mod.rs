//! The half of the program that acts: everything with a clock, files, processes and sockets.

pub mod world;
