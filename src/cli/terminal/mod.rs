//! What people and programs see of a run while it goes on, and how people are asked.
//!
//! * [`plain`]: lines, where there is no terminal. * [`live`]: lines and a redrawn block, on a terminal.
//! * [`events`]: JSON lines on standard output. * [`prompt`]: questions at the controlling terminal.

mod awaited;
mod color;
mod columns;
mod events;
mod frame;
mod live;
mod notice;
mod plain;
mod prompt;
mod question;
mod screen;

#[cfg(test)]
mod tests;

use super::args::{ColorChoice, Common, Output};
use super::guard::Guarded;
use crate::drive::run::Incoming;
use crate::drive::world::Running;
use crate::machine::Plans;
use crate::report::{Look, View};
use screen::{Form, Screen};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Tells what runs now.
pub(crate) trait Progress {
    /// The running attempts, in order of their start.
    fn running(&self) -> Vec<Running>;
}

/// A running attempt at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
struct RunningView {
    /// Which step.
    path: String,
    /// Microseconds since it was started.
    elapsed_us: u64,
    /// Bytes of output so far.
    bytes: u64,
    /// Microseconds since output last came; none when there was none.
    silent_us: Option<u64>,
    /// The most recent lines.
    tail: Vec<String>,
}

impl RunningView {
    fn of(running: Running, now: Instant) -> RunningView {
        let ago = |then: Instant| micros(now.saturating_duration_since(then));
        RunningView {
            path: running.id.path,
            elapsed_us: ago(running.since),
            bytes: running.bytes,
            silent_us: running.last_output.map(ago),
            tail: running.recent,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Whoever watches this run: JSON lines, a live screen or plain lines, with a prompt if somebody can be asked. `view` is
/// the run so far.
pub(crate) fn audience(
    common: &Common,
    view: &View,
    operator: String,
    no_input: bool,
    progress: Box<dyn Progress>,
    send: UnboundedSender<Incoming>,
) -> Screen {
    let is_terminal = std::io::stderr().is_terminal();
    let form = match (common.output, is_terminal && !is_dumb() && !is_accessible(common)) {
        (Output::Json, _) => Form::events(),
        (Output::Text, true) => Form::live(look(common)),
        (Output::Text, false) => Form::plain(look(common)),
    };
    let tty = if no_input { None } else { prompt::Tty::open() };
    let prompt = tty.map(|tty| prompt::Prompt::new(tty, operator, send));
    let out: Box<dyn std::io::Write> = match common.output {
        Output::Json => Box::new(Guarded(std::io::stdout())),
        Output::Text => Box::new(Guarded(std::io::stderr())),
    };
    Screen::new(form, view.clone(), look(common), progress, prompt, out, Box::new(size))
}

/// A stored run told again as plain lines on standard output.
pub(crate) fn transcript(common: &Common, plans: Plans) -> Screen {
    struct Nothing;
    impl Progress for Nothing {
        fn running(&self) -> Vec<Running> {
            Vec::new()
        }
    }
    let is_terminal = std::io::stdout().is_terminal();
    let look = Look { color: wants_color(common, is_terminal), ..look(common) };
    let out = Box::new(std::io::BufWriter::new(std::io::stdout()));
    Screen::new(Form::plain(look), View::new(plans), look, Box::new(Nothing), None, out, Box::new(size))
}

/// How text on standard error looks: width, symbols, colours.
pub(crate) fn look(common: &Common) -> Look {
    let is_terminal = std::io::stderr().is_terminal();
    Look {
        width: if is_terminal { size().columns } else { 100 },
        symbols: is_utf8() && !is_accessible(common),
        color: wants_color(common, is_terminal),
    }
}

/// Whether to use colours on a stream.
pub(crate) fn wants_color(common: &Common, is_terminal: bool) -> bool {
    let [ours, no, force, clicolor, term] =
        ["RUNBOOK_COLOR", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM"].map(|name| std::env::var(name).ok());
    let flag = match common.color {
        Some(ColorChoice::Always) => Some(true),
        Some(ColorChoice::Never) => Some(false),
        Some(ColorChoice::Auto) | None => None,
    };
    color::colors(color::Said {
        flag,
        runbook_color: ours.as_deref(),
        no_color: no.as_deref(),
        force_color: force.as_deref(),
        clicolor_force: clicolor.as_deref(),
        term: term.as_deref(),
        is_terminal,
    })
}

fn is_accessible(common: &Common) -> bool {
    common.accessible || std::env::var("ACCESSIBLE").is_ok_and(|v| !v.is_empty() && v != "0")
}

fn is_dumb() -> bool {
    std::env::var("TERM").map_or(true, |term| term == "dumb" || term.is_empty())
}

/// The first of the three that is set decides, as for every program of the system.
fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    set.is_some_and(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

fn size() -> live::Size {
    let found = rustix::termios::tcgetwinsize(std::io::stderr()).ok().filter(|w| w.ws_col > 0 && w.ws_row > 0);
    found.map_or(live::Size { rows: 24, columns: 80 }, |w| live::Size {
        rows: w.ws_row.into(),
        columns: w.ws_col.into(),
    })
}
