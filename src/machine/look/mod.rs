//! Looking at the metrics of a decision table: what to read, what was read, and what the table says of it.
//!
//! A `decide` step looks until its time is over; a guard looks for as long as what it stands beside goes on.

mod absent;
mod baseline;
mod clock;
mod counters;
mod guard;
mod hold;
mod latencies;
mod probe;
mod queries;
mod question;
mod ratio;
mod samples;
mod series;

pub(super) use baseline::keep as keep_baselines;
pub(crate) use clock::LookClock;
pub(super) use clock::LookTime;
pub(crate) use counters::Counters;
pub(super) use guard::{ends, keeps_back, turn, waits_for_a_look, waits_for_a_table};
pub(super) use hold::is_held;
pub(crate) use latencies::Latencies;
pub use probe::{Probe, Seen};
use question::ask;
pub(super) use samples::{is_timed, looks_back, remember};

use super::action::{Action, Query, SampleAction};
use super::event::{About, Event, Then, Verdict};
use super::judge::failed;
use super::names::Trouble;
use super::state::{Inst, InstId, State, Timestamp};
use crate::decide::{self, Because, Concern, Issue, Ruling, Sample, TableState};
use crate::plan::model::{Decision, Extend, NodeKind};
use crate::plan::units::duration_words;
use crate::runbook::model::Then as Unanswered;
use serde_json::{Map, json};
use std::collections::BTreeMap;

/// The longest time one source has to answer.
const LONGEST_READ_US: u64 = 10_000_000;

/// What an instance that looks remembers between its looks.
#[derive(Debug, Clone, Default)]
pub struct Lookout {
    /// The table's own memory.
    pub memory: TableState,
    /// Everything that was read for a baseline, and when in the table's time.
    pub taken: Vec<(u64, BTreeMap<String, Sample>)>,
    /// What time it is for the table.
    pub clock: LookClock,
    /// Counters and buckets that were added up before they were read, as old logs have them.
    pub raw: BTreeMap<String, Vec<(u64, Raw)>>,
    /// The same for metrics of a page, series by series.
    pub counters: BTreeMap<String, Counters>,
    /// What the table said last, and why.
    pub said: Option<Said>,
    /// A person let this pass; it is not asked about again until it has been gone.
    pub accepted: Vec<Issue>,
    /// Who did so, and in what words.
    pub accepted_by: Option<String>,
    /// What was asked about last.
    pub asked: Vec<About>,
    /// What of that was not gone at the last look.
    pub standing: Vec<Issue>,
    /// How much had ended when the last look began, and when that was (run time, microseconds).
    pub began_clock: u64,
    /// See `began_clock`.
    pub began_us: u64,
    /// When the last look was due, where it was not the first, in run time (microseconds).
    pub due_us: Option<u64>,
    /// The same in wall time.
    pub began_wall_us: i64,
    /// When it was judged, in run time, and how long reading took (microseconds).
    pub judged_us: u64,
    /// See `judged_us`.
    pub reading_us: u64,
    /// How many looks there were since anything ended.
    pub idle_looks: u64,
    /// Since when every look said hold, in run time (microseconds).
    pub held_since_us: Option<u64>,
    /// How often looking was extended.
    pub extended: u32,
    /// How many levels of people did not answer.
    pub level: usize,
}

impl Lookout {
    /// What was found at the last look and nobody let pass.
    pub(super) fn open(&self) -> Vec<&Concern> {
        let concerns = self.said.iter().flat_map(|said| &said.concerns);
        concerns.filter(|concern| !concern.issue.is_among(&self.accepted)).collect()
    }

    /// What of that only a person can settle.
    pub(super) fn for_people(&self) -> Vec<&Concern> {
        let asks = |concern: &&Concern| matches!(concern.ruling, Ruling::Investigate | Ruling::Escalate);
        self.open().into_iter().filter(asks).collect()
    }

    /// Between what was counted last and now lies nobody knows how much time. What counts since looking began still does.
    pub(super) fn forget_counts(&mut self, back_us: impl Fn(&str) -> Option<u64>) {
        let counts_all = |name: &String| back_us(name) == Some(u64::MAX);
        self.counters.retain(|name, _| counts_all(name));
        self.raw.retain(|name, _| counts_all(name));
    }
}

/// What a table said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What it asks for.
    pub ruling: Ruling,
    /// Which row, or what else.
    pub cause: Because,
    /// Everything that does not pass, let pass or not.
    pub concerns: Vec<Concern>,
    /// In words.
    pub because: String,
    /// Nothing followed from it yet.
    pub fresh: bool,
}

/// A value as it was read, before it became a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// A counter.
    Number(f64),
    /// Cumulative buckets by upper bound.
    Buckets(Vec<(Option<f64>, f64)>),
}

