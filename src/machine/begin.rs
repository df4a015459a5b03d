//! Resolving a step at the moment it starts: its templates become an action that the log can keep.

use super::action::{
    Action, Before, Datum, ExecAction, FileAction, FileChange, HoldAction, HttpAction, RestoreAction, ShellAction,
    Surroundings,
};
use super::event::StepStarted;
use super::names::{Names, Trouble, show};
use super::state::{Inst, InstId, State, Timestamp};
use super::{look, rails, watch};
use crate::plan::model::{self, Act, NodeId, NodeKind, Task, Template};
use crate::runbook::model::Effect;
use serde_json::Value;

/// The intent of the next attempt of a task, held against the policies of the target.
///
/// # Errors
/// What cannot be resolved, or may not be started: then nothing is.
pub(super) fn intent(state: &State, id: InstId, now: Timestamp) -> Result<StepStarted, Trouble> {
    let mut started = resolved(state, id, now)?;
    rails::hold(state, &mut started.action)?;
    // What could not be taken back later is not done now.
    started.undo.as_mut().map_or(Ok(()), |undo| rails::hold(state, undo))?;
    Ok(started)
}

fn resolved(state: &State, id: InstId, now: Timestamp) -> Result<StepStarted, Trouble> {
    let inst = &state.insts[id];
    let names = Names::of(state, id);
    let node = state.node_of(id);
    let (marks, at_us) = watch::noted(state, id, now);
    let at_us = at_us.or_else(|| look::is_timed(state, id).then_some(now.wall_us));
    let looks = |action: Action, poll_until_us| StepStarted {
        path: inst.path.clone(),
        attempt: inst.attempt + 1,
        title: title(state, id),
        changes: false,
        capture: false,
        action,
        undo: None,
        poll_until_us,
        marks: marks.clone(),
        at_us,
    };
    if let Some(look) = look::intent(state, id) {
        let (action, over_us) = look?;
        let first = inst.poll_until_us.is_none();
        return Ok(looks(action, first.then_some(now.run_us + over_us)));
    }
    if let NodeKind::Watch(wanted) = &node.kind {
        return Ok(looks(watch::action(state, id, wanted, now)?, None));
    }
    let task = task_of(state, inst.node).ok_or_else(|| format!("`{}` is not a task", inst.path))?;
    let action = match inst.owner {
        // An undo does what was frozen when its step started.
        Some(owner) if state.insts[owner].undo_inst == Some(id) => undo_of(&state.insts[owner])?,
        _ => resolve(&names, state, inst.node, &inst.path)?,
    };
    let undo = match &task.undo {
        Some(model::Undo::Task(undo)) if inst.attempt == 0 => Some(resolve_undo(&names, state, *undo, id, &action)?),
        _ => None,
    };
    let poll_until_us = match &task.poll {
        Some(poll) if inst.poll_until_us.is_none() => Some(now.run_us + names.duration_us(&poll.max)?),
        _ => None,
    };
    Ok(StepStarted {
        path: inst.path.clone(),
        attempt: inst.attempt + 1,
        title: title(state, id),
        // A file step changes a file, whatever it says of itself.
        changes: node.effect != Effect::Read || matches!(action, Action::File(_) | Action::Restore(_)),
        capture: !task.expect.is_empty() || !task.save.is_empty(),
        action,
        undo,
        poll_until_us,
        marks,
        at_us,
    })
}

/// What takes a step back. The log vouches for what a restore puts back, where one attempt was all there was: a later one
/// may have found what an earlier one left.
fn undo_of(owner: &Inst) -> Result<Action, Trouble> {
    let mut action = owner.undo.clone().ok_or("nothing was recorded that could be taken back")?;
    if let Action::Restore(restore) = &mut action
        && owner.attempt == 1
    {
        let seen = owner.done.as_ref().and_then(|done| done.file.as_ref());
        restore.found =
            seen.map(|file| Before { path: file.path.clone(), sha256: file.before.clone(), mode: file.before_mode });
    }
    Ok(action)
}

/// The title of an instance, with its values; the template itself where a value is missing.
pub(crate) fn title(state: &State, id: InstId) -> String {
    let node = state.node_of(id);
    match &node.title {
        Some(t) => Names::of(state, id).text(t).unwrap_or_else(|_| t.text.clone()),
        None => node.id.clone(),
    }
}

pub(super) fn task_of(state: &State, node: NodeId) -> Option<&Task> {
    match &state.plan.node(node).kind {
        NodeKind::Task(task) => Some(task),
        _ => None,
    }
}

fn resolve_undo(
    names: &Names<'_>,
    state: &State,
    undo: NodeId,
    id: InstId,
    action: &Action,
) -> Result<Action, Trouble> {
    let is_restore = task_of(state, undo).is_some_and(|t| t.act == Act::Restore);
    match action {
        Action::File(file) if is_restore => Ok(Action::Restore(RestoreAction {
            path: file.path.clone(),
            keep: file.keep.clone(),
            found: None,
            activate: file.activate.clone(),
        })),
        _ => resolve(names, state, undo, &format!("{}~undo", state.insts[id].path)),
    }
}

