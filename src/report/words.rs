//! Words that several reports share.

use super::rows::{Ending, Kind};
use super::view::View;
use crate::machine::event::{Answer, Asked, Follow, Outcome, Question, Verdict};
use crate::machine::{Timestamp, has_changed, standing};
use crate::plan::units::to_the_second;

/// The result in a word or two.
pub fn ending_words(ending: Ending) -> &'static str {
    match ending {
        Ending::Over(Outcome::Done) => "DONE",
        Ending::Over(Outcome::Failed) => "FAILED",
        Ending::Over(Outcome::NoGo) => "NO-GO",
        Ending::Over(Outcome::RolledBack) => "ROLLED BACK",
        Ending::Over(Outcome::RollbackFailed) => "ROLLBACK FAILED",
        Ending::Over(Outcome::Unknown) => "UNKNOWN",
        Ending::Waiting(Question::InDoubt) => "IN DOUBT",
        Ending::Waiting(_) | Ending::Until(_) => "WAITING",
        Ending::Interrupted => "STOPPED",
        Ending::OnHold => "ON HOLD",
        Ending::Trouble => "STOPPED",
        Ending::Open => "NOT OVER",
    }
}

/// The commands that make sense next, most likely first.
pub fn next_commands(view: &View) -> Vec<String> {
    let Some(run) = view.run() else { return Vec::new() };
    let id = super::visible_line(&run.run);
    if let Ending::Until(at) = view.ending() {
        return vec![timer_command(at, &id), format!("runbook show {id}")];
    }
    if view.ending() == Ending::OnHold {
        let lock = view.plan().lock.as_ref().map(|lock| format!("runbook holds '{}'", super::visible_line(&lock.name)));
        let mut next: Vec<String> = lock.into_iter().collect();
        next.push(format!("runbook resume {id} --back-out"));
        return next;
    }
    let verbs: &[&str] = match view.ending() {
        Ending::Over(Outcome::Done) => &["show", "verify"],
        Ending::Over(_) => &["show", "logs", "verify"],
        Ending::Waiting(_)
        | Ending::Until(_)
        | Ending::Interrupted
        | Ending::OnHold
        | Ending::Trouble
        | Ending::Open => &["resume", "show"],
    };
    let waits = matches!(view.ending(), Ending::Waiting(_));
    let mut commands = if waits { awaited_answers(view, &id) } else { Vec::new() };
    commands.extend(verbs.iter().map(|verb| format!("runbook {verb} {id}")));
    commands
}

/// What those people type whose GO is missing.
fn awaited_answers(view: &View, run: &str) -> Vec<String> {
    let roles = |asked: &&Asked| {
        let missing = standing(&view.state, asked).into_iter().filter(|role| role.given.len() < role.needed as usize);
        missing.map(|role| (asked.path.clone(), role.role)).collect::<Vec<_>>()
    };
    let awaited = view.open_questions().iter().flat_map(roles).collect::<Vec<_>>();
    let command = |(path, role): (String, String)| format!("runbook go {run} {} --role {}", word(&path), word(&role));
    awaited.into_iter().map(command).collect()
}

/// A word for a shell.
fn word(text: &str) -> String {
    let text = super::visible_line(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-~/".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The lock of a run that perhaps nobody drives, as a label and words: only one that has changed something keeps it then.
pub(crate) fn lock_left(view: &View) -> Option<(&'static str, String)> {
    if has_changed(view.state()) {
        return lock_words(view).map(|words| ("holding", words));
    }
    let name = super::visible_line(&view.state().lock.as_ref()?.lock);
    Some(("lock", format!("{name}, only while somebody drives the run: it has changed nothing")))
}

/// The lock the run has while it is driven, and since when.
pub(crate) fn lock_words(view: &View) -> Option<String> {
    let locked = view.state().lock.as_ref()?;
    let since = to_the_second(&locked.since);
    Some(format!("lock {} since {}", super::visible_line(&locked.lock), super::visible_line(&since)))
}

/// What resumes a run at a moment, up to a second later: a timer of systemd that fires once.
fn timer_command(at_us: i64, run: &str) -> String {
    let at = utc(at_us.saturating_add(999_999), "%Y-%m-%d %H:%M:%S UTC");
    format!("systemd-run --user --on-calendar='{at}' runbook resume {run} --no-input")
}

/// An answer as people say it.
pub fn answer_words(answer: Answer) -> &'static str {
    match answer {
        Answer::Go => "GO",
        Answer::NoGo => "NO-GO",
        Answer::Done => "done",
        Answer::Again => "again",
        Answer::Failed => "failed",
        Answer::Skip => "skip",
        Answer::BackOut => "back out",
        Answer::Stop => "stop",
    }
}

/// What was decided about a changed runbook.
pub fn changed_words(follow: Follow) -> &'static str {
    match follow {
        Follow::AsPlanned => "the runbook had changed, the plan is followed as it was",
        Follow::Changes => "changes of the runbook were accepted",
    }
}

/// A verdict as people say it, which for a question to a person is what the person said.
pub fn verdict_words(kind: Kind, verdict: Verdict) -> &'static str {
    match (kind, verdict) {
        (Kind::Checkpoint, Verdict::Pass) => "GO",
        (Kind::Checkpoint, Verdict::Fail) => "NO-GO",
        (_, Verdict::Pass) => "ok",
        (_, Verdict::Fail) => "FAILED",
        (_, Verdict::Warn) => "WARN",
        (_, Verdict::Inconclusive) => "INCONCLUSIVE",
        (_, Verdict::Unavailable) => "UNAVAILABLE",
        (_, Verdict::Skipped) => "skipped",
        (_, Verdict::Pending) => "pending",
    }
}

/// `15:41:02Z` of a wall time in microseconds since 1970.
pub fn clock_words(wall_us: i64) -> String {
    format!("{}Z", utc(wall_us, "%H:%M:%S"))
}

/// Day and time to the second, UTC.
pub fn moment_words(wall_us: i64) -> String {
    utc(wall_us, "%Y-%m-%d %H:%M:%SZ")
}

/// RFC 3339 with milliseconds, UTC.
pub fn time_words(at: Timestamp) -> String {
    format!("{}.{:03}Z", utc(at.wall_us, "%Y-%m-%dT%H:%M:%S"), at.wall_us.rem_euclid(1_000_000) / 1000)
}

fn utc(wall_us: i64, format: &str) -> String {
    let time = jiff::Timestamp::from_microsecond(wall_us).unwrap_or_default();
    time.strftime(format).to_string()
}

/// `1 step`, `2 steps`.
pub(crate) fn plural(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}
