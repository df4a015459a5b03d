//! Going through a tree of blocks: what starts next, and when a block is over.

use super::begin::{intent, title};
use super::event::{Asked, Event, Question, Then, Verdict};
use super::judge::{failed, judge, then_of};
use super::names::{Names, show};
use super::state::{InstId, State, Status, Timestamp};
use super::{gate, look, schedule, waiver};
use crate::plan::model::{Binding, ForEach, Items, NodeKind, Template};
use crate::runbook::model::Severity;
use serde_json::{Map, Value};

/// The next event inside a begun block, if it has one now.
pub(super) fn advance(state: &State, id: InstId, now: Timestamp) -> Option<Event> {
    let inst = &state.insts[id];
    match &inst.status {
        Status::Pending | Status::Waiting { .. } if state.makes_attempts(id) && look::keeps_back(state, id, now) => {
            None
        }
        Status::Pending => Some(begin(state, id, now)),
        Status::Waiting { due_wall_us } if now.wall_us >= *due_wall_us => match &state.node_of(id).kind {
            NodeKind::WaitUntil(_) => look::ends(state, id, begin(state, id, now), now),
            _ => Some(begin(state, id, now)),
        },
        Status::Running if state.is_block(id) => match &state.node_of(id).kind {
            NodeKind::Sequence(_) | NodeKind::Stages(_) => sequence(state, id, now),
            NodeKind::Parallel { max, collect, .. } => {
                group(state, id, max.map_or(usize::MAX, |m| m as usize), *collect, now)
            }
            NodeKind::ForEach(each) => group(state, id, each.parallel as usize, each.collect, now),
            NodeKind::Rounds(_) => group(state, id, 1, false, now),
            NodeKind::Run { outputs, .. } => included(state, id, outputs, now),
            _ => None,
        },
        Status::Pausing { until_us } if now.run_us >= *until_us => resume_pause(state, id, now),
        _ => None,
    }
}

/// The pause of a wait, a retry or a poll is over.
fn resume_pause(state: &State, id: InstId, now: Timestamp) -> Option<Event> {
    match &state.node_of(id).kind {
        NodeKind::Audit(_) => Some(judge(state, id, now)),
        _ if state.makes_attempts(id) => Some(start_task(state, id, now)),
        _ => look::ends(state, id, wait_is_over(state, id), now),
    }
}

fn wait_is_over(state: &State, id: InstId) -> Event {
    let path = state.insts[id].path.clone();
    Event::StepFinished { path, verdict: Verdict::Pass, reason: None, then: None, saved: Map::new() }
}

pub(super) fn start_task(state: &State, id: InstId, now: Timestamp) -> Event {
    match intent(state, id, now) {
        Ok(started) => Event::StepStarted(Box::new(started)),
        Err(trouble) => failed(state, id, Verdict::Fail, trouble),
    }
}

fn begin(state: &State, id: InstId, now: Timestamp) -> Event {
    let node = state.node_of(id);
    let path = state.insts[id].path.clone();
    let names = Names::of(state, id);
    if let Some(when) = &node.when {
        match names.condition(when) {
            Ok(true) => {}
            Ok(false) => return Event::Skipped { path, reason: format!("not {}", when.text.trim()) },
            Err(trouble) => return failed_to_begin(state, id, trouble),
        }
    }
    match schedule::hold(state, id, now) {
        Ok(None) => {}
        Ok(Some(event)) => return event,
        Err(words) => return failed_to_begin(state, id, words),
    }
    match &node.kind {
        NodeKind::Sequence(_) | NodeKind::Parallel { .. } | NodeKind::Stages(_) => {
            Event::BlockStarted { path, items: None, inputs: None }
        }
        NodeKind::ForEach(each) => match items(&names, each) {
            Ok(items) if items.is_empty() => {
                let reason = "the list is empty, so nothing was done".to_string();
                block_over(state, id, Verdict::Inconclusive, reason)
            }
            Ok(items) => Event::BlockStarted { path, items: Some(items), inputs: None },
            Err(trouble) => failed_to_begin(state, id, trouble),
        },
        NodeKind::Rounds(rounds) => {
            Event::BlockStarted { path, items: Some(schedule::rounds(rounds, now)), inputs: None }
        }
        NodeKind::Run { inner, .. } => match inputs(&names, state, *inner) {
            Ok(inputs) => Event::BlockStarted { path, items: None, inputs: Some(inputs) },
            Err(trouble) => failed_to_begin(state, id, trouble),
        },
        NodeKind::Task(_) | NodeKind::Decide(_) | NodeKind::Baseline(_) | NodeKind::Watch(_) => {
            start_task(state, id, now)
        }
        NodeKind::Manual { words, evidence } => match names.text(words) {
            Ok(words) => Event::Asked(Box::new(Asked {
                wanted: evidence.clone(),
                waived: waiver::of_manual(state, id, now),
                watched: state.insts[id].guard_inst.is_some(),
                ..Asked::new(path, Question::Manual, words)
            })),
            Err(trouble) => failed(state, id, Verdict::Fail, trouble),
        },
        NodeKind::Checkpoint { .. } => match checkpoint(state, id, now) {
            Ok(asked) => Event::Asked(Box::new(asked)),
            Err(trouble) => failed(state, id, Verdict::Fail, trouble),
        },
        NodeKind::Wait(pause) => match names.duration_us(pause) {
            Ok(pause) => Event::WaitStarted { path, until_us: now.run_us + pause },
            Err(trouble) => failed(state, id, Verdict::Fail, trouble),
        },
        NodeKind::Set(values) => match set(&names, values) {
            Ok(saved) => Event::StepFinished { path, verdict: Verdict::Pass, reason: None, then: None, saved },
            Err(trouble) => failed(state, id, Verdict::Fail, trouble),
        },
        NodeKind::Audit(_) => judge(state, id, now),
        NodeKind::WaitUntil(_) => wait_is_over(state, id),
    }
}

