//! The state of a run: what its events add up to. Only `apply` changes it.

use super::action::{Action, Done, LogMark, WatchAction};
use super::event::{Asked, Cause, Direction, Event, Locked, OnHold, Outcome, Parking, RunStarted, Then, Verdict};
use super::gate::{self, Driver, Gathered};
use super::lock;
use super::look::{self, Latencies, Lookout};
use super::plans::Plans;
use super::schedule::Zero;
use super::trail::Trail;
use crate::decide::Baseline;
use crate::plan::model::{NodeId, NodeKind, Plan, Undo};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// A moment, given from outside with every input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timestamp {
    /// Microseconds since 1970 UTC. Deadlines for people use it.
    pub wall_us: i64,
    /// Microseconds of this run in which somebody drove it, never running backwards. Durations and pauses use it.
    pub run_us: u64,
}

/// Path of the question whether the window may be overridden.
pub const OVERRIDE: &str = "window~override";

/// Index of an instance in [`State`].
pub type InstId = usize;

/// A node of the plan as it exists in this run: once, or once per item.
#[derive(Debug, Clone)]
pub struct Inst {
    /// The plan's node.
    pub node: NodeId,
    /// Path from the root.
    pub path: String,
    /// The block around it; none for the roots, for undos and for probes.
    pub parent: Option<InstId>,
    /// For an undo or a probe, the step it belongs to.
    pub owner: Option<InstId>,
    /// Scope its templates see.
    pub scope: usize,
    /// Where it stands.
    pub status: Status,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// Why, unless it passed.
    pub reason: Option<String>,
    /// What its failure meant.
    pub then: Option<Then>,
    /// Attempts started.
    pub attempt: u32,
    /// Members.
    pub children: Vec<InstId>,
    /// In a sequence, the member whose turn it is.
    pub cursor: usize,
    /// Order of finish, for taking back.
    pub finished_at: Option<u64>,
    /// How to take it back, frozen when it first started.
    pub undo: Option<Action>,
    /// Its undo.
    pub undo_inst: Option<InstId>,
    /// Its probe.
    pub probe_inst: Option<InstId>,
    /// The table that runs beside it.
    pub guard_inst: Option<InstId>,
    /// For such a table, who asks what it wants to know.
    pub ask_inst: Option<InstId>,
    /// What a table remembers.
    pub lookout: Box<Lookout>,
    /// Durations of its requests, where a metric is made of them.
    pub latencies: Latencies,
    /// Where logs ended when it began, and when that was, if a later step looks from there on.
    pub marks: Vec<LogMark>,
    /// See `marks`; microseconds since 1970.
    pub began_us: Option<i64>,
    /// What the newest attempt of a watch looks at, and from where on.
    pub watching: Option<Box<WatchAction>>,
    /// The last result.
    pub done: Option<Done>,
    /// How much had ended when it came, where a table stands beside it.
    pub answered_at: u64,
    /// Consecutive good samples.
    pub streak: u32,
    /// When sampling gives up.
    pub poll_until_us: Option<u64>,
    /// What the number with an expected trend was so far.
    pub trail: Trail,
    /// A person called it failed, and perhaps said what that shall mean.
    pub verdict_of_person: Option<(Option<Then>, String)>,
    /// A person said how it ended; it does when the table beside it agrees.
    pub settled: Option<Box<Settled>>,
    /// A round: when it is due, in microseconds since 1970.
    pub due_wall_us: Option<i64>,
    /// Its time was missed by this much, in microseconds.
    pub missed_us: Option<u64>,
    /// An open checkpoint: what it has so far.
    pub gathered: Gathered,
    /// It may have changed something: an attempt ran that is not shown to have changed nothing.
    pub touched: bool,
}

/// How a step ends that a person settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// How.
    pub verdict: Verdict,
    /// In whose words.
    pub reason: Option<String>,
    /// What that means.
    pub then: Option<Then>,
    /// What came with the answer.
    pub saved: Map<String, Value>,
}

/// Where an instance stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Not begun.
    Pending,
    /// A block that began, or a step whose attempt is out in the world.
    Running,
    /// The world answered; `next` has to judge.
    Answered,
    /// Waiting for a later attempt or the end of a soak.
    Pausing {
        /// Run time.
        until_us: u64,
    },
    /// It has not begun: its time has not come.
    Waiting {
        /// Wall time.
        due_wall_us: i64,
    },
    /// A person is asked.
    Asking(Box<Asked>),
    /// It was running when nobody was looking.
    InDoubt,
    /// Over.
    Finished,
}

