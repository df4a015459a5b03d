//! What a step or block may end with, worked out again from the plan and the results.

use crate::checker::said_no;
use crate::tree::{Id, Role, Tree};
use runbook::machine::action::{Done, Ended};
use runbook::machine::event::{Answer, Question, Then, Verdict};
use runbook::plan::model::{Act, Items, NodeKind, Task};
use runbook::runbook::model::{Repeat, Severity};
use serde_json::{Map, Value};

/// How a run stands when a step ends.
pub(crate) struct Situation {
    /// It ends at its beginning.
    pub(crate) begins: bool,
    /// The run stopped going forward, so that pauses and questions are withdrawn.
    pub(crate) given_up: bool,
    pub(crate) run_us: u64,
}

/// The verdict of one result, by the rules of the language.
pub(crate) fn of_result(task: &Task, done: &Done) -> Verdict {
    let good = |code: i32| if task.exit.is_empty() { code == 0 } else { task.exit.contains(&code) };
    match &done.ended {
        Ended::Ok => {}
        Ended::Exit(code) if good(*code) => {}
        Ended::Unavailable(_) => return Verdict::Unavailable,
        _ => return Verdict::Fail,
    }
    if task.expect.is_empty() && task.save.is_empty() {
        return Verdict::Pass;
    }
    match text(done) {
        None => Verdict::Inconclusive,
        Some(text) if !task.expect.is_empty() && text != "yes" => Verdict::Fail,
        Some(_) => Verdict::Pass,
    }
}

fn text(done: &Done) -> Option<&str> {
    let out = done.stdout.as_ref()?;
    if out.bytes == 0 { Some("") } else { out.text.as_deref().map(str::trim) }
}

/// Whether a step may end with this verdict now; what that means for the run.
pub(crate) fn of_finish(
    tree: &Tree<'_>,
    id: Id,
    verdict: Verdict,
    saved: &Map<String, Value>,
    at: Situation,
) -> Result<Then, String> {
    let item = &tree.items[id];
    let soft = tree.node(id).severity == Severity::Warn;
    let means = tree.meaning(id);
    let failed = if soft { Verdict::Warn } else { Verdict::Fail };
    let wrong = |want: &str| Err(format!("`{}` should be {want}", item.path));
    match (&tree.node(id).kind, item.answered) {
        (_, Some(Answer::Failed)) => return if verdict == failed { Ok(means) } else { wrong("failed") },
        (_, Some(answer)) => {
            let then = match answer {
                Answer::Skip => Then::Continue,
                Answer::BackOut => Then::Rollback,
                _ => Then::Stop,
            };
            return if verdict == Verdict::Fail { Ok(then) } else { wrong("failed") };
        }
        (NodeKind::Task(task), None) => {
            if let Some(done) = &item.unjudged {
                return judged(tree, id, task, done, verdict, saved, at).map(|()| means);
            }
        }
        (NodeKind::Wait(_), None) if verdict == Verdict::Pass => {
            let over = item.wait_until.is_some_and(|until| until <= at.run_us);
            return if over { Ok(means) } else { wrong("waiting") };
        }
        (NodeKind::Set(values), None) if verdict == Verdict::Pass => {
            let written = Value::from("yes");
            let text = &values[0].1.text;
            let value = if text == "'yes'" { Some(&written) } else { tree.value(id, text) };
            return if value == saved.get(&values[0].0) { Ok(means) } else { wrong("set to another value") };
        }
        _ => {}
    }
    if item.doubt && verdict == Verdict::Pass {
        let probe = item.probe.and_then(|probe| tree.items[probe].finished);
        return if matches!(probe, Some((Verdict::Pass, _))) { Ok(means) } else { wrong("in doubt") };
    }
    if verdict != failed {
        return wrong("failed, if it ends at all");
    }
    let withdrawn = at.given_up && item.begun && item.root == crate::tree::Root::Forward && item.role == Role::Step;
    let doubt_is_open = item.asked.as_ref().is_some_and(|asked| asked.question == Question::InDoubt);
    if (withdrawn && !at.begins && !doubt_is_open) || (at.begins && cannot_begin(tree, id)) {
        return Ok(means);
    }
    wrong("going on")
}

