//! The last screen of a run: what failed, what is left changed, what to do next, and the result on the last line.

use super::exit::{JOURNAL, exit_code};
use super::look::{Ink, Look, Mark};
use super::rows::{Counts, Ending, Missed, Row};
use super::view::View;
use super::visible::{visible, visible_line};
use super::words::{ending_words, moment_words, next_commands, plural};
use crate::machine::event::{CauseKind, Outcome, Parking};
use crate::plan::units::duration_words;

/// Lines of output repeated for a failed step.
const TAIL_LINES: usize = 20;
/// Failed steps repeated in full.
const MOST_FAILURES: usize = 5;

/// The final screen, 100 columns wide and without colours.
pub fn summary(view: &View) -> String {
    summary_in(view, &Look::plain(100), None)
}

/// The final screen as a terminal wants it. A driver that could not go on says so in `left`: its exit code and why.
pub fn summary_in(view: &View, look: &Look, left: Option<(u8, &str)>) -> String {
    let mut out = String::from("\n");
    let failed = failures(view);
    for row in failed.iter().take(MOST_FAILURES) {
        out.push_str(&failure(view, row, look));
        out.push('\n');
    }
    if failed.len() > MOST_FAILURES {
        out.push_str(&format!(" and {} more failed\n\n", failed.len() - MOST_FAILURES));
    }
    out.push_str(&changes(view, look));
    for asked in view.open_questions() {
        out.push_str(&labelled("open question", &visible_line(&asked.title), look));
        for role in crate::machine::standing(view.state(), asked) {
            let said = format!("{} of {} said GO as {}", role.given.len(), role.needed, visible_line(&role.role));
            out.push_str(&labelled("", &said, look));
        }
    }
    let waived = view.rows().into_iter().filter(|row| row.kind.is_step() && view.is_waived(&row.path));
    let waived: Vec<(String, String)> = waived.map(|row| (row.path, row.reason.unwrap_or_default())).collect();
    if !waived.is_empty() {
        out.push_str(&labelled("waived", &listed(&waived), look));
    }
    let missed: Vec<(String, String)> = view.missed().iter().map(missed_words).collect();
    if !missed.is_empty() {
        out.push_str(&labelled("missed", &listed(&missed), look));
    }
    if let Some(Parking::OnHold(words)) = &view.state().parked {
        out.push_str(&labelled("on hold", &visible_line(words), look));
    }
    if let Some((label, words)) = super::words::lock_left(view) {
        out.push_str(&labelled(label, &words, look));
    }
    if let Some(Parking::Trouble(words)) = &view.state().parked {
        out.push_str(&labelled("trouble", &visible_line(words), look));
    }
    if let Some((_, words)) = left.filter(|(_, words)| !words.is_empty()) {
        out.push_str(&labelled("trouble", &visible_line(words), look));
    }
    // A command that is broken over two lines cannot be copied.
    let next: Vec<String> = next_commands(view).iter().map(|command| command.replace(' ', "\u{a0}")).collect();
    if !next.is_empty() {
        out.push_str(&labelled("next", &next.join(look.dot()), look).replace('\u{a0}', " "));
    }
    out.push_str(&result_line(view, look, left.map(|(code, _)| code)));
    out.push('\n');
    out
}

/// Failed steps, the one that ended the run first.
fn failures(view: &View) -> Vec<Row> {
    let counts = |row: &Row| (row.kind.is_step() && row.is_failed()) || row.is_unproved();
    let mut rows: Vec<Row> = view.rows().into_iter().filter(counts).collect();
    let Some(cause) = view.cause() else { return rows };
    // The whole run is no row of its own.
    rows.extend(view.row("").filter(|row| cause.path.is_empty() && row.is_unproved()));
    // A table beside the run is no step of it, but it says what the steps it ended cannot.
    let beside = cause.path.ends_with("~guard") || cause.path.ends_with("~override");
    let guard = view.row(&cause.path).filter(|_| beside);
    rows.extend(guard.map(|row| Row { reason: Some(cause.reason.clone()), tail: String::new(), attempts: 0, ..row }));
    rows.sort_by_key(|row| cause.path != row.path);
    rows
}

