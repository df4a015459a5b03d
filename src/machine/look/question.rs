//! The question that a table puts to a person: about what, to whom, and what comes without an answer.

use super::Said;
use crate::decide::{Concern, Issue, Ruling};
use crate::machine::event::{About, Asked, Event, Question, Then};
use crate::machine::names::Names;
use crate::machine::state::{InstId, State, Status, Timestamp};
use crate::plan::model::{Ask, Decision};
use crate::plan::units::duration_words;
use crate::runbook::model::Then as Unanswered;

/// A question that names all of these. A guard asks in the name of an instance of its own, so that it goes on looking
/// meanwhile.
pub(super) fn ask(
    state: &State,
    looking: InstId,
    asking: InstId,
    decision: &Decision,
    concerns: &[&Concern],
    now: Timestamp,
) -> Event {
    let lookout = &state.insts[looking].lookout;
    let terms = concerns.iter().map(|concern| {
        let term = term(decision, concern, lookout.level);
        // What has been asked about already has no new time because something else came.
        let before = lookout.asked.iter().find(|about| about.issue == concern.issue);
        let at = term.map(|(within_us, _)| now.wall_us.saturating_add_unsigned(within_us));
        let at = at.map(|at| before.and_then(|about| about.expires_wall_us).map_or(at, |before| before.min(at)));
        (concern.issue.clone(), at, term.map_or(Then::Stop, |(_, then)| then))
    });
    let terms: Vec<(Issue, Option<i64>, Then)> = terms.collect();
    // Of two at the same time the graver one: `Then` goes from harmless to drastic.
    let first = terms.iter().filter_map(|(_, at, then)| at.map(|at| (at, then_rank(*then), *then)));
    let first = first.min_by_key(|(at, rank, _)| (*at, *rank));
    let unanswered = first.map_or(Then::Stop, |(.., then)| then);
    let escalates = concerns.iter().any(|concern| concern.ruling == Ruling::Escalate);
    let level = decision.escalate.as_ref().filter(|_| escalates);
    let level = level.map(|escalate| &escalate.levels[lookout.level.min(escalate.levels.len() - 1)]);
    let mut evidence = Vec::new();
    evidence.extend(level.map(|level| {
        let names = Names::of(state, looking);
        ("for".to_string(), names.text(&level.to).unwrap_or_else(|_| level.to.text.clone()))
    }));
    evidence.extend(symptoms(decision, concerns));
    evidence.extend(first.map(|(at, _, then)| {
        let left_us = at.saturating_sub(now.wall_us).max(0) as u64;
        ("without an answer".to_string(), unanswered_words(left_us, then))
    }));
    let about = terms.into_iter().map(|(issue, expires_wall_us, _)| About { issue, expires_wall_us });
    Event::Asked(Box::new(Asked {
        evidence,
        expires_wall_us: first.map(|(at, ..)| at),
        unanswered: Some(unanswered),
        about: about.collect(),
        ..Asked::new(state.insts[asking].path.clone(), Question::Ruling, title(lookout.said.as_ref(), concerns))
    }))
}

/// What follows for the open question of a guard from what was seen since: it has gone, or it is not all of it any more.
pub(super) fn is_out_of_date(state: &State, guard: InstId, question: InstId) -> bool {
    let Status::Asking(asked) = &state.insts[question].status else { return false };
    let lookout = &state.insts[guard].lookout;
    let named = |issue: &Issue| lookout.asked.iter().any(|about| about.issue == *issue);
    let is_new = lookout.for_people().iter().any(|concern| !named(&concern.issue));
    let ends_it = |about: &&About| about.expires_wall_us == asked.expires_wall_us;
    let stands = |about: &About| lookout.standing.contains(&about.issue);
    lookout.standing.is_empty() || is_new || !lookout.asked.iter().filter(ends_it).any(stands)
}

/// How long an answer is waited for, and what comes without one.
fn term(decision: &Decision, concern: &Concern, level: usize) -> Option<(u64, Then)> {
    match (&decision.escalate, concern.ruling) {
        (Some(escalate), Ruling::Escalate) => {
            let last = level + 1 >= escalate.levels.len();
            let within_us = escalate.levels[level.min(escalate.levels.len() - 1)].within_us;
            Some((within_us, if last { then(escalate.then) } else { Then::Up }))
        }
        _ => timer(decision, &concern.issue).map(|ask| (ask.within_us, then(ask.then))),
    }
}

fn then_rank(then: Then) -> u8 {
    match then {
        Then::Rollback => 0,
        Then::Stop => 1,
        Then::Up | Then::Continue => 2,
    }
}

/// The reason of the look, where there is but one, and else each of them.
fn title(said: Option<&Said>, concerns: &[&Concern]) -> String {
    match said {
        Some(said) if concerns.iter().all(|concern| concern.issue.cause() == said.cause) => said.because.clone(),
        _ => concerns.iter().map(|concern| concern.words.as_str()).collect::<Vec<_>>().join("; "),
    }
}

/// What each of them is called; where there are several, with what was seen of it.
fn symptoms(decision: &Decision, concerns: &[&Concern]) -> Vec<(String, String)> {
    let named = |concern: &&Concern| match &concern.issue {
        Issue::Row(row) | Issue::Pending(row) => decision.table.rows.get(*row)?.symptom.clone(),
        Issue::Uncovered(_) => Some("no row covers it".into()),
        Issue::Missing(_) | Issue::Unjudged(..) => Some("there is no data to judge by".into()),
    };
    let labelled = |words: String| ("symptom".to_string(), words);
    match concerns {
        [] => Vec::new(),
        [first, rest @ ..] if rest.iter().all(|other| other.issue.cause() == first.issue.cause()) => {
            named(first).map(labelled).into_iter().collect()
        }
        several => {
            let words = several.iter().map(|concern| match (&concern.issue, named(concern)) {
                (Issue::Row(_) | Issue::Pending(_), Some(symptom)) => format!("{symptom}: {}", concern.words),
                _ => concern.words.clone(),
            });
            words.map(labelled).collect()
        }
    }
}

fn unanswered_words(us: u64, then: Then) -> String {
    let what = match then {
        Then::Rollback => "the run backs out",
        Then::Up => "the next level is asked",
        _ => "the run stops",
    };
    format!("{what} after {}", duration_words(us))
}

fn then(unanswered: Unanswered) -> Then {
    match unanswered {
        Unanswered::Rollback => Then::Rollback,
        Unanswered::Abort | Unanswered::Investigate => Then::Stop,
    }
}

/// The timer behind an issue: of the row, of `otherwise`, of `no_data`, of the longest hold, or of the last extension.
pub(super) fn timer<'a>(decision: &'a Decision, issue: &Issue) -> Option<&'a Ask> {
    let behind = match issue {
        Issue::Row(row) | Issue::Pending(row) => decision.rows.get(*row)?,
        Issue::Uncovered(_) => &decision.otherwise,
        Issue::Missing(_) | Issue::Unjudged(..) => &decision.no_data,
    };
    let of_hold = || decision.hold.as_ref().and_then(|hold| hold.ask.as_ref());
    let of_extend = || decision.extend.as_ref().and_then(|extend| extend.ask.as_ref());
    behind.ask.as_ref().or_else(of_hold).or_else(of_extend)
}
