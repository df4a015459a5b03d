//! Values of steps: known, already there, and there for certain.

use super::reach::{Unreachable, doubt, is_guarded, reach};
use super::{did_you_mean, listed};
use crate::check::facts::Facts;
use crate::check::included::Included;
use crate::check::uses::{CHANGES, SCAN, Use};
use crate::runbook::model::{Kind, Step};
use crate::template::Ref;
use crate::text::{Code, Diagnostic, Place};

/// What a `decide` step keeps of the row that decided.
const DECISION: [&str; 2] = ["ruling", "because"];

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for usage in &facts.uses {
        for read in usage.refs.iter().filter(|r| r.path[0] == "steps") {
            found.extend(problem(facts, usage, read));
        }
    }
}

fn problem(facts: &Facts<'_>, usage: &Use<'_>, read: &Ref) -> Option<Diagnostic> {
    let id = read.path.get(1)?;
    let place = usage.place(read);
    let Some(&block) = facts.by_id.get(id.as_str()) else {
        let hint = did_you_mean(id, facts.by_id.keys().copied());
        let message = format!("there is no step `{id}`{hint}");
        return Some(Diagnostic::error(Code::UNKNOWN_STEP, message, place));
    };
    let step = facts.blocks[block].step?;
    if let Err(why) = reach(facts, block, usage) {
        return Some(unreachable(id, why, place).also(step.place.clone(), "the step"));
    }
    let name = read.path.get(2);
    if let (Some(name), Some(known)) = (name, saved(facts, block, step))
        && name != "result"
        && !known.contains(name)
    {
        let hint = did_you_mean(name, known.iter().map(String::as_str));
        let message = format!("the step `{id}` keeps no `{name}`{hint}");
        let keeps = listed(known.iter().map(String::as_str).chain(["result"]));
        let problem = Diagnostic::error(Code::UNKNOWN_SAVED, message, place).also(step.place.clone(), "the step");
        let problem = problem.help(format!("it keeps: {keeps}"));
        return Some(match keeping(step) {
            Some(how) => problem.help(how),
            None => problem,
        });
    }
    let outcome = name.is_some_and(|n| n == "result");
    let why = match doubt(facts, block, usage, outcome) {
        Some(why) => why,
        None if name.is_some_and(|n| is_optional_evidence(step, n)) => "this evidence is optional",
        None if name.is_some_and(|n| DECISION.contains(&n.as_str())) && matches!(step.kind, Kind::Decide(_)) => {
            "a person may have decided instead"
        }
        None => return None,
    };
    if read.tested || is_guarded(facts, usage, &read.path) {
        return None;
    }
    let name = read.name();
    let message = format!("`{name}` may not be there: {why}");
    let problem = Diagnostic::error(Code::UNGUARDED, message, place).also(step.place.clone(), "the step");
    Some(problem.help(format!("ask first: `when: {name} is defined`, or give a value: `{name} | default('...')`")))
}

fn unreachable(id: &str, why: Unreachable, place: Place) -> Diagnostic {
    let (code, message, help) = match why {
        Unreachable::OtherScope => (
            Code::STEP_OUT_OF_REACH,
            format!("the step `{id}` runs once per item; only steps of the same item can read it"),
            "read it inside the same `for_each`",
        ),
        Unreachable::Itself => (
            Code::STEP_NOT_YET_RUN,
            format!("the step `{id}` is not over yet here"),
            "its own result is known in `expect` and `save` by plain names such as `stdout`",
        ),
        Unreachable::Later => {
            (Code::STEP_NOT_YET_RUN, format!("the step `{id}` has not run yet here"), "move it before this place")
        }
        Unreachable::Meanwhile => (
            Code::STEP_NOT_YET_RUN,
            format!("the step `{id}` runs at the same time"),
            "read it after the `parallel` group",
        ),
    };
    Diagnostic::error(code, message, place).help(help)
}

/// The names a step keeps; none when that is not known here.
fn saved(facts: &Facts<'_>, block: usize, step: &Step) -> Option<Vec<String>> {
    Some(match &step.kind {
        Kind::Run(_) => match facts.included.get(&block)? {
            Included::Sound(book) => book.outputs.iter().map(|(name, _)| name.clone()).collect(),
            _ => return None,
        },
        Kind::Manual(manual) => manual.evidence.iter().map(|(name, _)| name.clone()).collect(),
        Kind::Decide(_) => DECISION.map(String::from).to_vec(),
        Kind::Changes(_) => CHANGES.iter().map(|name| name.to_string()).collect(),
        Kind::Scan(_) => SCAN.iter().map(|name| name.to_string()).collect(),
        Kind::Audit(_) => ["count", "names"].map(String::from).to_vec(),
        _ => step.save.iter().map(|(name, _)| name.clone()).collect(),
    })
}

/// Where a step of this kind says what it keeps.
fn keeping(step: &Step) -> Option<&'static str> {
    match step.kind {
        Kind::Shell(_) | Kind::Exec(_) | Kind::Http(_) => Some("name what else to keep in its `save:`"),
        Kind::Manual(_) => Some("name what else to ask for in its `evidence:`"),
        Kind::Run(_) => Some("name what else to keep in the `outputs:` of the runbook it runs"),
        Kind::Set(_) => Some("values of a `set` step are read as `vars.NAME`"),
        _ => None,
    }
}

fn is_optional_evidence(step: &Step, name: &str) -> bool {
    matches!(&step.kind, Kind::Manual(m) if m.evidence.iter().any(|(n, required)| n == name && !required))
}