fn failed_to_begin(state: &State, id: InstId, trouble: String) -> Event {
    if !state.is_block(id) {
        return failed(state, id, Verdict::Fail, trouble);
    }
    block_over(state, id, Verdict::Fail, trouble)
}

/// A block that did not pass.
pub(super) fn block_over(state: &State, id: InstId, verdict: Verdict, reason: String) -> Event {
    let soft = state.node_of(id).severity == Severity::Warn;
    let verdict = if soft && verdict == Verdict::Fail { Verdict::Warn } else { verdict };
    let path = state.insts[id].path.clone();
    Event::BlockFinished { path, verdict, reason: Some(reason), then: then_of(state, id), saved: Map::new() }
}

fn set(names: &Names<'_>, values: &[(String, Template)]) -> Result<Map<String, Value>, String> {
    values.iter().map(|(name, expression)| Ok((name.clone(), names.expr(expression)?))).collect()
}

fn checkpoint(state: &State, id: InstId, now: Timestamp) -> Result<Asked, String> {
    let NodeKind::Checkpoint { title, show, timeout, gate } = &state.node_of(id).kind else {
        return Err("only a checkpoint asks for a GO".into());
    };
    let names = Names::of(state, id);
    let evidence = show.iter().map(|(label, value)| Ok((label.clone(), names.text(value)?)));
    let mut evidence = evidence.collect::<Result<Vec<_>, String>>()?;
    let why = state.override_why.as_ref().filter(|_| state.override_gate == Some(id));
    evidence.extend(why.map(|why| ("why".to_string(), why.clone())));
    let expires = timeout.as_ref().map(|t| names.duration_us(t)).transpose()?;
    Ok(Asked {
        evidence,
        expires_wall_us: expires.map(|us| now.wall_us.saturating_add(us as i64)),
        roles: gate.roles.clone(),
        people: gate.people.clone(),
        phrase: gate.phrase.clone(),
        good_for_us: gate.good_for_us,
        reference: gate.reference,
        red: gate::red(state, id),
        watched: state.insts[id].guard_inst.is_some(),
        ..Asked::new(state.insts[id].path.clone(), Question::Checkpoint, names.text(title)?)
    })
}

/// Asks a person what became of a step nobody saw the end of.
pub(super) fn ask_in_doubt(state: &State, id: InstId, why: &str) -> Event {
    let words = format!("`{}` was running when the tool stopped{why}: did it happen?", title(state, id));
    Event::Asked(Box::new(Asked::new(state.insts[id].path.clone(), Question::InDoubt, words)))
}

fn items(names: &Names<'_>, each: &ForEach) -> Result<Vec<(String, Value)>, String> {
    let values = match &each.items {
        Items::Known(values) => values.clone(),
        Items::Later(expression) => match names.value(expression)? {
            Value::Array(values) => values,
            other => return Err(format!("`in:` needs a list, not `{}` ({})", show(&other), expression.at)),
        },
    };
    if let Some(max) = each.max
        && values.len() > max as usize
    {
        return Err(format!("the list has {} items and `max:` allows {max}", values.len()));
    }
    let mut keyed: Vec<(String, Value)> = Vec::with_capacity(values.len());
    for (position, value) in values.into_iter().enumerate() {
        let wanted = match &value {
            _ if each.key.is_some() => {
                let key = each.key.as_ref().map(|key| names.with(&each.name, &value).expr(key));
                path_key(&show(&key.transpose()?.unwrap_or_default()))
            }
            Value::String(_) | Value::Number(_) => path_key(&show(&value)),
            Value::Object(map) => {
                map.get("name").or_else(|| map.get("id")).map(|v| path_key(&show(v))).unwrap_or_default()
            }
            _ => String::new(),
        };
        keyed.push((free_key(&keyed, wanted, position + 1), value));
    }
    Ok(keyed)
}

/// The wanted key, or where it is taken one with the item's position.
fn free_key(keyed: &[(String, Value)], wanted: String, position: usize) -> String {
    let taken = |key: &String| key.is_empty() || keyed.iter().any(|(k, _)| k == key);
    let mut key = wanted;
    while taken(&key) {
        key = if key.is_empty() { position.to_string() } else { format!("{key}-{position}") };
    }
    key
}

