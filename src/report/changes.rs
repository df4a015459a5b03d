//! What is left of what a run changed: kept, taken back, or nobody knows.

use super::rows::Changes;
use super::view::View;
use crate::machine::{Inst, Status};
use crate::plan::model::{NodeKind, Undo};
use crate::runbook::model::Effect;

pub(super) fn changes(view: &View) -> Changes {
    let state = &view.state;
    let mut changes = Changes::default();
    for (id, inst) in state.insts.iter().enumerate() {
        let NodeKind::Task(task) = &state.node_of(id).kind else { continue };
        let changes_things = state.node_of(id).effect != Effect::Read;
        if inst.owner.is_some() || !changes_things || !(inst.touched || is_out(inst)) {
            continue;
        }
        let path = inst.path.clone();
        let why_kept = match &task.undo {
            Some(Undo::None(reason)) => reason.clone(),
            _ => String::new(),
        };
        match taken_back(view, inst) {
            Some(Ok(())) => changes.undone.push((path, String::new())),
            Some(Err(why)) => changes.unknown.push((path, format!("taking it back failed: {why}"))),
            None if is_out(inst) => changes.unknown.push((path, "nobody saw how it ended".into())),
            None if is_sure(inst) => changes.kept.push((path, why_kept)),
            None => changes.unknown.push((path, "it failed, and may have changed something first".into())),
        }
    }
    changes
}

/// Started, and not known to have ended.
fn is_out(inst: &Inst) -> bool {
    match &inst.status {
        Status::Running | Status::InDoubt => true,
        Status::Asking(asked) => asked.question == crate::machine::event::Question::InDoubt,
        _ => false,
    }
}

/// Shown to have changed what it meant to change.
fn is_sure(inst: &Inst) -> bool {
    let passed = inst.verdict.is_some_and(|v| v.lets_go_on());
    passed || inst.done.as_ref().is_some_and(|done| done.changed == Some(true))
}

/// Whether it was taken back; none when that was not tried.
fn taken_back(view: &View, inst: &Inst) -> Option<Result<(), String>> {
    let state = &view.state;
    let undo = match state.rollback {
        // A written rollback stands for the undo of everything before it.
        Some(root) if state.insts[root].verdict.is_some() && is_forward(view, inst) => root,
        _ => inst.undo_inst?,
    };
    let undo = &state.insts[undo];
    match undo.verdict? {
        verdict if verdict.lets_go_on() => Some(Ok(())),
        verdict => Some(Err(undo.reason.clone().unwrap_or_else(|| verdict.word().into()))),
    }
}

fn is_forward(view: &View, inst: &Inst) -> bool {
    let mut at = inst;
    while let Some(parent) = at.parent {
        at = &view.state.insts[parent];
    }
    at.path.is_empty()
}
