//! Whether what one block leaves behind can be read at a place of the run.

use crate::check::facts::{Facts, Section};
use crate::check::uses::Use;
use crate::runbook::model::{Kind, OnFailure, Severity};

/// Why something cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreachable {
    /// It belongs to the items of a group.
    OtherScope,
    /// It is this very step.
    Itself,
    /// It comes later.
    Later,
    /// It runs at the same time.
    Meanwhile,
}

/// Whether `block` is over, in reach, when `usage` is evaluated.
pub(super) fn reach(facts: &Facts<'_>, block: usize, usage: &Use<'_>) -> Result<(), Unreachable> {
    let there = &facts.blocks[block];
    if !facts.scopes_from(usage.scope).any(|scope| scope == there.scope) {
        return Err(Unreachable::OtherScope);
    }
    if facts.chain(usage.block).any(|at| at == block) && usage.time <= there.end {
        return Err(Unreachable::Itself);
    }
    if there.end > usage.time {
        return Err(Unreachable::Later);
    }
    match common(facts, block, usage.block).and_then(|at| facts.blocks[at].step) {
        Some(step) if matches!(step.kind, Kind::Parallel(_)) => Err(Unreachable::Meanwhile),
        _ => Ok(()),
    }
}

/// Why what `block` leaves behind may not be there although it is over; none when it always is. `outcome` asks for its
/// `result`, which is there however the step ended.
pub(super) fn doubt(facts: &Facts<'_>, block: usize, usage: &Use<'_>, outcome: bool) -> Option<&'static str> {
    let here = facts.blocks[usage.block].section;
    if facts.blocks[block].section != here {
        return Some(match here {
            Section::Always => "`always` also runs when that step was never reached",
            _ => "a rollback also runs when that step was never reached",
        });
    }
    let around: Vec<usize> = facts.chain(usage.block).collect();
    for at in facts.chain(block).filter(|at| !around.contains(at)) {
        let part = &facts.blocks[at];
        if at == block && outcome {
            continue;
        }
        if let Some(when) = part.when
            && !around.iter().any(|a| facts.blocks[*a].when.is_some_and(|w| w.value == when.value))
        {
            return Some(if at == block {
                "it is skipped when its `when` is false"
            } else {
                "it stands under a `when`"
            });
        }
        let goes_on = |s: &&crate::runbook::model::Step| {
            s.severity == Severity::Warn || s.on_failure == Some(OnFailure::Continue)
        };
        if part.step.as_ref().is_some_and(goes_on) {
            return Some("the run goes on when it fails");
        }
    }
    None
}

/// Whether `usage`, or a `when` around it, asks whether the value is there (or how the step ended).
pub(super) fn is_guarded(facts: &Facts<'_>, usage: &Use<'_>, path: &[String]) -> bool {
    let asks = |other: &Use<'_>| {
        other.refs.iter().any(|r| {
            let about = r.path.len() >= 2 && path.starts_with(&r.path[..r.path.len().min(path.len())]);
            let outcome = r.path.len() == 3 && r.path[..2] == path[..2] && r.path[2] == "result";
            (r.tested && about) || (outcome && path.get(2).is_none_or(|p| p != "result"))
        })
    };
    asks(usage) || facts.chain(usage.block).any(|at| facts.whens.get(&at).is_some_and(|&when| asks(&facts.uses[when])))
}

/// The innermost block around both.
fn common(facts: &Facts<'_>, a: usize, b: usize) -> Option<usize> {
    let around: Vec<usize> = facts.chain(b).collect();
    facts.chain(a).find(|at| around.contains(at))
}
