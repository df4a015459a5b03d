//! A set of live objects held against what it must be.

use super::{Text, Tree};

/// `audit: { ... }`.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The objects: a list, or one expression that yields it.
    pub objects: Tree,
    /// Name of one object in conditions.
    pub name: String,
    /// Expression that names an object for people and for `equal`.
    pub key: Option<Text>,
    /// How many there must be; a number, or one expression that yields it.
    pub count: Option<Text>,
    /// The names there must be, neither more nor fewer: a list, or one expression that yields it.
    pub equal: Option<Tree>,
    /// Conditions that must hold for every object.
    pub all: Vec<Text>,
}