/// Names visible to templates of a runbook or of an item.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The scope around an item; none for a runbook.
    pub parent: Option<usize>,
    /// The plan's scope.
    pub plan: usize,
    /// Inputs of the runbook.
    pub inputs: Arc<Map<String, Value>>,
    /// Name and value of the item.
    pub item: Option<(String, Value)>,
    /// `vars`.
    pub vars: Map<String, Value>,
    /// `steps`.
    pub steps: HashMap<String, Value>,
    /// What metrics of the runbook were before the first change.
    pub baselines: BTreeMap<String, Baseline>,
}

/// A run as its events have made it.
#[derive(Debug, Clone)]
pub struct State {
    /// What is followed.
    pub plan: Arc<Plan>,
    /// Plans a resumption may turn to, by their SHA-256 in hex.
    pub accepted: BTreeMap<String, Arc<Plan>>,
    /// The first event.
    pub started: Option<RunStarted>,
    /// Every instance.
    pub insts: Vec<Inst>,
    /// Instances by path.
    pub by_path: HashMap<String, InstId>,
    /// Scopes.
    pub scopes: Vec<Scope>,
    /// Root of the phases.
    pub forward: InstId,
    /// Root of `always`.
    pub always: Option<InstId>,
    /// Root of an explicit rollback.
    pub rollback: Option<InstId>,
    /// Where it is heading.
    pub direction: Direction,
    /// The first trigger that ended going forward, and what it asked for.
    pub halt: Option<(Cause, Then)>,
    /// Everybody who drove it so far, in order.
    pub drivers: Vec<Driver>,
    /// Why it may go on outside its window, in somebody's words.
    pub override_why: Option<String>,
    /// Until when that holds, in microseconds since 1970; to the end where nobody can say.
    pub override_until_us: Option<i64>,
    /// It waited, asked or was away since a change began: what comes next asks again whether it may begin.
    pub has_paused: bool,
    /// Who else has a say in that.
    pub override_gate: Option<InstId>,
    /// What `at`, `not_after` and `until` count from.
    pub zero: Zero,
    /// Steps that are neither pending nor finished, and blocks that wait for their time.
    pub active: BTreeSet<InstId>,
    /// Tables that run beside something now.
    pub armed: BTreeSet<InstId>,
    /// After one press of Ctrl-C the run turned while tables looked: it is not left before it has gone back.
    pub turned_watched: bool,
    /// Steps the world is working on.
    pub in_flight: usize,
    /// Presses of Ctrl-C.
    pub interrupt: u8,
    /// Why nobody drives it now.
    pub parked: Option<Parking>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Checkpoints behind the run whose answer was for an earlier plan: nothing new starts until they are answered.
    pub again: BTreeSet<InstId>,
    /// Counts finishes.
    pub clock: u64,
    /// Steps of `always` or undo that failed.
    pub late_failures: u32,
    /// The lock the run has.
    pub lock: Option<Locked>,
    /// The hold it has come upon.
    pub on_hold: Option<OnHold>,
}

/// An event that does not fit the state: a log of something else, or a bug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalEvent {
    /// The event's kind.
    pub event: String,
    /// What it met.
    pub met: String,
}

impl fmt::Display for IllegalEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event `{}` does not fit the state of the run: {}", self.event, self.met)
    }
}

impl std::error::Error for IllegalEvent {}

impl IllegalEvent {
    pub(super) fn new(event: &Event, met: impl Into<String>) -> IllegalEvent {
        let text = serde_json::to_value(event).unwrap_or_default();
        let name = text.as_object().and_then(|o| o.keys().next().cloned());
        IllegalEvent { event: name.unwrap_or_else(|| "unknown".into()), met: met.into() }
    }
}

impl State {
    /// A run that has not begun.
    pub fn new(plans: impl Into<Plans>) -> State {
        let Plans { first: plan, accepted } = plans.into();
        let inputs = plan.scopes.first().map(known_inputs).unwrap_or_default();
        let mut state = State {
            started: None,
            insts: Vec::new(),
            by_path: HashMap::new(),
            scopes: vec![Scope { inputs: Arc::new(inputs), ..Scope::default() }],
            forward: 0,
            always: None,
            rollback: None,
            direction: Direction::Forward,
            halt: None,
            drivers: Vec::new(),
            override_why: None,
            override_until_us: None,
            has_paused: false,
            override_gate: None,
            zero: Zero::default(),
            active: BTreeSet::new(),
            armed: BTreeSet::new(),
            turned_watched: false,
            in_flight: 0,
            interrupt: 0,
            parked: None,
            outcome: None,
            again: BTreeSet::new(),
            clock: 0,
            late_failures: 0,
            lock: None,
            on_hold: None,
            plan: plan.clone(),
            accepted,
        };
        state.forward = state.add(plan.forward, String::new(), None, 0);
        state.always = plan.always.map(|n| state.add(n, "always".into(), None, 0));
        state.override_gate = plan.schedule.second_look().map(|n| state.add(n, OVERRIDE.into(), None, 0));
        state.rollback = plan.rollback.map(|n| state.add(n, "rollback".into(), None, 0));
        state
    }

