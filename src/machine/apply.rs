//! The one table of (state, event). Live runs, resume, reports and simulations all pass through it.

mod people;
mod run;
mod steps;

use super::event::{Cause, CauseKind, Direction, Event, Then, Verdict};
use super::lock;
use super::look;
use super::ruling;
use super::schedule;
use super::state::{IllegalEvent, InstId, Scope, State, Status};
use crate::plan::model::NodeKind;
use serde_json::{Map, Value, json};

pub(super) use steps::open_block;

/// Makes an event part of the state.
///
/// # Errors
/// An [`IllegalEvent`] when the event cannot follow what was applied before; the state is then unchanged or of no use.
pub fn apply(state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
    one(state, event)?;
    // Tables beside the run have nothing more to say once it turns.
    if !state.armed.is_empty() && (state.halt.is_some() || state.direction > Direction::Forward) {
        state.turned_watched |= state.interrupt == 1;
        for guard in std::mem::take(&mut state.armed) {
            disarm(state, guard);
        }
    }
    if state.halt.is_some() && state.direction == Direction::Forward {
        schedule::let_go(state);
    }
    Ok(())
}

fn one(state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
    if state.outcome.is_some() && !matches!(event, Event::LateResult { .. }) {
        return Err(IllegalEvent::new(event, "the run is over"));
    }
    if state.started.is_none() && !matches!(event, Event::RunStarted(_)) {
        return Err(IllegalEvent::new(event, "the run has not begun"));
    }
    match event {
        Event::RunStarted(started) => run::started(state, event, started),
        Event::Turned { to, cause } => run::turned(state, event, *to, cause.as_ref()),
        Event::Interrupted { stage } => {
            run::interrupted(state, *stage);
            Ok(())
        }
        Event::Parked { reason } => {
            state.parked = Some(reason.clone());
            Ok(())
        }
        Event::Resumed { .. } => run::resumed(state, event),
        Event::RunEnded { outcome } => run::ended(state, event, *outcome),
        Event::BlockStarted { path, items, inputs } => {
            steps::block_started(state, event, path, items.as_deref(), inputs.as_ref())
        }
        Event::BlockFinished { path, verdict, reason, then, saved } => {
            let id = steps::block_to_finish(state, event, path)?;
            finish(state, id, *verdict, reason.clone(), *then, saved);
            Ok(())
        }
        Event::Skipped { path, reason } => steps::skipped(state, event, path, reason),
        Event::StepStarted(started) => steps::started(state, event, started),
        Event::AttemptFinished { path, attempt, done } => steps::attempt_finished(state, event, path, *attempt, done),
        Event::LateResult { path, .. } => find(state, event, path).map(drop),
        Event::AttemptScheduled { .. } => steps::attempt_scheduled(state, event),
        Event::StepFinished { path, verdict, reason, then, saved } => {
            let id = steps::step_to_finish(state, event, path, *verdict)?;
            look::keep_baselines(state, id);
            finish(state, id, *verdict, reason.clone(), *then, saved);
            Ok(())
        }
        Event::WaitStarted { path, until_us } => steps::wait_started(state, event, path, *until_us),
        Event::Held { path, .. } => steps::held(state, event, path),
        Event::Anchored { .. } | Event::Missed { .. } => schedule::apply(state, event),
        Event::Locked(_) | Event::Unlocked { .. } | Event::OnHold(_) | Event::HoldLifted { .. } => {
            lock::apply(state, event)
        }
        Event::Looked { .. } | Event::Extended { .. } | Event::Ruled { .. } | Event::Withdrawn { .. } => {
            ruling::apply(state, event)
        }
        Event::Asked(asked) => people::asked(state, event, asked),
        Event::Answered { .. } => people::answered(state, event),
        Event::Refused { path, why, .. } => people::refused(state, event, path, why),
        Event::Lapsed { path, by, role } => people::lapsed(state, event, path, by, role.as_deref()),
        Event::AnswerExpired { path } => people::expired(state, event, path),
    }
}

pub(super) fn find(state: &State, event: &Event, path: &str) -> Result<InstId, IllegalEvent> {
    let id = state.by_path.get(path).copied();
    id.ok_or_else(|| IllegalEvent::new(event, format!("the plan has no step `{path}`")))
}