/// The table of an instance that looks.
pub(super) fn decision_of(state: &State, id: InstId) -> Option<&Decision> {
    match &state.node_of(id).kind {
        NodeKind::Decide(decision) => Some(decision),
        _ => None,
    }
}

/// What to read for one look, and for how long to look in microseconds; none for what does not look.
pub(super) fn intent(state: &State, id: InstId) -> Option<Result<(Action, u64), Trouble>> {
    let (names, every_us, over_us) = match &state.node_of(id).kind {
        NodeKind::Decide(decision) => {
            (decision.table.metric_names(), decision.table.every_us, decision.over_us.unwrap_or(0))
        }
        NodeKind::Baseline(wanted) => (baseline::names(wanted), wanted.every_us, wanted.over_us()),
        _ => return None,
    };
    Some(action(state, id, names, every_us).map(|action| (action, over_us)))
}

fn action(state: &State, id: InstId, names: Vec<&str>, every_us: u64) -> Result<Action, Trouble> {
    let metrics = queries::needed(state, id, names);
    let mut queries: Vec<Query> = Vec::with_capacity(metrics.len());
    for metric in metrics {
        queries::ask(state, id, metric, &mut queries)?;
    }
    Ok(Action::Sample(SampleAction { queries, timeout_us: every_us.clamp(1_000_000, LONGEST_READ_US) }))
}

/// The one event that follows from an answered look; none for what does not look.
pub(super) fn judge(state: &State, id: InstId, now: Timestamp) -> Option<Event> {
    let said = state.insts[id].lookout.said.as_ref().filter(|said| said.fresh);
    Some(match (&state.node_of(id).kind, said) {
        (NodeKind::Decide(decision), Some(said)) => follow(state, id, decision, said, now),
        (NodeKind::Decide(decision), None) => looked(state, id, decision, now),
        (NodeKind::Baseline(wanted), Some(_)) => baseline::over(state, id, wanted),
        (NodeKind::Baseline(wanted), None) => baseline::looked(state, id, wanted, now),
        _ => return None,
    })
}

/// What a table remembers, with the baselines there are by now.
pub(super) fn with_baselines(state: &State, id: InstId, mut memory: TableState) -> TableState {
    let mut at = Some(state.insts[id].scope);
    while let Some(scope) = at.map(|at| &state.scopes[at]) {
        for (metric, baseline) in &scope.baselines {
            memory.set_baseline(metric, *baseline);
        }
        at = scope.parent;
    }
    memory
}

/// When the look that was answered is judged, on all its clocks.
pub(super) fn look_time(state: &State, id: InstId, at_us: u64, run_us: Option<u64>) -> LookTime {
    let inst = &state.insts[id];
    let reading_us = inst.done.as_ref().map_or(0, |done| done.duration_us);
    let gap_us = match &state.node_of(id).kind {
        NodeKind::Decide(decision) => decision.table.gap_us(),
        NodeKind::Baseline(wanted) => decide::default_gap_us(wanted.every_us),
        _ => 0,
    };
    inst.lookout.clock.look(at_us, run_us, reading_us, gap_us)
}

/// Looks begin `every` apart. Where reading takes longer than that, the next begins at once.
fn next_us(inst: &Inst, every_us: u64, now: Timestamp) -> u64 {
    due_us(inst, every_us, now).saturating_add(every_us).max(now.run_us)
}

/// When the look that was answered was due: one that begins a little late does not make all later ones late. Where it began
/// at another time altogether, that time.
fn due_us(inst: &Inst, every_us: u64, now: Timestamp) -> u64 {
    let reading_us = inst.done.as_ref().map_or(0, |done| done.duration_us);
    let began_us = now.run_us.saturating_sub(reading_us);
    let due_us = inst.lookout.due_us.filter(|due| (*due..=due.saturating_add(every_us / 2)).contains(&began_us));
    due_us.unwrap_or(began_us)
}

fn looked(state: &State, id: InstId, decision: &Decision, now: Timestamp) -> Event {
    let inst = &state.insts[id];
    let at_us = now.wall_us.max(0) as u64;
    let time = look_time(state, id, at_us, Some(now.run_us));
    let samples = samples::of(state, id, decision.table.reads(), &time);
    let memory = with_baselines(state, id, inst.lookout.memory.clone());
    let said = decide::rule(&decision.table, memory, &samples, time.when, &inst.lookout.accepted);
    let cause = said.because;
    let (ruling, because) = hold::limited(inst, decision, said.ruling, cause, said.sentence, now.run_us);
    let next = next_us(inst, decision.table.every_us, now);
    let goes_on = inst.poll_until_us.is_some_and(|until| now.run_us < until);
    let again_us = match ruling {
        _ if state.is_guard(id) => Some(next),
        _ if said.let_pass => goes_on.then_some(next),
        Ruling::Rollback | Ruling::Abort | Ruling::Investigate | Ruling::Escalate => None,
        Ruling::Hold if may_hold(inst, decision, now) => Some(next),
        Ruling::Hold => None,
        _ => goes_on.then_some(next),
    };
    let run_us = Some(now.run_us);
    Event::Looked { path: inst.path.clone(), at_us, samples, ruling, cause, because, again_us, run_us }
}