    /// The instance of a path.
    pub fn inst(&self, path: &str) -> Option<&Inst> {
        self.by_path.get(path).map(|id| &self.insts[*id])
    }

    /// The plan's node of an instance.
    pub fn node_of(&self, id: InstId) -> &crate::plan::model::Node {
        self.plan.node(self.insts[id].node)
    }

    /// The next moment at which `next` may have something to say without any input: run time and wall time.
    pub fn deadlines(&self) -> (Option<u64>, Option<i64>) {
        let mut run = None::<u64>;
        let mut wall = None::<i64>;
        let held = lock::is_held_up(self);
        let left = self.interrupt == 1 && !self.turned_watched && self.armed.is_empty() || self.interrupt >= 3;
        for id in &self.active {
            match &self.insts[*id].status {
                // On hold only tables go on; after a press of Ctrl-C nothing does unless tables look on.
                Status::Pausing { .. } | Status::Waiting { .. } if held && !self.armed.contains(id) => {}
                Status::Pausing { .. } if left => {}
                Status::Pausing { .. } | Status::Waiting { .. } if look::waits_for_a_look(self, *id) => {}
                Status::Waiting { .. } if look::waits_for_a_table(self, *id) => {}
                Status::Pausing { until_us } => run = Some(run.map_or(*until_us, |r| r.min(*until_us))),
                Status::Asking(asked) => {
                    let lapses = gate::lapses_at(&self.insts[*id].gathered, asked);
                    for at in asked.expires_wall_us.into_iter().chain(lapses) {
                        wall = Some(wall.map_or(at, |w| w.min(at)));
                    }
                }
                // After one press of Ctrl-C, or three, nothing begins.
                Status::Waiting { .. } if matches!(self.interrupt, 1 | 3..) => {}
                Status::Waiting { due_wall_us } => wall = Some(wall.map_or(*due_wall_us, |w| w.min(*due_wall_us))),
                _ => {}
            }
        }
        (run, wall)
    }

    /// Open questions, in order of their steps.
    pub fn questions(&self) -> Vec<&Asked> {
        let asked = self.active.iter().filter_map(|id| match &self.insts[*id].status {
            Status::Asking(asked) => Some(&**asked),
            _ => None,
        });
        asked.collect()
    }

    /// Whether the run is over.
    pub fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// Adds an instance, and with a task its undo and its probe, which wait until they are needed.
    pub(super) fn add(&mut self, node: NodeId, path: String, parent: Option<InstId>, scope: usize) -> InstId {
        let plan = self.plan.clone();
        let id = self.add_alone(node, path.clone(), parent, scope);
        if let NodeKind::Task(task) = &plan.node(node).kind {
            if let Some(Undo::Task(undo)) = task.undo {
                let undo = self.add_alone(undo, format!("{path}~undo"), None, scope);
                self.insts[undo].owner = Some(id);
                self.insts[id].undo_inst = Some(undo);
            }
            if let Some(probe) = task.done_when {
                let probe = self.add_alone(probe, format!("{path}~probe"), None, scope);
                self.insts[probe].owner = Some(id);
                self.insts[id].probe_inst = Some(probe);
            }
        }
        if let Some(guard) = plan.node(node).guards {
            let ask = self.add_alone(guard, format!("{path}~ask"), None, scope);
            let guard = self.add_alone(guard, format!("{path}~guard"), None, scope);
            self.insts[guard].owner = Some(id);
            self.insts[ask].owner = Some(guard);
            self.insts[guard].ask_inst = Some(ask);
            self.insts[id].guard_inst = Some(guard);
        }
        id
    }

    /// A scope inside another one in which one more name is known.
    pub(super) fn inner_scope(&mut self, around: usize, name: &str, value: Value) -> usize {
        let item = Some((name.to_string(), value));
        self.scopes.push(Scope { parent: Some(around), plan: self.scopes[around].plan, item, ..Scope::default() });
        self.scopes.len() - 1
    }

