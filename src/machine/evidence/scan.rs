//! Scans: nothing may be found, and something must have been looked at.

use super::changes::revision;
use crate::machine::action::{Action, Done, Hit, ScanAction, ScanOf, ScanSeen};
use crate::machine::event::Verdict;
use crate::machine::names::{Names, Trouble};
use crate::plan::model::{Scan, Task, Template};
use serde_json::{Map, Value, json};

/// Places that are named in one sentence; the others are counted.
const NAMED: usize = 5;

pub(in crate::machine) fn action(names: &Names<'_>, task: &Task, scan: &Scan) -> Result<Action, Trouble> {
    let texts = |templates: &[Template]| templates.iter().map(|t| names.text(t)).collect::<Result<Vec<_>, _>>();
    let (of, allow) = match scan {
        Scan::Secrets { files, allow } => (ScanOf::Secrets { files: texts(files)? }, allow),
        Scan::Added(added) => {
            let of = ScanOf::Added {
                repo: names.text(&added.repo)?,
                base: revision(names, "base", &added.base)?,
                head: revision(names, "head", &added.head)?,
                paths: texts(&added.paths)?,
                exclude: texts(&added.exclude)?,
                rules: names.sources(),
                forbid: added.forbid.clone(),
            };
            (of, &added.allow)
        }
    };
    let timeout_us = task.timeout.as_ref().map(|t| names.duration_us(t)).transpose()?;
    Ok(Action::Scan(ScanAction { of, allow: allow.clone(), timeout_us }))
}

/// What the step keeps, or why it does not pass.
pub(super) fn weigh(done: &Done) -> Result<Map<String, Value>, (Verdict, String)> {
    let inconclusive = |reason: String| Err((Verdict::Inconclusive, reason));
    let Some(seen) = &done.scan else { return Err((Verdict::Fail, "nothing was looked at".into())) };
    if seen.hit_count > 0 {
        return Err((Verdict::Fail, places(seen)));
    }
    if seen.commits == Some(0) {
        return inconclusive("`head` adds no commit to `base`, so there was nothing to look at".into());
    }
    if let Some(pattern) = seen.unmatched.first() {
        return inconclusive(format!("`{pattern}` matches no file, so there was nothing to look at"));
    }
    if seen.files == 0 {
        let why = if seen.left_out == 0 { "there is none" } else { "all of them are left out" };
        return inconclusive(format!("no file was looked at: {why}"));
    }
    Ok(Map::from_iter([
        ("files".into(), json!(seen.files)),
        ("lines".into(), json!(seen.lines)),
        ("commits".into(), json!(seen.commits)),
        ("allowed".into(), json!(seen.allowed.iter().map(Hit::words).collect::<Vec<_>>())),
    ]))
}

fn places(seen: &ScanSeen) -> String {
    let named: Vec<String> = seen.hits.iter().take(NAMED).map(Hit::words).collect();
    match seen.hit_count.saturating_sub(named.len() as u64) {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}
