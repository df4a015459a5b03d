//! Changes: which projects they belong to, and whether one commit mixes projects.

use crate::inspect::git::wrong_revision;
use crate::inspect::projects::{Projects, normal};
use crate::machine::action::{Action, ChangesAction, ChangesSeen, Done};
use crate::machine::event::Verdict;
use crate::machine::names::{Names, Trouble};
use crate::plan::model::{Changes, Task, Template};
use serde_json::{Map, Value, json};

/// Commits that are named in one sentence; the others are counted.
const NAMED: usize = 4;

pub(in crate::machine) fn action(names: &Names<'_>, task: &Task, changes: &Changes) -> Result<Action, Trouble> {
    let projects = projects(names, changes)?;
    let named = projects.named.iter().flat_map(|(_, paths)| paths);
    Ok(Action::Changes(ChangesAction {
        repo: names.text(&changes.repo)?,
        base: revision(names, "base", &changes.base)?,
        head: revision(names, "head", &changes.head)?,
        paths: named.chain(&projects.shared).cloned().collect(),
        timeout_us: task.timeout.as_ref().map(|t| names.duration_us(t)).transpose()?,
    }))
}

/// The text of a revision that git cannot take for anything else.
pub(super) fn revision(names: &Names<'_>, key: &str, template: &Template) -> Result<String, Trouble> {
    let revision = names.text(template)?;
    match wrong_revision(&revision) {
        None => Ok(revision),
        Some(why) => Err(format!("`{key}:` `{}` {why} ({})", revision.escape_debug(), template.at)),
    }
}

fn projects(names: &Names<'_>, changes: &Changes) -> Result<Projects, Trouble> {
    let path = |template: &Template| {
        let text = names.text(template)?;
        normal(&text).map_err(|why| format!("the path `{}` {why} ({})", text.escape_debug(), template.at))
    };
    let paths = |templates: &[Template]| templates.iter().map(path).collect::<Result<Vec<_>, _>>();
    let named = changes.projects.iter().map(|(name, templates)| Ok((name.clone(), paths(templates)?)));
    Ok(Projects {
        named: named.collect::<Result<_, Trouble>>()?,
        shared: paths(&changes.shared)?,
        coupled: changes.coupled.clone(),
    })
}

/// What the step keeps, or why it does not pass.
pub(super) fn weigh(
    names: &Names<'_>,
    changes: &Changes,
    done: &Done,
) -> Result<Map<String, Value>, (Verdict, String)> {
    let fail = |reason: String| (Verdict::Fail, reason);
    let seen = done.changes.as_ref().ok_or_else(|| fail("nothing was looked at".into()))?;
    if let Some((commits, files)) = seen.too_many {
        let words =
            format!("{commits} commits and {files} files are more than the log can hold; choose a nearer `base`");
        return Err((Verdict::Inconclusive, words));
    }
    let projects = projects(names, changes).map_err(fail)?;
    if !seen.missing.is_empty() {
        return Err(fail(format!("there is no {} in `base` nor in `head`", quoted(&seen.missing))));
    }
    if seen.commits.is_empty() {
        return Err((Verdict::Inconclusive, nothing(seen)));
    }
    if changes.isolated {
        isolated(&projects, seen).map_err(fail)?;
    }
    Ok(kept(&projects, seen))
}

fn nothing(seen: &ChangesSeen) -> String {
    match (seen.base == seen.head, seen.lost) {
        (true, _) => format!("`base` and `head` are the same commit {}, so nothing changed", short(&seen.head)),
        (false, 1) => "`head` is one commit behind `base` and adds none, so nothing can be said of it".into(),
        (false, lost) => format!("`head` is {lost} commits behind `base` and adds none, so nothing can be said of it"),
    }
}

/// No commit touches two projects that are not deployed together.
fn isolated(projects: &Projects, seen: &ChangesSeen) -> Result<(), String> {
    let mixed = seen.commits.iter().filter_map(|commit| Some((commit, projects.mixed(&commit.files)?)));
    let mut said: Vec<String> = mixed
        .map(|(commit, legs)| {
            let legs: Vec<String> = legs.iter().map(|(name, file)| format!("{name} ({file})")).collect();
            format!("commit {} touches {}", short(&commit.id), legs.join(" and "))
        })
        .collect();
    let more = said.len().saturating_sub(NAMED);
    said.truncate(NAMED);
    match (said.is_empty(), more) {
        (true, _) => Ok(()),
        (false, 0) => Err(said.join("; ")),
        (false, more) => Err(format!("{}; and {more} more", said.join("; "))),
    }
}

/// Touched is what any commit touched, also what a later one took back, and whatever differs in the end.
fn kept(projects: &Projects, seen: &ChangesSeen) -> Map<String, Value> {
    let files = seen.commits.iter().flat_map(|commit| &commit.files).chain(&seen.files);
    let touched = projects.touched(files.map(String::as_str));
    let legs: Vec<Value> =
        projects.legs(&touched.all).into_iter().map(|leg| json!({ "name": leg.join("+"), "projects": leg })).collect();
    let commits: Vec<&str> = seen.commits.iter().map(|commit| commit.id.as_str()).collect();
    Map::from_iter([
        ("projects".into(), json!(touched.all)),
        ("legs".into(), json!(legs)),
        ("shared".into(), json!(touched.shared)),
        ("commits".into(), json!(commits)),
        ("files".into(), json!(seen.files)),
        ("base".into(), json!(seen.base)),
        ("head".into(), json!(seen.head)),
        ("lost".into(), json!(seen.lost)),
    ])
}

/// Enough of an id to find the commit by.
pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
