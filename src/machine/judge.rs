//! From the world's answer to a verdict: the kind's own rule, then `expect`, then `save`, then retries and polls.

use super::action::{CAPTURE_LIMIT, Done, Ended};
use super::begin::task_of;
use super::event::{Asked, Event, Question, Then, Verdict};
use super::names::{Names, show};
use super::state::{InstId, Settled, State, Timestamp};
use super::trail;
use crate::plan::model::{Act, NodeKind, Retry, Task, Template};
use crate::plan::units::duration_words;
use crate::runbook::model::{OnFailure, Severity};
use serde_json::{Map, Value};

/// The one decision an answered attempt leads to.
pub(super) fn judge(state: &State, id: InstId, now: Timestamp) -> Event {
    let inst = &state.insts[id];
    if let Some(settled) = &inst.settled {
        let Settled { verdict, reason, then, saved } = settled.as_ref().clone();
        return finished(state, id, verdict, reason, then, saved);
    }
    if let Some((then, reason)) = &inst.verdict_of_person {
        return match then {
            Some(then) => finished(state, id, Verdict::Fail, Some(reason.clone()), Some(*then), Map::new()),
            None => failed(state, id, Verdict::Fail, reason.clone()),
        };
    }
    if let Some(event) = super::look::judge(state, id, now) {
        return event;
    }
    if let NodeKind::Watch(wanted) = &state.node_of(id).kind {
        return match super::watch::weigh(wanted, &inst.done.clone().unwrap_or_default()) {
            Ok(saved) => finished(state, id, Verdict::Pass, None, None, saved),
            Err((verdict, reason)) => give_up(state, id, Found { verdict, reason }),
        };
    }
    if let NodeKind::Audit(audit) = &state.node_of(id).kind {
        return match super::evidence::audit::weigh(&Names::of(state, id), audit) {
            Ok(saved) => finished(state, id, Verdict::Pass, None, None, saved),
            Err((verdict, reason)) => give_up(state, id, Found { verdict, reason }),
        };
    }
    let Some(task) = task_of(state, inst.node) else {
        return failed(state, id, Verdict::Fail, "only tasks have results".into());
    };
    let done = inst.done.clone().unwrap_or_default();
    let names = Names::of(state, id).with_result(&done);
    let trend = task.poll.as_ref().and_then(|poll| poll.trend.as_ref());
    let sample = trend.map(|trend| trail::sample(&names, trend)).transpose();
    match (weigh(&names, task, &done), sample) {
        (Ok(saved), Ok(sample)) => passed(state, id, task, saved, sample, now),
        (Ok(_), Err(trouble)) => {
            let found = Found { verdict: Verdict::Fail, reason: trouble };
            not_passed(state, id, task, &done, found, None, now)
        }
        // What did not answer has no number either.
        (Err(found), sample) => not_passed(state, id, task, &done, found, sample.ok().flatten(), now),
    }
}

/// A look that was cut short and cannot be made again.
pub(super) fn inconclusive(state: &State, id: InstId, reason: String) -> Event {
    give_up(state, id, Found { verdict: Verdict::Inconclusive, reason })
}

/// A step that ends without an attempt, such as one whose templates cannot be resolved.
pub(super) fn failed(state: &State, id: InstId, verdict: Verdict, reason: String) -> Event {
    let soft = state.node_of(id).severity == Severity::Warn;
    let verdict = if soft && verdict == Verdict::Fail { Verdict::Warn } else { verdict };
    let then = if soft { Some(Then::Continue) } else { then_of(state, id) };
    finished(state, id, verdict, Some(reason), then, Map::new())
}

/// What a failure of this instance means: the nearest word on it, from the step outwards. A group that collects goes on
/// with its other members, and what the failure means is asked of the group when it is over.
pub(super) fn then_of(state: &State, id: InstId) -> Option<Then> {
    match meaning(state, id) {
        Meaning::Declared(then) => Some(then),
        Meaning::InGroup(_) => Some(Then::Up),
    }
}

/// Whether this instance is to be backed out of when somebody says no: a group does not keep a no from counting.
pub(super) fn no_backs_out(state: &State, mut id: InstId) -> bool {
    loop {
        match meaning(state, id) {
            Meaning::Declared(then) => return then == Then::Rollback,
            Meaning::InGroup(group) => id = group,
        }
    }
}

enum Meaning {
    Declared(Then),
    /// This collecting group comes before any word on it.
    InGroup(InstId),
}

fn meaning(state: &State, id: InstId) -> Meaning {
    let mut at = Some(id);
    while let Some(here) = at {
        if here != id && collects(state, here) {
            return Meaning::InGroup(here);
        }
        match said(state, here) {
            Some(OnFailure::Continue) if here != id => return Meaning::Declared(Then::Up),
            Some(policy) => return Meaning::Declared(run_policy(policy)),
            None => at = state.insts[here].parent,
        }
    }
    Meaning::Declared(run_policy(state.plan.on_failure))
}

