//! When things begin: marks around T, rounds, what comes too late and what was missed.
//!
//! Nothing that waits for its time has begun. Time comes only with `now`; what depends on it stands in the events.

use super::event::{Event, Verdict};
use super::state::{IllegalEvent, InstId, State, Status, Timestamp};
use super::window;
use crate::plan::model::{NodeId, NodeKind, Plan, Rounds};
use crate::plan::paths;
use crate::plan::units::duration_words;
use serde_json::{Map, Value, json};

/// What begins this much later than its mark was missed, in microseconds.
const TOLERANCE_US: i64 = 60_000_000;

/// The time a person or a machine would have to be away for leaving to be worth it, in microseconds.
const WORTH_LEAVING_US: i64 = 120_000_000;

/// T: what marks count from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zero {
    /// T in microseconds since 1970, once the run began.
    pub at_us: Option<i64>,
    /// What T is the end of has just ended; when is not said yet.
    pub ended: Option<String>,
    /// T is that end.
    pub moved: bool,
    /// Why what T is the end of has no end.
    pub missing: Option<String>,
}

impl Zero {
    /// T as planned, else the start of the run.
    pub(super) fn planned(plan: &Plan, started: &str) -> Zero {
        let time = plan.schedule.anchor.as_ref().and_then(|anchor| anchor.time.as_deref()).unwrap_or(started);
        let at = time.parse::<jiff::Timestamp>().ok();
        Zero { at_us: at.map(jiff::Timestamp::as_microsecond), ..Zero::default() }
    }
}

/// What comes before the begin of an instance, if anything does.
///
/// # Errors
/// Why it may not begin any more.
pub(super) fn hold(state: &State, id: InstId, now: Timestamp) -> Result<Option<Event>, String> {
    if let Some(words) = too_late(state, id, now) {
        return Err(words);
    }
    let due = due(state, id)?;
    // The window is asked about the moment it would begin, which is known unless T may still move.
    let is_known = due.is_none_or(|due| due <= now.wall_us) || !may_move(state);
    let begins_us = due.unwrap_or(now.wall_us).max(now.wall_us);
    if let Some(no) = window::closes(state, id, begins_us).filter(|_| is_known) {
        return Ok(Some(no));
    }
    let Some(due_wall_us) = due else { return Ok(None) };
    let path = state.insts[id].path.clone();
    if now.wall_us < due_wall_us {
        return Ok(Some(Event::Held { path, due_wall_us }));
    }
    let late_us = now.wall_us - due_wall_us;
    let overtaken = next_round(state, id).is_some_and(|next| now.wall_us >= next);
    if (late_us > TOLERANCE_US || overtaken) && state.insts[id].missed_us.is_none() {
        return Ok(Some(Event::Missed { path, due_wall_us, late_us: late_us as u64 }));
    }
    Ok(overtaken.then(|| {
        let reason = format!("missed: due at {}, and the next round is due already", said(due_wall_us));
        let (verdict, saved) = (Verdict::Warn, Map::new());
        Event::BlockFinished { path, verdict, reason: Some(reason), then: None, saved }
    }))
}

/// When it is due in microseconds since 1970; none when it may begin at any time.
fn due(state: &State, id: InstId) -> Result<Option<i64>, String> {
    if let Some(due) = state.insts[id].due_wall_us {
        return Ok(Some(due));
    }
    let node = state.node_of(id);
    let until = match &node.kind {
        NodeKind::WaitUntil(until) => Some(until.mark_us),
        _ => None,
    };
    match (node.marks.at_us.max(until), state.zero.at_us) {
        (Some(_), _) if is_bound(state, id) && state.zero.missing.is_some() => {
            Err(state.zero.missing.clone().unwrap_or_default())
        }
        (Some(mark), Some(zero)) if is_bound(state, id) => Ok(Some(zero.saturating_add(mark))),
        (Some(_), None) if is_bound(state, id) => Err("nobody said what T is".into()),
        _ => Ok(None),
    }
}

