//! The run's tree in reading order: what exists as an instance, and what is still only in the plan.

use super::rows::{Kind, Part};
use crate::machine::{InstId, State, body_path, join, stage_path};
use crate::plan::model::{Items, NodeId, NodeKind, StagePart, Stages};

/// One place of the outline.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) path: String,
    pub(super) node: NodeId,
    pub(super) inst: Option<InstId>,
    pub(super) depth: usize,
    pub(super) part: Part,
    pub(super) kind: Kind,
}

/// Everything of a run in order: forward, an explicit rollback, computed undos as they finished, then `always`.
pub(super) fn outline(state: &State) -> Vec<Spot> {
    let mut walk = Walk { state, spots: Vec::new(), part: Part::Forward };
    walk.children(state.plan.forward, "", 0);
    walk.part = Part::Rollback;
    if let Some(root) = state.plan.rollback {
        walk.children(root, "rollback", 0);
    }
    walk.undos();
    walk.part = Part::Always;
    if let Some(root) = state.plan.always {
        walk.children(root, "always", 0);
    }
    walk.spots
}

struct Walk<'a> {
    state: &'a State,
    spots: Vec<Spot>,
    part: Part,
}

impl Walk<'_> {
    fn children(&mut self, id: NodeId, path: &str, depth: usize) {
        match &self.state.plan.node(id).kind {
            NodeKind::Sequence(children) | NodeKind::Parallel { children, .. } => {
                for child in children {
                    let path = join(path, &self.state.plan.node(*child).id);
                    self.node(*child, path, depth);
                }
            }
            NodeKind::ForEach(each) => {
                for path in self.items(path, &each.items) {
                    self.add(each.body, path.clone(), depth, Kind::Item);
                    self.children(each.body, &path, depth + 1);
                }
            }
            NodeKind::Stages(stages) => self.stages(path, stages, depth),
            NodeKind::Rounds(rounds) => match self.state.inst(path).filter(|inst| !inst.children.is_empty()) {
                None => self.children(rounds.body, &format!("{path}[*]"), depth),
                Some(inst) => {
                    for child in &inst.children {
                        let path = self.state.insts[*child].path.clone();
                        self.add(rounds.body, path.clone(), depth, Kind::Item);
                        self.children(rounds.body, &path, depth + 1);
                    }
                }
            },
            NodeKind::Run { body, always, .. } => {
                self.children(*body, &body_path(path), depth);
                if let Some(always) = always {
                    self.children(*always, &join(path, "always"), depth);
                }
            }
            _ => {}
        }
    }

    fn stages(&mut self, path: &str, stages: &Stages, depth: usize) {
        for part in stages.parts() {
            match part {
                StagePart::At { percent, node, .. } => {
                    let path = stage_path(path, percent);
                    self.add(node, path.clone(), depth, Kind::Item);
                    self.children(node, &path, depth + 1);
                }
                StagePart::Then(node) => self.node(node, join(path, &self.state.plan.node(node).id), depth),
            }
        }
    }

    fn node(&mut self, id: NodeId, path: String, depth: usize) {
        let kind = kind_of(&self.state.plan.node(id).kind, self.part, depth);
        self.add(id, path.clone(), depth, kind);
        if !kind.is_step() {
            self.children(id, &path, depth + 1);
        }
    }

    /// Paths of the items; while the list is not open yet, placeholders of the same number.
    fn items(&self, path: &str, items: &Items) -> Vec<String> {
        let open = self.state.inst(path).filter(|inst| !inst.children.is_empty());
        match (open, items) {
            (Some(inst), _) => inst.children.iter().map(|child| self.state.insts[*child].path.clone()).collect(),
            (None, Items::Known(values)) => (1..=values.len()).map(|n| format!("{path}[{n}]")).collect(),
            (None, Items::Later(_)) => vec![format!("{path}[*]")],
        }
    }

    fn undos(&mut self) {
        let insts = &self.state.insts;
        let begun = |id: &usize| insts[*id].attempt > 0 || insts[*id].verdict.is_some();
        let mut undos: Vec<InstId> = insts.iter().filter_map(|inst| inst.undo_inst).filter(begun).collect();
        undos.sort_by_key(|id| insts[*id].finished_at.unwrap_or(u64::MAX));
        self.part = Part::Undo;
        for id in undos {
            let inst = &self.state.insts[id];
            self.add(inst.node, inst.path.clone(), 0, Kind::Undo);
        }
    }

    fn add(&mut self, node: NodeId, path: String, depth: usize, kind: Kind) {
        let inst = self.state.by_path.get(&path).copied();
        self.spots.push(Spot { path, node, inst, depth, part: self.part, kind });
    }
}

pub(super) fn kind_of(kind: &NodeKind, part: Part, depth: usize) -> Kind {
    match kind {
        NodeKind::Sequence(_) if part == Part::Forward && depth == 0 => Kind::Phase,
        NodeKind::Sequence(_) | NodeKind::Parallel { .. } => Kind::Group,
        NodeKind::ForEach(_) => Kind::List,
        NodeKind::Run { .. } => Kind::Include,
        NodeKind::Task(_) => Kind::Task,
        NodeKind::Manual { .. } => Kind::Manual,
        NodeKind::Checkpoint { .. } => Kind::Checkpoint,
        NodeKind::Wait(_) | NodeKind::WaitUntil(_) => Kind::Wait,
        NodeKind::Set(_) => Kind::Set,
        NodeKind::Decide(_) | NodeKind::Baseline(_) | NodeKind::Watch(_) | NodeKind::Audit(_) => Kind::Task,
        NodeKind::Stages(_) | NodeKind::Rounds(_) => Kind::List,
    }
}
