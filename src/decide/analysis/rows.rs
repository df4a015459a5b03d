//! What can be said of rows together: which hold where, which decide there, and where none does.

use std::collections::BTreeMap;

use super::Facts;
use super::finding::{Finding, FindingKind, Weight};
use super::reach::{Part, Rows, Run, bit, each};
use crate::decide::{Cell, HitPolicy, Row, Ruling, Table};

pub(super) fn findings(table: &Table, part: &Part<'_>, facts: &dyn Fn(&str) -> Facts, findings: &mut Vec<Finding>) {
    if part.is_too_large() {
        let message = "the table has too many combinations to look at all of them: split it".into();
        findings.push(Finding::new(FindingKind::TooLarge, Weight::Warning, message).rows(each(part.rows).collect()));
        return;
    }
    let gaps = gaps(table, part, facts);
    if !answering(table, part).iter().any(|(_, rows)| part.reached.keys().any(|set| set & rows == 0)) {
        findings.extend(cannot_fail(table, part));
    }
    findings.extend(gaps);
    for row in each(part.rows) {
        match part.reached.keys().any(|set| set & bit(row) != 0) {
            true => findings.extend(shadowed(table, part, row).or_else(|| outrun(table, part, row))),
            false if findings.iter().any(|f| f.kind == FindingKind::BeyondBuckets && f.rows == [row]) => {}
            false => findings.push(never_fires(table, part, row)),
        }
    }
    findings.extend(only_pending(table, part));
    if table.hit == HitPolicy::Worst {
        findings.extend(overlaps(table, part));
    }
}

/// A row that is true for some time before it fires.
fn must_hold(row: &Row) -> bool {
    row.for_us.is_some()
        || row.conditions.iter().any(|c| matches!(c.cell, Cell::Consecutive { count, .. } if count > 1))
}

/// The sets of rows that have to answer for a value: all of them under `hit: first`, otherwise by metric.
fn answering<'a>(table: &Table, part: &'a Part<'_>) -> Vec<(Option<&'a str>, Rows)> {
    match table.hit {
        HitPolicy::First => vec![(None, part.rows)],
        HitPolicy::Worst => part.metrics().into_iter().map(|m| (Some(m), part.judging(m))).collect(),
    }
}

fn gaps(table: &Table, part: &Part<'_>, facts: &dyn Fn(&str) -> Facts) -> Vec<Finding> {
    let otherwise = table.otherwise;
    // A table that only says what is good leaves all else to `otherwise`, and means it.
    let says_only_what_is_good = table.rows.iter().all(|row| row.action.passes());
    let weight = if says_only_what_is_good { Weight::Note } else { Weight::Warning };
    let mut findings = Vec::new();
    for (metric, rows) in answering(table, part) {
        let finding = |message| {
            let finding = Finding::new(FindingKind::Gap, weight, message);
            let finding = finding.rows(each(rows).take(1).collect());
            metric.map_or(finding.clone(), |m| finding.metric(m))
        };
        if let Some(runs) = part.runs(rows, |held| held == 0) {
            let beyond_all = |run: &Run| {
                let metric = run.witness.metric.as_str();
                run.witness.aspect.is_empty() && facts(metric).part && run.from >= 1.0
            };
            findings.extend(runs.into_iter().filter(|run| !beyond_all(run)).map(|Run { span, witness, .. }| {
                let name = format!("{} {}", witness.metric, witness.aspect);
                let message = format!("no row covers {} `{span}`: `otherwise: {otherwise}` decides", name.trim());
                finding(message).seen_at(vec![witness])
            }));
        } else if let Some((_, path)) = part.reached.iter().find(|(set, _)| *set & rows == 0) {
            let witness = part.witness(path, rows);
            let what = metric.map_or_else(|| "some values".to_string(), |m| format!("some values of {m}"));
            findings.push(finding(format!("no row covers {what}: `otherwise: {otherwise}` decides")).seen_at(witness));
        }
    }
    findings
}

fn cannot_fail(table: &Table, part: &Part<'_>) -> Option<Finding> {
    let can_fail = each(part.rows)
        .filter(|row| !table.rows[*row].action.passes())
        .any(|row| part.reached.keys().any(|set| decides(table, row, *set)));
    if can_fail {
        return None;
    }
    let (_, path) = part.reached.last_key_value()?;
    let message = format!("nothing can fail here: every value of {} passes", part.metrics().join(", "));
    let rows = each(part.rows).collect();
    Some(
        Finding::new(FindingKind::CannotFail, Weight::Error, message).rows(rows).seen_at(part.witness(path, part.rows)),
    )
}

/// Whether a row can decide among rows that hold together: no other one is bound to decide instead.
fn decides(table: &Table, row: usize, set: Rows) -> bool {
    set & bit(row) != 0 && each(set).all(|other| !overrules(table, other, row))
}

/// Whether a row always decides instead of another one when both hold. One that must hold for some time may be pending.
fn overrules(table: &Table, other: usize, row: usize) -> bool {
    let (o, r) = (&table.rows[other], &table.rows[row]);
    !must_hold(o)
        && match table.hit {
            HitPolicy::First => other < row,
            HitPolicy::Worst => o.action > r.action,
        }
}

