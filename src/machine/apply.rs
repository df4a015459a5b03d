//! The one table of (state, event). Live runs, resume, reports and simulations all pass through it.

use super::action::{Done, Ended};
use super::event::{Answer, Cause, CauseKind, Direction, Event, Question, StepStarted, Then, Verdict};
use super::gate;
use super::judge::no_backs_out;
use super::lock;
use super::look;
use super::rebase::{Conflict, rebase};
use super::ruling;
use super::schedule::{self, Zero};
use super::state::{IllegalEvent, InstId, Scope, State, Status, body_path, join, stage_path};
use super::waiver;
use crate::plan::model::{MetricSource, NodeKind, StagePart};
use serde_json::{Map, Value, json};
use std::sync::Arc;

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
    let illegal = |met: &str| IllegalEvent::new(event, met);
    if state.outcome.is_some() && !matches!(event, Event::LateResult { .. }) {
        return Err(illegal("the run is over"));
    }
    if state.started.is_none() && !matches!(event, Event::RunStarted(_)) {
        return Err(illegal("the run has not begun"));
    }
    match event {
        Event::RunStarted(started) => {
            if state.started.is_some() {
                return Err(illegal("the run has already begun"));
            }
            state.zero = Zero::planned(&state.plan, &started.started);
            gate::drives(state, &started.operator, started.operator_key.as_ref());
            overrides(state, started.override_window.as_ref());
            state.started = Some(started.clone());
        }
        Event::BlockStarted { path, items, inputs } => {
            let id = find(state, event, path)?;
            if !is_to_begin(state, id) || !state.is_block(id) {
                return Err(illegal("it is not a block that has not begun"));
            }
            // Blocks are active only while they wait for their time.
            state.active.remove(&id);
            state.insts[id].status = Status::Running;
            arm(state, id);
            open_block(state, id, items.as_deref(), inputs.as_ref());
        }
        Event::BlockFinished { path, verdict, reason, then, saved } => {
            let id = find(state, event, path)?;
            if matches!(state.insts[id].status, Status::Finished) || !state.is_block(id) {
                return Err(illegal("it is not a block that goes on"));
            }
            finish(state, id, *verdict, reason.clone(), *then, saved);
        }
        Event::Skipped { path, reason } => {
            let id = find(state, event, path)?;
            if !is_to_begin(state, id) {
                return Err(illegal("only what has not begun can be skipped"));
            }
            finish(state, id, Verdict::Skipped, Some(reason.clone()), None, &Map::new());
        }
        Event::StepStarted(started) => start(state, event, started)?,
        Event::AttemptFinished { path, attempt, done } => {
            let id = find(state, event, path)?;
            let measured = is_measured(state, id);
            let inst = &mut state.insts[id];
            // A running block has no attempts.
            if inst.status != Status::Running || inst.attempt != *attempt || *attempt == 0 {
                return Err(illegal("this attempt is not running"));
            }
            inst.touched |= done.changed != Some(false);
            if done.http.is_some() && measured {
                inst.latencies_us.push(done.duration_us);
            }
            if *attempt == 1 {
                inst.marks.clone_from(&done.marks);
            }
            inst.done = Some(Done::clone(done));
            state.in_flight -= 1;
            // What the third press killed may have happened or not; whoever resumes settles that.
            let killed = state.interrupt >= 3 && done.ended == Ended::Cancelled;
            inst.status = if killed { Status::InDoubt } else { Status::Answered };
            if killed {
                forget_samples(state, id);
            }
        }
        Event::LateResult { path, .. } => {
            find(state, event, path)?;
        }
        Event::AttemptScheduled { path, not_before_us, streak, .. } => {
            let id = find(state, event, path)?;
            let inst = &mut state.insts[id];
            if !matches!(inst.status, Status::Answered | Status::Asking(_)) {
                return Err(illegal("only an attempt that was judged can be followed by another"));
            }
            inst.status = Status::Pausing { until_us: *not_before_us };
            inst.streak = *streak;
        }
        Event::StepFinished { path, verdict, reason, then, saved } => {
            let id = find(state, event, path)?;
            if matches!(state.insts[id].status, Status::Finished | Status::Running) || state.is_block(id) {
                return Err(illegal("the step is already over, or its result is still out"));
            }
            if *verdict == Verdict::Pass && matches!(state.node_of(id).kind, NodeKind::Checkpoint { .. }) {
                let complete = match &state.insts[id].status {
                    Status::Asking(asked) => asked.gathers() && gate::is_complete(state, id, asked),
                    _ => false,
                };
                if !complete {
                    return Err(illegal("what the checkpoint asks for is not there"));
                }
            }
            look::keep_baselines(state, id);
            finish(state, id, *verdict, reason.clone(), *then, saved);
        }
        Event::WaitStarted { path, until_us } => {
            let id = find(state, event, path)?;
            if !is_to_begin(state, id) {
                return Err(illegal("the wait has already begun"));
            }
            state.insts[id].status = Status::Pausing { until_us: *until_us };
            state.active.insert(id);
            arm(state, id);
        }
        Event::Held { path, .. } => {
            let id = find(state, event, path)?;
            let fresh = state.insts[id].status == Status::Pending;
            schedule::apply(state, event)?;
            // A soak until a mark is watched while it waits; anything else is watched once it began.
            if fresh && matches!(state.node_of(id).kind, NodeKind::WaitUntil(_)) {
                arm(state, id);
            }
        }
        Event::Anchored { .. } | Event::Missed { .. } => schedule::apply(state, event)?,
        Event::Locked(_) | Event::Unlocked { .. } | Event::OnHold(_) | Event::HoldLifted { .. } => {
            lock::apply(state, event)?;
        }
        Event::Looked { .. } | Event::Extended { .. } | Event::Ruled { .. } | Event::Withdrawn { .. } => {
            ruling::apply(state, event)?;
        }
        Event::Asked(asked) => {
            let id = find(state, event, &asked.path)?;
            if matches!(state.insts[id].status, Status::Finished | Status::Running | Status::Asking(_)) {
                return Err(illegal("there is nothing to ask about this step"));
            }
            let fresh = is_to_begin(state, id);
            state.insts[id].status = Status::Asking(asked.clone());
            state.insts[id].gathered = gate::Gathered::default();
            state.active.insert(id);
            if fresh {
                arm(state, id);
            }
        }
        Event::Answered { path, answer, by, reason, role, reference, given_us, signed, .. } => {
            let id = find(state, event, path)?;
            if let Status::Asking(asked) = &state.insts[id].status
                && asked.question == Question::Checkpoint
            {
                let asked = asked.clone();
                let key = signed.as_ref().map(|signed| signed.key.as_str());
                let (role, reference, given_us) = (role.as_deref(), reference.as_deref(), *given_us);
                let phrase = asked.phrase.as_deref();
                let said = gate::Said { answer: *answer, by, role, reference, given_us, key, phrase };
                if let Some(why) = gate::refusal(state, &asked, &said) {
                    return Err(illegal(&format!("this answer does not count: {why}")));
                }
                if *answer == Answer::Go && asked.gathers() {
                    let role = key.and_then(|_| gate::role_of(&asked, by, role).ok());
                    let go = gate::Go { by: by.clone(), key: key.map(String::from), role, given_us };
                    state.insts[id].gathered.given.push(go);
                    return Ok(());
                }
            }
            answered(state, event, id, *answer, by, reason.as_deref())?;
        }
        Event::Refused { path, why, .. } => {
            let id = find(state, event, path)?;
            let Status::Asking(asked) = &state.insts[id].status else { return Err(illegal("nothing was asked")) };
            let title = asked.title.clone();
            if gate::refused(state, id, why) {
                no_go(state, id, format!("NO-GO to `{title}`: the phrase was not typed"));
            }
        }
        Event::Lapsed { path, by, role } => {
            let id = find(state, event, path)?;
            let given = &mut state.insts[id].gathered.given;
            let Some(at) = given.iter().position(|go| go.by == *by && go.role == *role) else {
                return Err(illegal("no such GO counts"));
            };
            given.remove(at);
        }
        Event::AnswerExpired { path } => {
            let id = find(state, event, path)?;
            let Status::Asking(asked) = &state.insts[id].status else {
                return Err(illegal("nothing was asked"));
            };
            let title = asked.title.clone();
            if asked.question == Question::Ruling {
                let unanswered = asked.unanswered.unwrap_or(Then::Stop);
                return ruling::expired(state, event, id, unanswered, &title);
            }
            no_go(state, id, format!("nobody answered `{title}` in time"));
        }
        Event::Turned { to, cause } => {
            if *to <= state.direction {
                return Err(illegal("a run never turns back"));
            }
            if state.in_flight > 0 {
                return Err(illegal("steps are still running"));
            }
            if state.halt.is_none() {
                let then = if *to == Direction::Undo { Then::Rollback } else { Then::Stop };
                state.halt = cause.clone().map(|c| (c, then));
            }
            state.direction = *to;
        }
        Event::Interrupted { stage } => {
            state.interrupt = state.interrupt.max(*stage);
            if state.interrupt >= 2 && state.direction == Direction::Forward {
                back_out(state);
            }
        }
        Event::Parked { reason } => state.parked = Some(reason.clone()),
        Event::Resumed { by, in_doubt, changed, override_window, operator_key } => {
            gate::drives(state, by, operator_key.as_ref());
            overrides(state, override_window.as_ref());
            state.parked = None;
            lock::taken_over(state);
            // Presses are counted anew: that the second asked to back out stands in `halt` and still holds.
            state.interrupt = 0;
            state.turned_watched = false;
            for path in in_doubt {
                let id = find(state, event, path)?;
                if state.insts[id].status != Status::Running || state.is_block(id) {
                    return Err(illegal("only a running step can be in doubt"));
                }
                state.insts[id].status = Status::InDoubt;
                state.insts[id].touched = true;
                state.in_flight -= 1;
                forget_samples(state, id);
            }
            if let Some(stored) = changed.as_ref().and_then(|changed| changed.plan.as_ref()) {
                let plan = state.accepted.get(&stored.sha256).cloned();
                let plan = plan.ok_or_else(|| illegal("the plan it turns to is not known"))?;
                let conflict = |all: Vec<Conflict>| illegal(&all.first().map(Conflict::to_string).unwrap_or_default());
                *state = rebase(state, plan).map_err(conflict)?;
            }
        }
        Event::RunEnded { outcome } => {
            if state.in_flight > 0 || state.direction != Direction::Always {
                return Err(illegal("there are steps left to run"));
            }
            state.direction = Direction::Ended;
            state.outcome = Some(*outcome);
        }
    }
    Ok(())
}

