//! Going on with another plan: what has begun is carried over, step by step, and must be the same in both.

use super::apply::open_block;
use super::compare::{are_same_metrics, is_same, is_same_alone, is_same_input};
use super::event::{Direction, Question, Verdict};
use super::plans::Plans;
use super::state::{Inst, InstId, State, Status};
use crate::plan::model::{InputBinding, NodeId, NodeKind, Plan};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// Something that already began and is not the same in the new plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Path of the step, or what else it is about.
    pub what: String,
    /// `file:line` as it is now, or as it was where it is gone.
    pub at: Option<String>,
    /// Why the run cannot go on like this.
    pub why: &'static str,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "`{}` ({at}) {}", self.what, self.why),
            None => write!(f, "{} {}", self.what, self.why),
        }
    }
}

const CHANGED: &str = "already began and is different now";
const GONE: &str = "already began and is not there any more";
const MOVED: &str = "already began and stands in another place now";
const BEFORE: &str = "would come before something that already began";
const LATE: &str = "is new in a block that is already over";

/// The state of the same run with the rest of another plan ahead of it. Steps that have not begun may be anything.
/// Answers to checkpoints were given for the old plan: those that hold open what is still to be done are asked again.
///
/// # Errors
/// Everything that began and is not the same in the new plan.
pub fn rebase(old: &State, plan: Arc<Plan>) -> Result<State, Vec<Conflict>> {
    let mut rebase = Rebase { old, new: bare(old, plan), ids: HashMap::new(), conflicts: Vec::new() };
    rebase.check_surroundings();
    rebase.carry_roots();
    if !rebase.conflicts.is_empty() {
        return Err(rebase.conflicts);
    }
    rebase.settle();
    Ok(rebase.new)
}

/// A state of the new plan in which nothing began, in the run's present situation.
fn bare(old: &State, plan: Arc<Plan>) -> State {
    State {
        started: old.started.clone(),
        direction: old.direction,
        halt: old.halt.clone(),
        in_flight: old.in_flight,
        interrupt: old.interrupt,
        parked: old.parked.clone(),
        outcome: old.outcome,
        clock: old.clock,
        late_failures: old.late_failures,
        zero: old.zero.clone(),
        drivers: old.drivers.clone(),
        override_why: old.override_why.clone(),
        override_until_us: old.override_until_us,
        has_paused: true,
        ..State::new(Plans { first: plan, accepted: old.accepted.clone() })
    }
}

struct Rebase<'a> {
    old: &'a State,
    new: State,
    /// New instances of old ones.
    ids: HashMap<InstId, InstId>,
    conflicts: Vec<Conflict>,
}

