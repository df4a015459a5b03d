//! `runbook resume RUN --dry-run`: where the run stands and what would come next. Changes nothing.

use super::error::CliError;
use crate::machine::event::{Direction, Event};
use crate::machine::{IllegalEvent, State, Timestamp, apply, next};
use crate::report::{View, plural, visible_line};
use serde_json::{Value, json};

/// More decisions than can follow from one takeover of any sane run; the rest is not told.
const MOST: usize = 10_000;

/// What a resumption would find and do, up to where the world or a person has to answer.
pub(crate) struct Ahead {
    done: usize,
    total: usize,
    in_doubt: Vec<String>,
    next: Vec<String>,
}

impl Ahead {
    /// Plays what follows from the first event of a resumption on a copy of the run.
    pub(crate) fn of(view: &View, first: &Event, mut state: State, now: Timestamp) -> Result<Ahead, CliError> {
        let bad = |e: IllegalEvent| CliError::Unverified(e.to_string());
        let in_doubt = match first {
            Event::Resumed { in_doubt, .. } => in_doubt.clone(),
            _ => Vec::new(),
        };
        apply(&mut state, first).map_err(bad)?;
        // A question that was open stays open: no event puts it again.
        let mut ahead: Vec<String> = state.questions().iter().map(|q| format!("ask {}: {}", q.path, q.title)).collect();
        for _ in 0..MOST {
            let Some(event) = next(&state, now) else { break };
            ahead.extend(words(&event));
            apply(&mut state, &event).map_err(bad)?;
        }
        let counts = view.counts();
        Ok(Ahead { done: counts.done(), total: counts.total, in_doubt, next: ahead })
    }

    pub(crate) fn text(&self) -> String {
        let mut out = format!("{} of {} done\n", self.done, plural(self.total, "step"));
        out.extend(self.in_doubt.iter().map(|path| format!("in doubt  {}\n", visible_line(path))));
        out.extend(self.next.iter().map(|words| format!("next      {}\n", visible_line(words))));
        out
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "done": self.done, "total": self.total, "in_doubt": self.in_doubt, "next": self.next })
    }
}

/// A decision worth telling ahead of time.
fn words(event: &Event) -> Option<String> {
    Some(match event {
        Event::StepStarted(step) => match (step.path.strip_suffix("~probe"), step.path.strip_suffix("~undo")) {
            (Some(owner), _) => format!("look whether {owner} happened"),
            (_, Some(owner)) => format!("take back {owner}"),
            _ if step.attempt > 1 => format!("run {} again", step.path),
            _ => format!("run {}", step.path),
        },
        Event::Asked(asked) => format!("ask {}: {}", asked.path, asked.title),
        Event::WaitStarted { path, .. } => format!("wait at {path}"),
        Event::Skipped { path, reason } => format!("skip {path}: {reason}"),
        Event::StepFinished { path, verdict, .. } => format!("{}: {path}", verdict.word()),
        Event::AnswerExpired { path } => format!("NO-GO at {path}: nobody answered in time"),
        Event::Turned { to: Direction::Undo, .. } => "back out".into(),
        Event::RunEnded { .. } => "end".into(),
        _ => return None,
    })
}