/// What holds may last as long as all extensions would, where the table says how many there are.
fn may_hold(inst: &Inst, decision: &Decision, now: Timestamp) -> bool {
    let (Some(extend), Some(until_us)) = (&decision.extend, inst.poll_until_us) else { return true };
    let left = u64::from(extend.max.saturating_sub(inst.lookout.extended));
    now.run_us < until_us.saturating_add(left.saturating_mul(extension_us(decision, extend)))
}

fn extension_us(decision: &Decision, extend: &Extend) -> u64 {
    extend.by_us.or(decision.over_us).unwrap_or(decision.table.every_us)
}

/// What a `decide` step does when its table has spoken.
fn follow(state: &State, id: InstId, decision: &Decision, said: &Said, now: Timestamp) -> Event {
    let path = state.insts[id].path.clone();
    let lookout = &state.insts[id].lookout;
    let passed = |reason: Option<String>| Event::StepFinished {
        path: path.clone(),
        verdict: Verdict::Pass,
        reason,
        then: None,
        saved: Map::from_iter([
            ("ruling".to_string(), json!(said.ruling.word())),
            ("because".to_string(), json!(said.because)),
        ]),
    };
    if !said.ruling.passes() && lookout.open().is_empty() {
        return passed(lookout.accepted_by.clone());
    }
    match said.ruling {
        Ruling::Rollback => Event::Ruled { path, then: Then::Rollback, reason: verdict(decision, said) },
        Ruling::Abort => Event::Ruled { path, then: Then::Stop, reason: verdict(decision, said) },
        Ruling::Investigate | Ruling::Escalate => ask(state, id, id, decision, &lookout.for_people(), now),
        Ruling::Extend | Ruling::Inconclusive => longer(state, id, decision, said, now),
        Ruling::Hold if decision.extend.is_some() => gave_up(state, id, decision, said, now),
        Ruling::Ok | Ruling::Continue | Ruling::Hold => passed(None),
    }
}

/// Looks longer as often as that is allowed.
fn longer(state: &State, id: InstId, decision: &Decision, said: &Said, now: Timestamp) -> Event {
    let path = state.insts[id].path.clone();
    let Some(extend) = &decision.extend else {
        return failed(state, id, Verdict::Inconclusive, said.because.clone());
    };
    let times = state.insts[id].lookout.extended;
    if times < extend.max {
        let by_us = extension_us(decision, extend);
        let reason = format!(
            "{}; looking {} longer, extension {} of {}",
            said.because,
            duration_words(by_us),
            times + 1,
            extend.max
        );
        let (inst, every_us) = (&state.insts[id], decision.table.every_us);
        // From when the last look was due, so that a look comes at the end of it and not only after it.
        let until_us = due_us(inst, every_us, now).saturating_add(by_us);
        return Event::Extended { path, until_us, again_us: next_us(inst, every_us, now), reason };
    }
    gave_up(state, id, decision, said, now)
}

/// What follows when there is no more looking.
fn gave_up(state: &State, id: InstId, decision: &Decision, said: &Said, now: Timestamp) -> Event {
    let path = state.insts[id].path.clone();
    let times = state.insts[id].lookout.extended;
    let reason = match said.ruling {
        Ruling::Hold => format!("{}, and it held for as long as it may", said.because),
        _ => format!("{}, after {times} extensions", said.because),
    };
    match decision.extend.as_ref().map(|extend| (extend.then, &extend.ask)) {
        Some((Unanswered::Rollback, _)) => Event::Ruled { path, then: Then::Rollback, reason },
        Some((Unanswered::Investigate, Some(_))) => ask(state, id, id, decision, &state.insts[id].lookout.open(), now),
        _ => Event::Ruled { path, then: Then::Stop, reason },
    }
}

/// Which row, by its name, and what was seen.
fn verdict(decision: &Decision, said: &Said) -> String {
    match said.cause {
        Because::Row(row) => match decision.table.rows.get(row).and_then(|row| row.symptom.as_ref()) {
            Some(symptom) => format!("{symptom}: {}", said.because),
            None => said.because.clone(),
        },
        _ => said.because.clone(),
    }
}
