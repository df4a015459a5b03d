//! What is worth telling about an event: the facts of one line, for all forms of output.

use crate::decide::Ruling;
use crate::machine::Status;
use crate::machine::event::{Answer, Asked, Direction, Event, Parking, Question, Then, Verdict};
use crate::plan::units::{duration_words, to_the_second};
use crate::report::look::{Mark, mark_of};
use crate::report::{
    Kind, Part, Row, View, answer_words, changed_words, clock_words, lock_words, moment_words, verdict_words,
    visible_line,
};

/// Lines of output shown below a failed step.
const TAIL_LINES: usize = 10;

/// One line about a run, and what belongs below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Notice {
    pub(super) mark: Mark,
    pub(super) word: String,
    /// The step or block it is about; empty for the run itself.
    pub(super) path: String,
    pub(super) number: Option<usize>,
    pub(super) took_us: Option<u64>,
    pub(super) words: String,
    pub(super) below: Vec<String>,
    /// Only said where nothing is redrawn: a redrawn screen shows it all the time.
    pub(super) passing: bool,
}

/// The notice of an event that the view has just taken in.
pub(super) fn notice(view: &View, event: &Event) -> Option<Notice> {
    match event {
        Event::RunStarted(run) => {
            let plan = run.plan_sha256.get(..8).unwrap_or(&run.plan_sha256);
            let target = run.target.as_ref().map(|t| format!(" → {t}")).unwrap_or_default();
            let words = format!("{}{target}  run {}  plan {plan}  by {}", run.runbook, run.run, run.operator);
            let overridden = run.override_window.as_ref().map(|why| visible_line(&format!("window overridden: {why}")));
            let below = overridden.into_iter().collect();
            Some(Notice { below, ..about_run(Mark::Running, "run", visible_line(&words)) })
        }
        Event::BlockStarted { path, .. } => {
            let row = view.row(path).filter(|row| row.kind == Kind::Phase && !row.path.is_empty())?;
            Some(Notice { word: "phase".into(), number: None, ..of_row(&row, title_beside_path(&row)) })
        }
        Event::BlockFinished { path, .. } | Event::Skipped { path, .. } => {
            let row = view.row(path)?;
            // A block that began is told by its members; one that never did has only its own end to tell.
            let begun = view.state().inst(path).is_some_and(|inst| !inst.children.is_empty());
            (row.is_unproved() || !begun && !path.is_empty())
                .then(|| finished(&row, row.reason.as_deref().unwrap_or_default()))
        }
        Event::StepStarted(started) => {
            let row = view.row(&started.path)?;
            let again = if started.attempt > 1 { format!(" (attempt {})", started.attempt) } else { String::new() };
            let polls = view.state().inst(&started.path).is_some_and(|inst| inst.poll_until_us.is_some());
            if (polls && started.attempt > 1) || started.path.ends_with("~guard") {
                return None;
            }
            let words = format!("{}{again}", title_beside_path(&row)).trim_start().to_string();
            Some(Notice { word: "start".into(), passing: true, took_us: None, ..of_row(&row, words) })
        }
        Event::AttemptScheduled { path, attempt, reason, .. } => {
            let polls = view.state().inst(path).is_some_and(|inst| inst.poll_until_us.is_some());
            if polls && *attempt > 2 {
                return None;
            }
            let word = if polls { "wait" } else { "again" };
            let row = view.row(path)?;
            Some(Notice { word: word.into(), passing: polls, took_us: None, ..of_row(&row, visible_line(reason)) })
        }
        Event::StepFinished { path, .. } | Event::AnswerExpired { path } => {
            let row = view.row(path)?;
            Some(finished(&row, row.reason.as_deref().unwrap_or_default()))
        }
        Event::Looked { path, ruling, because, .. } if view.has_turned() => {
            let row = view.row(path)?;
            let words = visible_line(because);
            Some(Notice {
                mark: ruling_mark(*ruling),
                word: ruling.word().into(),
                took_us: None,
                ..of_row(&row, words)
            })
        }
        Event::Extended { path, reason, .. } => {
            let row = view.row(path)?;
            Some(Notice {
                mark: Mark::Warn,
                word: "extend".into(),
                took_us: None,
                ..of_row(&row, visible_line(reason))
            })
        }
        Event::Ruled { path, then, reason } => {
            let row = view.row(path)?;
            let what = if *then == Then::Rollback { "roll back" } else { "stop" };
            let words = visible_line(&format!("{what}: {reason}"));
            Some(Notice { mark: Mark::Failed, word: "RULED".into(), took_us: None, ..of_row(&row, words) })
        }
        Event::Withdrawn { path, reason } => {
            let row = view.row(path)?;
            let words = format!("no longer asked: {}", visible_line(reason));
            Some(Notice { mark: Mark::Running, word: "settled".into(), took_us: None, ..of_row(&row, words) })
        }
        Event::Answered { path, answer, by, reason, .. } => {
            let row = view.row(path)?;
            let why = reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
            let words = format!("{} by {by}{why}", answer_words(*answer));
            if view.state().inst(path).is_some_and(|inst| inst.status == Status::Finished) {
                return Some(finished(&row, &words));
            }
            // What ends a step is told with the step's end; of several people each is told.
            let gathers = matches!(&view.state().inst(path)?.status, Status::Asking(asked) if asked.gathers());
            let passing = *answer != Answer::Again && !gathers;
            Some(Notice { word: "answer".into(), took_us: None, passing, ..of_row(&row, visible_line(&words)) })
        }
        Event::Refused { path, by, why } => {
            let row = view.row(path)?;
            let words = visible_line(&format!("the answer of {by} does not count: {why}"));
            Some(Notice { mark: Mark::Warn, word: "REFUSED".into(), took_us: None, ..of_row(&row, words) })
        }
        Event::Lapsed { path, by, .. } => {
            let row = view.row(path)?;
            let words = visible_line(&format!("the GO of {by} is too old now"));
            Some(Notice { mark: Mark::Warn, word: "LAPSED".into(), took_us: None, ..of_row(&row, words) })
        }
        Event::WaitStarted { path, until_us } => {
            let row = view.row(path)?;
            let words = format!("for {}", duration_words(until_us.saturating_sub(view.last().run_us)));
            Some(Notice { word: "wait".into(), passing: true, ..of_row(&row, words) })
        }
        Event::Held { path, due_wall_us } => {
            let row = view.row(path)?;
            let words = format!("until {}", moment_words(*due_wall_us));
            Some(Notice { word: "wait".into(), passing: true, ..of_row(&row, words) })
        }
        Event::Missed { path, due_wall_us, late_us } => {
            let row = view.row(path)?;
            let words = format!("due {}, {} late", moment_words(*due_wall_us), duration_words(*late_us));
            Some(Notice { mark: Mark::Warn, word: "MISSED".into(), took_us: None, ..of_row(&row, words) })
        }
        Event::Anchored { path, at_wall_us } => {
            let row = view.row(path)?;
            let words = format!("T is {}, the end of it", moment_words(*at_wall_us));
            Some(Notice { mark: Mark::Running, word: "anchor".into(), took_us: None, ..of_row(&row, words) })
        }
        Event::Asked(asked) => {
            let row = view.row(&asked.path)?;
            let until = asked.expires_wall_us.map(|at| format!(" · {}", unanswered_words(asked, &clock_words(at))));
            let words = format!("{}{}", visible_line(&asked.title), until.unwrap_or_default());
            let shown = asked.evidence.iter().map(|(label, value)| visible_line(&format!("{label}: {value}")));
            let mut below: Vec<String> = shown.collect();
            below.extend(lock_words(view).map(|words| format!("holding: {words}")));
            if asked.question == Question::Failure {
                below.extend(last_lines(&row.tail));
            }
            Some(Notice { word: "ASKED".into(), passing: true, below, ..of_row(&row, words) })
        }
        Event::LateResult { path, .. } => {
            let row = view.row(path)?;
            Some(Notice { word: "late".into(), ..of_row(&row, "a result came after the step was given up".into()) })
        }
        _ => about_the_run(view, event),
    }
}

