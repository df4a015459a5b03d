//! Runs that go on with an edited plan. Every edit is to something that has not begun, so the machine must take it; and the
//! whole log, from before the edit and after it, must be one of the new plan.

use crate::rng::Rng;
use runbook::machine::{State, Status};
use runbook::plan::model::*;
use std::collections::BTreeSet;

/// The plan of a run with some edits ahead of it; none where nothing is left to edit.
pub(crate) fn edited(state: &State, rng: &mut Rng) -> Option<Plan> {
    let mut plan = (*state.plan).clone();
    let begun = begun(state);
    let roots = [Some(plan.forward), plan.always, plan.rollback];
    let mut ahead = Vec::new();
    for root in roots.into_iter().flatten() {
        collect(&plan, root, &mut ahead);
    }
    ahead.retain(|id| !begun.contains(id));
    let mut edits = 0;
    for id in ahead {
        if rng.chance(40)
            && let NodeKind::Task(task) = &mut plan.nodes[id].kind
        {
            task.act = Act::Shell(Template { text: "act otherwise".into(), at: "sim.yml:2".into() });
            edits += 1;
        }
    }
    for id in open_sequences(state) {
        if rng.chance(50) {
            let added = plan.nodes.len();
            let mut node = plan.nodes[id].clone();
            (node.id, node.when, node.on_failure) = (format!("added{added}"), None, None);
            node.kind = NodeKind::Task(Box::new(bare()));
            plan.nodes.push(node);
            if let NodeKind::Sequence(members) = &mut plan.nodes[id].kind {
                members.push(added);
            }
            edits += 1;
        }
    }
    (edits > 0).then_some(plan)
}

/// Nodes of which anything began, with all that belongs to a block that was over before it was opened.
fn begun(state: &State) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    for inst in state.insts.iter().filter(|inst| inst.status != Status::Pending) {
        found.insert(inst.node);
        if inst.status == Status::Finished && inst.children.is_empty() {
            let mut below = Vec::new();
            collect(&state.plan, inst.node, &mut below);
            found.extend(below);
        }
    }
    found
}

/// Sequences that go on, in all their instances.
fn open_sequences(state: &State) -> Vec<NodeId> {
    let is_open = |id: NodeId| {
        let mut all = state.insts.iter().filter(|inst| inst.node == id);
        all.clone().count() > 0 && all.all(|inst| inst.status == Status::Running)
    };
    let sequences = (0..state.plan.nodes.len()).filter(|id| matches!(state.plan.node(*id).kind, NodeKind::Sequence(_)));
    sequences.filter(|id| is_open(*id)).collect()
}

fn collect(plan: &Plan, id: NodeId, found: &mut Vec<NodeId>) {
    found.push(id);
    match &plan.node(id).kind {
        NodeKind::Sequence(members) | NodeKind::Parallel { children: members, .. } => {
            members.iter().for_each(|member| collect(plan, *member, found));
        }
        NodeKind::ForEach(each) => collect(plan, each.body, found),
        NodeKind::Run { body, always, .. } => {
            collect(plan, *body, found);
            always.iter().for_each(|always| collect(plan, *always, found));
        }
        _ => {}
    }
}

fn bare() -> Task {
    Task {
        act: Act::Shell(Template { text: "act".into(), at: "sim.yml:3".into() }),
        env: Vec::new(),
        dir: None,
        stdin: None,
        secret_files: Vec::new(),
        exit: Vec::new(),
        timeout: None,
        retry: None,
        poll: None,
        expect: Vec::new(),
        save: Vec::new(),
        undo: None,
        repeat: runbook::runbook::model::Repeat::Once,
        done_when: None,
    }
}