fn collects(state: &State, id: InstId) -> bool {
    match &state.node_of(id).kind {
        NodeKind::Parallel { collect, .. } => *collect,
        NodeKind::ForEach(each) => each.collect,
        _ => false,
    }
}

/// What a node itself says about its failure; a soft one is passed over.
fn said(state: &State, id: InstId) -> Option<OnFailure> {
    let node = state.node_of(id);
    if node.severity == Severity::Warn { Some(OnFailure::Continue) } else { node.on_failure }
}

fn run_policy(policy: OnFailure) -> Then {
    match policy {
        OnFailure::Rollback => Then::Rollback,
        OnFailure::Continue => Then::Continue,
        OnFailure::Stop | OnFailure::Ask => Then::Stop,
    }
}

/// Whether a person is to be asked what a failure shall mean.
pub(super) fn asks(state: &State, id: InstId) -> bool {
    let mut at = Some(id);
    while let Some(inst) = at {
        if let Some(policy) = said(state, inst) {
            return policy == OnFailure::Ask;
        }
        at = state.insts[inst].parent;
    }
    state.plan.on_failure == OnFailure::Ask
}

struct Found {
    verdict: Verdict,
    reason: String,
}

/// Passes with the saved values, or says what is wrong.
fn weigh(names: &Names<'_>, task: &Task, done: &Done) -> Result<Map<String, Value>, Found> {
    let fail = |reason: String| Err(Found { verdict: Verdict::Fail, reason });
    match &done.ended {
        Ended::Exit(code) if accepted(task, *code) => {}
        Ended::Exit(code) => return fail(format!("exit {code}")),
        Ended::Signal(n) => return fail(format!("ended by signal {n}{}", signal_name(*n))),
        Ended::TimedOut => return fail(timed_out(names, task, done.duration_us)),
        Ended::Cancelled => return fail("cancelled".into()),
        Ended::Failed(reason) => return fail(reason.clone()),
        Ended::Unavailable(reason) => {
            return Err(Found { verdict: Verdict::Unavailable, reason: reason.clone() });
        }
        Ended::Ok => {}
    }
    if let (Some(answer), Act::Http(http)) = (&done.http, &task.act)
        && !http.accepts(answer.status)
    {
        return fail(format!("status {} from {}", answer.status, answer.url));
    }
    let found = super::evidence::weigh(names, &task.act, done);
    let found = found.map_err(|(verdict, reason)| Found { verdict, reason })?;
    let extended = (!found.is_empty()).then(|| names.with_all(&found));
    let names = extended.as_ref().unwrap_or(names);
    let needed = !task.expect.is_empty() || !task.save.is_empty();
    let clipped = |c: &Option<super::action::Captured>| c.as_ref().is_some_and(|c| c.bytes > 0 && c.text.is_none());
    let unseen = needed && (clipped(&done.stdout) || clipped(&done.stderr));
    for condition in &task.expect {
        match names.condition(condition) {
            Ok(true) => {}
            Ok(false) => return fail(format!("expected {}{}", condition.text.trim(), saw(names, condition))),
            Err(trouble) => return Err(cannot_tell(unseen, trouble)),
        }
    }
    let mut saved = found;
    for (name, expression) in &task.save {
        let value = names.expr(expression).map_err(|trouble| cannot_tell(unseen, trouble))?;
        saved.insert(name.clone(), value);
    }
    Ok(saved)
}

/// The limit, and how long it really took where ending it needed force.
fn timed_out(names: &Names<'_>, task: &Task, took_us: u64) -> String {
    let limit = task.timeout.as_ref().and_then(|t| names.duration_us(t).ok()).unwrap_or(took_us);
    match took_us.saturating_sub(limit) > 1_000_000 {
        true => format!("timed out after {} (gone after {})", duration_words(limit), duration_words(took_us)),
        false => format!("timed out after {}", duration_words(limit)),
    }
}

fn cannot_tell(unseen: bool, trouble: String) -> Found {
    if unseen {
        let reason =
            format!("the output is over {} KiB or not text, so it cannot be judged: {trouble}", CAPTURE_LIMIT / 1024);
        return Found { verdict: Verdict::Inconclusive, reason };
    }
    Found { verdict: Verdict::Fail, reason: trouble }
}

fn accepted(task: &Task, code: i32) -> bool {
    if task.exit.is_empty() { code == 0 } else { task.exit.contains(&code) }
}

/// The left side of a comparison, evaluated, so that a person sees what was found.
pub(super) fn saw(names: &Names<'_>, condition: &Template) -> String {
    let operators = ["==", "!=", "<=", ">=", " < ", " > ", " in ", " not in "];
    let Some(at) = operators.iter().filter_map(|op| condition.text.find(op)).min() else { return String::new() };
    let left = Template { text: condition.text[..at].trim().to_string(), at: condition.at.clone() };
    match names.expr(&left) {
        Ok(value) => {
            let shown: String = show(&value).chars().take(120).collect();
            format!(", found `{}`", shown.escape_debug())
        }
        Err(_) => String::new(),
    }
}

