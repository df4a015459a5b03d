//! What changed between two commits, commit by commit.

use super::attempt::{Attempt, untouched};
use super::evidence;
use super::git::Git;
use crate::inspect::git;
use crate::machine::action::{ChangesAction, ChangesSeen, CommitSeen, Done, Ended};

/// Longer lists do not fit into one record of the log.
const LONGEST: usize = 400 * 1024;
/// How changes are listed: full names, a rename as two changes, no configuration of the repository in between.
const HOW: [&str; 7] =
    ["-r", "--raw", "-z", "--no-renames", "--no-ext-diff", "--no-relative", "--ignore-submodules=none"];

/// Ask git and tell what it says.
pub(super) fn run(attempt: &Attempt, wanted: &ChangesAction) -> Done {
    match look(attempt, wanted) {
        Ok(seen) => {
            let mut done = untouched(Ended::Ok);
            evidence::keep(attempt, &told(&seen), &mut done);
            done.changes = Some(bounded(seen));
            done
        }
        Err(ended) => untouched(ended),
    }
}

fn look(attempt: &Attempt, wanted: &ChangesAction) -> Result<ChangesSeen, Ended> {
    let repo = Git::at(attempt, &wanted.repo, wanted.timeout_us)?;
    let (base, head) = (repo.commit("base", &wanted.base)?, repo.commit("head", &wanted.head)?);
    let masked = |name: String| attempt.site.masker.text(&name).into_owned();
    let commits = commits(&repo, &base, &head)?
        .into_iter()
        .map(|commit| CommitSeen { id: commit.id, files: commit.files.into_iter().map(masked).collect() });
    let between = [&["diff-tree"], &HOW[..], &[base.as_str(), head.as_str()]].concat();
    let files = git::files(&repo.output(&between, None)?).map_err(Ended::Failed)?;
    let lost = repo.text(&["rev-list", "--count", &format!("{head}..{base}")])?;
    Ok(ChangesSeen {
        commits: commits.collect(),
        files: files.into_iter().map(masked).collect(),
        lost: lost.parse().map_err(|_| Ended::Failed(format!("git counted `{lost}` commits")))?,
        missing: missing(&repo, &base, &head, &wanted.paths)?,
        too_many: None,
        base,
        head,
    })
}

/// The commits of `head` that are not in `base`, oldest first, those without files as well.
pub(super) fn commits(repo: &Git<'_>, base: &str, head: &str) -> Result<Vec<git::Commit>, Ended> {
    let ids = repo.output(&["rev-list", "--reverse", &format!("{base}..{head}")], None)?;
    let all: Vec<String> = String::from_utf8_lossy(&ids).lines().map(str::to_owned).collect();
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let each = [&["diff-tree", "--stdin", "--root", "-c"], &HOW[..]].concat();
    let told = git::commits(&repo.output(&each, Some(ids))?).map_err(Ended::Failed)?;
    let mut told = told.into_iter().peekable();
    let mut commits = Vec::with_capacity(all.len());
    for id in all {
        // Git says nothing of a commit that changes no file.
        let files = told.next_if(|commit| commit.id == id).map(|commit| commit.files).unwrap_or_default();
        commits.push(git::Commit { id, files });
    }
    match told.next() {
        None => Ok(commits),
        Some(other) => Err(Ended::Failed(format!("git told of commit {} in another order", other.id))),
    }
}

/// Paths that exist in neither commit: a misspelt one would never be touched.
fn missing(repo: &Git<'_>, base: &str, head: &str, paths: &[String]) -> Result<Vec<String>, Ended> {
    let paths: Vec<&String> = paths.iter().filter(|path| !path.is_empty()).collect();
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let asked: String = paths.iter().flat_map(|path| [base, head].map(|id| format!("{id}:{path}\n"))).collect();
    let answer = repo.output(&["cat-file", "--batch-check=%(objecttype)"], Some(asked.into_bytes()))?;
    let answer = String::from_utf8_lossy(&answer);
    let there: Vec<bool> = answer.lines().map(|line| matches!(line, "tree" | "blob" | "commit")).collect();
    if there.len() != paths.len() * 2 {
        return Err(Ended::Failed("git did not answer for every path".to_owned()));
    }
    let pairs = paths.iter().zip(there.chunks(2));
    Ok(pairs.filter(|(_, there)| !there.contains(&true)).map(|(path, _)| (*path).clone()).collect())
}

/// What fits into a record; else only how much there is.
fn bounded(seen: ChangesSeen) -> ChangesSeen {
    let of = |files: &[String]| files.iter().map(|file| file.len() + 8).sum::<usize>();
    let length = of(&seen.files) + seen.commits.iter().map(|commit| 64 + of(&commit.files)).sum::<usize>();
    if length <= LONGEST {
        return seen;
    }
    let too_many = Some((seen.commits.len() as u64, seen.files.len() as u64));
    ChangesSeen { commits: Vec::new(), files: Vec::new(), too_many, ..seen }
}

/// All of it, for the log.
fn told(seen: &ChangesSeen) -> String {
    let mut words = format!("base {}\nhead {}\n", seen.base, seen.head);
    for commit in &seen.commits {
        words.push_str(&format!("commit {}\n", commit.id));
        commit.files.iter().for_each(|file| words.push_str(&format!("  {file}\n")));
    }
    if seen.lost > 0 {
        words.push_str(&format!("{} of base not in head\n", crate::report::plural(seen.lost as usize, "commit")));
    }
    words.push_str(&format!("{} between base and head\n", crate::report::plural(seen.files.len(), "file")));
    words
}
