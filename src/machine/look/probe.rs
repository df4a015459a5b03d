//! What the tables of a plan would say right now, without a run.

use super::clock::LookTime;
use super::{remember, samples};
use crate::decide::{self, Sample, TableState};
use crate::machine::action::{Action, Done};
use crate::machine::event::RunStarted;
use crate::machine::state::{InstId, State};
use crate::plan::Plan;
use crate::plan::model::{MetricSource, NodeId, NodeKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The metrics and tables of the runbook itself; included runbooks have their own.
pub struct Probe {
    state: State,
    id: InstId,
    tables: Vec<(NodeId, TableState)>,
}

/// What was seen at one look.
pub struct Seen {
    /// Every metric.
    pub samples: BTreeMap<String, Sample>,
    /// Every table: its node, and what it says.
    pub tables: Vec<(NodeId, decide::Decision)>,
}

impl Probe {
    /// A probe of a plan, as if `started` had begun it.
    pub fn of(plan: Arc<Plan>, started: RunStarted) -> Probe {
        let is_table = |id: &NodeId| plan.node(*id).scope == 0 && matches!(plan.node(*id).kind, NodeKind::Decide(_));
        let tables = (0..plan.nodes.len()).filter(is_table).map(|id| (id, TableState::default())).collect();
        let mut state = State::new(plan);
        state.started = Some(started);
        Probe { id: state.forward, state, tables }
    }

    /// What to read.
    ///
    /// # Errors
    /// Words for a metric that needs what only a run knows, and for one that a policy forbids.
    pub fn action(&self) -> Result<Action, String> {
        let mut action = super::action(&self.state, self.id, self.names().collect(), super::LONGEST_READ_US)?;
        crate::machine::rails::hold(&self.state, &mut action)?;
        Ok(action)
    }

    /// How long to wait before a second look, in microseconds, for metrics that are changes; none needs one.
    pub fn second_look_us(&self) -> Option<u64> {
        let change = |source: &MetricSource| match source {
            MetricSource::Scrape { change: Some(change), .. } => {
                Some(if change.all { 1_000_000 } else { change.over_us })
            }
            _ => None,
        };
        let metrics = self.state.plan.metrics.iter().filter(|metric| metric.scope == 0);
        metrics.filter_map(|metric| change(&metric.source)).max()
    }

    /// Takes in what was read at `at_us` (microseconds since 1970).
    pub fn look(&mut self, done: Done, at_us: u64) -> Seen {
        self.state.insts[self.id].done = Some(done.clone());
        let samples = samples::of(&self.state, self.id, self.names(), &LookTime { when: at_us.into(), lost: false });
        let plan = self.state.plan.clone();
        let lookout = &mut self.state.insts[self.id].lookout;
        remember(lookout, &done, at_us, |name| samples::looks_back(&plan, 0, name));
        let decided = self.tables.iter_mut().filter_map(|(id, memory)| {
            let NodeKind::Decide(decision) = &plan.node(*id).kind else { return None };
            let (next, said) = decide::step(&decision.table, std::mem::take(memory), &samples, at_us);
            *memory = next;
            Some((*id, said))
        });
        let tables = decided.collect();
        Seen { samples, tables }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.state.plan.metrics.iter().filter(|metric| metric.scope == 0).map(|metric| metric.name.as_str())
    }
}