fn judged(
    tree: &Tree<'_>,
    id: Id,
    task: &Task,
    done: &Done,
    verdict: Verdict,
    saved: &Map<String, Value>,
    at: Situation,
) -> Result<(), String> {
    let item = &tree.items[id];
    let soft = tree.node(id).severity == Severity::Warn;
    let found = of_result(task, done);
    let wanted = if soft && found == Verdict::Fail { Verdict::Warn } else { found };
    if verdict != wanted {
        return Err(format!("`{}` should be {}", item.path, wanted.word()));
    }
    if verdict == Verdict::Pass {
        let enough = task.poll.as_ref().is_none_or(|poll| item.streak >= poll.successes);
        let kept = task.save.iter().all(|(name, _)| saved.get(name).and_then(Value::as_str) == text(done));
        return match (enough, kept) {
            (false, _) => Err("not enough good samples in a row".into()),
            (_, false) => Err("a saved value is lost".into()),
            _ => Ok(()),
        };
    }
    // It ends although it could be tried again: only where that has no future.
    let attempts = task.retry.as_ref().map_or(1, |retry| retry.attempts);
    let hopeless = at.given_up || found == Verdict::Unavailable || done.ended == Ended::Cancelled;
    if task.poll.is_none() && item.attempts < attempts && !hopeless {
        return Err("it is given up with attempts left".into());
    }
    Ok(())
}

/// Whether something it reads was never saved.
fn cannot_begin(tree: &Tree<'_>, id: Id) -> bool {
    let node = tree.node(id);
    let mut texts: Vec<&str> = node.when.iter().map(|when| when.text.as_str()).collect();
    match &node.kind {
        NodeKind::Task(task) => {
            if let Act::Exec(words) = &task.act {
                texts.extend(words.iter().map(|word| word.text.as_str()));
            }
        }
        NodeKind::Set(values) => texts.extend(values.iter().map(|(_, value)| value.text.as_str())),
        NodeKind::ForEach(each) => {
            if let Items::Later(list) = &each.items {
                texts.push(&list.text);
            }
        }
        _ => {}
    }
    texts.iter().filter_map(|text| name_in(text)).any(|name| tree.value(id, name).is_none())
}

/// The name that a generated template reads.
fn name_in(text: &str) -> Option<&str> {
    let start = text.find("steps.").or_else(|| text.find("vars."))?;
    let rest = &text[start..];
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_').unwrap_or(rest.len());
    Some(&rest[..end])
}

/// Whether a block may end with this verdict now.
pub(crate) fn of_block(tree: &Tree<'_>, id: Id, verdict: Verdict, begins: bool) -> Result<(), String> {
    let node = tree.node(id);
    let failed = if node.severity == Severity::Warn { Verdict::Warn } else { Verdict::Fail };
    let members = &tree.items[id].members;
    if begins {
        let empty = matches!(&node.kind, NodeKind::ForEach(each) if is_empty(tree, id, &each.items));
        let right = match verdict {
            Verdict::Inconclusive => empty,
            other => other == failed && cannot_begin(tree, id),
        };
        return if right { Ok(()) } else { Err("it ends before it begins".into()) };
    }
    let open = members.iter().any(|m| tree.items[*m].begun && tree.items[*m].finished.is_none());
    let all = members.iter().all(|m| tree.items[*m].finished.is_some());
    let broken = members.iter().any(|m| tree.stops(*m));
    let outputs_missing = match &node.kind {
        NodeKind::Run { outputs, .. } => outputs.iter().any(|(_, value)| tree.value(members[0], &value.text).is_none()),
        _ => false,
    };
    let right = match verdict {
        Verdict::Pass => all && !broken && !outputs_missing,
        other => other == failed && !open && (broken || outputs_missing),
    };
    if right { Ok(()) } else { Err("its members say otherwise".into()) }
}

fn is_empty(tree: &Tree<'_>, id: Id, items: &Items) -> bool {
    match items {
        Items::Known(items) => items.is_empty(),
        Items::Later(list) => name_in(&list.text).and_then(|name| tree.value(id, name)).is_some_and(|v| v != "yes"),
    }
}

/// Whether the plan lets a step in doubt be run again without a person.
pub(crate) fn may_repeat(tree: &Tree<'_>, id: Id) -> bool {
    let Some(task) = tree.task(id) else { return false };
    let no = |probe: Id| tree.items[probe].finished.is_some_and(|(v, _)| v == Verdict::Fail);
    match task.repeat {
        Repeat::Safe => true,
        Repeat::Once => false,
        Repeat::Probe => {
            let probe = tree.items[id].probe.filter(|probe| no(*probe));
            probe.and_then(|probe| tree.items[probe].said.as_ref()).is_some_and(said_no)
        }
    }
}
