//! What tables and criteria of stages say of values nobody thought of: gaps, rows that never decide, limits that say
//! something else. The same for what is written, and for what the holes are filled with.

use super::evidence::beforehand;
use crate::check::facts::Facts;
use crate::check::included::all_steps;
use crate::decide::{self, Finding, FindingKind, Looks, Weight, analyse};
use crate::runbook::model::{
    Condition, Criteria, Extend, Fill, Kind, Metric, Runbook, Stages, Step, Table, Text, resolve_conditions, time_us,
};
use crate::text::{Code, Diagnostic, Place, Severity};
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(of_runbook(facts.runbook, &super::tables::as_written));
}

/// What a table is for.
pub(crate) enum Use<'a> {
    /// A `decide` step.
    Decision,
    /// Guards of these steps.
    Guards(Vec<&'a Step>),
}

/// Every table and all stages of a runbook, as far as their holes can be filled.
pub(crate) fn of_runbook(book: &Runbook, fill: &Fill<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut look = |table: &Table, usage| found.extend(of_table(table, usage, &book.metrics, fill));
    if let Some(guards) = &book.guards {
        look(guards, Use::Guards(book.phases.iter().flat_map(|phase| &phase.steps).collect()));
    }
    for phase in &book.phases {
        if let Some(guards) = &phase.guards {
            look(guards, Use::Guards(phase.steps.iter().collect()));
        }
    }
    let steps = all_steps(book);
    for step in &steps {
        if let Some(guards) = &step.guards {
            look(guards, Use::Guards(vec![*step]));
        }
        if let Kind::Decide(table) = &step.kind {
            look(table, Use::Decision);
        }
    }
    for step in steps {
        if let Kind::Stages(stages) = &step.kind {
            found.extend(of_stages(stages, &step.place, &book.metrics, fill));
        }
    }
    found
}

/// What is found in one table; nothing where a hole cannot be filled, or a part is wrong by itself.
pub(crate) fn of_table(table: &Table, usage: Use<'_>, metrics: &[Metric], fill: &Fill<'_>) -> Vec<Diagnostic> {
    let Ok(Some(resolved)) = table.resolve(metrics, fill) else { return Vec::new() };
    let named = table.conditions().map(|(_, condition)| condition);
    if !resolved.check().is_empty() || !names_exist(metrics, named) {
        return Vec::new();
    }
    let looks = match &usage {
        Use::Guards(_) => Looks::Armed,
        Use::Decision => match table.over.as_ref().map(|over| time_us(over, fill)) {
            None => Looks::Once,
            Some(Err(_)) => return Vec::new(),
            Some(Ok(over_us)) => looks_for(over_us, table.extend.as_ref(), fill),
        },
    };
    let rows = table.rules.iter().map(|rule| (&rule.place, rule.conditions.as_slice())).collect();
    let places = Places { whole: &table.place, rows };
    let findings = analyse(&resolved, looks, &known(metrics, fill));
    let mut found: Vec<Diagnostic> = findings.iter().map(|finding| places.diagnostic(finding)).collect();
    if let Use::Guards(steps) = usage {
        found.extend(super::guards::pace(table, &resolved, &steps, fill));
    }
    found
}

/// What is found in the criteria of stages, and in the proof of their shares.
pub(crate) fn of_stages(stages: &Stages, place: &Place, metrics: &[Metric], fill: &Fill<'_>) -> Vec<Diagnostic> {
    let mut found = super::stages::proof(stages, place, fill);
    let Ok(every_us) = time_us(&stages.every, fill) else { return found };
    let mut above: Option<&[Condition]> = None;
    for stage in &stages.table {
        let conditions = match &stage.criteria {
            Criteria::All(all) => all.as_slice(),
            Criteria::Same(_) => above.unwrap_or_default(),
            Criteria::None => continue,
        };
        above = Some(conditions);
        let Some(Ok(wait_us)) = stage.wait.as_ref().map(|wait| time_us(wait, fill)) else { continue };
        let Some(table) = criteria(conditions, every_us, metrics, fill) else { continue };
        let looks = looks_for(wait_us, stages.extend.as_ref(), fill);
        let places = Places { whole: &stage.place, rows: vec![(&stage.place, conditions)] };
        // What does not hold at the end of a stage is for `extend`, and the share is one more thing that can fail.
        let by_design = |f: &Finding| matches!(f.kind, FindingKind::Gap | FindingKind::CannotFail);
        let findings = analyse(&table, looks, &known(metrics, fill));
        found.extend(findings.iter().filter(|f| !by_design(f)).map(|finding| places.diagnostic(finding)));
    }
    found
}

/// Criteria as the one row of a table that lets a stage pass.
fn criteria(conditions: &[Condition], every_us: u64, metrics: &[Metric], fill: &Fill<'_>) -> Option<decide::Table> {
    if !names_exist(metrics, conditions.iter()) {
        return None;
    }
    let conditions = resolve_conditions(conditions, fill).ok()?;
    let about = metrics.iter().map(|metric| Some((metric.name.clone(), metric.about(metrics, fill).ok()?)));
    let mut table = decide::Table {
        hit: decide::HitPolicy::First,
        rows: vec![decide::Row { symptom: None, conditions, for_us: None, action: decide::Ruling::Ok }],
        otherwise: decide::Ruling::Extend,
        no_data: decide::Ruling::Extend,
        every_us,
        gap_us: None,
        metrics: about.flatten().collect(),
    };
    let named: Vec<String> = table.metric_names().into_iter().map(str::to_owned).collect();
    table.metrics.retain(|name, _| named.contains(name));
    table.check().is_empty().then_some(table)
}