/// Marks bind what goes forward. A runbook that is included where things are taken back does not wait there.
fn is_bound(state: &State, id: InstId) -> bool {
    state.root_of(id) == state.forward
}

/// Whether T is the end of something that has not ended yet.
fn may_move(state: &State) -> bool {
    state.plan.schedule.anchor.as_ref().is_some_and(|anchor| anchor.end_of.is_some()) && !state.zero.moved
}

/// The first change after a pause is asked for what is around it as well: what has only looked so far has not begun.
fn too_late(state: &State, id: InstId, now: Timestamp) -> Option<String> {
    let asks_again = window::asks_again(state, id);
    let around = std::iter::successors(Some(id), |at| state.insts[*at].parent);
    let mut asked = around.take_while(|at| *at == id || (asks_again && !has_changed(state, *at)));
    asked.find_map(|at| later_than_its_mark(state, at, now))
}

fn later_than_its_mark(state: &State, id: InstId, now: Timestamp) -> Option<String> {
    let mark = state.node_of(id).marks.not_after_us.filter(|_| is_bound(state, id))?;
    if state.zero.missing.is_some() {
        return state.zero.missing.clone();
    }
    let Some(zero) = state.zero.at_us else { return Some("nobody said what T is".into()) };
    let latest = zero.saturating_add(mark);
    let late_us = u64::try_from(now.wall_us - latest).ok().filter(|late| *late > 0)?;
    Some(format!("it may not begin after {}, and it is {} later", said(latest), duration_words(late_us)))
}

/// Whether any change has begun in a block.
fn has_changed(state: &State, id: InstId) -> bool {
    let begun = |id: InstId| !matches!(state.insts[id].status, Status::Pending | Status::Waiting { .. });
    (window::is_change(state, id) && begun(id) && state.insts[id].verdict != Some(Verdict::Skipped))
        || state.insts[id].children.iter().any(|child| has_changed(state, *child))
}

/// When the round after this one is due.
fn next_round(state: &State, id: InstId) -> Option<i64> {
    state.insts[id].due_wall_us?;
    let siblings = &state.insts[state.insts[id].parent?].children;
    let at = siblings.iter().position(|sibling| *sibling == id)?;
    state.insts[*siblings.get(at + 1)?].due_wall_us
}

/// The rounds of a block that begins now: number and when each is due.
pub(super) fn rounds(rounds: &Rounds, now: Timestamp) -> Vec<(String, Value)> {
    let due = |after_us: u64| now.wall_us.saturating_add(after_us as i64);
    let numbered = rounds.due_us().into_iter().zip(1_u32..);
    numbered.map(|(after_us, n)| (n.to_string(), json!({ "number": n, "due": clock(due(after_us)) }))).collect()
}

