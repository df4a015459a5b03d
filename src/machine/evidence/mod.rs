//! Steps that look at something and say what it must be: what they ask of the world, and what is made of its answer.

pub(super) mod audit;
pub(super) mod changes;
pub(super) mod marker;
pub(super) mod scan;

use super::action::Done;
use super::event::Verdict;
use super::names::Names;
use crate::plan::model::Act;
use serde_json::{Map, Value};

/// What a step keeps of what it found, or why that is not as it must be.
pub(super) fn weigh(names: &Names<'_>, act: &Act, done: &Done) -> Result<Map<String, Value>, (Verdict, String)> {
    match act {
        Act::Marker(wanted) => marker::weigh(names, wanted, done).map(|()| Map::new()),
        Act::Scan(_) => scan::weigh(done),
        Act::Changes(wanted) => changes::weigh(names, wanted, done),
        _ => Ok(Map::new()),
    }
}
