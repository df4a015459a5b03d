//! Forbidden patterns in the lines that were added between two commits.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use regex::bytes::Regex;

use super::super::attempt::Attempt;
use super::super::git::Git;
use crate::inspect::diff::Added;
use crate::inspect::git::{files, readable};
use crate::inspect::glob::Glob;
use crate::machine::action::{Ended, Hit, ScanAction, ScanOf, ScanSeen};

/// How the diff is made: all of it as text, and nothing of the repository's configuration in it.
const HOW: [&str; 12] = [
    "diff",
    "-U0",
    "--inter-hunk-context=0",
    "--text",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--no-color",
    "--no-relative",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--ignore-submodules=none",
];
const NAMES: [&str; 6] = ["diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-relative"];

pub(super) fn run(attempt: &Attempt, wanted: &ScanAction) -> Result<ScanSeen, Ended> {
    let ScanOf::Added { repo, base, head, paths, exclude, rules, forbid } = &wanted.of else {
        return Err(Ended::Failed("there is no repository to look at".to_owned()));
    };
    let repo = Git::at(attempt, repo, wanted.timeout_us)?;
    let (base, head) = (repo.commit("base", base)?, repo.commit("head", head)?);
    let commits = repo.text(&["rev-list", "--count", &format!("{base}..{head}")])?;
    let which = Which { paths: globs(paths), exclude: globs(exclude), rules: of_repo(attempt, &repo, rules) };
    let changed = files(&repo.output(&[&NAMES[..], &[&base, &head]].concat(), None)?).map_err(Ended::Failed)?;
    let looked = changed.iter().filter(|file| which.has(file)).count() as u64;
    let seen = ScanSeen {
        files: looked,
        left_out: changed.len() as u64 - looked,
        commits: Some(commits.parse().map_err(|_| Ended::Failed(format!("git counted `{commits}` commits")))?),
        ..ScanSeen::default()
    };
    let looking = Looking { which, forbid: patterns(forbid)?, allow: wanted.allow.clone(), seen };
    let state = Arc::new(Mutex::new((Added::default(), looking)));
    let taking = Arc::clone(&state);
    repo.stream(
        &[&HOW[..], &[&base, &head]].concat(),
        None,
        Box::new(move |piece| {
            let (diff, looking) = &mut *taking.lock().unwrap_or_else(PoisonError::into_inner);
            diff.push(piece, |file, number, line| looking.look(file, number, line));
        }),
    )?;
    let (diff, looking) = std::mem::take(&mut *state.lock().unwrap_or_else(PoisonError::into_inner));
    diff.finish().map_err(Ended::Failed)?;
    Ok(looking.seen)
}

#[derive(Default)]
struct Looking {
    which: Which,
    forbid: Vec<Regex>,
    allow: Vec<String>,
    seen: ScanSeen,
}

impl Looking {
    fn look(&mut self, file: &[u8], number: u64, line: &[u8]) {
        let file = readable(file);
        if !self.which.has(&file) {
            return;
        }
        self.seen.lines += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(pattern) = self.forbid.iter().find(|pattern| pattern.is_match(line)) else { return };
        let allowed = self.allow.iter().any(|marker| contains(line, marker.as_bytes()));
        self.seen.found(Hit { file, line: number, name: None, what: format!("`{}`", pattern.as_str()) }, allowed);
    }
}

fn contains(line: &[u8], marker: &[u8]) -> bool {
    !marker.is_empty() && line.windows(marker.len()).any(|window| window == marker)
}

/// Which files are looked at.
#[derive(Default)]
struct Which {
    paths: Vec<Glob>,
    exclude: Vec<Glob>,
    rules: BTreeSet<String>,
}

impl Which {
    fn has(&self, file: &str) -> bool {
        let among = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(file));
        (self.paths.is_empty() || among(&self.paths)) && !among(&self.exclude) && !self.rules.contains(file)
    }
}

fn globs(patterns: &[String]) -> Vec<Glob> {
    patterns.iter().map(|pattern| Glob::anywhere(pattern)).collect()
}

fn patterns(patterns: &[String]) -> Result<Vec<Regex>, Ended> {
    let compile = |pattern: &String| {
        Regex::new(pattern).map_err(|_| Ended::Failed(format!("`{pattern}` is not a regular expression")))
    };
    patterns.iter().map(compile).collect()
}

/// The files of the plan that stand in this repository, as git names them.
fn of_repo(attempt: &Attempt, repo: &Git<'_>, rules: &[String]) -> BTreeSet<String> {
    // A repository without a working tree holds no file of the plan.
    let Ok(top) = repo.text(&["rev-parse", "--show-toplevel"]) else { return BTreeSet::new() };
    let Ok(top) = std::fs::canonicalize(Path::new(&top)) else { return BTreeSet::new() };
    let inside = rules.iter().filter_map(|rule| {
        let path = std::fs::canonicalize(attempt.site.path(rule)).ok()?;
        Some(readable(path.strip_prefix(&top).ok()?.as_os_str().as_bytes()))
    });
    inside.collect()
}