fn about_the_run(view: &View, event: &Event) -> Option<Notice> {
    match event {
        Event::Turned { to: Direction::Undo, .. } => {
            let why = view.cause().map(|cause| cause.reason.clone()).unwrap_or_default();
            let words = format!("taking back what was done, last first: {}", visible_line(&why));
            Some(about_run(Mark::Failed, "BACKOUT", words))
        }
        Event::Turned { to: Direction::Always, .. } => {
            let any = view.plan().always.is_some();
            any.then(|| about_run(Mark::Running, "always", "steps of every exit path".into()))
        }
        Event::Interrupted { stage } => {
            let words = interrupt_words(*stage, !view.state().armed.is_empty());
            Some(about_run(Mark::Warn, "STOP", words.into()))
        }
        Event::Parked { reason } => {
            let words = match reason {
                Parking::Question(path) => format!("nobody to ask here; the run waits for an answer at {path}"),
                Parking::Until(at) => format!("nothing to do until {}", moment_words(*at)),
                Parking::Interrupted => "stopped; nothing is running".into(),
                Parking::OnHold(words) => words.clone(),
                Parking::Trouble(words) => words.clone(),
            };
            Some(about_run(Mark::Asking, "PARKED", visible_line(&words)))
        }
        Event::Resumed { by, in_doubt, changed, override_window, .. } => {
            let doubt =
                if in_doubt.is_empty() { String::new() } else { format!(", in doubt: {}", in_doubt.join(", ")) };
            let why = override_window.as_ref().map(|why| format!(", window overridden: {why}")).unwrap_or_default();
            let mut notice = about_run(Mark::Running, "resumed", visible_line(&format!("by {by}{doubt}{why}")));
            let decided = changed.iter().map(|c| visible_line(&format!("{}: {}", changed_words(c.follow), c.why)));
            notice.below.extend(decided);
            Some(notice)
        }
        Event::Locked(locked) => {
            let over = locked.over.as_ref()?;
            let words = format!("{}, taken over from run {}: {}", locked.lock, over.run, over.how);
            Some(about_run(Mark::Warn, "lock", visible_line(&words)))
        }
        Event::Unlocked { lock } if view.state().parked.is_some() => {
            Some(about_run(Mark::Running, "lock", visible_line(&format!("{lock} given back: nothing was changed"))))
        }
        Event::OnHold(hold) => {
            let words = format!(
                "{} holds {} since {}: {}; starting nothing new, ^C^C backs out",
                hold.by,
                hold.lock,
                to_the_second(&hold.since),
                hold.reason
            );
            Some(about_run(Mark::Warn, "ON HOLD", visible_line(&words)))
        }
        Event::HoldLifted { lock } => {
            Some(about_run(Mark::Running, "lifted", visible_line(&format!("{lock} is not held any more"))))
        }
        _ => None,
    }
}

