//! The working tree compared with the plan a run follows: what differs, what of it has already run, and what can be done.

use super::args::ResumeArgs;
use super::error::CliError;
use super::library::{read_limited, sha256};
use super::prepare::{Prepared, kept_name, prepare_again};
use crate::log::SealedLog;
use crate::machine::event::{Changed, Follow, StoredPlan};
use crate::machine::{Change, Conflict, How, State, Status, changes, rebase};
use crate::plan::encode;
use crate::plan::model::{Act, FileChange, NodeId, NodeKind, Plan, SourceDigest};
use crate::report::{visible, visible_line};
use crate::store::{Home, RunDir};
use crate::text::{Code, RenderStyle};
use std::path::Path;
use std::sync::Arc;

/// A working tree that does not make the plan a run follows.
pub(crate) struct Difference {
    /// What it makes now, or why it makes nothing.
    tree: Result<Prepared, CliError>,
    /// What is different, for people.
    screen: String,
    /// What stands in the way of following the tree.
    conflicts: Vec<Conflict>,
}

/// Compares the tree with the plan that `state` follows; none when they agree. The current directory is where the run was
/// started.
pub(crate) fn difference(
    home: &Home,
    dir: &RunDir,
    log: &SealedLog,
    state: &State,
    style: &RenderStyle,
) -> Result<Option<Difference>, CliError> {
    let tree = prepare_again(&state.plan, home);
    // The stored plan is read by this version of the program as the new one is made by it.
    if tree.as_ref().is_ok_and(|now| now.digest == encode(&state.plan).1) {
        return Ok(None);
    }
    let mut screen = texts(dir, plan_number(log), &state.plan, tree.as_ref().ok())?;
    let mut conflicts = Vec::new();
    match &tree {
        Ok(now) => {
            screen.push_str(&steps(state, &now.plan));
            conflicts = rebase(state, Arc::new(now.plan.clone())).err().unwrap_or_default();
        }
        Err(why) => screen.push_str(&format!("it makes no plan now:\n{}\n", why.render(style).trim_end())),
    }
    Ok(Some(Difference { tree, screen, conflicts }))
}

impl Difference {
    /// What whoever resumes decided, as it goes into the log, and the plan to turn to if there is one.
    ///
    /// # Errors
    /// When nothing was decided, or the tree cannot be followed.
    pub(crate) fn decide(
        self,
        run: &str,
        args: &ResumeArgs,
        segment: u32,
    ) -> Result<(Changed, Option<Prepared>), CliError> {
        let tree_sha256 = self.tree.as_ref().ok().map(|now| now.digest.clone());
        match (&args.as_planned, &args.accept_changes) {
            (Some(why), _) => {
                let why = said(why, "--as-planned")?;
                Ok((Changed { follow: Follow::AsPlanned, why, tree_sha256, plan: None }, None))
            }
            (None, Some(why)) => {
                let why = said(why, "--accept-changes")?;
                if !self.conflicts.is_empty() {
                    return Err(CliError::Stale(self.in_the_way(run)));
                }
                let now = self.tree?;
                let plan = StoredPlan {
                    file: format!("plan.{segment}.json"),
                    bytes: now.bytes.len() as u64,
                    sha256: now.digest.clone(),
                };
                Ok((Changed { follow: Follow::Changes, why, tree_sha256, plan: Some(plan) }, Some(now)))
            }
            (None, None) => Err(CliError::Stale(self.refusal(run))),
        }
    }

    /// The difference, without a word on what to do about it.
    pub(crate) fn screen(&self) -> &str {
        &self.screen
    }

    fn refusal(&self, run: &str) -> String {
        let (code, words) = match &self.tree {
            Ok(_) => (Code::RUNBOOK_CHANGED, "the runbook is not the one that this run follows"),
            Err(_) => (Code::RUNBOOK_GONE, "the runbook that this run follows cannot be planned any more"),
        };
        let mut out = format!("error[{code}]: {words}\n{}\n", self.screen);
        out.push_str(&format!("follow the plan as it was:  runbook resume {run} --as-planned 'WHY'\n"));
        if self.tree.is_ok() && self.conflicts.is_empty() {
            out.push_str(&format!("follow the runbook as it is now:  runbook resume {run} --accept-changes 'WHY'\n"));
        } else if self.tree.is_ok() {
            out.push_str("it cannot be followed as it is now:\n");
            out.push_str(&listed(&self.conflicts));
        }
        out + &format!("see: runbook explain {code}\n")
    }

    fn in_the_way(&self, run: &str) -> String {
        let code = Code::BEGUN_CHANGED;
        format!(
            "error[{code}]: the run cannot go on with the runbook as it is now: a step that ran cannot be changed\n{}\n\
             undo these changes, follow the plan as it was (runbook resume {run} --as-planned 'WHY'), or start a new \
             run\nsee: runbook explain {code}\n",
            listed(&self.conflicts)
        )
    }
}