/// When the round is due that an item of `rounds` stands for.
pub(super) fn due_of(round: &Value) -> Option<i64> {
    round["due"].as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

/// T is now, when what it is the end of has ended.
pub(super) fn anchored(state: &State, now: Timestamp) -> Option<Event> {
    let path = state.zero.ended.clone()?;
    Some(Event::Anchored { path, at_wall_us: now.wall_us })
}

/// Notes that an instance has ended, if T is its end: of one in several items each end moves T, so that the last one counts.
pub(super) fn ended(state: &mut State, id: InstId, verdict: Verdict) {
    // A plan without such an anchor pays nothing here.
    let Some(anchor) = state.plan.schedule.anchor.as_ref().filter(|anchor| anchor.end_of.is_some()) else { return };
    let end_of = anchor.end_of.clone().unwrap_or_default();
    let node = state.insts[id].node;
    if state.insts[id].owner.is_some() || state.root_of(id) != state.forward {
        return;
    }
    if is_end_of(state, node, &end_of) && verdict.lets_go_on() && verdict != Verdict::Skipped {
        state.zero.ended = Some(state.insts[id].path.clone());
        state.zero.missing = None;
    } else if anchor.time.is_none()
        && (verdict == Verdict::Skipped || !verdict.lets_go_on())
        && !state.zero.moved
        && state.zero.ended.is_none()
        && holds(state, node, &end_of)
    {
        let what = if verdict == Verdict::Skipped { "was skipped" } else { "did not pass" };
        state.zero.missing =
            Some(format!("T is the end of `{end_of}`, and that {what}, so nobody can say when this is due"));
    }
}

/// Whether a node is what T is the end of: a phase of the runbook that is run, else a step of it.
fn is_end_of(state: &State, node: NodeId, end_of: &str) -> bool {
    let (plan, is_it) = (&state.plan, |node: NodeId| state.plan.node(node).id == end_of);
    let phases = paths::members(plan, plan.forward);
    match phases.iter().any(|phase| is_it(*phase)) {
        true => phases.contains(&node) && is_it(node),
        false => is_it(node) && plan.node(node).scope == plan.node(plan.forward).scope,
    }
}

fn holds(state: &State, node: NodeId, end_of: &str) -> bool {
    is_end_of(state, node, end_of) || paths::members(&state.plan, node).iter().any(|part| holds(state, *part, end_of))
}

/// The part of `apply` that is about time.
pub(super) fn apply(state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
    let illegal = |met: &str| IllegalEvent::new(event, met);
    match event {
        Event::Anchored { at_wall_us, .. } => {
            if state.zero.ended.is_none() {
                return Err(illegal("nothing has ended that T is the end of"));
            }
            state.zero = Zero { at_us: Some(*at_wall_us), ended: None, moved: true, missing: None };
            // Whoever waits looks at the time again.
            for id in state.active.clone() {
                if let Status::Waiting { due_wall_us } = &mut state.insts[id].status {
                    *due_wall_us = 0;
                }
            }
        }
        Event::Held { path, due_wall_us } => {
            let id = not_begun(state, event, path)?;
            state.insts[id].status = Status::Waiting { due_wall_us: *due_wall_us };
            state.active.insert(id);
        }
        Event::Missed { path, late_us, .. } => {
            let id = not_begun(state, event, path)?;
            if state.insts[id].missed_us.replace(*late_us).is_some() {
                return Err(illegal("it was missed already"));
            }
        }
        _ => {}
    }
    Ok(())
}

fn not_begun(state: &State, event: &Event, path: &str) -> Result<InstId, IllegalEvent> {
    let id = super::apply::find(state, event, path)?;
    match state.insts[id].status {
        Status::Pending | Status::Waiting { .. } => Ok(id),
        _ => Err(IllegalEvent::new(event, "it has begun already")),
    }
}

/// What waits for its time in a part that the run has turned away from does not wait any more.
pub(super) fn let_go(state: &mut State) {
    let waits = |id: &InstId| matches!(state.insts[*id].status, Status::Waiting { .. });
    let forward = |id: &InstId| state.root_of(*id) == state.forward;
    let given_up: Vec<InstId> = state.active.iter().copied().filter(|id| waits(id) && forward(id)).collect();
    for id in given_up {
        state.insts[id].status = Status::Pending;
        state.active.remove(&id);
    }
}

/// When the driver may leave and come back later: nothing runs, nobody is asked, no table looks, and it is worth it.
pub(super) fn may_leave_until(state: &State, now_wall_us: i64) -> Option<i64> {
    let (run, wall) = state.deadlines();
    let asks = !state.questions().is_empty();
    if state.in_flight > 0 || !state.armed.is_empty() || run.is_some() || asks {
        return None;
    }
    wall.filter(|due| due.saturating_sub(now_wall_us) > WORTH_LEAVING_US)
}

/// A moment for people, to the second.
fn said(wall_us: i64) -> String {
    clock(wall_us - wall_us.rem_euclid(1_000_000))
}

/// `2026-03-02T02:00:00Z`, exact.
fn clock(wall_us: i64) -> String {
    jiff::Timestamp::from_microsecond(wall_us).map_or_else(|_| format!("{wall_us} us"), |at| at.to_string())
}
