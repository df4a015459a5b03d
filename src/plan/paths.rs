//! Paths of the steps of a plan before there are items: as in the log, without the keys of items and stages.

use super::model::{NodeId, NodeKind, Plan};
use crate::runbook::model::Effect;

/// Every step that is no block, with its path.
pub fn steps_by_path(plan: &Plan) -> Vec<(String, NodeId)> {
    let mut found = Vec::new();
    let roots =
        [(String::new(), Some(plan.forward)), ("always".into(), plan.always), ("rollback".into(), plan.rollback)];
    for (path, root) in roots {
        root.iter().for_each(|root| walk(plan, path.clone(), *root, &mut found));
    }
    found
}

/// A path without the keys of items: `each[web1].check` is `each.check`.
pub fn without_keys(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut depth = 0;
    for c in path.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

/// Where the phases begin that a window binds: at the first one that changes anything. One that changes nothing at all is
/// bound from its first.
pub fn bound_from(plan: &Plan) -> usize {
    let NodeKind::Sequence(phases) = &plan.node(plan.forward).kind else { return 0 };
    phases.iter().position(|phase| changes(plan, *phase)).unwrap_or(0)
}

fn changes(plan: &Plan, id: NodeId) -> bool {
    let mut steps = Vec::new();
    walk(plan, String::new(), id, &mut steps);
    steps.iter().any(|(_, id)| plan.node(*id).effect != Effect::Read)
}

/// What a block is made of, in order; nothing for a step.
pub fn members(plan: &Plan, id: NodeId) -> Vec<NodeId> {
    match &plan.node(id).kind {
        NodeKind::Sequence(children) | NodeKind::Parallel { children, .. } => children.clone(),
        NodeKind::ForEach(each) => vec![each.body],
        NodeKind::Rounds(rounds) => vec![rounds.body],
        NodeKind::Stages(stages) => {
            let parts = stages.promote.iter().flat_map(|promote| [promote.main, promote.remove]);
            std::iter::once(stages.body).chain(parts).collect()
        }
        NodeKind::Run { body, always, .. } => std::iter::once(*body).chain(*always).collect(),
        _ => Vec::new(),
    }
}

fn walk(plan: &Plan, path: String, id: NodeId, found: &mut Vec<(String, NodeId)>) {
    let below = |child: NodeId| join(&path, &plan.node(child).id);
    match &plan.node(id).kind {
        NodeKind::Sequence(children) | NodeKind::Parallel { children, .. } => {
            children.iter().for_each(|child| walk(plan, below(*child), *child, found));
        }
        NodeKind::ForEach(each) => walk(plan, path, each.body, found),
        NodeKind::Rounds(rounds) => walk(plan, path, rounds.body, found),
        NodeKind::Stages(stages) => {
            walk(plan, path.clone(), stages.body, found);
            let parts = stages.promote.iter().flat_map(|promote| [promote.main, promote.remove]);
            parts.for_each(|part| walk(plan, below(part), part, found));
        }
        NodeKind::Run { body, always, .. } => {
            walk(plan, format!("{path}/"), *body, found);
            always.iter().for_each(|always| walk(plan, join(&path, "always"), *always, found));
        }
        _ => found.push((path, id)),
    }
}

fn join(around: &str, id: &str) -> String {
    if around.is_empty() || around.ends_with('/') { format!("{around}{id}") } else { format!("{around}.{id}") }
}