impl Rebase<'_> {
    fn conflict(&mut self, what: impl Into<String>, at: Option<&str>, why: &'static str) {
        self.conflicts.push(Conflict { what: what.into(), at: at.map(str::to_string), why });
    }

    /// What every step that began relied on.
    fn check_surroundings(&mut self) {
        let (old, new) = (self.old.plan.clone(), self.new.plan.clone());
        if old.target != new.target {
            self.conflict("the target", None, "is different now: what already began was for the one it was");
        }
        if old.lock != new.lock {
            self.conflict("the lock", None, "is another one now: what already began was done under the one it was");
        }
        if old.on_failure != new.on_failure {
            self.conflict("`on_failure` of the runbook", None, "is different now: it holds for what already began");
        }
        let looked = self.old.insts.iter().any(|inst| inst.lookout.said.is_some());
        if looked && !are_same_metrics(&old, &new) {
            self.conflict("the metrics", None, "are different now, and tables already looked at them");
        }
        if old.rollback.is_some() != new.rollback.is_some() && self.old.direction > Direction::Forward {
            self.conflict("`rollback`", None, "is different now, and the run is already backing out");
        }
        for was in inputs(&old) {
            let is = inputs(&new).iter().find(|is| is.name == was.name);
            if is.is_some_and(|is| !is_same_input(was, is)) {
                self.conflict(format!("the input `{}`", was.name), None, "has another value or type now");
            }
            let sources = (old.secrets.get(&was.name), new.secrets.get(&was.name));
            if is.is_some() && sources.0 != sources.1 {
                self.conflict(format!("the secret `{}`", was.name), None, "comes from somewhere else now");
            }
        }
    }

    fn carry_roots(&mut self) {
        self.carry(self.old.forward, self.new.forward, Sameness::ToBeShown);
        let pairs = [(self.old.always, self.new.always), (self.old.rollback, self.new.rollback)];
        for (was, is) in pairs {
            match (was, is) {
                (Some(was), Some(is)) => self.carry(was, is, Sameness::ToBeShown),
                (Some(was), None) if has_begun(&self.old.insts[was]) => self.gone(was),
                _ => {}
            }
        }
        // Scopes of the top runbook have no instance of their own.
        self.carry_scope(0, 0);
    }

    /// Carries over an instance that began, with everything below it.
    fn carry(&mut self, was: InstId, is: InstId, sameness: Sameness) {
        let inst = &self.old.insts[was];
        if sameness == Sameness::ToBeShown {
            if !has_begun(inst) {
                return;
            }
            if !self.is_same(was, is) {
                return self.in_the_way(is, CHANGED);
            }
        }
        self.ids.insert(was, is);
        if self.was_opened(was) {
            self.open(was, is);
            self.carry_members(was, is);
        }
        let there = &self.new.insts[is];
        let beside = [
            (inst.undo_inst, there.undo_inst),
            (inst.probe_inst, there.probe_inst),
            (inst.guard_inst, there.guard_inst),
            (inst.ask_inst, there.ask_inst),
        ];
        for (was, is) in beside {
            if let (Some(was), Some(is)) = (was, is) {
                self.carry(was, is, Sameness::Known);
            }
        }
        self.copy(was, is);
    }

    /// A step must be the same with its undo and its probe; a block as itself, since its members are looked at in turn.
    fn is_same(&self, was: InstId, is: InstId) -> bool {
        let nodes: (NodeId, NodeId) = (self.old.insts[was].node, self.new.insts[is].node);
        let same = if self.was_opened(was) { is_same_alone } else { is_same };
        same(&self.old.plan, nodes.0, &self.new.plan, nodes.1)
    }

    fn was_opened(&self, was: InstId) -> bool {
        let inst = &self.old.insts[was];
        self.old.is_block(was) && (inst.status == Status::Running || !inst.children.is_empty())
    }

    /// Opens a block of the new plan with the items and inputs it was opened with.
    fn open(&mut self, was: InstId, is: InstId) {
        let inst = &self.old.insts[was];
        let scope_of = |child: &InstId| &self.old.scopes[self.old.insts[*child].scope];
        match &self.old.node_of(was).kind {
            NodeKind::ForEach(_) | NodeKind::Rounds(_) => {
                let items = inst.children.iter().filter_map(|child| {
                    let key = self.old.insts[*child].path.strip_prefix(&format!("{}[", inst.path))?;
                    let (_, value) = scope_of(child).item.clone()?;
                    Some((key.strip_suffix(']')?.to_string(), value))
                });
                let items: Vec<(String, Value)> = items.collect();
                open_block(&mut self.new, is, Some(&items), None);
            }
            NodeKind::Run { .. } => {
                let inputs = inst.children.first().map(|child| (*scope_of(child).inputs).clone());
                open_block(&mut self.new, is, None, inputs.as_ref());
            }
            _ => open_block(&mut self.new, is, None, None),
        }
    }

    fn carry_members(&mut self, was: InstId, is: InstId) {
        let members = &self.old.insts[was].children;
        let in_order = matches!(self.old.node_of(was).kind, NodeKind::Sequence(_) | NodeKind::Stages(_));
        // In a sequence, what stands before something that began is behind the run.
        let behind = members.iter().rposition(|m| has_begun(&self.old.insts[*m])).map_or(0, |last| last + 1);
        let there: HashMap<String, usize> = self.new.insts[is]
            .children
            .iter()
            .enumerate()
            .map(|(place, child)| (self.new.insts[*child].path.clone(), place))
            .collect();
        let mut places = Vec::new();
        for (position, member) in members.iter().enumerate() {
            let fixed = has_begun(&self.old.insts[*member]) || in_order && position < behind;
            match there.get(&self.old.insts[*member].path) {
                Some(&place) => {
                    places.extend(fixed.then_some(place));
                    self.carry(*member, self.new.insts[is].children[place], Sameness::ToBeShown);
                }
                None if fixed => self.gone(*member),
                None => {}
            }
        }
        if self.old.insts[was].status == Status::Finished {
            self.check_nothing_new(was, is);
        } else if in_order {
            self.check_order(is, &places);
        }
    }

    fn check_nothing_new(&mut self, was: InstId, is: InstId) {
        let known: HashSet<&str> =
            self.old.insts[was].children.iter().map(|m| self.old.insts[*m].path.as_str()).collect();
        for child in self.new.insts[is].children.clone() {
            if !known.contains(self.new.insts[child].path.as_str()) {
                self.in_the_way(child, LATE);
            }
        }
    }

    /// What is behind the run comes first in the new plan too, in the same order and with nothing between.
    fn check_order(&mut self, is: InstId, places: &[usize]) {
        let children = self.new.insts[is].children.clone();
        let behind: BTreeSet<usize> = places.iter().copied().collect();
        let end = behind.last().map_or(0, |last| last + 1);
        for between in (0..end).filter(|place| !behind.contains(place)) {
            self.in_the_way(children[between], BEFORE);
        }
        for pair in places.windows(2).filter(|pair| pair[0] > pair[1]) {
            self.in_the_way(children[pair[1]], MOVED);
        }
    }

    fn in_the_way(&mut self, is: InstId, why: &'static str) {
        let (path, at) = (self.new.insts[is].path.clone(), self.new.node_of(is).at.clone());
        self.conflict(path, Some(&at), why);
    }

    fn gone(&mut self, was: InstId) {
        let (path, at) = (self.old.insts[was].path.clone(), self.old.node_of(was).at.clone());
        self.conflict(path, Some(&at), GONE);
    }

    fn copy(&mut self, was: InstId, is: InstId) {
        let (from, to) = (&self.old.insts[was], &self.new.insts[is]);
        let (old_scope, new_scope) = (from.scope, to.scope);
        self.new.insts[is] = Inst {
            node: to.node,
            parent: to.parent,
            owner: to.owner,
            scope: to.scope,
            children: to.children.clone(),
            undo_inst: to.undo_inst,
            probe_inst: to.probe_inst,
            guard_inst: to.guard_inst,
            ask_inst: to.ask_inst,
            ..from.clone()
        };
        self.carry_scope(old_scope, new_scope);
    }

    /// Values saved so far.
    fn carry_scope(&mut self, was: usize, is: usize) {
        let (from, to) = (&self.old.scopes[was], &mut self.new.scopes[is]);
        if to.steps.len() != from.steps.len() || to.vars.len() != from.vars.len() {
            (to.vars, to.steps) = (from.vars.clone(), from.steps.clone());
        }
    }

    /// What is being worked on, and which questions must be put again.
    fn settle(&mut self) {
        self.new.active = self.old.active.iter().filter_map(|id| self.ids.get(id).copied()).collect();
        self.new.armed = self.old.armed.iter().filter_map(|id| self.ids.get(id).copied()).collect();
        let still = self.old.again.iter().filter_map(|id| self.new.by_path.get(&self.old.insts[*id].path).copied());
        let mut again: BTreeSet<InstId> = still.collect();
        if self.new.direction == Direction::Forward && self.new.halt.is_none() {
            again.extend(void_answers(&self.new));
            // Whoever let the run go on outside its window did so for the old plan as well.
            again.extend(self.new.override_gate.filter(|_| self.new.override_why.is_some()));
        }
        for id in &again {
            let inst = &mut self.new.insts[*id];
            (inst.status, inst.verdict, inst.reason, inst.then) = (Status::Pending, None, None, None);
        }
        self.new.again = again;
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Sameness {
    /// The step it belongs to was compared with it.
    Known,
    ToBeShown,
}

/// Whether anything came of it yet. A checkpoint that nobody answered is simply asked again.
fn has_begun(inst: &Inst) -> bool {
    match &inst.status {
        Status::Pending | Status::Waiting { .. } => false,
        Status::Asking(asked) => asked.question != Question::Checkpoint,
        _ => true,
    }
}

fn inputs(plan: &Plan) -> &[InputBinding] {
    plan.scopes.first().map(|scope| scope.inputs.as_slice()).unwrap_or_default()
}

/// Something in the order in which the run comes to it.
enum Mark {
    Answered(InstId),
    Unanswered,
    Behind,
    Ahead,
}

/// Checkpoints that were answered with GO and hold open something that is not done yet: everything up to the next
/// checkpoint.
fn void_answers(state: &State) -> HashSet<InstId> {
    let mut marks = Vec::new();
    mark(state, state.forward, &mut marks);
    let mut found = HashSet::new();
    let mut last = None;
    for mark in marks {
        match mark {
            Mark::Answered(id) => last = Some(id),
            Mark::Unanswered => last = None,
            Mark::Ahead => found.extend(last),
            Mark::Behind => {}
        }
    }
    found
}

fn mark(state: &State, id: InstId, marks: &mut Vec<Mark>) {
    let inst = &state.insts[id];
    let finished = inst.status == Status::Finished;
    if !inst.children.is_empty() {
        return inst.children.iter().for_each(|child| mark(state, *child, marks));
    }
    marks.push(match &state.node_of(id).kind {
        NodeKind::Checkpoint { .. } if finished && inst.verdict == Some(Verdict::Pass) => Mark::Answered(id),
        // A step that began goes on under the answer it began with.
        _ if finished || has_begun(inst) => Mark::Behind,
        _ if begins_with_a_question(&state.plan, inst.node) => Mark::Unanswered,
        _ => Mark::Ahead,
    });
}

fn begins_with_a_question(plan: &Plan, id: NodeId) -> bool {
    match &plan.node(id).kind {
        NodeKind::Checkpoint { .. } => true,
        NodeKind::Sequence(children) => children.first().is_some_and(|first| begins_with_a_question(plan, *first)),
        NodeKind::ForEach(each) => begins_with_a_question(plan, each.body),
        NodeKind::Run { body, .. } => begins_with_a_question(plan, *body),
        _ => false,
    }
}
