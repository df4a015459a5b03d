//! The steps of a run as the plan and the log give them: paths, members, and what was seen of each so far.

use runbook::machine::action::Done;
use runbook::machine::event::{Answer, Asked, Then, Verdict};
use runbook::plan::model::{Node, NodeId, NodeKind, Plan, Task, Undo};
use runbook::runbook::model::{OnFailure, Severity};
use serde_json::Value;
use std::collections::HashMap;

pub(crate) type Id = usize;

/// Where a step hangs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Root {
    Forward,
    Always,
    Rollback,
}

/// What a step is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Step,
    Undo,
    Probe,
}

/// One step or block, and what the log has said of it.
pub(crate) struct Item {
    pub(crate) path: String,
    pub(crate) node: NodeId,
    pub(crate) parent: Option<Id>,
    pub(crate) owner: Option<Id>,
    pub(crate) role: Role,
    pub(crate) root: Root,
    /// It belongs to the `always` of an included runbook.
    pub(crate) in_always: bool,
    /// The included runbook its names belong to; empty for the top one.
    pub(crate) scope: String,
    pub(crate) members: Vec<Id>,
    pub(crate) undo: Option<Id>,
    pub(crate) probe: Option<Id>,
    pub(crate) begun: bool,
    pub(crate) skipped: bool,
    pub(crate) finished: Option<(Verdict, Option<Then>)>,
    /// Position in the log of its end.
    pub(crate) finished_at: Option<usize>,
    pub(crate) attempts: u32,
    /// Attempts allowed beyond what the plan says: after doubts and by people.
    pub(crate) granted: u32,
    pub(crate) running: bool,
    pub(crate) scheduled: Option<u64>,
    pub(crate) doubt: bool,
    /// It may be run although it is in doubt.
    pub(crate) cleared: bool,
    pub(crate) asked: Option<Box<Asked>>,
    /// Of an open checkpoint: what it has so far.
    pub(crate) gathered: crate::gates::Gathered,
    /// A checkpoint whose answer was for an earlier plan.
    pub(crate) void: bool,
    pub(crate) answered: Option<Answer>,
    /// The last result, until something follows from it.
    pub(crate) unjudged: Option<Done>,
    /// The last result.
    pub(crate) said: Option<Done>,
    pub(crate) streak: u32,
    pub(crate) touched: bool,
    pub(crate) wait_until: Option<u64>,
}

/// All of them.
pub(crate) struct Tree<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) items: Vec<Item>,
    pub(crate) paths: HashMap<String, Id>,
    /// Values saved and set, by scope and name as templates write it.
    pub(crate) values: HashMap<(String, String), Value>,
}