    fn add_alone(&mut self, node: NodeId, path: String, parent: Option<InstId>, scope: usize) -> InstId {
        let id = self.insts.len();
        self.by_path.insert(path.clone(), id);
        self.insts.push(Inst {
            node,
            path,
            parent,
            owner: None,
            scope,
            status: Status::Pending,
            verdict: None,
            reason: None,
            then: None,
            attempt: 0,
            children: Vec::new(),
            cursor: 0,
            finished_at: None,
            undo: None,
            undo_inst: None,
            probe_inst: None,
            guard_inst: None,
            ask_inst: None,
            lookout: Box::default(),
            latencies: Latencies::default(),
            marks: Vec::new(),
            began_us: None,
            watching: None,
            done: None,
            answered_at: 0,
            streak: 0,
            poll_until_us: None,
            trail: Trail::default(),
            verdict_of_person: None,
            settled: None,
            due_wall_us: None,
            missed_us: None,
            gathered: Gathered::default(),
            touched: false,
        });
        id
    }

    /// Whether it is one that makes attempts.
    pub(super) fn makes_attempts(&self, id: InstId) -> bool {
        matches!(
            self.node_of(id).kind,
            NodeKind::Task(_) | NodeKind::Decide(_) | NodeKind::Baseline(_) | NodeKind::Watch(_)
        )
    }

    /// The step of this name that an instance sees: of its own runbook, in its own item or around it.
    pub(super) fn step_named(&self, id: InstId, name: &str) -> Option<InstId> {
        let plan_scope = self.node_of(id).scope;
        let mut around = Some(self.insts[id].scope);
        while let Some(scope) = around {
            let found = self.insts.iter().position(|inst| {
                let node = self.plan.node(inst.node);
                inst.scope == scope && inst.owner.is_none() && node.scope == plan_scope && node.id == name
            });
            if found.is_some() {
                return found;
            }
            around = self.scopes[scope].parent;
        }
        None
    }

    /// Whether it is a table that runs beside something.
    pub(super) fn is_guard(&self, id: InstId) -> bool {
        self.insts[id].owner.is_some_and(|owner| self.insts[owner].guard_inst == Some(id))
    }

    /// The tables that look on now beside an instance or beside what is around it.
    pub(super) fn guards_around(&self, id: InstId) -> impl Iterator<Item = InstId> {
        let is_around = move |owner| std::iter::successors(Some(id), |at| self.insts[*at].parent).any(|at| at == owner);
        self.armed.iter().copied().filter(move |guard| self.insts[*guard].owner.is_some_and(is_around))
    }

    /// The table in whose name it asks.
    pub(super) fn asks_for(&self, id: InstId) -> Option<InstId> {
        self.insts[id].owner.filter(|owner| self.insts[*owner].ask_inst == Some(id))
    }

    pub(super) fn is_block(&self, id: InstId) -> bool {
        matches!(
            self.node_of(id).kind,
            NodeKind::Sequence(_)
                | NodeKind::Parallel { .. }
                | NodeKind::ForEach(_)
                | NodeKind::Run { .. }
                | NodeKind::Rounds(_)
                | NodeKind::Stages(_)
        )
    }

    /// The root an instance hangs from, through its owner if it is an undo or a probe.
    pub(super) fn root_of(&self, id: InstId) -> InstId {
        let mut at = id;
        while let Some(up) = self.insts[at].parent.or(self.insts[at].owner) {
            at = up;
        }
        at
    }
}

/// The path of a member of a block.
pub(crate) fn join(parent: &str, id: &str) -> String {
    if parent.is_empty() || parent.ends_with('/') { format!("{parent}{id}") } else { format!("{parent}.{id}") }
}

/// The path of a stage: `rollout[5%]`.
pub(crate) fn stage_path(stages: &str, percent: u32) -> String {
    format!("{stages}[{percent}%]")
}

/// The path of what an included runbook does: `step/` and below it `step/its_phase.its_step`.
pub(crate) fn body_path(include: &str) -> String {
    format!("{include}/")
}

pub(super) fn known_inputs(scope: &crate::plan::model::Scope) -> Map<String, Value> {
    let known = scope.inputs.iter().filter_map(|input| match &input.value {
        crate::plan::model::Binding::Known(value) => Some((input.name.clone(), value.clone())),
        crate::plan::model::Binding::Later { .. } => None,
    });
    known.collect()
}
