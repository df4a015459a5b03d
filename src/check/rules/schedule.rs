//! Schedules that cannot be kept.

use super::did_you_mean;
use crate::check::facts::{Facts, Section};
use crate::runbook::model::{Kind, Mark, Marks, Rounds, Wait};
use crate::runbook::units::duration_us;
use crate::text::{Code, Diagnostic, Place};

/// Each round stands in the log, on the screen and in the report.
const MOST_ROUNDS: u64 = 2000;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    anchor(facts, found);
    for phase in &facts.runbook.phases {
        marks(facts, &phase.marks, found);
    }
    for (block, step) in facts.steps() {
        marks(facts, &step.marks, found);
        let until = match &step.kind {
            Kind::Wait(Wait::Until(mark)) => Some(mark),
            _ => None,
        };
        until.into_iter().for_each(|mark| known(facts, mark, found));
        let mark = step.marks.at.as_ref().or(step.marks.not_after.as_ref()).or(until);
        if let (Some(mark), true) = (mark, facts.blocks[block].section != Section::Forward) {
            let problem = wrong("backing out and `always` do not wait for a mark", &mark.text.place);
            found.push(problem.help("leave it out: what happens there happens at once"));
        }
        if let Kind::Rounds(rounds) = &step.kind {
            self::rounds(rounds, found);
        }
    }
}

fn anchor(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let Some(anchor) = &facts.runbook.anchor else { return };
    if let Some(time) = &anchor.time
        && !time.value.contains("{{")
        && time.value.trim().parse::<jiff::Timestamp>().is_err()
    {
        let problem = wrong(format!("`{}` is not a time with a zone", time.value), &time.place);
        found.push(problem.help("such as 2026-03-02T02:00:00Z"));
    }
    let Some(end_of) = &anchor.end_of else { return };
    let phases = facts.runbook.phases.iter().map(|phase| phase.id.as_str());
    let names: Vec<&str> = phases.chain(facts.by_id.keys().copied()).collect();
    if !names.contains(&end_of.value.as_str()) {
        let hint = did_you_mean(&end_of.value, names);
        found.push(wrong(format!("there is no phase or step `{}`{hint}", end_of.value), &end_of.place));
    }
}

fn marks(facts: &Facts<'_>, marks: &Marks, found: &mut Vec<Diagnostic>) {
    for mark in [&marks.at, &marks.not_after].into_iter().flatten() {
        known(facts, mark, found);
    }
    if let (Some(at), Some(not_after)) = (&marks.at, &marks.not_after)
        && not_after.offset_us <= at.offset_us
    {
        let message = format!("`{}` is not after `{}`", not_after.text.value, at.text.value);
        found.push(wrong(message, &not_after.text.place).also(at.text.place.clone(), "not before this"));
    }
}

/// A mark before T needs a T that is known beforehand.
fn known(facts: &Facts<'_>, mark: &Mark, found: &mut Vec<Diagnostic>) {
    let anchor = facts.runbook.anchor.as_ref();
    if mark.offset_us >= 0 || anchor.is_some_and(|anchor| anchor.time.is_some()) {
        return;
    }
    let why = match anchor {
        None => "T is the start of the run, so a mark before T has always passed",
        Some(_) => "T is only known afterwards, so nothing can wait for a mark before it",
    };
    let problem = wrong(why, &mark.text.place);
    found.push(problem.help("say what T is: `anchor: { time: \"{{ inputs.t_zero }}\" }`"));
}

fn rounds(rounds: &Rounds, found: &mut Vec<Diagnostic>) {
    let mut last = 0;
    let mut count = 0;
    for round in &rounds.times {
        let (Some(every), Some(until)) = (duration_us(&round.every.value), duration_us(&round.until.value)) else {
            continue;
        };
        if every == 0 {
            found.push(wrong("rounds need a distance", &round.every.place));
        }
        if until <= last || every > until {
            let problem = wrong(format!("no round fits before {}", round.until.value), &round.until.place);
            found.push(problem.help("`until` counts from the start of the step, and rises from row to row"));
        }
        count += until.saturating_sub(last).checked_div(every).unwrap_or(0);
        last = until;
    }
    if let (true, Some(first)) = (count > MOST_ROUNDS, rounds.times.first()) {
        let problem = wrong(format!("{count} rounds are too many to be read by anybody"), &first.every.place);
        found.push(
            problem.help(format!("at most {MOST_ROUNDS}: a longer distance, or a table of guards that looks as often")),
        );
    }
}

fn wrong(message: impl Into<String>, place: &Place) -> Diagnostic {
    Diagnostic::error(Code::SCHEDULE, message, place.clone())
}
