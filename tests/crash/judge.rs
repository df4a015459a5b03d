//! What is checked after every kind of fault.

use std::collections::BTreeSet;
use std::path::Path;

use runbook::log::{Verdict, segment_file};

use crate::bed::{Bed, Fault, effect_of};
use crate::trace::{Call, acknowledged};

/// What a fault left behind and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Nothing in the log is sealed: the run never began.
    pub(crate) never_began: bool,
    /// Records whose sync had returned.
    pub(crate) acknowledged: usize,
    /// Those of them that are not there.
    pub(crate) lost: usize,
    /// Whether the log said something else than it should.
    pub(crate) misjudged: bool,
    /// How often a step was repeated that must not be.
    pub(crate) repeated: usize,
    /// How long resuming took.
    pub(crate) resumed: Option<std::time::Duration>,
    /// Everything that is not as it should be, in words.
    pub(crate) wrong: Vec<String>,
}

/// How the run that is judged should end.
pub(crate) struct Aim<'a> {
    pub(crate) code: i32,
    /// Effects that must be there once.
    pub(crate) once: &'a [&'a str],
    /// Effects that must be there at least once.
    pub(crate) some: &'a [&'a str],
}

impl Judged {
    /// Looks at what is left of a call that made these calls.
    pub(crate) fn look(&mut self, bed: &Bed, calls: &[Call]) {
        if bed.run_id().is_none() {
            return;
        }
        let (report, sealed) = (bed.report(), bed.sealed());
        let signed = sealed.as_ref().is_some_and(|log| log.ended) && is_signed(&bed.run_dir());
        let right = if signed { Verdict::Complete } else { Verdict::Incomplete };
        if report.verdict != right {
            self.misjudged = true;
            self.wrong.push(format!("verifies as {report}"));
        }
        for (path, bytes) in acknowledged(calls) {
            let records = records_in(&path, bytes).len();
            let segment = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let records_kept = sealed.iter().flat_map(|log| &log.records);
            let kept = records_kept.filter(|record| segment_file(record.segment) == segment).count();
            self.acknowledged += records;
            if kept < records {
                self.lost += records - kept;
                self.wrong.push(format!("{kept} of {records} acknowledged records of {segment} are left"));
            }
        }
        let intents = intents(&bed.run_dir(), calls);
        let unannounced: BTreeSet<String> = bed.lines("effects").into_iter().filter(|e| !intents.contains(e)).collect();
        if !unannounced.is_empty() {
            self.wrong.push(format!("happened without a durable record: {unannounced:?}"));
        }
    }

    /// Goes on until there is a verdict, as a person would, in a world that is whole again.
    pub(crate) fn finish(&mut self, bed: &Bed, aim: &Aim<'_>) {
        if bed.sealed().is_none() {
            self.never_began = true;
            if let Some(run) = bed.run_id() {
                let said = bed.call(&["resume", &run.to_string()], &Fault::none());
                if said.code != Some(9) {
                    self.wrong.push(format!("resuming a run that never began: {said:?}"));
                }
            }
            let again = bed.call_with_person(&["run", "a.yml"], &Fault::none());
            if again.code != Some(aim.code) {
                self.wrong.push(format!("starting again ended with {:?}: {}", again.code, again.screen));
            }
        } else if bed.verdict() != Verdict::Complete {
            let since = std::time::Instant::now();
            let run = bed.run_id().map(|run| run.to_string()).unwrap_or_default();
            let resumed = bed.call_with_person(&["resume", &run], &Fault::none());
            self.resumed = Some(since.elapsed());
            if resumed.code != Some(aim.code) {
                self.wrong.push(format!("resuming ended with {:?}: {}", resumed.code, resumed.screen));
            }
        }
        if bed.verdict() != Verdict::Complete {
            self.misjudged = true;
            self.wrong.push(format!("at the end: {}", bed.report()));
        }
        let effects = bed.counted("effects");
        for name in aim.once.iter().chain(aim.some).filter(|name| !effects.contains_key(**name)) {
            self.wrong.push(format!("{name} never happened"));
        }
        for (name, count) in effects.iter().filter(|(name, count)| **count > 1 && aim.once.contains(&name.as_str())) {
            self.repeated += 1;
            self.wrong.push(format!("{name} happened {count} times"));
        }
    }
}

fn is_signed(dir: &Path) -> bool {
    let mut names = std::fs::read_dir(dir).unwrap().flatten().map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().ends_with(".jsonl.sig"))
}

/// Whole lines that are no seals in the first bytes of a log.
fn records_in(path: &Path, bytes: u64) -> Vec<String> {
    let log = std::fs::read(path).unwrap_or_default();
    let known = &log[..log.len().min(bytes as usize)];
    let whole = known.split_inclusive(|b| *b == b'\n').filter(|line| line.ends_with(b"\n"));
    let lines = whole.map(|line| String::from_utf8_lossy(line).into_owned());
    lines.filter(|line| !line.contains("\"type\":\"seal\"")).collect()
}

/// Effects of the steps whose `step.start` was on disk: for a log these calls wrote, as far as they synced it.
fn intents(dir: &Path, calls: &[Call]) -> BTreeSet<String> {
    let known = acknowledged(calls);
    let written = |path: &Path| calls.iter().any(|call| call.path == path);
    let logs = std::fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
    let logs = logs.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let records = logs.flat_map(|path| {
        let all = if written(&path) { 0 } else { u64::MAX };
        records_in(&path, known.get(&path).copied().unwrap_or(all))
    });
    let starts = records.filter_map(|line| {
        let record: serde_json::Value = serde_json::from_str(&line).ok()?;
        (record["type"] == "step.start").then(|| effect_of(record["path"].as_str().unwrap_or_default()))
    });
    starts.collect()
}