pub(super) fn find(state: &State, event: &Event, path: &str) -> Result<InstId, IllegalEvent> {
    let id = state.by_path.get(path).copied();
    id.ok_or_else(|| IllegalEvent::new(event, format!("the plan has no step `{path}`")))
}

/// Somebody says why the window does not hold. Where that takes a second person, nothing begins until they have answered.
fn overrides(state: &mut State, why: Option<&String>) {
    let Some(why) = why else { return };
    state.override_why = Some(why.clone());
    if let Some(gate) = state.override_gate {
        let inst = &mut state.insts[gate];
        (inst.status, inst.verdict, inst.reason, inst.then) = (Status::Pending, None, None, None);
        state.active.remove(&gate);
        state.again.insert(gate);
    }
}

fn is_to_begin(state: &State, id: InstId) -> bool {
    matches!(state.insts[id].status, Status::Pending | Status::Waiting { .. })
}

/// The second press of Ctrl-C: the run backs out, whatever made it stop before.
fn back_out(state: &mut State) {
    match &mut state.halt {
        Some((_, then)) => *then = Then::Rollback,
        None => {
            let reason = "the operator stopped the run".to_string();
            let cause = Cause { path: String::new(), kind: CauseKind::Interrupt, reason };
            state.halt = Some((cause, Then::Rollback));
        }
    }
}

