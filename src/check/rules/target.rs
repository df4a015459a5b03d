//! What a runbook reads of its target, and the target does not have: found out before anything runs, not in the middle.

use super::did_you_mean;
use super::reach::is_guarded;
use crate::check::facts::Facts;
use crate::text::{Code, Diagnostic, Place};
use serde_json::Value;
use std::collections::BTreeMap;

/// Names that are read and missing, each with the first place that reads it; the shortest name that is missing stands for
/// all below it.
pub(in crate::check) type Lacking = BTreeMap<Vec<String>, Lack>;

/// One missing name.
pub(in crate::check) struct Lack {
    place: Place,
    similar: String,
    /// What is read below it.
    below: Vec<String>,
}

/// Adds what one runbook reads without asking whether it is there, unless `asked` says that somebody around it did.
pub(in crate::check) fn look(
    facts: &Facts<'_>,
    target: &Value,
    asked: impl Fn(&[String]) -> bool,
    lacking: &mut Lacking,
) {
    for usage in &facts.uses {
        for read in usage.refs.iter().filter(|read| read.path[0] == "target" && !read.tested) {
            let Some((missing, similar)) = first_missing(&read.path, target) else { continue };
            if is_guarded(facts, usage, &read.path) || asked(&read.path) {
                continue;
            }
            let (name, place) = (read.path[1..].join("."), usage.place(read));
            let lack = lacking.entry(missing).or_insert_with(|| Lack { place, similar, below: Vec::new() });
            if !lack.below.contains(&name) {
                lack.below.push(name);
            }
        }
    }
}

/// The path down to the first name that is not there, and what it may have been meant to be.
fn first_missing(path: &[String], target: &Value) -> Option<(Vec<String>, String)> {
    let mut at = target;
    for (depth, name) in path.iter().enumerate().skip(1) {
        // Every target has a name, written or that of its file. Lists are read by what only a step may know.
        if (depth == 1 && name == "name") || at.is_array() {
            return None;
        }
        match at.get(name) {
            Some(inner) => at = inner,
            None => {
                let siblings = at.as_object().into_iter().flat_map(|map| map.keys().map(String::as_str));
                return Some((path[..=depth].to_vec(), did_you_mean(name, siblings)));
            }
        }
    }
    None
}

/// One problem for each missing name.
pub(in crate::check) fn problems(lacking: Lacking, target: &str) -> Vec<Diagnostic> {
    let problem = |(path, lack): (Vec<String>, Lack)| {
        let name = path[1..].join(".");
        let message = format!("the target {target} has no `{name}`{}", lack.similar);
        let problem = Diagnostic::error(Code::TARGET_LACKS, message, lack.place);
        let read = lack.below.join(", ");
        let problem = if lack.below == [name.as_str()] { problem } else { problem.help(format!("read are: {read}")) };
        problem.help(format!("add it to the file of the target, or ask first: `when: target.{name} is defined`"))
    };
    lacking.into_iter().map(problem).collect()
}

/// Names of the target that a `when` around a block asks for.
pub(in crate::check) fn asked_around(facts: &Facts<'_>, block: usize) -> Vec<Vec<String>> {
    let whens = facts.chain(block).filter_map(|at| facts.whens.get(&at));
    let refs = whens.flat_map(|when| &facts.uses[*when].refs);
    refs.filter(|read| read.tested && read.path[0] == "target").map(|read| read.path.clone()).collect()
}
