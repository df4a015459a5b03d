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

/// What was seen by a look that passed, for people: a gate is more than a step that did not fail.
pub(super) fn said(done: &Done) -> Option<String> {
    if let Some(seen) = &done.marker {
        return seen.found.last().map(|last| marker::said(last, &marker::at(seen, last)));
    }
    if let Some(seen) = &done.scan {
        let commits = seen.commits.map(|commits| format!(" in {}", count(commits, "commit"))).unwrap_or_default();
        let allowed = if seen.allowed_count > 0 { format!(", {} allowed", seen.allowed_count) } else { String::new() };
        let (lines, files) = (count(seen.lines, "line"), count(seen.files, "file"));
        return Some(format!("nothing in {lines} of {files}{commits}{allowed}"));
    }
    let seen = done.changes.as_ref()?;
    let (commits, files) = (seen.commits.len() as u64, seen.files.len() as u64);
    Some(format!("{}, {} up to {}", count(commits, "commit"), count(files, "file"), changes::short(&seen.head)))
}

fn count(n: u64, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}
