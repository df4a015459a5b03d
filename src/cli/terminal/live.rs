//! Output on a terminal: finished lines scroll as text, below them one block is drawn again up to ten times a second.
//!
//! The cursor is never hidden and no mode of the terminal is changed, so nothing has to be restored, however the
//! program ends.

use super::RunningView;
use super::frame::frame;
use super::notice::{Notice, notice};
use crate::machine::Timestamp;
use crate::machine::event::Event;
use crate::plan::units::duration_words;
use crate::report::look::{Ink, columns};
use crate::report::{Kind, Look, View};

/// Least time between two drawings.
pub(super) const EVERY_US: u64 = 100_000;

/// Rows and columns of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// What is on the screen and what is still to be put there.
pub(super) struct Live {
    pub(super) look: Look,
    /// Lines that wait for the next drawing.
    pending: String,
    /// The block on the screen.
    drawn: Vec<String>,
    drawn_at_us: Option<u64>,
    focus: Option<String>,
}

impl Live {
    pub(super) fn new(look: Look) -> Live {
        Live { look, pending: String::new(), drawn: Vec::new(), drawn_at_us: None, focus: None }
    }

    /// Notes what an event has to say.
    pub(super) fn event(&mut self, view: &View, event: &Event) {
        if let Some(notice) = notice(view, event).filter(|notice| !notice.passing) {
            self.pending.push_str(&line(&self.look, view, &notice));
        }
    }

    /// What to write now: nothing if it was drawn a moment ago.
    pub(super) fn draw(&mut self, view: &View, running: &[RunningView], now: Timestamp, size: Size) -> String {
        if self.drawn_at_us.is_some_and(|at| now.run_us.saturating_sub(at) < EVERY_US) {
            return String::new();
        }
        self.look.width = size.columns;
        self.refocus(running);
        let block = frame(view, running, self.focus.as_deref(), now, &self.look, size.rows);
        let is_there = self.pending.is_empty() && self.drawn == block;
        let mut out = String::new();
        if !is_there {
            out = self.flush(size);
            out.push_str(&block.join("\n"));
            self.drawn = block;
        }
        self.drawn_at_us = Some(now.run_us);
        out
    }

    /// Takes the block away and puts out what is pending; the cursor is then at the start of an empty line.
    pub(super) fn flush(&mut self, size: Size) -> String {
        let mut out = self.clear(size);
        out.push_str(&std::mem::take(&mut self.pending));
        self.drawn_at_us = None;
        out
    }

    /// A window made narrower wraps what was drawn, so that it takes more rows than it had.
    fn clear(&mut self, size: Size) -> String {
        let rows = |line: &String| columns(line).div_ceil(size.columns.max(1)).max(1);
        let height: usize = self.drawn.iter().map(rows).sum();
        self.drawn.clear();
        match height {
            0 => String::new(),
            1 => "\r\x1b[J".into(),
            n => format!("\r\x1b[{}A\x1b[J", n - 1),
        }
    }

    /// Stays with a step while it runs; then the next one that says something.
    fn refocus(&mut self, running: &[RunningView]) {
        let still = self.focus.as_ref().is_some_and(|path| running.iter().any(|r| r.path == *path));
        if !still {
            let next = running.iter().find(|r| !r.tail.is_empty()).or(running.first());
            self.focus = next.map(|r| r.path.clone());
        }
    }
}

/// A finished line: mark, number, path, time, words.
fn line(look: &Look, view: &View, notice: &Notice) -> String {
    if notice.word == "phase" {
        return format!("\n {}  {}\n", look.paint(Ink::Strong, &notice.path), notice.words);
    }
    let width = view.total().to_string().len();
    let number = notice.number.map(|n| n.to_string()).unwrap_or_default();
    let took = notice.took_us.map(duration_words).unwrap_or_default();
    let words = match view.row(&notice.path).map(|row| row.kind) {
        Some(Kind::Checkpoint | Kind::Manual) => notice.words.clone(),
        // The mark says these already.
        _ if matches!(notice.word.as_str(), "run" | "STOP" | "ok" | "FAILED" | "WARN" | "skipped") => {
            notice.words.clone()
        }
        _ => format!("{}: {}", notice.word, notice.words),
    };
    let mut out = match notice.path.is_empty() {
        true => format!(" {} {}", look.marked(notice.mark), words),
        false => format!(" {} {number:>width$} {:<24} {took:>7}  {words}", look.marked(notice.mark), notice.path),
    };
    out.truncate(out.trim_end().len());
    out.push('\n');
    for line in &notice.below {
        out.push_str(&format!("      {line}\n"));
    }
    out
}
