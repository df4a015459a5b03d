//! Decision tables: metrics that exist, limits in their units, actions with what they need.

use super::metrics::unknown;
use crate::check::facts::Facts;
use crate::decide::Ruling;
use crate::runbook::model::{Cell, Condition, Kind, Outcome, Table, Text, Then};
use crate::text::{Code, Diagnostic, Place};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (block, table) in &facts.tables {
        let is_step = facts.blocks[*block]
            .step
            .is_some_and(|step| matches!(&step.kind, Kind::Decide(t) if std::ptr::eq(&**t, *table)));
        for (_, condition) in table.conditions() {
            conditions(facts, condition, found);
        }
        for rule in &table.rules {
            action(table, &rule.outcome, found);
            twice(&rule.conditions, found);
            if let (Some(hold), true, None) = (&rule.hold, is_step, &table.over) {
                let problem = incomplete("`for` cannot be seen by a table that is evaluated once", &hold.place);
                found.push(problem.help("add `over:` and `every:` to the decision, or leave `for` out"));
            }
        }
        for outcome in [&table.otherwise, &table.no_data].into_iter().flatten() {
            action(table, outcome, found);
        }
        if is_step && table.over.is_none() {
            extends_nothing(table, found);
        }
        holds(table, is_step, found);
        escalates(table, found);
        let last = [table.extend.as_ref().map(|extend| extend.then), table.patience.as_ref().map(|hold| hold.then)];
        if table.investigate.is_none() && last.contains(&Some(Then::Investigate)) {
            let problem =
                incomplete("`then: investigate` does not say how long and what without an answer", &table.place);
            found.push(problem.help("add `investigate: { within: 15m, then: rollback }` to the table"));
        }
        units(facts, table, found);
    }
}

/// What is wrong with one condition by itself; criteria of stages have the same.
pub(super) fn conditions(facts: &Facts<'_>, condition: &Condition, found: &mut Vec<Diagnostic>) {
    found.extend(unknown(facts, &condition.metric, &condition.place));
    if let Some(metric) = condition.cell.other() {
        found.extend(unknown(facts, &metric.value, &metric.place));
    }
    let metric = facts.runbook.metrics.iter().find(|m| m.name == condition.metric);
    if let (Cell::VsBaseline(text), Some(metric)) = (&condition.cell, metric.filter(|m| m.baseline.is_none())) {
        let message = format!("`{}` has no baseline to compare with", metric.name);
        let problem = Diagnostic::error(Code::NO_BASELINE, message, text.place.clone());
        let problem = problem.also(metric.place.clone(), "the metric");
        found.push(problem.help("add `baseline: 5m` to the metric: how long to look before the first change"));
    }
}

fn twice(conditions: &[Condition], found: &mut Vec<Diagnostic>) {
    for (at, later) in conditions.iter().enumerate() {
        if let Some(first) = conditions[..at].iter().find(|c| c.metric == later.metric) {
            let message = format!("the row says two things of `{}`", later.metric);
            let problem = Diagnostic::error(Code::DUPLICATE_EXPECT, message, later.place.clone());
            found.push(problem.also(first.place.clone(), "the first one"));
        }
    }
}

fn action(table: &Table, outcome: &Outcome, found: &mut Vec<Diagnostic>) {
    let (word, place) = (outcome.action.word(), &outcome.place);
    match outcome.action {
        Ruling::Investigate => {
            let own = (outcome.within.is_some(), outcome.then.is_some());
            match own {
                (true, true) => {}
                (false, false) if table.investigate.is_some() => {}
                (false, false) => found.push(
                    incomplete("`investigate` does not say how long and what happens without an answer", place)
                        .help("add `within: 15m, then: rollback` to the row")
                        .help("or once for the table: `investigate: { within: 15m, then: rollback }`"),
                ),
                (true, false) => found.push(incomplete("`within` needs `then`", place).help("add `then: rollback`")),
                (false, true) => found.push(incomplete("`then` needs `within`", place).help("add `within: 15m`")),
            }
            return;
        }
        Ruling::Escalate if table.escalate.is_none() => {
            let help = "add `escalate: { levels: [{ to: on-call, within: 15m }], then: rollback }` to the table";
            found.push(incomplete("`escalate` does not say whom to ask", place).help(help));
        }
        Ruling::Extend if table.extend.is_none() => {
            let help = "add `extend: { max: 2, then: rollback }` to the table";
            found.push(incomplete("`extend` does not say how often", place).help(help));
        }
        _ => {}
    }
    if outcome.within.is_some() || outcome.then.is_some() {
        let problem = incomplete(format!("`{word}` asks nobody, so `within` and `then` have no meaning"), place);
        found.push(problem.help("they go with `investigate`"));
    }
}

