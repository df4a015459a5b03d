//! What is counted over all cases of a test, and the table at its end.

use std::fmt::Debug;
use std::io::Write as _;
use std::sync::Mutex;

use crate::judge::Judged;

#[derive(Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    faults: usize,
    never_began: usize,
    resumes: usize,
    slowest_ms: u128,
    acknowledged: usize,
    lost: usize,
    repeated: usize,
    misjudged: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Adds a case; `came_about` says whether the fault did.
    pub(crate) fn count(&self, case: &impl Debug, came_about: bool, judged: Judged) {
        let mut counts = self.0.lock().unwrap();
        counts.faults += usize::from(came_about);
        counts.never_began += usize::from(judged.never_began);
        counts.resumes += usize::from(judged.resumed.is_some());
        counts.slowest_ms = counts.slowest_ms.max(judged.resumed.unwrap_or_default().as_millis());
        counts.acknowledged += judged.acknowledged;
        counts.lost += judged.lost;
        counts.repeated += judged.repeated;
        counts.misjudged += usize::from(judged.misjudged);
        counts.wrong.extend(judged.wrong.into_iter().map(|what| format!("{case:?}: {what}")));
    }

    /// Prints the table; nothing may have gone wrong.
    pub(crate) fn tell(&self, what: &str, boundaries: usize, cases: usize) {
        let counts = self.0.lock().unwrap();
        let mut table = format!("{what}\n");
        for (name, count) in [
            ("boundaries", boundaries),
            ("cases", cases),
            ("faults that came about", counts.faults),
            ("runs that had not begun", counts.never_began),
            ("resumes", counts.resumes),
            ("slowest resume to its end, ms", counts.slowest_ms as usize),
            ("acknowledged records", counts.acknowledged),
            ("acknowledged records lost", counts.lost),
            ("silent re-runs", counts.repeated),
            ("logs that verify wrongly", counts.misjudged),
        ] {
            table.push_str(&format!("  {name:<30}{count:>8}\n"));
        }
        // Past the test harness, so that the counts are seen when all is well, too.
        let _ = std::io::stderr().write_all(table.as_bytes());
        // All of them would hide the first ones.
        let shown = counts.wrong.len().min(12);
        assert!(counts.wrong.is_empty(), "{} are wrong:\n{}", counts.wrong.len(), counts.wrong[..shown].join("\n"));
        assert!(counts.faults * 10 >= cases * 9, "too few of the faults came about to mean much");
    }
}
