//! The redrawn block below the scrolled lines: a header, what runs, the last lines of one of them.

use super::RunningView;
use super::notice::interrupt_words;
use crate::machine::{Status, Timestamp};
use crate::plan::units::duration_words;
use crate::report::look::{Ink, Mark, columns};
use crate::report::{Look, View, visible_line};

/// Running steps shown at most.
const MOST_STEPS: usize = 8;
/// Lines of output shown at most.
const MOST_TAIL: usize = 6;

/// The lines of the block: fewer than the terminal has rows, none wider than it has columns. `focus` is the step whose
/// output is shown.
pub(super) fn frame(
    view: &View,
    running: &[RunningView],
    focus: Option<&str>,
    now: Timestamp,
    look: &Look,
    rows: usize,
) -> Vec<String> {
    // The last column stays free: a full line would wrap on some terminals.
    let width = look.width.saturating_sub(1).max(1);
    let room = rows.saturating_sub(1).max(1);
    let steps = steps(view, running, now, look);
    let mut lines = Vec::new();
    if room >= 4 {
        lines.push(look.paint(Ink::Faint, &(if look.symbols { "─" } else { "-" }).repeat(width)));
    }
    lines.push(header(view, running.len(), now, look, width));
    let tail = focus.and_then(|path| running.iter().find(|r| r.path == path)).map(|r| &r.tail[..]).unwrap_or_default();
    let left = room.saturating_sub(lines.len());
    let shown = steps.len().min(MOST_STEPS).min(left);
    for (i, (path, text)) in steps[..shown].iter().enumerate() {
        lines.push(look.fit(text, width));
        if Some(path.as_str()) == focus {
            let steps_to_come = shown - i - 1;
            let below = room.saturating_sub(lines.len() + steps_to_come).min(MOST_TAIL);
            for line in &tail[tail.len().saturating_sub(below)..] {
                let line = look.fit(&format!("      {}", visible_line(line)), width);
                lines.push(look.paint(Ink::Faint, &line));
            }
        }
    }
    if steps.len() > shown && lines.len() < room {
        lines.push(look.fit(&format!("    and {} more", steps.len() - shown), width));
    }
    lines.truncate(room);
    lines
}

fn header(view: &View, running: usize, now: Timestamp, look: &Look, width: usize) -> String {
    let elapsed = now.run_us.saturating_sub(view.began().run_us);
    let done = format!("{}/{} done", view.counts().done(), view.total());
    let facts = [done, format!("{running} running"), seconds(elapsed)].join(look.dot());
    let left = format!(" {facts}");
    let hint = interrupt_words(view.state().interrupt, !view.state().armed.is_empty());
    let gap = width.saturating_sub(columns(&left) + columns(hint));
    match gap {
        0..=1 => look.fit(&left, width),
        _ => format!("{left}{}{}", " ".repeat(gap), look.paint(Ink::Faint, hint)),
    }
}

/// What runs, then what waits for time: path and line.
fn steps(view: &View, running: &[RunningView], now: Timestamp, look: &Look) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for step in running {
        let title = title(view, &step.path);
        let words = line(look, Mark::Running, &step.path, &seconds(step.elapsed_us), &title);
        lines.push((step.path.clone(), words));
    }
    let state = view.state();
    for inst in state.active.iter().map(|id| &state.insts[*id]) {
        let left = match &inst.status {
            // What is sampled has until its time is over, not until its next sample.
            Status::Pausing { until_us } => inst.poll_until_us.unwrap_or(*until_us).saturating_sub(now.run_us),
            Status::Waiting { due_wall_us } => (due_wall_us - now.wall_us).max(0) as u64,
            _ => continue,
        };
        let left = seconds(left);
        let title = title(view, &inst.path);
        lines.push((inst.path.clone(), line(look, Mark::Pausing, &inst.path, &format!("{left} left"), &title)));
    }
    lines
}

/// The title, and the values of a number whose trend is expected.
fn title(view: &View, path: &str) -> String {
    let title = view.row(path).map(|row| row.title).unwrap_or_default();
    match view.state().inst(path).and_then(|inst| inst.trail.values()) {
        Some(values) => format!("{title}: {values}"),
        None => title,
    }
}

fn line(look: &Look, mark: Mark, path: &str, time: &str, title: &str) -> String {
    let id = path.rsplit(['.', '~']).next().unwrap_or_default();
    let title = if title == id { String::new() } else { visible_line(title) };
    format!(" {}  {:<24} {time:>8}  {title}", look.marked(mark), visible_line(path)).trim_end().to_string()
}

/// Whole seconds: what moves faster than that cannot be read, and need not be drawn.
fn seconds(us: u64) -> String {
    match us / 1_000_000 {
        s @ 0..=59 => format!("{s}s"),
        s => duration_words(s * 1_000_000),
    }
}
