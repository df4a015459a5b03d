//! What the tables of a plan would say right now, without a run.

use super::clock::LookTime;
use super::{queries, remember, samples};
use crate::decide::{self, Missing, Sample, TableState};
use crate::machine::action::{Action, Done, Query, SampleAction};
use crate::machine::event::RunStarted;
use crate::machine::state::{InstId, Scope, State, known_inputs};
use crate::plan::Plan;
use crate::plan::model::{Metric, MetricSource, NodeId, NodeKind};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The metrics and tables of a plan: those of the runbook itself, and of each runbook that it runs.
pub struct Probe {
    state: State,
    parts: Vec<Part>,
    /// Metrics that are changes over a longer time than is waited for, with that time in microseconds.
    shortened: Vec<(String, u64)>,
}

/// One runbook of the plan.
struct Part {
    /// Its scope in the plan.
    scope: usize,
    /// An instance that sees what its metrics may see.
    id: InstId,
    tables: Vec<(NodeId, TableState)>,
    /// Metrics that cannot be read now, and why.
    unknown: BTreeMap<String, String>,
}

/// What was seen of one runbook at one look.
pub struct Seen {
    /// Its name.
    pub runbook: String,
    /// Its scope in the plan; 0 is the runbook itself.
    pub scope: usize,
    /// Every metric.
    pub samples: BTreeMap<String, Sample>,
    /// Metrics that only a run knows, with what they lack.
    pub unknown: BTreeMap<String, String>,
    /// Every table: its node, and what it says.
    pub tables: Vec<(NodeId, decide::Decision)>,
}

impl Probe {
    /// A probe of a plan, as if `started` had begun it and its steps had yielded `steps`. No change is waited for longer
    /// than `longest_us` microseconds: one over a longer time is taken over this one.
    pub fn of(mut plan: Plan, started: RunStarted, steps: &Map<String, Value>, longest_us: u64) -> Probe {
        let shortened = shorten(&mut plan, longest_us);
        let mut state = State::new(Arc::new(plan));
        state.started = Some(started);
        let plan = state.plan.clone();
        let steps: std::collections::HashMap<String, Value> = steps.clone().into_iter().collect();
        let of_plan = (0..plan.scopes.len()).filter(|scope| plan.metrics.iter().any(|m| m.scope == *scope));
        let parts = of_plan.filter_map(|scope| {
            let node = (0..plan.nodes.len()).find(|node| plan.nodes[*node].scope == scope)?;
            let inputs = Arc::new(known_inputs(&plan.scopes[scope]));
            state.scopes.push(Scope { plan: scope, inputs, steps: steps.clone(), ..Scope::default() });
            let id = state.add(node, format!("probe {scope}"), None, state.scopes.len() - 1);
            let is_table = |node: &NodeId| plan.nodes[*node].scope == scope;
            let is_decision = |node: &NodeId| matches!(plan.nodes[*node].kind, NodeKind::Decide(_));
            let tables = (0..plan.nodes.len()).filter(is_table).filter(is_decision);
            let tables = tables.map(|node| (node, TableState::default())).collect();
            Some(Part { scope, id, tables, unknown: BTreeMap::new() })
        });
        let parts = parts.collect();
        Probe { state, parts, shortened }
    }

    /// What is followed: the plan with what was shortened.
    pub fn plan(&self) -> &Plan {
        &self.state.plan
    }

    /// Metrics that are changes over a longer time than is waited for, with that time in microseconds.
    pub fn shortened(&self) -> &[(String, u64)] {
        &self.shortened
    }

    /// What to read, by part. What cannot be read because only a run knows enough is left out, and is unknown.
    ///
    /// # Errors
    /// Words for what a policy forbids.
    pub fn actions(&mut self) -> Result<Vec<Action>, String> {
        let mut actions = Vec::new();
        for part in &mut self.parts {
            let mut queries: Vec<Query> = Vec::new();
            for metric in self.state.plan.metrics.iter().filter(|metric| metric.scope == part.scope) {
                if let Err(why) = queries::ask(&self.state, part.id, metric, &mut queries) {
                    part.unknown.insert(metric.name.clone(), why);
                }
            }
            part.spread(&self.state.plan.metrics);
            let mut action = Action::Sample(SampleAction { queries, timeout_us: super::LONGEST_READ_US });
            crate::machine::rails::hold(&self.state, &mut action)?;
            actions.push(action);
        }
        Ok(actions)
    }

