//! Blocks, steps and their attempts.

use super::{arm, find, finish, is_to_begin};
use crate::machine::action::{Action, Done, Ended};
use crate::machine::event::{Event, StepStarted, Verdict};
use crate::machine::gate;
use crate::machine::schedule;
use crate::machine::state::{IllegalEvent, InstId, Scope, State, Status, body_path, join, stage_path};
use crate::plan::model::{MetricSource, NodeKind, StagePart};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn block_started(
    state: &mut State,
    event: &Event,
    path: &str,
    items: Option<&[(String, Value)]>,
    inputs: Option<&Map<String, Value>>,
) -> Result<(), IllegalEvent> {
    let id = find(state, event, path)?;
    if !is_to_begin(state, id) || !state.is_block(id) {
        return Err(IllegalEvent::new(event, "it is not a block that has not begun"));
    }
    // Blocks are active only while they wait for their time.
    state.active.remove(&id);
    state.insts[id].status = Status::Running;
    arm(state, id);
    open_block(state, id, items, inputs);
    Ok(())
}

pub(in crate::machine) fn open_block(
    state: &mut State,
    id: InstId,
    items: Option<&[(String, Value)]>,
    inputs: Option<&Map<String, Value>>,
) {
    let plan = state.plan.clone();
    let (path, scope) = (state.insts[id].path.clone(), state.insts[id].scope);
    let children = match &plan.node(state.insts[id].node).kind {
        NodeKind::Sequence(children) | NodeKind::Parallel { children, .. } => children
            .iter()
            .map(|child| state.add(*child, join(&path, &plan.node(*child).id), Some(id), scope))
            .collect(),
        NodeKind::ForEach(each) => items
            .unwrap_or_default()
            .iter()
            .map(|(key, value)| {
                let inner = state.inner_scope(scope, &each.name, value.clone());
                state.add(each.body, format!("{path}[{key}]"), Some(id), inner)
            })
            .collect(),
        NodeKind::Stages(stages) => {
            let parts = stages.parts().into_iter().map(|part| match part {
                StagePart::At { percent, number, node } => {
                    let stage = json!({ "percent": percent, "number": number });
                    let inner = state.inner_scope(scope, "stage", stage);
                    state.add(node, stage_path(&path, percent), Some(id), inner)
                }
                StagePart::Then(node) => state.add(node, join(&path, &plan.node(node).id), Some(id), scope),
            });
            parts.collect()
        }
        NodeKind::Rounds(rounds) => items
            .unwrap_or_default()
            .iter()
            .map(|(key, round)| {
                let item = Some(("round".to_string(), round.clone()));
                let inner = Scope { parent: Some(scope), plan: state.scopes[scope].plan, item, ..Scope::default() };
                state.scopes.push(inner);
                let child = state.add(rounds.body, format!("{path}[{key}]"), Some(id), state.scopes.len() - 1);
                state.insts[child].due_wall_us = schedule::due_of(round);
                child
            })
            .collect(),
        NodeKind::Run { body, always, inner, .. } => {
            let inputs = Arc::new(inputs.cloned().unwrap_or_default());
            state.scopes.push(Scope { plan: *inner, inputs, ..Scope::default() });
            let scope = state.scopes.len() - 1;
            let mut children = vec![state.add(*body, body_path(&path), Some(id), scope)];
            children.extend(always.map(|node| state.add(node, join(&path, "always"), Some(id), scope)));
            children
        }
        _ => Vec::new(),
    };
    state.insts[id].children = children;
}

/// The block that ends.
pub(super) fn block_to_finish(state: &State, event: &Event, path: &str) -> Result<InstId, IllegalEvent> {
    let id = find(state, event, path)?;
    if matches!(state.insts[id].status, Status::Finished) || !state.is_block(id) {
        return Err(IllegalEvent::new(event, "it is not a block that goes on"));
    }
    Ok(id)
}

pub(super) fn skipped(state: &mut State, event: &Event, path: &str, reason: &str) -> Result<(), IllegalEvent> {
    let id = find(state, event, path)?;
    if !is_to_begin(state, id) {
        return Err(IllegalEvent::new(event, "only what has not begun can be skipped"));
    }
    finish(state, id, Verdict::Skipped, Some(reason.to_string()), None, &Map::new());
    Ok(())
}

