//! How text for people looks: width, symbols or words, colours or none.

use super::rows::{Row, Standing};
use crate::machine::event::Verdict;
use console::{measure_text_width, truncate_str};

/// What the reader's screen can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Symbols (`✓ ✗ ● ◆`); false shows words.
    pub symbols: bool,
    /// Colours.
    pub color: bool,
}

/// Where something stands, as one symbol or word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As wanted.
    Ok,
    /// Not as wanted.
    Failed,
    /// Not as wanted, and declared soft.
    Warn,
    /// Not run.
    Skipped,
    /// Going on.
    Running,
    /// Waiting for time.
    Pausing,
    /// Waiting for a person.
    Asking,
    /// Nobody knows.
    Unknown,
    /// Not begun.
    Ahead,
}

/// Colours by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Good.
    Good,
    /// Bad.
    Bad,
    /// To be looked at.
    Care,
    /// Background.
    Faint,
    /// Important.
    Strong,
}

impl Look {
    /// No colours.
    pub fn plain(width: usize) -> Look {
        Look { width, symbols: true, color: false }
    }

    /// The symbol or word of a mark.
    pub fn mark(&self, mark: Mark) -> &'static str {
        let (symbol, word) = match mark {
            Mark::Ok => ("✓", "ok"),
            Mark::Failed => ("✗", "FAILED"),
            Mark::Warn => ("!", "WARN"),
            Mark::Skipped => ("-", "skipped"),
            Mark::Running => ("●", "running"),
            Mark::Pausing => ("◌", "pause"),
            Mark::Asking => ("◆", "ASKED"),
            Mark::Unknown => ("?", "UNKNOWN"),
            Mark::Ahead => ("·", "ahead"),
        };
        if self.symbols { symbol } else { word }
    }

    /// The mark in its colour, padded so that what follows lines up.
    pub fn marked(&self, mark: Mark) -> String {
        let text = self.mark(mark);
        let pad = if self.symbols { 0 } else { 7usize.saturating_sub(text.len()) };
        let ink = match mark {
            Mark::Ok => Ink::Good,
            Mark::Failed | Mark::Unknown => Ink::Bad,
            Mark::Warn | Mark::Asking => Ink::Care,
            Mark::Running => Ink::Strong,
            Mark::Skipped | Mark::Pausing | Mark::Ahead => Ink::Faint,
        };
        format!("{}{}", self.paint(ink, text), " ".repeat(pad))
    }

    /// Text in a colour, if there are colours.
    pub fn paint(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Good => "32",
            Ink::Bad => "1;31",
            Ink::Care => "33",
            Ink::Faint => "2",
            Ink::Strong => "1",
        };
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    /// Between two facts on a line.
    pub fn dot(&self) -> &'static str {
        if self.symbols { " · " } else { ", " }
    }

    /// At most `width` columns; what is cut is shown to be cut.
    pub fn fit(&self, text: &str, width: usize) -> String {
        truncate_str(text, width, if self.symbols { "…" } else { "..." }).into_owned()
    }

    /// Exactly `width` columns.
    pub fn cell(&self, text: &str, width: usize) -> String {
        let text = self.fit(text, width);
        let pad = width.saturating_sub(measure_text_width(&text));
        text + &" ".repeat(pad)
    }
}

/// Columns a text takes.
pub fn columns(text: &str) -> usize {
    measure_text_width(text)
}

/// The mark of a row.
pub fn mark_of(row: &Row) -> Mark {
    match (row.standing, row.verdict) {
        (Standing::NotReached, _) => Mark::Ahead,
        (Standing::Running, _) => Mark::Running,
        (Standing::Pausing, _) => Mark::Pausing,
        (Standing::Asking, _) => Mark::Asking,
        (Standing::InDoubt, _) => Mark::Unknown,
        (Standing::Finished, verdict) => match verdict {
            Some(Verdict::Pass) => Mark::Ok,
            Some(Verdict::Warn) => Mark::Warn,
            Some(Verdict::Skipped) => Mark::Skipped,
            Some(Verdict::Fail | Verdict::Inconclusive | Verdict::Unavailable) => Mark::Failed,
            Some(Verdict::Pending) | None => Mark::Unknown,
        },
    }
}
