//! Looking for what may not stand in files, or in the lines that were added between two commits.

mod added;
mod files;

use super::attempt::{Attempt, untouched};
use super::evidence;
use crate::machine::action::{Done, Ended, Hit, ScanAction, ScanOf, ScanSeen};

/// Look, and tell where something was found, never what.
pub(super) fn run(attempt: &Attempt, wanted: &ScanAction) -> Done {
    let seen = match &wanted.of {
        ScanOf::Secrets { files } => files::run(attempt, wanted, files),
        ScanOf::Added { .. } => added::run(attempt, wanted),
    };
    match seen {
        Ok(mut seen) => {
            for hit in seen.hits.iter_mut().chain(&mut seen.allowed) {
                hit.file = attempt.site.masker.text(&hit.file).into_owned();
                hit.name = hit.name.take().map(|name| attempt.site.masker.text(&name).chars().take(80).collect());
            }
            let mut done = untouched(Ended::Ok);
            evidence::keep(attempt, &told(&seen), &mut done);
            done.scan = Some(seen);
            done
        }
        Err(ended) => untouched(ended),
    }
}

/// All of it, for the log.
fn told(seen: &ScanSeen) -> String {
    let mut words: String = seen.hits.iter().map(|hit| format!("{}\n", hit.words())).collect();
    let more = |all: u64, told: &[Hit], what: &str| match all.saturating_sub(told.len() as u64) {
        0 => String::new(),
        more => format!("{more} more {what}\n"),
    };
    words.push_str(&more(seen.hit_count, &seen.hits, "found"));
    seen.allowed.iter().for_each(|hit| words.push_str(&format!("allowed: {}\n", hit.words())));
    words.push_str(&more(seen.allowed_count, &seen.allowed, "allowed"));
    let commits = seen.commits.map(|commits| format!(" in {commits} commits")).unwrap_or_default();
    words.push_str(&format!(
        "looked at {} lines of {} files{commits}; {} found, {} allowed, {} files left out\n",
        seen.lines, seen.files, seen.hit_count, seen.allowed_count, seen.left_out
    ));
    words
}
