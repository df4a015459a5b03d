//! Whether two plans mean the same, step by step. Places in files do not count: a step that moved down a line is the
//! step it was.

use super::state::{body_path, join, stage_path};
use crate::plan::model::{Act, InputBinding, NodeId, NodeKind, Plan, StagePart, Undo};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One difference between two plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Path of the step or block; the items of a list share the path `list[*]`.
    pub path: String,
    /// What became of it.
    pub how: How,
    /// Its node in the old plan.
    pub old: Option<NodeId>,
    /// Its node in the new plan.
    pub new: Option<NodeId>,
}

/// What became of a step between two plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is defined differently.
    Changed,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It stands elsewhere among its neighbours.
    Moved,
}

/// What differs between two plans, in reading order of the new one; what is gone comes where it stood.
pub fn changes(old: &Plan, new: &Plan) -> Vec<Change> {
    let (before, after) = (places(old), places(new));
    let known: BTreeMap<&str, NodeId> = before.iter().map(|(path, id)| (path.as_str(), *id)).collect();
    let kept: BTreeMap<&str, NodeId> = after.iter().map(|(path, id)| (path.as_str(), *id)).collect();
    let (old_paths, new_paths): (Vec<&str>, Vec<&str>) =
        (before.iter().map(|(path, _)| path.as_str()).collect(), after.iter().map(|(path, _)| path.as_str()).collect());
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for op in similar::capture_diff_slices(similar::Algorithm::Myers, &old_paths, &new_paths) {
        for path in old_paths[op.old_range()].iter().chain(&new_paths[op.new_range()]) {
            let (was, is) = (known.get(path).copied(), kept.get(path).copied());
            let how = match (was, is) {
                (None, _) => How::Added,
                (_, None) => How::Removed,
                (Some(was), Some(is)) if !is_same_here(old, was, new, is) => How::Changed,
                _ if op.tag() != similar::DiffTag::Equal => How::Moved,
                _ => continue,
            };
            if seen.insert(*path) {
                found.push(Change { path: path.to_string(), how, old: was, new: is });
            }
        }
    }
    found
}

/// Whether a node and everything below it are the same.
pub(super) fn is_same(old: &Plan, was: NodeId, new: &Plan, is: NodeId) -> bool {
    let (before, after) = (members(&old.node(was).kind), members(&new.node(is).kind));
    is_same_alone(old, was, new, is)
        && before.len() == after.len()
        && before.into_iter().zip(after).all(|(was, is)| is_same(old, was, new, is))
}

/// Whether a node and the table beside it are the same, whatever became of its members.
pub(super) fn is_same_alone(old: &Plan, was: NodeId, new: &Plan, is: NodeId) -> bool {
    let tables = match (old.node(was).guards, new.node(is).guards) {
        (Some(was), Some(is)) => alone(old, was) == alone(new, is),
        (was, is) => was == is,
    };
    tables && alone(old, was) == alone(new, is)
}

/// Whether both plans measure the same things in the same way.
pub(super) fn are_same_metrics(old: &Plan, new: &Plan) -> bool {
    placeless(&old.metrics) == placeless(&new.metrics)
}

/// Whether two bindings give the same value to the same name.
pub(super) fn is_same_input(was: &InputBinding, is: &InputBinding) -> bool {
    was.kind == is.kind && placeless(&was.value) == placeless(&is.value)
}

/// A step with its undo and its probe; a block without its members, which are compared for themselves.
fn is_same_here(old: &Plan, was: NodeId, new: &Plan, is: NodeId) -> bool {
    match (is_block(&old.node(was).kind), is_block(&new.node(is).kind)) {
        (true, true) => is_same_alone(old, was, new, is),
        (false, false) => is_same(old, was, new, is),
        _ => false,
    }
}

fn is_block(kind: &NodeKind) -> bool {
    matches!(
        kind,
        NodeKind::Sequence(_)
            | NodeKind::Parallel { .. }
            | NodeKind::ForEach(_)
            | NodeKind::Stages(_)
            | NodeKind::Rounds(_)
            | NodeKind::Run { .. }
    )
}

