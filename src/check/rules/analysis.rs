//! What tables say of values nobody thought of: gaps, rows that never decide, limits that say something else.

use super::tables::as_written;
use crate::check::facts::Facts;
use crate::decide::{self, Finding, FindingKind, Weight, analyse};
use crate::runbook::model::{Metric, Table};
use crate::text::{Code, Diagnostic, Severity};
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let metrics = &facts.runbook.metrics;
    let known: BTreeMap<String, decide::Facts> = metrics.iter().map(|m| (m.name.clone(), beforehand(m))).collect();
    for (_, table) in &facts.tables {
        // Limits with holes are not known yet, and of metrics that do not exist nothing can be said.
        let Ok(Some(resolved)) = table.resolve(metrics, &as_written) else { continue };
        if !resolved.check().is_empty() || !names_exist(metrics, table) {
            continue;
        }
        found.extend(analyse(&resolved, &known).into_iter().map(|finding| diagnostic(table, &finding)));
    }
}

/// What is known of the values of a metric before anything is measured.
fn beforehand(metric: &Metric) -> decide::Facts {
    decide::Facts {
        last_bound: metric.buckets.last().and_then(|bound| bound.value.parse().ok()),
        quantile: metric.quantile.as_ref().and_then(|quantile| quantile.value.parse().ok()),
        ..decide::Facts::default()
    }
}

fn names_exist(metrics: &[Metric], table: &Table) -> bool {
    let exists = |name: &str| metrics.iter().any(|metric| metric.name == name);
    table.conditions().all(|(_, condition)| {
        let other = condition.cell.other().is_none_or(|metric| exists(&metric.value));
        other && exists(&condition.metric)
    })
}

fn diagnostic(table: &Table, finding: &Finding) -> Diagnostic {
    let row = finding.rows.first().and_then(|row| table.rules.get(*row));
    let cell = row.zip(finding.condition).and_then(|(row, at)| row.conditions.get(at));
    let text = cell.and_then(|cell| cell.cell.texts().first().map(|text| &text.place));
    // A gap belongs to no row; the table is where a row is missing.
    let row = row.filter(|_| finding.kind != FindingKind::Gap);
    let place = text.or(cell.map(|cell| &cell.place)).or(row.map(|row| &row.place)).unwrap_or(&table.place);
    let mut problem = Diagnostic::error(code(finding.kind), finding.message.clone(), place.clone());
    problem.severity = match finding.weight {
        Weight::Error => Severity::Error,
        Weight::Warning => Severity::Warning,
        Weight::Note => Severity::Advice,
    };
    if finding.kind != FindingKind::CannotFail {
        for other in finding.rows.iter().skip(1).filter_map(|row| table.rules.get(*row)) {
            problem = problem.also(other.place.clone(), "the other row");
        }
    }
    if !finding.witness.is_empty() {
        problem = problem.help(format!("for example at {}", finding.example()));
    }
    match finding.kind {
        FindingKind::Gap => problem.help("add a row for it, with `action: ok` where it is as it should be"),
        _ => problem,
    }
}

fn code(kind: FindingKind) -> Code {
    match kind {
        FindingKind::Gap => Code::TABLE_GAP,
        FindingKind::Overlap => Code::TABLE_OVERLAP,
        FindingKind::NeverFires => Code::ROW_NEVER_FIRES,
        FindingKind::Shadowed => Code::ROW_SHADOWED,
        FindingKind::BeyondBuckets => Code::BEYOND_BUCKETS,
        FindingKind::PercentMissing => Code::PERCENT_MISSING,
        FindingKind::CannotFail => Code::CANNOT_FAIL,
        FindingKind::AlwaysTrue => Code::ALWAYS_TRUE,
        FindingKind::OnlyPending => Code::ONLY_PENDING,
        FindingKind::TooFewSamples => Code::TOO_FEW_SAMPLES,
        FindingKind::TooLarge => Code::TABLE_TOO_LARGE,
    }
}