pub(super) fn started(state: &mut State, event: &Event, started: &StepStarted) -> Result<(), IllegalEvent> {
    let id = find(state, event, &started.path)?;
    let is_task = state.makes_attempts(id);
    let inst = &mut state.insts[id];
    let ready =
        matches!(inst.status, Status::Pending | Status::Waiting { .. } | Status::Pausing { .. } | Status::InDoubt);
    if !is_task || !ready || started.attempt != inst.attempt + 1 {
        return Err(IllegalEvent::new(event, "the step is not ready for this attempt"));
    }
    if let Status::Pausing { until_us } = inst.status {
        inst.lookout.due_us = Some(until_us);
    }
    inst.status = Status::Running;
    inst.attempt = started.attempt;
    inst.undo = inst.undo.take().or_else(|| started.undo.clone());
    inst.poll_until_us = inst.poll_until_us.or(started.poll_until_us);
    if let Action::Watch(watch) = &started.action {
        inst.watching = Some(Box::new(watch.clone()));
    }
    inst.latencies.sent(&started.action, started.at_us);
    state.active.insert(id);
    state.in_flight += 1;
    state.has_paused &= !(started.changes && started.attempt == 1);
    if state.is_guard(id) {
        let clock = state.clock;
        let lookout = &mut state.insts[id].lookout;
        lookout.idle_looks = if lookout.began_clock == clock { lookout.idle_looks + 1 } else { 0 };
        lookout.began_clock = clock;
    }
    if started.attempt == 1 {
        state.insts[id].began_us = started.at_us;
        arm(state, id);
    }
    Ok(())
}

pub(super) fn attempt_finished(
    state: &mut State,
    event: &Event,
    path: &str,
    attempt: u32,
    done: &Done,
) -> Result<(), IllegalEvent> {
    let id = find(state, event, path)?;
    let measured = is_measured(state, id);
    let inst = &mut state.insts[id];
    // A running block has no attempts.
    if inst.status != Status::Running || inst.attempt != attempt || attempt == 0 {
        return Err(IllegalEvent::new(event, "this attempt is not running"));
    }
    inst.touched |= done.changed != Some(false);
    if measured {
        inst.latencies.over(done);
    }
    if attempt == 1 {
        inst.marks.clone_from(&done.marks);
    }
    inst.done = Some(done.clone());
    if inst.guard_inst.is_some() {
        state.clock += 1;
        inst.answered_at = state.clock;
    }
    state.in_flight -= 1;
    // What the third press killed may have happened or not; whoever resumes settles that.
    let killed = state.interrupt >= 3 && done.ended == Ended::Cancelled;
    inst.status = if killed { Status::InDoubt } else { Status::Answered };
    if killed {
        forget_samples(state, id);
    }
    Ok(())
}

/// Whether a metric is made of the durations of its requests.
fn is_measured(state: &State, id: InstId) -> bool {
    let name = &state.node_of(id).id;
    state
        .plan
        .metrics
        .iter()
        .any(|metric| matches!(&metric.source, MetricSource::LatencyOf { step, .. } if step == name))
}

/// What a probe said before says nothing about a later attempt, and a sample nobody saw ends a row of good ones.
pub(super) fn forget_samples(state: &mut State, id: InstId) {
    state.insts[id].streak = 0;
    if let Some(probe) = state.insts[id].probe_inst {
        let probe = &mut state.insts[probe];
        (probe.status, probe.verdict, probe.done) = (Status::Pending, None, None);
    }
}

pub(super) fn attempt_scheduled(state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
    let Event::AttemptScheduled { path, not_before_us, streak, sample, .. } = event else { return Ok(()) };
    let id = find(state, event, path)?;
    let inst = &mut state.insts[id];
    if !matches!(inst.status, Status::Answered | Status::Asking(_)) {
        return Err(IllegalEvent::new(event, "only an attempt that was judged can be followed by another"));
    }
    inst.status = Status::Pausing { until_us: *not_before_us };
    inst.streak = *streak;
    inst.trail.extend(sample.as_deref());
    Ok(())
}

/// The step that ends.
pub(super) fn step_to_finish(
    state: &State,
    event: &Event,
    path: &str,
    verdict: Verdict,
) -> Result<InstId, IllegalEvent> {
    let id = find(state, event, path)?;
    if matches!(state.insts[id].status, Status::Finished | Status::Running) || state.is_block(id) {
        return Err(IllegalEvent::new(event, "the step is already over, or its result is still out"));
    }
    if verdict == Verdict::Pass && matches!(state.node_of(id).kind, NodeKind::Checkpoint { .. }) {
        let complete = match &state.insts[id].status {
            Status::Asking(asked) => asked.gathers() && gate::is_complete(state, id, asked),
            _ => state.insts[id].settled.is_some(),
        };
        if !complete {
            return Err(IllegalEvent::new(event, "what the checkpoint asks for is not there"));
        }
    }
    Ok(id)
}

pub(super) fn wait_started(state: &mut State, event: &Event, path: &str, until_us: u64) -> Result<(), IllegalEvent> {
    let id = find(state, event, path)?;
    if !is_to_begin(state, id) {
        return Err(IllegalEvent::new(event, "the wait has already begun"));
    }
    state.insts[id].status = Status::Pausing { until_us };
    state.active.insert(id);
    arm(state, id);
    Ok(())
}

pub(super) fn held(state: &mut State, event: &Event, path: &str) -> Result<(), IllegalEvent> {
    let id = find(state, event, path)?;
    let fresh = state.insts[id].status == Status::Pending;
    schedule::apply(state, event)?;
    // A soak until a mark is watched while it waits; anything else is watched once it began.
    if fresh && matches!(state.node_of(id).kind, NodeKind::WaitUntil(_)) {
        arm(state, id);
    }
    Ok(())
}