fn resolve(names: &Names<'_>, state: &State, node: NodeId, path: &str) -> Result<Action, Trouble> {
    let task = task_of(state, node).ok_or_else(|| format!("`{path}` is not a task"))?;
    match &task.act {
        Act::File(file) => file_action(names, state, file, path),
        Act::Hold(reason) => {
            let lock = state.plan.lock.as_ref().ok_or("this run has no lock that could be held")?;
            Ok(Action::Hold(HoldAction { lock: lock.name.clone(), reason: names.text(reason)? }))
        }
        _ => resolve_task(names, task),
    }
}

/// The action of a task that is no file step.
pub(super) fn resolve_task(names: &Names<'_>, task: &Task) -> Result<Action, Trouble> {
    match &task.act {
        Act::Shell(script) => {
            let script = names.script(script)?;
            let around = surroundings(names, task)?;
            Ok(Action::Shell(ShellAction { script: script.text, values: script.values, around }))
        }
        Act::Exec(arguments) => {
            let argv = arguments.iter().map(|a| names.text(a)).collect::<Result<Vec<_>, _>>()?;
            Ok(Action::Exec(ExecAction { argv, around: surroundings(names, task)? }))
        }
        Act::ExecList(list) => {
            let argv = argument_list(names.value(list)?, &list.at)?;
            Ok(Action::Exec(ExecAction { argv, around: surroundings(names, task)? }))
        }
        Act::Http(http) => request(names, task, http),
        Act::Changes(changes) => super::evidence::changes::action(names, task, changes),
        Act::Scan(scan) => super::evidence::scan::action(names, task, scan),
        Act::Marker(marker) => super::evidence::marker::action(names, marker),
        Act::File(_) | Act::Restore => Err("a file can only be written or restored by a step of its own".into()),
        Act::Hold(_) => Err("a lock can only be held by a step of its own".into()),
    }
}

fn argument_list(value: Value, at: &str) -> Result<Vec<String>, Trouble> {
    let Value::Array(items) = value else {
        return Err(format!("`exec:` needs a list of words, not {} ({at})", show(&value)));
    };
    let words = items.into_iter().map(|item| match item {
        Value::String(word) => Ok(word),
        Value::Number(n) => Ok(n.to_string()),
        other => Err(format!("`exec:` needs words, not {other} ({at})")),
    });
    let words = words.collect::<Result<Vec<_>, _>>()?;
    if words.first().is_none_or(String::is_empty) { Err(format!("`exec:` needs a program ({at})")) } else { Ok(words) }
}

fn surroundings(names: &Names<'_>, task: &Task) -> Result<Surroundings, Trouble> {
    let data = |named: &[(String, Template)]| {
        let data = named.iter().map(|(name, value)| Ok((name.clone(), names.datum(value)?)));
        data.collect::<Result<_, Trouble>>()
    };
    Ok(Surroundings {
        env: data(&task.env)?,
        secret_files: data(&task.secret_files)?,
        dir: task.dir.as_ref().map(|d| names.text(d)).transpose()?,
        stdin: task.stdin.as_ref().map(|s| names.datum(s)).transpose()?,
        timeout_us: task.timeout.as_ref().map(|t| names.duration_us(t)).transpose()?,
        pins: Vec::new(),
    })
}

fn request(names: &Names<'_>, task: &Task, http: &model::Http) -> Result<Action, Trouble> {
    let mut url = names.text(&http.url)?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(format!("`{url}` is not an http or https address ({})", http.url.at));
    }
    if !http.query.is_empty() {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&names.encoded(&http.query)?);
    }
    let headers = http.headers.iter().map(|(name, value)| Ok((name.clone(), names.datum(value)?)));
    let mut headers = headers.collect::<Result<Vec<_>, Trouble>>()?;
    let mut body = None;
    if let Some(wanted) = &http.body {
        let (text, kind) = names.body(wanted)?;
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("content-type".into(), Datum::Plain(kind.into())));
        }
        body = Some(text);
    }
    let timeout_us = task.timeout.as_ref().map(|t| names.duration_us(t)).transpose()?;
    Ok(Action::Http(HttpAction { method: http.method.clone(), url, headers, body, follow: http.follow, timeout_us }))
}

fn file_action(names: &Names<'_>, state: &State, file: &model::File, path: &str) -> Result<Action, Trouble> {
    let change = match &file.change {
        model::FileChange::Content(t) => FileChange::Content(names.text(t)?),
        model::FileChange::Line(t) => FileChange::Line(names.text(t)?),
        model::FileChange::Copy { from, sha256 } => {
            FileChange::Copy { from: names.text(from)?, sha256: sha256.clone() }
        }
        model::FileChange::Absent => FileChange::Absent,
    };
    let activate = file.activate.map(|node| resolve(names, state, node, path)).transpose()?;
    Ok(Action::File(FileAction {
        path: names.text(&file.path)?,
        change,
        mode: file.mode,
        activate: activate.map(Box::new),
        // Keys of items have no brackets of any kind, so that two steps never share a name.
        keep: path.replace('[', "(").replace(']', ")"),
    }))
}
