//! What tables say as part of the state: looks, rulings, and the answers to what they ask.

use super::apply::{find, finish};
use super::event::{About, Answer, Asked, Cause, CauseKind, Direction, Event, Then, Verdict};
use super::look::{Lookout, Said, is_held, look_time, looks_back, remember, with_baselines};
use super::state::{IllegalEvent, InstId, State, Status};
use crate::decide::{self, Because, Concern, Issue, Ruling, Table};
use crate::plan::model::NodeKind;
use serde_json::Map;

/// One of the events that tables make.
pub(super) fn apply(state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
    let illegal = |met: &str| IllegalEvent::new(event, met);
    match event {
        Event::Looked { path, at_us, samples, ruling, cause, because, again_us, run_us } => {
            let id = find(state, event, path)?;
            if state.insts[id].status != Status::Answered {
                return Err(illegal("nothing was read"));
            }
            let time = look_time(state, id, *at_us, *run_us);
            let plan = state.plan.clone();
            let node = plan.node(state.insts[id].node);
            // The ruling stands in the event; what the table remembers is folded again from the samples.
            let concerns = match &node.kind {
                NodeKind::Decide(decision) => {
                    let memory = std::mem::take(&mut state.insts[id].lookout.memory);
                    let mut memory = with_baselines(state, id, memory);
                    let table = &decision.table;
                    let lookout = &mut state.insts[id].lookout;
                    let asked: Vec<Issue> = lookout.asked.iter().map(|about| about.issue.clone()).collect();
                    let found = decide::remember(table, &mut memory, samples, time.when, &lookout.accepted, &asked);
                    lookout.memory = memory;
                    (lookout.accepted, lookout.standing) = (found.accepted, found.asked);
                    lookout.held_since_us = match is_held(&decision.table, *cause) {
                        true => lookout.held_since_us.or(*run_us),
                        false => None,
                    };
                    lookout.began_wall_us = at_us.saturating_sub(time.when.reading_us) as i64;
                    lookout.judged_us = run_us.unwrap_or(0);
                    lookout.reading_us = time.when.reading_us;
                    lookout.began_us = lookout.judged_us.saturating_sub(time.when.reading_us);
                    concerns(table, found.concerns, *ruling, *cause)
                }
                NodeKind::Baseline(_) => {
                    state.insts[id].lookout.taken.push((time.when.now_us, samples.clone()));
                    Vec::new()
                }
                _ => return Err(illegal("it does not look at metrics")),
            };
            let inst = &mut state.insts[id];
            let lookout = &mut inst.lookout;
            let back_us = |name: &str| looks_back(&plan, node.scope, name);
            if time.lost {
                lookout.forget_counts(back_us);
            }
            if let Some(done) = &inst.done {
                remember(lookout, done, time.when.now_us, back_us);
            }
            lookout.clock.looked(&time, *run_us);
            let escalates = concerns.iter().any(|concern| concern.ruling == Ruling::Escalate);
            if lookout.standing.is_empty() && !escalates {
                lookout.level = 0;
            }
            let fresh = again_us.is_none();
            lookout.said = Some(Said { ruling: *ruling, cause: *cause, concerns, because: because.clone(), fresh });
            if let Some(until_us) = again_us {
                inst.status = Status::Pausing { until_us: *until_us };
            }
        }
        Event::Extended { path, until_us, again_us, .. } => {
            let id = find(state, event, path)?;
            let inst = &mut state.insts[id];
            if inst.status != Status::Answered {
                return Err(illegal("it has not looked"));
            }
            inst.poll_until_us = Some(*until_us);
            inst.lookout.extended += 1;
            inst.lookout.said = None;
            inst.status = Status::Pausing { until_us: *again_us };
        }
        Event::Ruled { path, then, reason } => {
            let id = find(state, event, path)?;
            if state.direction != Direction::Forward || state.halt.is_some() {
                return Err(illegal("the run does not go forward any more"));
            }
            ruled(state, id, CauseKind::Rule, *then, reason.clone());
        }
        Event::Withdrawn { path, .. } => {
            let id = find(state, event, path)?;
            if state.asks_for(id).is_none() || !matches!(state.insts[id].status, Status::Asking(_)) {
                return Err(illegal("nothing was asked that could be withdrawn"));
            }
            if let Some(guard) = state.asks_for(id) {
                let Lookout { asked, standing, .. } = &mut *state.insts[guard].lookout;
                asked.retain(|about| standing.contains(&about.issue));
            }
            close_question(state, id);
        }
        _ => return Err(illegal("it is not about a table")),
    }
    Ok(())
}

