//! Traffic in stages.

use super::{Condition, Investigate, Step, Text, Then};
use crate::text::Place;

/// `stages: { table, every, share, extend, investigate, steps, promote }`.
#[derive(Debug, Clone)]
pub struct Stages {
    /// Stages in order, percent rising.
    pub table: Vec<Stage>,
    /// Distance of samples.
    pub every: Text,
    /// The metric that must show the share of traffic, and by how much it may differ.
    pub share: Option<Share>,
    /// What happens when a stage's criteria do not hold at its end.
    pub extend: Option<Extend>,
    /// What asking a person means here.
    pub investigate: Option<Investigate>,
    /// Steps that set the share; `stage.percent` and `stage.number` are in scope.
    pub steps: Vec<Step>,
    /// What follows the last stage.
    pub promote: Option<Promote>,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Share of the traffic, 1 to 100.
    pub percent: u32,
    /// How long to look at it.
    pub wait: Option<Text>,
    /// What must hold at the end.
    pub criteria: Criteria,
    /// The row.
    pub place: Place,
}

/// What must hold at the end of a stage.
#[derive(Debug, Clone)]
pub enum Criteria {
    /// Nothing.
    None,
    /// `same as above`, with its place.
    Same(Place),
    /// All of these.
    All(Vec<Condition>),
}

/// `share: { metric, tolerance }`.
#[derive(Debug, Clone)]
pub struct Share {
    /// A metric that is a share of the traffic.
    pub metric: Text,
    /// How far it may be from the stage's percent, in percent points, such as `2%`.
    pub tolerance: Text,
}

/// `extend: { by, max, then }`: look longer before giving up.
#[derive(Debug, Clone)]
pub struct Extend {
    /// By how long; as long as the first time unless written.
    pub by: Option<Text>,
    /// How often at most.
    pub max: u32,
    /// What happens after that.
    pub then: Then,
}

/// `promote: { main, remove }`: after the last stage, in this order: `main`, the stage's steps with percent 0, `remove`.
#[derive(Debug, Clone)]
pub struct Promote {
    /// Steps that bring the main instances to the new version.
    pub main: Vec<Step>,
    /// Steps that take the canary down, after the traffic has left it.
    pub remove: Vec<Step>,
}