/// What a probe said before says nothing about a later attempt, and a sample nobody saw ends a row of good ones.
fn forget_samples(state: &mut State, id: InstId) {
    state.insts[id].streak = 0;
    if let Some(probe) = state.insts[id].probe_inst {
        let probe = &mut state.insts[probe];
        (probe.status, probe.verdict, probe.done) = (Status::Pending, None, None);
    }
}

pub(super) fn open_block(
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

fn start(state: &mut State, event: &Event, started: &StepStarted) -> Result<(), IllegalEvent> {
    let id = find(state, event, &started.path)?;
    let is_task = state.makes_attempts(id);
    let inst = &mut state.insts[id];
    let ready =
        matches!(inst.status, Status::Pending | Status::Waiting { .. } | Status::Pausing { .. } | Status::InDoubt);
    if !is_task || !ready || started.attempt != inst.attempt + 1 {
        return Err(IllegalEvent::new(event, "the step is not ready for this attempt"));
    }
    inst.status = Status::Running;
    inst.attempt = started.attempt;
    inst.undo = inst.undo.take().or_else(|| started.undo.clone());
    inst.poll_until_us = inst.poll_until_us.or(started.poll_until_us);
    state.active.insert(id);
    state.in_flight += 1;
    if started.attempt == 1 {
        state.insts[id].began_us = started.at_us;
        arm(state, id);
    }
    Ok(())
}

fn answered(
    state: &mut State,
    event: &Event,
    id: InstId,
    answer: Answer,
    by: &str,
    reason: Option<&str>,
) -> Result<(), IllegalEvent> {
    let Status::Asking(asked) = &state.insts[id].status else {
        return Err(IllegalEvent::new(event, "nothing was asked"));
    };
    let waived = asked.waived.clone().filter(|_| waiver::is_by_another(state, id));
    let (question, title) = (asked.question, asked.title.clone());
    let words = |what: &str| match reason {
        Some(reason) => format!("{what} by {by}: {reason}"),
        None => format!("{what} by {by}"),
    };
    let inst = &mut state.insts[id];
    match (question, answer) {
        (Question::Checkpoint, Answer::Go) | (Question::Manual | Question::InDoubt, Answer::Done) => {
            let saved = saved_of(event);
            finish(state, id, Verdict::Pass, Some(words("answered")), None, &saved);
        }
        (Question::Checkpoint, Answer::NoGo) => no_go(state, id, words(&format!("NO-GO to `{title}`"))),
        (Question::Manual, Answer::NoGo | Answer::Failed) if waived.is_some() => {
            let reason = waived.map(|waiver| format!("{waiver} ({})", words("not done")));
            finish(state, id, Verdict::Warn, reason, Some(Then::Continue), &Map::new());
        }
        (Question::Manual, Answer::NoGo | Answer::Failed) => no_go(state, id, words(&format!("not done: `{title}`"))),
        (Question::Ruling, Answer::Go | Answer::BackOut | Answer::Stop) => {
            let what = if answer == Answer::Go { "accepted" } else { "stopped" };
            ruling::answered(state, id, answer, words(what));
        }
        (Question::InDoubt, Answer::Again) => inst.status = Status::Pausing { until_us: 0 },
        (Question::InDoubt, Answer::Failed) => {
            inst.verdict_of_person = Some((None, words("said to have failed")));
            inst.status = Status::Answered;
        }
        (Question::Failure, Answer::Again) => {
            // Sampling gets its whole time again.
            (inst.poll_until_us, inst.streak) = (None, 0);
            inst.status = Status::Pausing { until_us: 0 };
        }
        (Question::Failure, Answer::Skip | Answer::BackOut | Answer::Stop) => {
            let (then, what) = match answer {
                Answer::Skip => (Then::Continue, "failure accepted"),
                Answer::BackOut => (Then::Rollback, "backed out"),
                _ => (Then::Stop, "stopped"),
            };
            inst.verdict_of_person = Some((Some(then), words(what)));
            inst.status = Status::Answered;
        }
        _ => return Err(IllegalEvent::new(event, "this answer does not fit the question")),
    }
    Ok(())
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

/// Whether a metric is made of the durations of its requests.
fn is_measured(state: &State, id: InstId) -> bool {
    let name = &state.node_of(id).id;
    state
        .plan
        .metrics
        .iter()
        .any(|metric| matches!(&metric.source, MetricSource::LatencyOf { step, .. } if step == name))
}

fn saved_of(event: &Event) -> Map<String, Value> {
    match event {
        Event::Answered { evidence, .. } => evidence.clone(),
        _ => Map::new(),
    }
}

fn no_go(state: &mut State, id: InstId, reason: String) {
    let path = state.insts[id].path.clone();
    let cause = Cause { path, kind: CauseKind::NoGo, reason: reason.clone() };
    // A no is never passed over: what is declared only says whether to keep or to take back.
    let then = if no_backs_out(state, id) { Then::Rollback } else { Then::Stop };
    let forward = state.direction == Direction::Forward;
    finish(state, id, Verdict::Fail, Some(reason), forward.then_some(then), &Map::new());
    // `finish` noted a plain failure; a no is its own kind of trigger.
    if forward && state.halt.as_ref().is_some_and(|(c, _)| c.path == cause.path) {
        state.halt = Some((cause, then));
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