fn listed(conflicts: &[Conflict]) -> String {
    conflicts.iter().map(|conflict| format!("  {}\n", visible_line(&conflict.to_string()))).collect()
}

/// A reason that is none does not count.
fn said(why: &str, option: &str) -> Result<String, CliError> {
    match why.trim() {
        "" => Err(CliError::Usage(format!("`{option}` needs a reason; it goes into the log"))),
        why => Ok(why.to_string()),
    }
}

/// The segment whose opening record named the plan the run follows now.
fn plan_number(log: &SealedLog) -> u32 {
    let turned = |r: &&crate::log::Record| r.payload.get("changed").is_some_and(|changed| changed["plan"].is_object());
    log.records.iter().rev().find(turned).map_or(1, |record| record.segment)
}

/// What became of the files, as unified diffs.
fn texts(dir: &RunDir, number: u32, old: &Plan, new: Option<&Prepared>) -> Result<String, CliError> {
    let mut out = String::new();
    for (at, source) in old.sources.iter().enumerate() {
        let now = match new {
            Some(new) => new.texts.iter().find(|(path, _)| *path == source.path).map(|(_, bytes)| bytes.clone()),
            None => read_limited(Path::new(&source.path)).ok(),
        };
        let is_same = now.as_ref().is_some_and(|now| sha256(now) == source.sha256);
        if !is_same {
            let was = dir.input(&kept_name(number, at, &source.path))?.filter(|was| sha256(was) == source.sha256);
            out.push_str(&diff(source, was.as_deref(), now.as_deref()));
        }
    }
    let added = new.iter().flat_map(|new| &new.plan.sources).filter(|s| !old.sources.iter().any(|o| o.path == s.path));
    out.extend(added.map(|source| format!("{} was not part of the plan\n", visible_line(&source.path))));
    Ok(out)
}

fn diff(source: &SourceDigest, was: Option<&[u8]>, now: Option<&[u8]>) -> String {
    let path = visible_line(&source.path);
    match (was, now) {
        (_, None) => format!("{path} is not used any more or cannot be read\n"),
        (None, Some(_)) => format!("{path} has changed; its old text was not kept with the run\n"),
        (Some(was), Some(now)) => {
            let (was, now) = (String::from_utf8_lossy(was), String::from_utf8_lossy(now));
            let diff = similar::TextDiff::from_lines(was.as_ref(), now.as_ref());
            let (before, after) = (format!("{path} as planned"), format!("{path} now"));
            visible(&diff.unified_diff().context_radius(3).header(&before, &after).to_string())
        }
    }
}

/// The steps that differ, and whether they have already run.
fn steps(state: &State, new: &Plan) -> String {
    let found = changes(&state.plan, new);
    if found.is_empty() {
        let values = state.plan.target != new.target;
        return if values { "the values of the target differ\n" } else { "no step differs\n" }.to_string();
    }
    let rows: Vec<[String; 3]> = found.iter().map(|change| row(state, new, change)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let rows = rows.iter().map(|[path, at, words]| format!("  {path:<first$}  {at:<second$}  {words}\n"));
    format!("\nsteps that differ:\n{}", rows.collect::<String>())
}

fn row(state: &State, new: &Plan, change: &Change) -> [String; 3] {
    let at = match (change.new, change.old) {
        (Some(id), _) => new.node(id).at.clone(),
        (None, Some(id)) => state.plan.node(id).at.clone(),
        (None, None) => String::new(),
    };
    let how = match change.how {
        How::Changed if copies_other_bytes(state, new, change) => "changed (the file it copies)",
        How::Changed => "changed",
        How::Added => "added",
        How::Removed => "removed",
        How::Moved => "moved",
    };
    let words = match change.old {
        Some(old) => format!("{how}, {}", standing(state, old)),
        None => how.to_string(),
    };
    [visible_line(&change.path), visible_line(&at), words]
}

fn copies_other_bytes(state: &State, new: &Plan, change: &Change) -> bool {
    let sum = |plan: &Plan, id: Option<NodeId>| match &plan.node(id?).kind {
        NodeKind::Task(task) => match &task.act {
            Act::File(file) => match &file.change {
                FileChange::Copy { sha256, .. } => sha256.clone(),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    let (was, is) = (sum(&state.plan, change.old), sum(new, change.new));
    was.is_some() && is.is_some() && was != is
}

/// The furthest any instance of a node has come.
fn standing(state: &State, node: NodeId) -> &'static str {
    let all = state.insts.iter().filter(|inst| inst.node == node);
    let furthest = all.map(|inst| match &inst.status {
        Status::Pending | Status::Waiting { .. } => (0, "not begun"),
        Status::Asking(_) => (1, "a person is asked"),
        Status::Pausing { .. } | Status::Answered => (2, "already began"),
        Status::Running => (2, "already began"),
        Status::InDoubt => (3, "in doubt"),
        Status::Finished if inst.attempt == 0 => (4, "already over"),
        Status::Finished => (5, "already ran"),
    });
    furthest.max_by_key(|(far, _)| *far).map_or("not begun", |(_, words)| words)
}
