//! Steps that look at something and say what it must be: what they ask of the world, and what is made of its answer.

pub(super) mod audit;
pub(super) mod marker;

use super::action::Done;
use super::event::Verdict;
use super::names::Names;
use crate::plan::model::Act;

/// Whether what was found is as it must be.
pub(super) fn weigh(names: &Names<'_>, act: &Act, done: &Done) -> Result<(), (Verdict, String)> {
    match act {
        Act::Marker(wanted) => marker::weigh(names, wanted, done),
        _ => Ok(()),
    }
}