fn passed(
    state: &State,
    id: InstId,
    task: &Task,
    saved: Map<String, Value>,
    sample: Option<String>,
    now: Timestamp,
) -> Event {
    let inst = &state.insts[id];
    if let Some(poll) = &task.poll {
        let streak = inst.streak + 1;
        if streak < poll.successes {
            let reason = format!("good sample {streak} of {}", poll.successes);
            return again(state, id, &poll.every, Next { streak, sample, ..Next::because(reason) }, now);
        }
        if let Some(trend) = &poll.trend {
            let trail = inst.trail.and(sample.as_deref());
            let verdict = if trail.strays_from(trend.is) { Verdict::Warn } else { Verdict::Pass };
            return finished(state, id, verdict, trail.words(trend.is), None, saved);
        }
    }
    let seen = inst.done.as_ref().and_then(super::evidence::said);
    finished(state, id, Verdict::Pass, seen, None, saved)
}

fn not_passed(
    state: &State,
    id: InstId,
    task: &Task,
    done: &Done,
    found: Found,
    sample: Option<String>,
    now: Timestamp,
) -> Event {
    let inst = &state.insts[id];
    let forward = state.direction == super::event::Direction::Forward;
    let cancelled = done.ended == Ended::Cancelled || (state.interrupt >= 2 && forward);
    let hopeless = found.verdict == Verdict::Unavailable || cancelled;
    let going_on = state.halt.is_none() || !forward;
    if let (Some(poll), false, true) = (&task.poll, hopeless, going_on) {
        if inst.poll_until_us.is_some_and(|until| now.run_us < until) {
            return again(state, id, &poll.every, Next { sample, ..Next::because(found.reason) }, now);
        }
        let went = poll.trend.as_ref().and_then(|trend| inst.trail.and(sample.as_deref()).words(trend.is));
        let went = went.map(|words| format!(" ({words})")).unwrap_or_default();
        let reason = format!("did not hold within {}; last: {}{went}", poll.max.text, found.reason);
        return give_up(state, id, Found { reason, ..found });
    }
    if let (Some(retry), false, true) = (&task.retry, hopeless, going_on)
        && inst.attempt < retry.attempts
    {
        let reason = format!("attempt {} of {}: {}", inst.attempt, retry.attempts, found.reason);
        return again(state, id, &retry.wait, Next { growing: Some(retry), ..Next::because(reason) }, now);
    }
    if cancelled { failed(state, id, found.verdict, found.reason) } else { give_up(state, id, found) }
}

fn give_up(state: &State, id: InstId, found: Found) -> Event {
    let forward = state.direction == super::event::Direction::Forward && state.insts[id].owner.is_none();
    let soft = state.node_of(id).severity == Severity::Warn;
    if forward && !soft && state.halt.is_none() && asks(state, id) {
        let title = format!("{} failed: {}", super::begin::title(state, id), found.reason);
        return Event::Asked(Box::new(Asked::new(state.insts[id].path.clone(), Question::Failure, title)));
    }
    failed(state, id, found.verdict, found.reason)
}

/// What is said of an attempt that another one follows.
struct Next<'a> {
    /// The pause grows as this says.
    growing: Option<&'a Retry>,
    /// Good samples in a row.
    streak: u32,
    /// The number with an expected trend.
    sample: Option<String>,
    reason: String,
}

impl Next<'_> {
    fn because(reason: String) -> Self {
        Next { growing: None, streak: 0, sample: None, reason }
    }
}

fn again(state: &State, id: InstId, pause: &Template, said: Next<'_>, now: Timestamp) -> Event {
    let names = Names::of(state, id);
    let inst = &state.insts[id];
    let pause = names.duration_us(pause).and_then(|first| match said.growing {
        None => Ok(first),
        Some(retry) => {
            let factor = retry.factor_milli as f64 / 1000.0;
            let grown = first as f64 * factor.powi(inst.attempt.saturating_sub(1) as i32);
            let longest = retry.max_wait.as_ref().map(|m| names.duration_us(m)).transpose()?.unwrap_or(3_600_000_000);
            Ok((grown.min(longest as f64)) as u64)
        }
    });
    match pause {
        Ok(pause) => Event::AttemptScheduled {
            path: inst.path.clone(),
            attempt: inst.attempt + 1,
            not_before_us: now.run_us + pause,
            streak: said.streak,
            reason: said.reason,
            sample: said.sample,
        },
        Err(trouble) => failed(state, id, Verdict::Fail, trouble),
    }
}

fn finished(
    state: &State,
    id: InstId,
    verdict: Verdict,
    reason: Option<String>,
    then: Option<Then>,
    saved: Map<String, Value>,
) -> Event {
    Event::StepFinished { path: state.insts[id].path.clone(), verdict, reason, then, saved }
}

fn signal_name(n: i32) -> &'static str {
    match n {
        1 => " (HUP)",
        2 => " (INT)",
        6 => " (ABRT)",
        9 => " (KILL)",
        11 => " (SEGV)",
        13 => " (PIPE)",
        15 => " (TERM)",
        _ => "",
    }
}
