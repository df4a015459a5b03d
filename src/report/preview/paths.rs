//! What happens when it does not go through: what is taken back, in which order, and what runs on every exit path.

use super::Page;
use super::act::{back_out, what};
use super::names::Names;
use super::table::words;
use crate::plan::model::{NodeId, NodeKind, Plan, Undo};
use crate::report::look::Look;
use crate::report::visible_line;
use crate::runbook::model::{Effect, OnFailure};

pub(super) fn draw(plan: &Plan, names: &Names<'_>, page: &mut Page<'_>) {
    let no = if plan.on_failure == OnFailure::Rollback { "back out" } else { "stop, keep what was done" };
    page.labelled("fails", &format!("{} (unless the step's row says otherwise); NO-GO: {no}", words(plan.on_failure)));
    match plan.rollback {
        Some(rollback) => listed(plan, names, rollback, "backing out runs, in this order:", page),
        None => undo_list(plan, names, page),
    }
    if let Some(always) = plan.always {
        listed(plan, names, always, "on every exit path, at the end:", page);
    }
}

fn undo_list(plan: &Plan, names: &Names<'_>, page: &mut Page<'_>) {
    let mut steps = Vec::new();
    tasks(plan, plan.forward, &mut steps);
    let changing: Vec<NodeId> = steps.into_iter().filter(|id| plan.node(*id).effect != Effect::Read).collect();
    let (can, cannot): (Vec<NodeId>, Vec<NodeId>) = changing.into_iter().partition(|id| undo_of(plan, *id).is_some());
    if !can.is_empty() {
        page.line("  backing out takes back what was really done, last first:");
        for id in can.iter().rev() {
            if let NodeKind::Task(task) = &plan.node(*id).kind {
                let how = back_out(plan, names, task);
                row(names, plan, *id, how.trim_start_matches("back out: "), page);
            }
        }
    }
    if !cannot.is_empty() {
        page.line("  not taken back:");
        for id in cannot {
            if let NodeKind::Task(task) = &plan.node(id).kind {
                row(names, plan, id, &back_out(plan, names, task), page);
            }
        }
    }
}

fn undo_of(plan: &Plan, id: NodeId) -> Option<NodeId> {
    match &plan.node(id).kind {
        NodeKind::Task(task) => match task.undo {
            Some(Undo::Task(undo)) => Some(undo),
            _ => None,
        },
        _ => None,
    }
}

fn listed(plan: &Plan, names: &Names<'_>, root: NodeId, heading: &str, page: &mut Page<'_>) {
    page.line(&format!("  {heading}"));
    let mut steps = Vec::new();
    leaves(plan, root, &mut steps);
    for id in steps {
        row(names, plan, id, &what(plan, names, plan.node(id)).brief, page);
    }
}

fn row(names: &Names<'_>, plan: &Plan, id: NodeId, words: &str, page: &mut Page<'_>) {
    let number = names.number(id).map(|n| n.to_string()).unwrap_or_default();
    let look = if page.style.full { Look { width: usize::MAX, ..page.style.look } } else { page.style.look };
    let name = look.cell(&visible_line(&plan.node(id).id), 20);
    page.line(&format!("          {number:>4}  {name}  {words}"));
}

fn tasks(plan: &Plan, id: NodeId, found: &mut Vec<NodeId>) {
    leaves(plan, id, found);
    found.retain(|id| matches!(plan.node(*id).kind, NodeKind::Task(_)));
}

/// Steps in order; the body of a list once.
fn leaves(plan: &Plan, id: NodeId, found: &mut Vec<NodeId>) {
    match &plan.node(id).kind {
        NodeKind::Sequence(children) | NodeKind::Parallel { children, .. } => {
            children.iter().for_each(|child| leaves(plan, *child, found));
        }
        NodeKind::ForEach(each) => leaves(plan, each.body, found),
        NodeKind::Rounds(rounds) => leaves(plan, rounds.body, found),
        NodeKind::Stages(stages) => {
            leaves(plan, stages.body, found);
            let parts = stages.promote.iter().flat_map(|promote| [promote.main, promote.remove]);
            parts.for_each(|part| leaves(plan, part, found));
        }
        NodeKind::Run { body, always, .. } => {
            leaves(plan, *body, found);
            always.iter().for_each(|always| leaves(plan, *always, found));
        }
        _ => found.push(id),
    }
}