/// What comes without an answer.
pub(super) fn unanswered_words(asked: &Asked, at: &str) -> String {
    match asked.unanswered {
        Some(Then::Up) => format!("no answer by {at}: the next level is asked"),
        Some(Then::Rollback) => format!("no answer by {at}: the run backs out"),
        Some(_) => format!("no answer by {at}: the run stops"),
        None => format!("no answer by {at} = NO-GO"),
    }
}

/// What a press of Ctrl-C did, and what the next one does. A run is not left while tables look on.
pub(super) fn interrupt_words(stage: u8, watched: bool) -> &'static str {
    match stage {
        1 if watched => "starting nothing new; tables look on, so the run is not left: ^C again backs out",
        0 => "^C: start nothing new",
        1 => "starting nothing new, waiting for what runs; ^C again ends it and backs out",
        2 => "ending what runs, then backing out; ^C again kills it",
        _ => "killing what runs",
    }
}

fn finished(row: &Row, words: &str) -> Notice {
    let verdict = row.verdict.unwrap_or(Verdict::Pending);
    let title = title_beside_path(row);
    let words = visible_line(words);
    let words = match (title.is_empty(), words.is_empty()) {
        (_, true) => title,
        (true, _) => words,
        // A question's title is on the screen already; what counts is the answer.
        _ if matches!(row.kind, Kind::Checkpoint | Kind::Manual) => words,
        _ => format!("{title}: {words}"),
    };
    let held = if row.output_held { " (output held by a process it left running)" } else { "" };
    let mut notice = of_row(row, format!("{words}{held}"));
    notice.word = verdict_words(row.kind, verdict).into();
    if row.is_failed() && row.kind.is_step() {
        notice.below = last_lines(&row.tail);
    }
    notice
}

fn ruling_mark(ruling: Ruling) -> Mark {
    match ruling {
        ruling if ruling.passes() => Mark::Running,
        Ruling::Rollback | Ruling::Abort => Mark::Failed,
        _ => Mark::Warn,
    }
}

/// The end of a step's output, safe to show.
pub(super) fn last_lines(tail: &str) -> Vec<String> {
    let lines: Vec<&str> = tail.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| visible_line(line)).collect()
}

/// The title, unless it only repeats the id.
fn title_beside_path(row: &Row) -> String {
    let id = row.path.rsplit(['.', '~']).next().unwrap_or_default();
    if row.title == id { String::new() } else { visible_line(&row.title) }
}

fn of_row(row: &Row, words: String) -> Notice {
    Notice {
        mark: mark_of(row),
        word: String::new(),
        path: visible_line(&row.path),
        number: row.number.filter(|_| row.part == Part::Forward),
        took_us: row.took_us().filter(|us| *us > 0 || row.attempts > 0),
        words,
        below: Vec::new(),
        passing: false,
    }
}

fn about_run(mark: Mark, word: &str, words: String) -> Notice {
    Notice {
        mark,
        word: word.into(),
        path: String::new(),
        number: None,
        took_us: None,
        words,
        below: Vec::new(),
        passing: false,
    }
}