/// Keys stand in paths: letters, digits, `-`, `_` and `.`, at most 40.
fn path_key(text: &str) -> String {
    let ok = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.chars().map(|c| if ok(c) { c } else { '_' }).take(40).collect()
}

fn inputs(names: &Names<'_>, state: &State, inner: usize) -> Result<Map<String, Value>, String> {
    let mut values = Map::new();
    for input in &state.plan.scopes[inner].inputs {
        let value = match &input.value {
            Binding::Known(value) => value.clone(),
            Binding::Later { template, pattern, choices } => {
                let value = names.value(template)?;
                crate::plan::inputs::conform(&input.name, input.kind, pattern.as_deref(), choices, value)
                    .map_err(|wrong| format!("{wrong} ({})", template.at))?
            }
        };
        values.insert(input.name.clone(), value);
    }
    Ok(values)
}

fn sequence(state: &State, id: InstId, now: Timestamp) -> Option<Event> {
    let inst = &state.insts[id];
    let to_the_end = goes_to_the_end(state, id);
    let next = inst.children.get(inst.cursor);
    // A sequence that stops at the first failure can only have failed at its last finished member.
    let looked_at = if to_the_end { 0 } else { inst.cursor.saturating_sub(1) };
    let broken = inst.children[looked_at..inst.cursor].iter().find(|c| stops(state, **c));
    match (broken, next) {
        (Some(broken), next) if !to_the_end || next.is_none() => Some(block_failed(state, id, *broken)),
        (_, Some(child)) => advance(state, *child, now),
        (_, None) => look::ends(state, id, block_passed(state, id, Map::new()), now),
    }
}

/// In an `always`, a failure keeps nothing else from being tried; a runbook included there keeps its own order.
fn goes_to_the_end(state: &State, id: InstId) -> bool {
    let mut at = id;
    while let Some(parent) = state.insts[at].parent {
        if matches!(state.node_of(parent).kind, NodeKind::Run { .. }) {
            return state.insts[parent].children.get(1) == Some(&at);
        }
        at = parent;
    }
    Some(at) == state.always
}

/// Whether a finished member keeps the ones after it from starting.
fn stops(state: &State, id: InstId) -> bool {
    let inst = &state.insts[id];
    inst.verdict.is_some_and(|v| !v.lets_go_on()) && inst.then != Some(Then::Continue)
}

fn group(state: &State, id: InstId, max: usize, collect: bool, now: Timestamp) -> Option<Event> {
    let inst = &state.insts[id];
    let mut running = 0;
    let mut broken = None;
    let mut waiting = None;
    let goes_on = collect || goes_to_the_end(state, id);
    for child in &inst.children {
        match &state.insts[*child].status {
            Status::Finished => broken = broken.or(stops(state, *child).then_some(*child)),
            Status::Pending => waiting = waiting.or(Some(*child)),
            Status::Waiting { .. } if broken.is_some() && !goes_on => {
                let reason = "another member failed before its time came".to_string();
                return Some(Event::Skipped { path: state.insts[*child].path.clone(), reason });
            }
            _ => {
                running += 1;
                if let Some(event) = advance(state, *child, now) {
                    return Some(event);
                }
            }
        }
    }
    let may_start = broken.is_none() || goes_on;
    match waiting {
        Some(child) if may_start && running < max.max(1) => advance(state, child, now),
        _ if running > 0 => None,
        _ => match broken {
            Some(broken) => Some(block_failed(state, id, broken)),
            None => look::ends(state, id, block_passed(state, id, Map::new()), now),
        },
    }
}

/// An included runbook: its phases, then on every path its `always`, then its outputs.
fn included(state: &State, id: InstId, outputs: &[(String, Template)], now: Timestamp) -> Option<Event> {
    let inst = &state.insts[id];
    if let Some(child) = inst.children.get(inst.cursor) {
        return advance(state, *child, now);
    }
    if let Some(broken) = inst.children.iter().find(|c| stops(state, **c)) {
        return Some(block_failed(state, id, *broken));
    }
    let inner = state.insts[inst.children[0]].scope;
    match set(&Names::in_scope(state, inner), outputs) {
        Ok(saved) => look::ends(state, id, block_passed(state, id, saved), now),
        Err(trouble) => Some(failed_to_begin(state, id, trouble)),
    }
}

fn block_passed(state: &State, id: InstId, saved: Map<String, Value>) -> Event {
    let path = state.insts[id].path.clone();
    Event::BlockFinished { path, verdict: Verdict::Pass, reason: None, then: None, saved }
}

fn block_failed(state: &State, id: InstId, child: InstId) -> Event {
    let child = &state.insts[child];
    let why = child.reason.clone().unwrap_or_default();
    // The innermost reason is the one people need; blocks around it pass it on.
    let reason = if state.by_path.get(&child.path).is_some_and(|c| state.is_block(*c)) {
        why
    } else {
        format!("{}: {why}", child.path)
    };
    block_over(state, id, Verdict::Fail, reason)
}
