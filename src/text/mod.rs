//! Text files and what can be said about them: sources, the YAML tree with a place for everything, diagnostics.
//!
//! Owns the YAML parser and the look of diagnostics; no other module imports those crates.
//! [`parse`] gives a [`Node`] tree; [`render`] draws [`Diagnostic`]s; [`Code`] is the registry behind `explain`.

mod codes;
mod core;
mod diagnostic;
mod hidden;
mod node;
mod parse;
mod position;
mod render;
mod source;
mod suggest;
mod syntax;
#[cfg(test)]
mod tests;
mod traps;
mod tree;

pub use codes::Code;
pub use diagnostic::{Diagnostic, Fix, Severity, to_json};
pub use hidden::{defused, is_hidden};
pub use node::{Entry, Kind, Node, Style};
pub use parse::{MAX_BYTES, MAX_DEPTH, MAX_NODES, Parsed, parse};
pub use render::{RenderStyle, render};
pub use source::{Place, Source, Span};
pub use suggest::suggest;
pub use traps::{lost_comment, quoted};
