//! Output without a terminal: one line per event, appended, and a sign of life every 30 seconds that says what it knows.

use super::RunningView;
use super::columns::Columns;
use super::notice::{Notice, notice};
use crate::machine::Timestamp;
use crate::machine::event::Event;
use crate::plan::units::duration_words;
use crate::report::look::{Ink, Mark};
use crate::report::{Look, View, clock_words, visible_line};
use std::collections::HashMap;

/// A running step is mentioned after this long without a line about it.
const HEARTBEAT_US: u64 = 30_000_000;
/// After this long without output a step is called silent and then not mentioned until it speaks again, so that a
/// watchdog around the tool can do its work.
const STALLED_US: u64 = 600_000_000;

/// Lines for a run, one per event.
pub(super) struct Plain {
    pub(super) look: Look,
    columns: Columns,
    heard: HashMap<String, Heard>,
}

/// When a running step was last mentioned.
struct Heard {
    at_us: u64,
    stalled: bool,
}

impl Plain {
    pub(super) fn new(look: Look) -> Plain {
        Plain { look, columns: Columns::new(), heard: HashMap::new() }
    }

    /// The lines of an event.
    pub(super) fn event(&mut self, view: &View, event: &Event) -> String {
        self.columns.widen(view);
        match notice(view, event) {
            Some(notice) => self.line(view, &notice),
            None => String::new(),
        }
    }

    fn line(&self, view: &View, notice: &Notice) -> String {
        let clock = clock_words(view.last().wall_us);
        let tag = self.columns.tag(view.total(), notice.number);
        let took = notice.took_us.map(duration_words).unwrap_or_default();
        let word = match notice.mark {
            Mark::Ok => self.look.paint(Ink::Good, &notice.word),
            Mark::Failed => self.look.paint(Ink::Bad, &notice.word),
            _ => notice.word.clone(),
        };
        let line = self.columns.line(&word, &notice.path, &took, &notice.words);
        let mut out = format!("{clock} {tag} {line}\n");
        for line in &notice.below {
            out.push_str(&format!("{clock} {}   | {line}\n", " ".repeat(tag.len())));
        }
        out
    }

    /// Signs of life of what has been running for a while, with the evidence.
    pub(super) fn heartbeats(&mut self, view: &View, running: &[RunningView], now: Timestamp) -> String {
        self.heard.retain(|path, _| running.iter().any(|r| r.path == *path));
        let mut out = String::new();
        for step in running {
            let began = now.run_us.saturating_sub(step.elapsed_us);
            let heard = self.heard.entry(step.path.clone()).or_insert(Heard { at_us: began, stalled: false });
            let silent_us = step.silent_us.unwrap_or(step.elapsed_us);
            if silent_us < STALLED_US {
                heard.stalled = false;
            }
            if heard.stalled || now.run_us.saturating_sub(heard.at_us) < HEARTBEAT_US {
                continue;
            }
            heard.at_us = now.run_us;
            heard.stalled = silent_us >= STALLED_US;
            let evidence = match (heard.stalled, step.silent_us) {
                (true, _) => format!("no output for {}: stalled?", duration_words(silent_us)),
                (false, Some(age)) => format!("last output {} ago ({})", duration_words(age), size(step.bytes)),
                (false, None) => "no output so far".to_string(),
            };
            let tag = self.columns.tag(view.total(), view.row(&step.path).and_then(|row| row.number));
            let clock = clock_words(now.wall_us);
            let path = visible_line(&step.path);
            let elapsed = duration_words(step.elapsed_us);
            out.push_str(&format!("{clock} {tag} {}\n", self.columns.line("running", &path, &elapsed, &evidence)));
        }
        out
    }
}

/// Bytes as people read them.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} B"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