    /// How long to wait before a second look, in microseconds, for metrics that are changes; none needs one.
    pub fn second_look_us(&self) -> Option<u64> {
        let change = |source: &MetricSource| match source {
            MetricSource::Scrape { change: Some(change), .. } => {
                Some(if change.all { 1_000_000 } else { change.over_us })
            }
            _ => None,
        };
        let is_read = |metric: &&Metric| {
            self.parts.iter().any(|part| part.scope == metric.scope && !part.unknown.contains_key(&metric.name))
        };
        self.state.plan.metrics.iter().filter(is_read).filter_map(|metric| change(&metric.source)).max()
    }

    /// Metrics that are changes over a shorter time than lies between the two looks, with that time in microseconds.
    pub fn lengthened(&self) -> Vec<(String, u64)> {
        let Some(pause_us) = self.second_look_us() else { return Vec::new() };
        let shorter = |metric: &Metric| match &metric.source {
            MetricSource::Scrape { change: Some(change), .. } if !change.all && change.over_us < pause_us => {
                Some((metric.name.clone(), change.over_us))
            }
            _ => None,
        };
        self.state.plan.metrics.iter().filter_map(shorter).collect()
    }

    /// Takes in what was read of each part at a time (microseconds since 1970).
    pub fn look(&mut self, read: Vec<(u64, Done)>) -> Vec<Seen> {
        let plan = self.state.plan.clone();
        let looked = self.parts.iter_mut().zip(read).map(|(part, (at_us, done))| {
            self.state.insts[part.id].done = Some(done.clone());
            let of_scope = plan.metrics.iter().filter(|metric| metric.scope == part.scope);
            let mut samples = samples::of(
                &self.state,
                part.id,
                of_scope.map(|metric| metric.name.as_str()),
                // Two looks, as far apart as the longest change: no time between them is too long.
                &LookTime { when: at_us.into(), lost: false, gap_us: u64::MAX },
            );
            for (name, why) in &part.unknown {
                samples.insert(name.clone(), Sample::missing(at_us, Missing::Error(why.clone())));
            }
            let lookout = &mut self.state.insts[part.id].lookout;
            remember(lookout, &done, at_us, |name| samples::looks_back(&plan, part.scope, name));
            let decided = part.tables.iter_mut().filter_map(|(id, memory)| {
                let NodeKind::Decide(decision) = &plan.node(*id).kind else { return None };
                let (next, said) = decide::step(&decision.table, std::mem::take(memory), &samples, at_us);
                *memory = next;
                Some((*id, said))
            });
            let tables = decided.collect();
            let runbook = plan.scopes[part.scope].runbook.clone();
            Seen { runbook, scope: part.scope, samples, unknown: part.unknown.clone(), tables }
        });
        looked.collect()
    }
}

impl Part {
    /// What is made of something unknown is unknown for its reason.
    fn spread(&mut self, metrics: &[Metric]) {
        let own = || metrics.iter().filter(|metric| metric.scope == self.scope);
        // As often as there are metrics: ratios of ratios come in any order.
        let mut unknown = self.unknown.clone();
        for metric in own().flat_map(|_| own()) {
            let MetricSource::Ratio { of, to } = &metric.source else { continue };
            let why = unknown.get(of).or_else(|| unknown.get(to)).cloned();
            if let Some(why) = why {
                unknown.entry(metric.name.clone()).or_insert(why);
            }
        }
        self.unknown = unknown;
    }
}

/// Takes changes over a longer time over this one; the names of their metrics and what their time was.
fn shorten(plan: &mut Plan, longest_us: u64) -> Vec<(String, u64)> {
    let mut shortened = Vec::new();
    for metric in &mut plan.metrics {
        let MetricSource::Scrape { change: Some(change), .. } = &mut metric.source else { continue };
        if !change.all && change.over_us > longest_us {
            shortened.push((metric.name.clone(), change.over_us));
            change.over_us = longest_us;
        }
    }
    shortened
}