fn looks_for(over_us: u64, extend: Option<&Extend>, fill: &Fill<'_>) -> Looks {
    let longest_us = extend.and_then(|extend| {
        let by = |by: &Text| time_us(by, fill).ok();
        let by_us = extend.by.as_ref().map_or(Some(over_us), by)?;
        Some(over_us.saturating_add(by_us.saturating_mul(u64::from(extend.max))))
    });
    Looks::For { over_us, longest_us }
}

fn known(metrics: &[Metric], fill: &Fill<'_>) -> BTreeMap<String, decide::Facts> {
    metrics.iter().map(|metric| (metric.name.clone(), beforehand(metric, metrics, fill))).collect()
}

fn names_exist<'a>(metrics: &[Metric], mut conditions: impl Iterator<Item = &'a Condition>) -> bool {
    let exists = |name: &str| metrics.iter().any(|metric| metric.name == name);
    conditions.all(|condition| {
        let other = condition.cell.other().is_none_or(|metric| exists(&metric.value));
        other && exists(&condition.metric)
    })
}

/// Where what the analysis looks at is written.
struct Places<'a> {
    whole: &'a Place,
    rows: Vec<(&'a Place, &'a [Condition])>,
}

impl Places<'_> {
    fn diagnostic(&self, finding: &Finding) -> Diagnostic {
        let row = finding.rows.first().and_then(|row| self.rows.get(*row));
        let cell = row.zip(finding.condition).and_then(|((_, conditions), at)| conditions.get(at));
        let text = cell.and_then(|cell| cell.cell.texts().first().map(|text| &text.place));
        // A gap belongs to no row; the table is where a row is missing.
        let row = row.filter(|_| finding.kind != FindingKind::Gap);
        let place = text.or(cell.map(|cell| &cell.place)).or(row.map(|(place, _)| *place)).unwrap_or(self.whole);
        let mut problem = Diagnostic::error(code(finding.kind), finding.message.clone(), place.clone());
        problem.severity = match finding.weight {
            Weight::Error => Severity::Error,
            Weight::Warning => Severity::Warning,
            Weight::Note => Severity::Advice,
        };
        if finding.kind != FindingKind::CannotFail {
            for (other, _) in finding.rows.iter().skip(1).filter_map(|row| self.rows.get(*row)) {
                problem = problem.also((*other).clone(), "the other row");
            }
        }
        if !finding.witness.is_empty() {
            problem = problem.help(format!("for example at {}", finding.example()));
        }
        match help(finding.kind) {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

fn help(kind: FindingKind) -> Option<&'static str> {
    Some(match kind {
        FindingKind::Gap => "add a row for it, with `action: ok` where it is as it should be",
        FindingKind::RateAsShare => {
            "divide by all: `ratio: { of: failed, to: all }` of two counts; seconds per second are `unit: ratio`"
        }
        FindingKind::UnsaidShare => {
            "add `unit: ratio` to the metric where 0.5 is half of it, `unit: '%'` where 50 is, or `unit: count`"
        }
        FindingKind::EndsAtOnce => "use `no_data: inconclusive`, or `hold` with an end",
        FindingKind::NothingCounted => {
            "make the ratio of two counts (`delta:` or a plain number), or count the observations with `samples:`"
        }
        _ => return None,
    })
}

fn code(kind: FindingKind) -> Code {
    match kind {
        FindingKind::Gap => Code::TABLE_GAP,
        FindingKind::Overlap => Code::TABLE_OVERLAP,
        FindingKind::NeverFires => Code::ROW_NEVER_FIRES,
        FindingKind::Shadowed | FindingKind::Outrun => Code::ROW_SHADOWED,
        FindingKind::BeyondBuckets => Code::BEYOND_BUCKETS,
        FindingKind::PercentMissing => Code::PERCENT_MISSING,
        FindingKind::CannotFail => Code::CANNOT_FAIL,
        FindingKind::AlwaysTrue => Code::ALWAYS_TRUE,
        FindingKind::OnlyPending => Code::ONLY_PENDING,
        FindingKind::TooFewSamples => Code::TOO_FEW_SAMPLES,
        FindingKind::TooLarge => Code::TABLE_TOO_LARGE,
        FindingKind::OutOfTime => Code::ROW_OUT_OF_TIME,
        FindingKind::RateAsShare => Code::RATE_AS_SHARE,
        FindingKind::UnsaidShare => Code::UNSAID_SHARE,
        FindingKind::EndsAtOnce => Code::ENDS_AT_ONCE,
        FindingKind::NoMinSamples | FindingKind::NothingCounted => Code::NO_MIN_SAMPLES,
    }
}