/// What a look found, as its event says. A hold that has lasted for too long asks for what was declared for that.
fn concerns(table: &Table, mut found: Vec<Concern>, ruling: Ruling, cause: Because) -> Vec<Concern> {
    if is_held(table, cause) && ruling != Ruling::Hold {
        let held = |concern: &&mut Concern| is_held(table, concern.issue.cause());
        found.iter_mut().filter(held).for_each(|concern| concern.ruling = ruling);
    }
    found
}

/// A table asks: from now on it is known about what.
pub(super) fn asked(state: &mut State, id: InstId, asked: &Asked) {
    let looking = state.asks_for(id).unwrap_or(id);
    let lookout = &mut state.insts[looking].lookout;
    lookout.asked.clone_from(&asked.about);
    if asked.about.is_empty() {
        // Older logs do not say what was asked: it was what decided.
        let decided =
            lookout.said.iter().flat_map(|said| said.concerns.iter().filter(|c| c.issue.cause() == said.cause));
        let about = |concern: &Concern| About { issue: concern.issue.clone(), expires_wall_us: asked.expires_wall_us };
        lookout.asked = decided.map(about).collect();
    }
    lookout.standing = lookout.asked.iter().map(|about| about.issue.clone()).collect();
}

/// A person answered what a table asked.
pub(super) fn answered(state: &mut State, id: InstId, answer: Answer, words: String) {
    let then = match answer {
        Answer::Go => return accepted(state, id, words),
        Answer::BackOut => Then::Rollback,
        _ => Then::Stop,
    };
    ruled(state, id, CauseKind::NoGo, then, words);
}

/// Nobody answered: the next level of people is asked, or what was declared for this happens.
pub(super) fn expired(
    state: &mut State,
    event: &Event,
    id: InstId,
    unanswered: Then,
    title: &str,
) -> Result<(), IllegalEvent> {
    if unanswered != Then::Up {
        if state.direction != Direction::Forward || state.halt.is_some() {
            return Err(IllegalEvent::new(event, "the run does not go forward any more"));
        }
        ruled(state, id, CauseKind::Rule, unanswered, format!("{title}, and nobody answered in time"));
        return Ok(());
    }
    let guard = state.asks_for(id);
    let lookout = &mut state.insts[guard.unwrap_or(id)].lookout;
    lookout.level += 1;
    // The next level has a time of its own.
    let escalates = |issue: &Issue| {
        let concerns = lookout.said.iter().flat_map(|said| &said.concerns);
        concerns.into_iter().any(|concern| concern.issue == *issue && concern.ruling == Ruling::Escalate)
    };
    let escalated: Vec<bool> = lookout.asked.iter().map(|about| escalates(&about.issue)).collect();
    let both = lookout.asked.iter_mut().zip(escalated);
    both.filter(|(_, escalated)| *escalated).for_each(|(about, _)| about.expires_wall_us = None);
    match (guard, &mut lookout.said) {
        // A guard asks again by itself at its next turn.
        (Some(_), _) => close_question(state, id),
        (None, said) => {
            said.iter_mut().for_each(|said| said.fresh = true);
            state.insts[id].status = Status::Answered;
        }
    }
    Ok(())
}

/// A GO covers what stood in the question, and nothing that came since.
fn accepted(state: &mut State, id: InstId, words: String) {
    let guard = state.asks_for(id);
    let is_old = matches!(&state.insts[id].status, Status::Asking(asked) if asked.about.is_empty());
    if guard.is_none() && is_old {
        return finish(state, id, Verdict::Pass, Some(words), None, &Map::new());
    }
    let lookout = &mut state.insts[guard.unwrap_or(id)].lookout;
    let asked = std::mem::take(&mut lookout.asked).into_iter().map(|about| about.issue);
    lookout.accepted.extend(asked);
    (lookout.level, lookout.accepted_by) = (0, Some(words));
    lookout.standing.clear();
    match guard {
        Some(_) => close_question(state, id),
        // Nobody looked while it asked: it does so at once, and goes on until its time is over.
        None => {
            lookout.said = None;
            state.insts[id].status = Status::Pausing { until_us: 0 };
        }
    }
}

fn close_question(state: &mut State, id: InstId) {
    state.insts[id].status = Status::Pending;
    state.active.remove(&id);
}

/// Going forward ends here. A `decide` step fails with it; what a guard stands beside is ended by whoever drives.
fn ruled(state: &mut State, id: InstId, kind: CauseKind, then: Then, reason: String) {
    let looking = state.asks_for(id).unwrap_or(id);
    let cause = Cause { path: state.insts[looking].path.clone(), kind, reason: reason.clone() };
    if state.halt.is_none() {
        state.halt = Some((cause, then));
    }
    if !state.is_guard(looking) {
        finish(state, looking, Verdict::Fail, Some(reason), Some(then), &Map::new());
    }
}
