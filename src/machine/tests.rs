//! Dialogues with the machine: what happens, and what it says next.

mod book;
mod dialogue;

mod backing_out;
mod forward;
mod gates;
mod illegal;
mod locks;
mod people;
mod rebased;
mod resume;
mod trends;
mod waivers;
mod windows;