fn is_to_begin(state: &State, id: InstId) -> bool {
    matches!(state.insts[id].status, Status::Pending | Status::Waiting { .. })
}

/// From now on its table runs beside it.
fn arm(state: &mut State, id: InstId) {
    let Some(guard) = state.insts[id].guard_inst else { return };
    if state.direction == Direction::Forward && state.halt.is_none() {
        state.insts[guard].status = Status::Pausing { until_us: 0 };
        state.active.insert(guard);
        state.armed.insert(guard);
    }
}

/// Its table is over; what it asked is no longer asked.
fn disarm(state: &mut State, guard: InstId) {
    state.armed.remove(&guard);
    for id in std::iter::once(guard).chain(state.insts[guard].ask_inst) {
        let was = std::mem::replace(&mut state.insts[id].status, Status::Finished);
        state.in_flight -= usize::from(was == Status::Running);
        state.active.remove(&id);
    }
}

/// Ends an instance, keeps its values where templates find them, and moves its block on.
pub(super) fn finish(
    state: &mut State,
    id: InstId,
    verdict: Verdict,
    reason: Option<String>,
    then: Option<Then>,
    saved: &Map<String, Value>,
) {
    state.active.remove(&id);
    state.armed.remove(&id);
    if let Some(guard) = state.insts[id].guard_inst {
        disarm(state, guard);
    }
    let again = state.again.remove(&id);
    schedule::ended(state, id, verdict);
    state.clock += 1;
    let clock = state.clock;
    let is_set = matches!(state.node_of(id).kind, NodeKind::Set(_));
    let is_sequence = matches!(state.node_of(id).kind, NodeKind::Sequence(_));
    let pauses = |kind: &NodeKind| {
        matches!(
            kind,
            NodeKind::Wait(_) | NodeKind::WaitUntil(_) | NodeKind::Checkpoint { .. } | NodeKind::Manual { .. }
        )
    };
    state.has_paused |= pauses(&state.node_of(id).kind);
    let name = state.node_of(id).id.clone();
    let inst = &mut state.insts[id];
    inst.status = Status::Finished;
    inst.verdict = Some(verdict);
    inst.reason = reason.clone();
    inst.then = then;
    inst.finished_at = Some(clock);
    let (path, parent, scope) = (inst.path.clone(), inst.parent, inst.scope);
    if let Some(parent) = parent {
        if !is_sequence {
            keep_values(&mut state.scopes[scope], &name, verdict, saved, is_set);
        }
        // What is asked again is behind the run already.
        let in_order =
            matches!(state.node_of(parent).kind, NodeKind::Sequence(_) | NodeKind::Run { .. } | NodeKind::Stages(_));
        if !again && in_order {
            state.insts[parent].cursor += 1;
        }
    }
    if verdict.lets_go_on() || is_probe(state, id) {
        return;
    }
    if state.direction > Direction::Forward {
        let passed_over = matches!(then, Some(Then::Continue | Then::Up));
        state.late_failures += u32::from(!passed_over);
    } else if let (Some(then @ (Then::Stop | Then::Rollback)), None) = (then, &state.halt) {
        let reason = reason.unwrap_or_else(|| verdict.word().into());
        state.halt = Some((Cause { path, kind: CauseKind::Failure, reason }, then));
    } else if again && then == Some(Then::Up) && state.halt.is_none() {
        // The block it stood in is over and cannot fail for it any more.
        let reason = reason.unwrap_or_else(|| verdict.word().into());
        state.halt = Some((Cause { path, kind: CauseKind::Failure, reason }, Then::Stop));
    }
}

/// What a probe says about its step is no failure of the run.
fn is_probe(state: &State, id: InstId) -> bool {
    state.insts[id].owner.is_some_and(|owner| state.insts[owner].probe_inst == Some(id))
}

fn keep_values(scope: &mut Scope, name: &str, verdict: Verdict, saved: &Map<String, Value>, is_set: bool) {
    let mut values = saved.clone();
    if is_set {
        scope.vars.extend(std::mem::take(&mut values));
    }
    values.insert("result".into(), json!(verdict.word()));
    scope.steps.insert(name.to_string(), Value::Object(values));
}