fn shadowed(table: &Table, part: &Part<'_>, row: usize) -> Option<Finding> {
    let holding = || part.reached.iter().filter(|(set, _)| *set & bit(row) != 0);
    if holding().any(|(set, _)| decides(table, row, *set)) {
        return None;
    }
    let overruling = holding().flat_map(|(set, _)| each(*set)).filter(|o| overrules(table, *o, row));
    let by = overruling.fold(0, |all, o| all | bit(o));
    let (set, path) = holding().next()?;
    let names = names(table, by);
    let message = match table.hit {
        HitPolicy::First => format!("this row never decides: wherever it holds, {names} holds and comes first"),
        HitPolicy::Worst => format!("this row never decides: wherever it holds, {names} holds and is more severe"),
    };
    let finding = Finding::new(FindingKind::Shadowed, Weight::Warning, message);
    let rows = std::iter::once(row).chain(each(by)).collect();
    Some(finding.rows(rows).seen_at(part.witness(path, (set & by) | bit(row))))
}

/// A row before which another one always decides: it holds wherever this one does, and takes no longer.
fn outrun(table: &Table, part: &Part<'_>, row: usize) -> Option<Finding> {
    let own = &table.rows[row];
    let own_us = own.for_us?;
    let counts = |r: &Row| r.conditions.iter().any(|c| matches!(c.cell, Cell::Consecutive { count, .. } if count > 1));
    let is_first = |other: &usize| match table.hit {
        HitPolicy::First => *other < row,
        HitPolicy::Worst => table.rows[*other].action > own.action,
    };
    let is_faster = |other: &usize| {
        let r = &table.rows[*other];
        r.for_us.is_some_and(|us| us <= own_us) && !counts(r)
    };
    let holds_too = |other: &usize| part.reached.keys().all(|set| set & bit(row) == 0 || set & bit(*other) != 0);
    let other = each(part.rows).filter(|o| *o != row).find(|o| is_first(o) && is_faster(o) && holds_too(o))?;
    let path = part.reached.iter().find(|(set, _)| *set & bit(row) != 0)?.1;
    let why = match table.hit {
        HitPolicy::First => "comes first",
        HitPolicy::Worst => "is more severe",
    };
    let message = format!(
        "this row never decides: wherever it holds for long enough, {} has held for long enough and {why}",
        names(table, bit(other))
    );
    let finding = Finding::new(FindingKind::Outrun, Weight::Warning, message);
    Some(finding.rows(vec![row, other]).seen_at(part.witness(path, bit(row) | bit(other))))
}

fn never_fires(table: &Table, part: &Part<'_>, row: usize) -> Finding {
    let conditions: Vec<String> =
        table.rows[row].conditions.iter().map(|c| format!("{} {}", c.metric, c.cell)).collect();
    let message = format!("no values satisfy this row: `{}`", conditions.join("` and `"));
    // Any example will do: the row does not hold there either.
    let witness = part.reached.last_key_value().map(|(_, path)| part.witness(path, bit(row)));
    let finding = Finding::new(FindingKind::NeverFires, Weight::Error, message);
    finding.rows(vec![row]).seen_at(witness.unwrap_or_default())
}

fn only_pending(table: &Table, part: &Part<'_>) -> Vec<Finding> {
    let mut seen: Vec<Rows> = Vec::new();
    let mut findings = Vec::new();
    for (metric, rows) in answering(table, part) {
        for (set, path) in &part.reached {
            let held = set & rows;
            if held == 0 || seen.contains(&held) || !each(held).all(|row| must_hold(&table.rows[row])) {
                continue;
            }
            seen.push(held);
            let message = format!(
                "here only {} holds, which takes time: until then the answer is `{}`",
                names(table, held),
                Ruling::Hold
            );
            let finding = Finding::new(FindingKind::OnlyPending, Weight::Note, message);
            let finding = finding.rows(each(held).collect()).seen_at(part.witness(path, held));
            findings.push(metric.map_or(finding.clone(), |m| finding.metric(m)));
        }
    }
    findings
}

fn overlaps(table: &Table, part: &Part<'_>) -> Vec<Finding> {
    let mut pairs: BTreeMap<(usize, usize), &Vec<usize>> = BTreeMap::new();
    for (set, path) in &part.reached {
        for one in each(*set) {
            for other in each(*set).filter(|other| *other > one) {
                pairs.entry((one, other)).or_insert(path);
            }
        }
    }
    let differ = |(one, other): &(usize, usize)| table.rows[*one].action != table.rows[*other].action;
    let finding = |((one, other), path): ((usize, usize), &Vec<usize>)| {
        let (a, b) = (table.rows[one].action, table.rows[other].action);
        let later = |row: usize| if must_hold(&table.rows[row]) { " once it has held for long enough" } else { "" };
        let winner = if a > b { one } else { other };
        let message = format!(
            "{} and {} hold together: `{}` counts{}",
            names(table, bit(one)),
            names(table, bit(other)),
            a.max(b),
            later(winner)
        );
        let rows = bit(one) | bit(other);
        let finding = Finding::new(FindingKind::Overlap, Weight::Note, message);
        finding.rows(vec![one, other]).seen_at(part.witness(path, rows))
    };
    pairs.into_iter().filter(|(pair, _)| differ(pair)).map(finding).collect()
}

/// The rows by what people call them: `row 2 (P95 > 5 s)`.
fn names(table: &Table, rows: Rows) -> String {
    let name = |row: usize| match &table.rows[row].symptom {
        Some(symptom) => format!("row {} ({symptom})", row + 1),
        None => format!("row {}", row + 1),
    };
    each(rows).map(name).collect::<Vec<_>>().join(" or ")
}