impl<'p> Tree<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Tree<'p> {
        let mut tree = Tree { plan, items: Vec::new(), paths: HashMap::new(), values: HashMap::new() };
        tree.add(plan.forward, String::new(), None, Root::Forward, false, String::new());
        if let Some(always) = plan.always {
            tree.add(always, "always".into(), None, Root::Always, false, String::new());
        }
        if let Some(rollback) = plan.rollback {
            tree.add(rollback, "rollback".into(), None, Root::Rollback, false, String::new());
        }
        tree
    }

    pub(crate) fn find(&self, path: &str) -> Result<Id, String> {
        self.paths.get(path).copied().ok_or_else(|| format!("no step `{path}` in the plan"))
    }

    pub(crate) fn node(&self, id: Id) -> &'p Node {
        self.plan.node(self.items[id].node)
    }

    pub(crate) fn task(&self, id: Id) -> Option<&'p Task> {
        match &self.node(id).kind {
            NodeKind::Task(task) => Some(task),
            _ => None,
        }
    }

    pub(crate) fn is_block(&self, id: Id) -> bool {
        use NodeKind::*;
        matches!(self.node(id).kind, Sequence(_) | Parallel { .. } | ForEach(_) | Run { .. })
    }

    pub(crate) fn is_run(&self, id: Id) -> bool {
        matches!(self.node(id).kind, NodeKind::Run { .. })
    }

    pub(crate) fn is_group(&self, id: Id) -> bool {
        matches!(self.node(id).kind, NodeKind::Parallel { .. } | NodeKind::ForEach(_))
    }

    /// Adds the members of a block that begins.
    pub(crate) fn open(&mut self, id: Id, items: Option<&[(String, Value)]>) {
        let (path, root, scope) = (self.items[id].path.clone(), self.items[id].root, self.items[id].scope.clone());
        let in_always = self.items[id].in_always;
        let dot = if path.is_empty() || path.ends_with('/') { "" } else { "." };
        let below = |name: &str| format!("{path}{dot}{name}");
        let members = match &self.node(id).kind {
            NodeKind::Sequence(children) | NodeKind::Parallel { children, .. } => children
                .iter()
                .map(|child| {
                    let path = below(&self.plan.node(*child).id);
                    self.add(*child, path, Some(id), root, in_always, scope.clone())
                })
                .collect(),
            NodeKind::ForEach(each) => items
                .unwrap_or_default()
                .iter()
                .map(|(key, _)| self.add(each.body, format!("{path}[{key}]"), Some(id), root, in_always, scope.clone()))
                .collect(),
            NodeKind::Run { body, always, .. } => {
                let mut members = vec![self.add(*body, format!("{path}/"), Some(id), root, in_always, path.clone())];
                members.extend(always.map(|node| self.add(node, below("always"), Some(id), root, true, path.clone())));
                members
            }
            _ => Vec::new(),
        };
        self.items[id].members = members;
    }

    fn add(
        &mut self,
        node: NodeId,
        path: String,
        parent: Option<Id>,
        root: Root,
        in_always: bool,
        scope: String,
    ) -> Id {
        let id = self.push(node, path.clone(), parent, root, in_always, scope.clone());
        if let NodeKind::Task(task) = &self.plan.node(node).kind {
            if let Some(Undo::Task(undo)) = &task.undo {
                let undo = self.push(*undo, format!("{path}~undo"), None, root, in_always, scope.clone());
                (self.items[undo].owner, self.items[undo].role) = (Some(id), Role::Undo);
                self.items[id].undo = Some(undo);
            }
            if let Some(probe) = task.done_when {
                let probe = self.push(probe, format!("{path}~probe"), None, root, in_always, scope);
                (self.items[probe].owner, self.items[probe].role) = (Some(id), Role::Probe);
                self.items[id].probe = Some(probe);
            }
        }
        id
    }

    fn push(
        &mut self,
        node: NodeId,
        path: String,
        parent: Option<Id>,
        root: Root,
        in_always: bool,
        scope: String,
    ) -> Id {
        self.paths.insert(path.clone(), self.items.len());
        self.items.push(Item {
            path,
            node,
            parent,
            owner: None,
            role: Role::Step,
            root,
            in_always,
            scope,
            members: Vec::new(),
            undo: None,
            probe: None,
            begun: false,
            skipped: false,
            finished: None,
            finished_at: None,
            attempts: 0,
            granted: 0,
            running: false,
            scheduled: None,
            doubt: false,
            cleared: false,
            asked: None,
            gathered: Default::default(),
            void: false,
            answered: None,
            unjudged: None,
            said: None,
            streak: 0,
            touched: false,
            wait_until: None,
        });
        self.items.len() - 1
    }

    /// What a failure of it means: the nearest word, from the step outwards; in a group that collects, that the group
    /// fails when it is over.
    pub(crate) fn meaning(&self, id: Id) -> Then {
        self.word_on(id, true)
    }

    /// Whether a no to it is backed out of; no group keeps a no from counting.
    pub(crate) fn no_backs_out(&self, id: Id) -> bool {
        self.word_on(id, false) == Then::Rollback
    }

    fn word_on(&self, id: Id, groups_collect: bool) -> Then {
        let word = |node: &Node| match node.severity {
            Severity::Warn => Some(OnFailure::Continue),
            Severity::Fail => node.on_failure,
        };
        let of_run = |policy: OnFailure| if policy == OnFailure::Rollback { Then::Rollback } else { Then::Stop };
        let mut at = Some(id);
        while let Some(here) = at {
            let collects = match &self.node(here).kind {
                NodeKind::Parallel { collect, .. } => *collect,
                NodeKind::ForEach(each) => each.collect,
                _ => false,
            };
            if groups_collect && collects && here != id {
                return Then::Up;
            }
            match word(self.node(here)) {
                Some(OnFailure::Continue) if here == id => return Then::Continue,
                Some(OnFailure::Continue) => return Then::Up,
                Some(policy) => return of_run(policy),
                None => at = self.items[here].parent,
            }
        }
        of_run(self.plan.on_failure)
    }

    /// Whether it ended in a way that keeps what comes after it from starting.
    pub(crate) fn stops(&self, id: Id) -> bool {
        matches!(self.items[id].finished, Some((verdict, then)) if !verdict.lets_go_on() && then != Some(Then::Continue))
    }

    /// Members of an `always` are all tried, whatever became of the others; an included runbook keeps its own order.
    pub(crate) fn tries_all(&self, id: Id) -> bool {
        let mut at = id;
        while let Some(parent) = self.items[at].parent {
            if self.is_run(parent) {
                return self.items[parent].members[0] != at;
            }
            at = parent;
        }
        self.items[at].root == Root::Always
    }

    /// The value a template of this step reads by this name, if it was ever saved.
    pub(crate) fn value(&self, id: Id, name: &str) -> Option<&Value> {
        self.values.get(&(self.items[id].scope.clone(), name.to_string()))
    }

    pub(crate) fn keep(&mut self, scope: &str, name: String, value: Value) {
        self.values.insert((scope.to_string(), name), value);
    }

    /// From the root to the step.
    pub(crate) fn line(&self, id: Id) -> Vec<Id> {
        let mut line = vec![id];
        while let Some(up) = self.items[line[line.len() - 1]].parent {
            line.push(up);
        }
        line.reverse();
        line
    }
}