/// Whatever waits must have an end; what is never waited for needs none.
fn holds(table: &Table, is_step: bool, found: &mut Vec<Diagnostic>) {
    let holding = table.outcomes().find(|outcome| outcome.action == Ruling::Hold);
    match (&table.patience, holding) {
        (None, Some(outcome)) if !is_step || table.extend.is_none() => {
            let message = "nothing ends this `hold` as long as it is so";
            let problem = Diagnostic::warning(Code::ENDLESS_HOLD, message, outcome.place.clone());
            found.push(problem.help("add `hold: { max: 30m, then: rollback }` to the table, or `then: abort`"));
        }
        (Some(patience), None) => {
            let message = "no row holds, so `hold` has no meaning";
            found.push(Diagnostic::warning(Code::ENDLESS_HOLD, message, patience.max.place.clone()));
        }
        _ => {}
    }
}

/// Whom to ask, where nobody is asked.
fn escalates(table: &Table, found: &mut Vec<Diagnostic>) {
    let asks = table.outcomes().any(|outcome| outcome.action == Ruling::Escalate);
    let level = table.escalate.as_ref().and_then(|escalate| escalate.levels.first());
    if let (Some(level), false) = (level, asks) {
        let message = "nothing in this table escalates, so nobody of these is ever asked";
        let problem = Diagnostic::warning(Code::ANSWER_NOT_ASKED, message, level.to.place.clone());
        found.push(problem.help("add `action: escalate` to a row, or leave `escalate:` out"));
    }
}

fn extends_nothing(table: &Table, found: &mut Vec<Diagnostic>) {
    for outcome in table.outcomes().filter(|outcome| outcome.action == Ruling::Extend) {
        let problem = incomplete("a table that is evaluated once cannot look longer", &outcome.place);
        found.push(problem.help("add `over:` and `every:` to the decision"));
    }
}

/// What the table says of itself; limits with holes are seen when the plan fills them.
fn units(facts: &Facts<'_>, table: &Table, found: &mut Vec<Diagnostic>) {
    let Ok(Some(resolved)) = table.resolve(&facts.runbook.metrics, &as_written) else { return };
    for wrong in resolved.check() {
        let row = wrong.row.and_then(|row| table.rules.get(row));
        if row.is_some_and(|row| row.conditions.is_empty()) {
            // It was said where it is written why none of them could be read.
            continue;
        }
        let cell = row.zip(wrong.condition).and_then(|(row, at)| row.conditions.get(at));
        let text = cell.and_then(|c| c.cell.texts().first().map(|text| &text.place));
        let place = text.or(cell.map(|c| &c.place)).or(row.map(|r| &r.place)).unwrap_or(&table.place);
        let problem = Diagnostic::error(Code::WRONG_UNIT, wrong.message, place.clone());
        let metric = cell.and_then(|c| facts.runbook.metrics.iter().find(|m| m.name == c.metric));
        found.push(match metric {
            Some(metric) => problem.also(metric.place.clone(), "the metric"),
            None => problem,
        });
    }
}

/// Texts without holes are known now.
pub(super) fn as_written(text: &Text) -> Result<String, String> {
    let has_holes = text.value.contains("{{") || text.value.contains("{%");
    if has_holes { Err("known when planning".into()) } else { Ok(text.value.clone()) }
}

fn incomplete(message: impl Into<String>, place: &Place) -> Diagnostic {
    Diagnostic::error(Code::ACTION_INCOMPLETE, message, place.clone())
}