/// Everything a node says itself: its members are blanked out, and so is where it stands.
fn alone(plan: &Plan, id: NodeId) -> (Value, Vec<(String, Value)>) {
    let mut node = plan.node(id).clone();
    let scope = match &node.kind {
        NodeKind::Run { inner, .. } => plan.scopes[*inner].inputs.as_slice(),
        _ => &[],
    };
    let inputs = scope.iter().map(|input| (input.name.clone(), placeless(&(&input.kind, &input.value)))).collect();
    node.scope = 0;
    node.guards = node.guards.map(|_| 0);
    match &mut node.kind {
        NodeKind::Sequence(children) | NodeKind::Parallel { children, .. } => children.clear(),
        NodeKind::ForEach(each) => each.body = 0,
        NodeKind::Run { body, always, inner, .. } => (*body, *always, *inner) = (0, None, 0),
        NodeKind::Task(task) => {
            task.undo = task.undo.take().map(|undo| match undo {
                Undo::Task(_) => Undo::Task(0),
                none => none,
            });
            task.done_when = task.done_when.map(|_| 0);
            if let Act::File(file) = &mut task.act {
                file.activate = file.activate.map(|_| 0);
            }
        }
        NodeKind::Stages(stages) => {
            stages.body = 0;
            stages.table.iter_mut().for_each(|stage| stage.node = 0);
            if let Some(promote) = &mut stages.promote {
                (promote.main, promote.back, promote.remove) = (0, 0, 0);
            }
        }
        NodeKind::Rounds(rounds) => rounds.body = 0,
        NodeKind::Manual { .. }
        | NodeKind::Checkpoint { .. }
        | NodeKind::Wait(_)
        | NodeKind::WaitUntil(_)
        | NodeKind::Decide(_)
        | NodeKind::Baseline(_)
        | NodeKind::Watch(_)
        | NodeKind::Audit(_)
        | NodeKind::Set(_) => {}
    }
    (placeless(&node), inputs)
}

/// The nodes a node refers to, in order.
fn members(kind: &NodeKind) -> Vec<NodeId> {
    match kind {
        NodeKind::Sequence(children) | NodeKind::Parallel { children, .. } => children.clone(),
        NodeKind::ForEach(each) => vec![each.body],
        NodeKind::Run { body, always, .. } => std::iter::once(*body).chain(*always).collect(),
        NodeKind::Task(task) => {
            let undo = match task.undo {
                Some(Undo::Task(undo)) => Some(undo),
                _ => None,
            };
            let activate = match &task.act {
                Act::File(file) => file.activate,
                _ => None,
            };
            undo.into_iter().chain(task.done_when).chain(activate).collect()
        }
        NodeKind::Stages(stages) => {
            let promote = stages.promote.iter().flat_map(|promote| [promote.main, promote.back, promote.remove]);
            stages.table.iter().map(|stage| stage.node).chain(promote).collect()
        }
        NodeKind::Rounds(rounds) => vec![rounds.body],
        NodeKind::Manual { .. }
        | NodeKind::Checkpoint { .. }
        | NodeKind::Wait(_)
        | NodeKind::WaitUntil(_)
        | NodeKind::Decide(_)
        | NodeKind::Baseline(_)
        | NodeKind::Watch(_)
        | NodeKind::Audit(_)
        | NodeKind::Set(_) => Vec::new(),
    }
}

/// The JSON form without `file:line` places. Only fields of the plan's own types have that name: data of the user is
/// not looked into.
fn placeless(part: &impl serde::Serialize) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.shift_remove("at");
                let ours = fields.iter_mut().filter(|(name, _)| !["plain", "known"].contains(&name.as_str()));
                ours.for_each(|(_, value)| strip(value));
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(part).unwrap_or_default();
    strip(&mut value);
    value
}

/// Every step and block of a plan with its path, in reading order.
pub(crate) fn places(plan: &Plan) -> Vec<(String, NodeId)> {
    let mut found = Vec::new();
    let roots = [(Some(plan.forward), ""), (plan.rollback, "rollback"), (plan.always, "always")];
    for (root, path) in roots {
        if let Some(root) = root {
            below(plan, root, path, &mut found);
        }
    }
    found
}

fn below(plan: &Plan, id: NodeId, path: &str, found: &mut Vec<(String, NodeId)>) {
    match &plan.node(id).kind {
        NodeKind::Sequence(children) | NodeKind::Parallel { children, .. } => {
            for child in children {
                let path = join(path, &plan.node(*child).id);
                found.push((path.clone(), *child));
                below(plan, *child, &path, found);
            }
        }
        NodeKind::ForEach(each) => below(plan, each.body, &format!("{path}[*]"), found),
        NodeKind::Stages(stages) => {
            for part in stages.parts() {
                let (path, node) = match part {
                    StagePart::At { percent, node, .. } => (stage_path(path, percent), node),
                    StagePart::Then(node) => (join(path, &plan.node(node).id), node),
                };
                found.push((path.clone(), node));
                below(plan, node, &path, found);
            }
        }
        NodeKind::Rounds(rounds) => below(plan, rounds.body, &format!("{path}[*]"), found),
        NodeKind::Run { body, always, .. } => {
            below(plan, *body, &body_path(path), found);
            always.iter().for_each(|always| below(plan, *always, &join(path, "always"), found));
        }
        _ => {}
    }
}
