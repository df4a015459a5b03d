//! Schedules that cannot be kept.

use super::did_you_mean;
use super::tables::as_written;
use crate::check::facts::{Facts, Section};
use crate::runbook::model::{Fill, Kind, Mark, Marks, Rounds, Wait, time_us};
use crate::text::{Code, Diagnostic, Place};

/// Each round stands in the log, on the screen and in the report.
const MOST_ROUNDS: u64 = 2000;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    anchor(facts, found);
    let end = End::of(facts);
    for phase in &facts.runbook.phases {
        marks(facts, &phase.marks, found);
        for mark in [&phase.marks.at, &phase.marks.not_after].into_iter().flatten() {
            found.extend(end.as_ref().and_then(|end| end.waits_for_itself(facts, mark, &phase.place, None)));
        }
    }
    for (block, step) in facts.steps() {
        marks(facts, &step.marks, found);
        let until = match &step.kind {
            Kind::Wait(Wait::Until(mark)) => Some(mark),
            _ => None,
        };
        until.into_iter().for_each(|mark| known(facts, mark, found));
        for mark in [step.marks.at.as_ref(), step.marks.not_after.as_ref(), until].into_iter().flatten() {
            found.extend(end.as_ref().and_then(|end| end.waits_for_itself(facts, mark, &step.place, Some(block))));
        }
        let mark = step.marks.at.as_ref().or(step.marks.not_after.as_ref()).or(until);
        if let (Some(mark), true) = (mark, facts.blocks[block].section != Section::Forward) {
            let problem = wrong("backing out and `always` do not wait for a mark", &mark.text.place);
            found.push(problem.help("leave it out: what happens there happens at once"));
        }
        if let Kind::Rounds(rounds) = &step.kind {
            found.extend(of_rounds(rounds, &as_written));
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
    let offset = |mark: &Option<Mark>| mark.as_ref().and_then(Mark::offset_us);
    found.extend(crossed(marks, offset(&marks.at), offset(&marks.not_after)));
}

/// A latest begin that is not after the earliest one; in microseconds after T, as they are written or filled.
pub(crate) fn crossed(marks: &Marks, earliest_us: Option<i64>, latest_us: Option<i64>) -> Option<Diagnostic> {
    let (at, not_after) = (marks.at.as_ref()?, marks.not_after.as_ref()?);
    if latest_us? > earliest_us? {
        return None;
    }
    let message = format!("`{}` is not after `{}`", not_after.text.value, at.text.value);
    Some(wrong(message, &not_after.text.place).also(at.text.place.clone(), "not before this"))
}

/// A mark before T needs a T that is known beforehand.
fn known(facts: &Facts<'_>, mark: &Mark, found: &mut Vec<Diagnostic>) {
    let anchor = facts.runbook.anchor.as_ref();
    if mark.offset_us().is_none_or(|offset| offset >= 0) || anchor.is_some_and(|anchor| anchor.time.is_some()) {
        return;
    }
    let why = match anchor {
        None => "T is the start of the run, so a mark before T has always passed",
        Some(_) => "T is only known afterwards, so nothing can wait for a mark before it",
    };
    let problem = wrong(why, &mark.text.place);
    found.push(problem.help("say what T is: `anchor: { time: \"{{ inputs.t_zero }}\" }`"));
}

/// The end of a phase or step that is T, where nothing says when T is planned.
struct End<'r> {
    id: &'r str,
    /// What begins before this byte of the file begins before that end.
    until: u32,
    /// The step, if it is one.
    block: Option<usize>,
}

impl<'r> End<'r> {
    fn of(facts: &Facts<'r>) -> Option<End<'r>> {
        let anchor = facts.runbook.anchor.as_ref().filter(|anchor| anchor.time.is_none())?;
        let id = anchor.end_of.as_ref()?.value.as_str();
        let phases = &facts.runbook.phases;
        if let Some(at) = phases.iter().position(|phase| phase.id == id) {
            let until = phases.get(at + 1).map_or(u32::MAX, |next| next.place.span.start);
            return Some(End { id, until, block: None });
        }
        let block = *facts.by_id.get(id)?;
        let until = facts.blocks[block].step?.place.span.start + 1;
        Some(End { id, until, block: Some(block) })
    }

    /// A mark of something that begins before T is known would wait for ever.
    fn waits_for_itself(&self, facts: &Facts<'_>, mark: &Mark, of: &Place, block: Option<usize>) -> Option<Diagnostic> {
        let inside = block.is_some_and(|block| facts.chain(block).any(|at| Some(at) == self.block));
        // Marks before T are refused for another reason.
        if mark.offset_us().is_some_and(|offset| offset < 0) || !(inside || of.span.start < self.until) {
            return None;
        }
        let message = format!("T is the end of `{}`, and this begins before that", self.id);
        let problem = wrong(message, &mark.text.place);
        Some(problem.help("say when T is planned as well: `anchor: { time: ..., end_of: ... }`"))
    }
}

/// Rounds that cannot be kept, as far as their times can be filled.
pub(crate) fn of_rounds(rounds: &Rounds, fill: &Fill<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut last = 0;
    let mut count: u64 = 0;
    for round in &rounds.times {
        let (Ok(every), Ok(until)) = (time_us(&round.every, fill), time_us(&round.until, fill)) else { continue };
        if every == 0 {
            found.push(wrong("rounds need a distance", &round.every.place));
        }
        if until <= last || every > until {
            let written = fill(&round.until).unwrap_or_else(|_| round.until.value.clone());
            let problem = wrong(format!("no round fits before {written}"), &round.until.place);
            found.push(problem.help("`until` counts from the start of the step, and rises from row to row"));
        }
        count = count.saturating_add(until.saturating_sub(last).checked_div(every).unwrap_or(0));
        last = until;
    }
    if let (true, Some(first)) = (count > MOST_ROUNDS, rounds.times.first()) {
        let problem = wrong(format!("{count} rounds are too many to be read by anybody"), &first.every.place);
        found.push(
            problem.help(format!("at most {MOST_ROUNDS}: a longer distance, or a table of guards that looks as often")),
        );
    }
    found
}

fn wrong(message: impl Into<String>, place: &Place) -> Diagnostic {
    Diagnostic::error(Code::SCHEDULE, message, place.clone())
}