/// One failed step: how it ended, its last lines, its note.
fn failure(view: &View, row: &Row, look: &Look) -> String {
    let mut facts = vec![visible_line(row.reason.as_deref().unwrap_or("no reason was recorded"))];
    if row.attempts > 1 {
        facts.push(plural(row.attempts as usize, "attempt"));
    }
    facts.push(visible_line(&row.at));
    let path = visible_line(&row.path);
    let took = row.took_us().filter(|_| row.attempts > 0).map(duration_words).unwrap_or_default();
    let mut out = format!(
        " {} {}  {took}{}{}\n",
        look.marked(Mark::Failed),
        look.paint(Ink::Strong, if row.path.is_empty() { "the whole run" } else { &path }),
        if took.is_empty() { "" } else { "  " },
        facts.join(look.dot())
    );
    let lines: Vec<&str> = row.tail.trim_end().lines().collect();
    for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
        out.push_str(&format!("      {}\n", visible_line(line)));
    }
    if let (false, Some(run)) = (lines.is_empty(), view.run()) {
        let command = format!("runbook logs {} {}", visible_line(&run.run), visible_line(&row.path));
        out.push_str(&look.paint(Ink::Faint, &format!("      all of it: {command}")));
        out.push('\n');
    }
    if let Some(note) = &row.note {
        let note = visible(note.trim()).replace('\n', "\n      ");
        out.push_str(&format!("    note ({}): {note}\n", visible_line(&row.at)));
    }
    out
}

/// The last screen names this many changes; the report names all.
const MOST_LISTED: usize = 8;

fn changes(view: &View, look: &Look) -> String {
    let changes = view.changes();
    let ending = view.ending();
    let smooth = ending == Ending::Over(Outcome::Done) && changes.unknown.is_empty();
    let mut out = String::new();
    for (label, list) in
        [("changed and kept", &changes.kept), ("changed, undone", &changes.undone), ("unknown", &changes.unknown)]
    {
        // After a smooth run people want no list of nothing.
        if !(smooth && list.is_empty()) {
            out.push_str(&labelled(label, &listed(list), look));
        }
    }
    out
}

fn listed(list: &[(String, String)]) -> String {
    if list.is_empty() {
        return "nothing".into();
    }
    let one = |(path, why): &(String, String)| match why.is_empty() {
        true => visible_line(path),
        false => format!("{} ({})", visible_line(path), visible_line(why)),
    };
    let mut shown: Vec<String> = list.iter().take(MOST_LISTED).map(one).collect();
    if list.len() > MOST_LISTED {
        shown.push(format!("and {} more", list.len() - MOST_LISTED));
    }
    shown.join(", ")
}

/// A label and text that is wrapped beside it.
fn labelled(label: &str, text: &str, look: &Look) -> String {
    let mut out = String::new();
    let room = look.width.saturating_sub(22).max(20);
    for (i, line) in wrap(text, room).iter().enumerate() {
        out.push_str(&format!("  {:<18}{line}\n", if i == 0 { label } else { "" }));
    }
    out
}

/// Breaks at spaces; a word that is too long stands alone on its line.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if super::look::columns(line) + 1 + super::look::columns(word) <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_string());
        }
    }
    lines
}

/// `ROLLED BACK  at step switch.migrate · 11m 02s · 8 ok, 1 failed · exit code 11`
fn result_line(view: &View, look: &Look, code: Option<u8>) -> String {
    let ending = view.ending();
    let ink = match ending {
        Ending::Over(Outcome::Done) => Ink::Good,
        Ending::Waiting(_) | Ending::Until(_) | Ending::Interrupted | Ending::OnHold | Ending::Over(Outcome::NoGo) => {
            Ink::Care
        }
        _ => Ink::Bad,
    };
    // A run whose log cannot be written any more was left, whatever its last event says.
    let word = if ending == Ending::Open && code == Some(JOURNAL) { "STOPPED" } else { ending_words(ending) };
    let mut facts = Vec::new();
    match view.cause() {
        Some(cause) if !cause.path.is_empty() => facts.push(format!("at {}", visible_line(&cause.path))),
        Some(cause) if cause.kind == CauseKind::Interrupt => facts.push("stopped by the operator".to_string()),
        Some(_) => facts.push("for the whole run".to_string()),
        None => {}
    }
    if let Some(Parking::Question(path)) = &view.state().parked {
        facts.push(format!("for an answer at {}", visible_line(path)));
    }
    if let Ending::Until(at) = ending {
        facts.push(format!("until {}", moment_words(at)));
    }
    facts.push(duration_words(view.took_us()));
    facts.push(counted(&view.counts()));
    facts.push(format!("exit code {}", code.unwrap_or(exit_code(ending))));
    format!("{}  {}", look.paint(ink, word), facts.join(look.dot()))
}

/// What was missed, and by how much.
pub(crate) fn missed_words(missed: &Missed) -> (String, String) {
    let due = moment_words(missed.due_wall_us);
    (missed.path.clone(), format!("due {due}, {} late", duration_words(missed.late_us)))
}

/// `8 ok, 1 failed, 1 skipped, 2 backed out, 3 not reached`
pub(crate) fn counted(counts: &Counts) -> String {
    let parts = [
        (counts.ok, "ok"),
        (counts.warned, "warned"),
        (counts.waived, "waived"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
        (counts.undone, "backed out"),
        (counts.undo_failed, "not backed out"),
        (counts.missed, "missed"),
        (counts.total.saturating_sub(counts.done()), "not reached"),
    ];
    let said: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if said.is_empty() { "no steps".into() } else { said.join(", ") }
}
