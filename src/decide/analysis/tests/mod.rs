//! Findings with their witnesses, and all of them against brute force.

mod brute;
mod evidence;

use std::collections::BTreeMap;

use super::*;
use crate::decide::{Cell, Condition, HitPolicy, Metric, Row, Ruling, Unit};

fn row(conditions: &[(&str, &str)], for_us: u64, action: Ruling) -> Row {
    let condition =
        |(metric, text): &(&str, &str)| Condition { metric: metric.to_string(), cell: Cell::parse(text).unwrap() };
    let conditions = conditions.iter().map(condition).collect();
    Row { symptom: None, conditions, for_us: (for_us > 0).then_some(for_us), action }
}

fn table(hit: HitPolicy, rows: Vec<Row>) -> Table {
    let metrics = [("p95", "s"), ("main_p95", "s"), ("rss", "KiB"), ("memory", "%")];
    let metrics = metrics
        .map(|(name, unit)| (name.to_string(), Metric { unit: Some(Unit::parse(unit).unwrap()), ..Metric::default() }));
    Table {
        hit,
        rows,
        otherwise: Ruling::Investigate,
        no_data: Ruling::Inconclusive,
        every_us: 10_000_000,
        gap_us: None,
        metrics: metrics.into(),
    }
}

/// The findings of a kind, as rows counted from 1, message and example.
fn found(table: &Table, kind: FindingKind) -> Vec<(Vec<usize>, String, String)> {
    found_with(table, kind, &BTreeMap::new())
}

fn found_with(table: &Table, kind: FindingKind, facts: &BTreeMap<String, Facts>) -> Vec<(Vec<usize>, String, String)> {
    let errors = table.check();
    assert!(errors.is_empty(), "{errors:?}");
    let of_kind = analyse(table, Looks::Armed, facts).into_iter().filter(|f| f.kind == kind);
    of_kind.map(|f| (f.rows.iter().map(|r| r + 1).collect(), f.message.clone(), f.example())).collect()
}

#[test]
fn a_gap_is_the_range_that_is_missing() {
    let rows = vec![
        row(&[("error_ratio", "> 5%")], 300, Ruling::Rollback),
        row(&[("error_ratio", "1% ..< 5%")], 0, Ruling::Investigate),
        row(&[("error_ratio", "<= 0.5%")], 0, Ruling::Ok),
    ];
    let gaps = found(&table(HitPolicy::Worst, rows), FindingKind::Gap);
    let seen: Vec<(&str, &str)> =
        gaps.iter().map(|(_, message, example)| (message.as_str(), example.as_str())).collect();
    assert_eq!(
        seen,
        [
            ("no row covers error_ratio `0.5% <..< 1%`: `otherwise: investigate` decides", "error_ratio = 0.7%"),
            ("no row covers error_ratio `== 5%`: `otherwise: investigate` decides", "error_ratio = 5%"),
        ]
    );
}

#[test]
fn the_range_of_a_gap_can_be_pasted_as_a_cell() {
    let rows =
        vec![row(&[("p95", "2s .. 5s")], 0, Ruling::Investigate), row(&[("p95", "== 7s")], 0, Ruling::Investigate)];
    for (_, message, _) in found(&table(HitPolicy::Worst, rows), FindingKind::Gap) {
        let span = message.split('`').nth(1).unwrap();
        assert!(Cell::parse(span).is_ok(), "{span}");
    }
}

#[test]
fn a_gap_over_several_aspects_of_a_metric_has_a_value_of_each() {
    let mut rows = vec![row(&[("rss", "> 0")], 0, Ruling::Rollback), row(&[("rss", "> 0")], 0, Ruling::Ok)];
    rows[0].conditions[0].cell = Cell::slope("> 100MB/min", 180_000_000).unwrap();
    rows[1].conditions[0].cell = Cell::vs_baseline("<= +10%").unwrap();
    let gaps = found(&table(HitPolicy::Worst, rows), FindingKind::Gap);
    assert_eq!(gaps.len(), 1);
    assert!(
        gaps[0].2.starts_with("rss slope over 3m = ") && gaps[0].2.contains("rss against the baseline = +"),
        "{gaps:?}"
    );
}

#[test]
fn under_first_a_gap_is_where_no_row_at_all_holds() {
    let rows = vec![row(&[("error_ratio", "> 5%")], 0, Ruling::Rollback), row(&[("p95", "<= 5s")], 0, Ruling::Ok)];
    let gaps = found(&table(HitPolicy::First, rows), FindingKind::Gap);
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].2, "error_ratio = 0%, p95 = 10s");
}

#[test]
fn rows_that_hold_together_are_shown_with_a_value() {
    let rows = vec![
        row(&[("error_ratio", "> 5%")], 300_000_000, Ruling::Rollback),
        row(&[("error_ratio", ">= 1%")], 0, Ruling::Investigate),
    ];
    let overlaps = found(&table(HitPolicy::Worst, rows), FindingKind::Overlap);
    let message = "row 1 and row 2 hold together: `rollback` counts once it has held for long enough";
    assert_eq!(overlaps, [(vec![1, 2], message.into(), "error_ratio = 10%".into())]);
}

#[test]
fn what_is_surely_beyond_a_limit_is_beyond_it() {
    let surely = |limit| Condition { metric: "errors".into(), cell: Cell::surely(limit, "99.9%").unwrap() };
    let with = |limit, rows: [Row; 2]| {
        let first = Row { symptom: None, conditions: vec![surely(limit)], for_us: None, action: Ruling::Rollback };
        let [good, bad] = rows;
        table(HitPolicy::Worst, vec![first, good, bad])
    };
    let rows = || [row(&[("errors", "0% .. 4%")], 0, Ruling::Ok), row(&[("errors", "> 4%")], 0, Ruling::Investigate)];
    let overlaps = |table: &Table| found(table, FindingKind::Overlap).into_iter().map(|f| f.0).collect::<Vec<_>>();
    assert_eq!(overlaps(&with("> 4%", rows())), [[1, 3]]);
    assert_eq!(overlaps(&with("> 3%", rows())), [[1, 2], [1, 3]], "3.5 % may surely be more than 3 %");
    assert_eq!(overlaps(&with("> 6%", rows())), [[1, 3]]);
    assert_eq!(found(&with("> 4%", rows()), FindingKind::Gap), []);
}

#[test]
fn a_row_after_a_wider_one_never_decides_under_first() {
    let rows = vec![
        row(&[("error_ratio", ">= 1%")], 0, Ruling::Investigate),
        row(&[("error_ratio", "> 5%")], 0, Ruling::Rollback),
    ];
    let shadowed = found(&table(HitPolicy::First, rows.clone()), FindingKind::Shadowed);
    let message = "this row never decides: wherever it holds, row 1 holds and comes first";
    assert_eq!(shadowed, [(vec![2, 1], message.into(), "error_ratio = 10%".into())]);
    let mut held = rows;
    held[0].for_us = Some(60_000_000);
    assert_eq!(found(&table(HitPolicy::First, held), FindingKind::Shadowed), []);
}

#[test]
fn a_row_within_a_more_severe_one_never_decides_under_worst() {
    let rows = vec![
        row(&[("error_ratio", "> 5%")], 0, Ruling::Investigate),
        row(&[("error_ratio", "> 1%")], 0, Ruling::Rollback),
    ];
    let shadowed = found(&table(HitPolicy::Worst, rows), FindingKind::Shadowed);
    assert_eq!(shadowed[0].0, [1, 2]);
    assert!(shadowed[0].1.ends_with("row 2 holds and is more severe"));
}

#[test]
fn a_row_that_nothing_satisfies_is_an_error() {
    let rows = vec![
        row(&[("error_ratio", "< 0%")], 0, Ruling::Ok),
        row(&[("p95", "> 5s"), ("p95", "< 2s")], 0, Ruling::Rollback),
        row(&[("backlog", "< 0")], 0, Ruling::Investigate),
    ];
    let never = found(&table(HitPolicy::Worst, rows), FindingKind::NeverFires);
    assert_eq!(never.iter().map(|f| f.0[0]).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(never[1].1, "no values satisfy this row: `p95 > 5s` and `p95 < 2s`");
}

#[test]
fn a_limit_at_the_end_of_the_buckets_can_never_be_passed() {
    let facts = [("p95".to_string(), Facts { last_bound: Some(5.0), ..Facts::default() })].into();
    let rows = vec![row(&[("p95", "> 5s")], 0, Ruling::Rollback), row(&[("p95", "2s ..< 4s")], 0, Ruling::Investigate)];
    let table = table(HitPolicy::Worst, rows);
    let beyond = found_with(&table, FindingKind::BeyondBuckets, &facts);
    assert_eq!((beyond.len(), beyond[0].0.as_slice(), beyond[0].2.as_str()), (1, [1].as_slice(), "p95 = 5s"));
    assert_eq!(found_with(&table, FindingKind::NeverFires, &facts), []);
    let gaps: Vec<String> = found_with(&table, FindingKind::Gap, &facts).into_iter().map(|f| f.1).collect();
    assert!(gaps[1].contains("`4s ..< 5s`"), "{gaps:?}");
}

#[test]
fn five_is_not_five_percent() {
    let rows = vec![row(&[("memory", "> 90%")], 0, Ruling::Abort), row(&[("error_ratio", "> 5")], 0, Ruling::Abort)];
    let mut table = table(HitPolicy::Worst, rows);
    table.metrics.insert("error_ratio".into(), Metric { unit: Some(Unit::RATIO), ..Metric::default() });
    let missing = found(&table, FindingKind::PercentMissing);
    let wanted =
        (vec![2], "`5` of a share is 500%; did you mean `5%`? Write `500%` if not".into(), "error_ratio = 500%".into());
    assert_eq!(missing, [wanted]);
}

#[test]
fn a_table_that_lets_everything_pass_cannot_fail() {
    let rows = vec![
        row(&[("error_ratio", "< 5%")], 0, Ruling::Ok),
        row(&[("error_ratio", ">= 5%")], 0, Ruling::Continue),
        row(&[("p95", "> 5s")], 0, Ruling::Rollback),
    ];
    let table = table(HitPolicy::Worst, rows);
    let cannot = found(&table, FindingKind::CannotFail);
    assert_eq!(cannot.len(), 1);
    assert_eq!(cannot[0].1, "nothing can fail here: every value of error_ratio passes");
    assert_eq!(cannot[0].0, [1, 2]);
}

#[test]
fn a_condition_that_always_holds_is_pointed_out() {
    let rows = vec![row(&[("error_ratio", ">= 0%")], 0, Ruling::Ok)];
    let always = found(&table(HitPolicy::Worst, rows), FindingKind::AlwaysTrue);
    assert_eq!(always[0].1, "every value of `error_ratio` satisfies `>= 0%`: the row lets everything pass");
}

#[test]
fn values_at_which_only_a_pending_row_holds_are_shown() {
    let rows = vec![
        row(&[("error_ratio", "> 5%")], 300_000_000, Ruling::Rollback),
        row(&[("error_ratio", "<= 5%")], 0, Ruling::Ok),
    ];
    let pending = found(&table(HitPolicy::Worst, rows), FindingKind::OnlyPending);
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].2, "error_ratio = 10%");
}

#[test]
fn names_are_looked_at_one_by_one() {
    let rows = vec![row(&[("health", "ok")], 0, Ruling::Ok), row(&[("health", "down")], 0, Ruling::Rollback)];
    let table = table(HitPolicy::Worst, rows);
    let gaps = found(&table, FindingKind::Gap);
    assert_eq!(gaps[0].2, "health = \"anything else\"");
}

#[test]
fn a_comparison_that_is_neither_the_same_nor_higher_is_a_gap() {
    let mut rows = vec![row(&[("p95", "> 0")], 0, Ruling::Ok), row(&[("p95", "> 0")], 0, Ruling::Rollback)];
    rows[0].conditions[0].cell = Cell::compared("main_p95", "same", 60_000_000, "10%", "98%").unwrap();
    rows[1].conditions[0].cell = Cell::compared("main_p95", "higher", 60_000_000, "10%", "98%").unwrap();
    let gaps = found(&table(HitPolicy::Worst, rows), FindingKind::Gap);
    assert_eq!(gaps.iter().map(|g| g.2.as_str()).collect::<Vec<_>>(), ["p95 against main_p95 = lower"]);
}

#[test]
fn whole_numbers_have_no_gap_between_neighbours() {
    let rows = vec![row(&[("errors", "0 .. 1")], 0, Ruling::Ok), row(&[("errors", ">= 2")], 0, Ruling::Investigate)];
    let table = table(HitPolicy::Worst, rows);
    assert_eq!(found(&table, FindingKind::Gap).len(), 1);
    let whole = Facts { whole: true, ..Facts::default() };
    assert_eq!(found_with(&table, FindingKind::Gap, &[("errors".into(), whole)].into()), []);
}

#[test]
fn too_few_observations_for_a_limit_are_reported_with_the_number_it_takes() {
    let rows = vec![
        row(&[("error_ratio", "< 1%")], 0, Ruling::Ok),
        row(&[("error_ratio", ">= 1%")], 0, Ruling::Rollback),
        row(&[("p95", "> 5s")], 0, Ruling::Rollback),
    ];
    let mut table = table(HitPolicy::Worst, rows);
    table.metrics.insert("error_ratio".into(), Metric { min_samples: Some(30), ..Metric::default() });
    table.metrics.get_mut("p95").unwrap().min_samples = Some(30);
    let needs: Vec<(usize, u64)> = samples_needed(&table).iter().map(|n| (n.row, n.samples)).collect();
    assert_eq!(needs, [(0, 299), (1, 299)]);
    let facts = [("p95".to_string(), Facts { quantile: Some(0.95), ..Facts::default() })].into();
    let few = found_with(&table, FindingKind::TooFewSamples, &facts);
    assert_eq!(few.len(), 3);
    assert!(few[0].1.contains("with a probability of 73.97%; it takes 299"), "{}", few[0].1);
    assert!(few[2].1.contains("with a probability of 21.46%; it takes 59"), "{}", few[2].1);
    table.metrics.get_mut("error_ratio").unwrap().min_samples = Some(299);
    table.metrics.get_mut("p95").unwrap().min_samples = Some(59);
    assert_eq!(found_with(&table, FindingKind::TooFewSamples, &facts), []);
}

#[test]
fn a_table_too_large_to_look_at_says_so() {
    let names: Vec<String> = (0..15).map(|i| format!("m{i}")).collect();
    let rows = names.iter().map(|m| row(&[(m.as_str(), "> 5")], 0, Ruling::Abort)).collect();
    let large = table(HitPolicy::First, rows);
    assert_eq!(found(&large, FindingKind::TooLarge).len(), 1);
    let apart = Table { hit: HitPolicy::Worst, ..large };
    assert_eq!(found(&apart, FindingKind::TooLarge).len(), 0);
    assert_eq!(found(&apart, FindingKind::Gap).len(), 15);
}

#[test]
fn looking_for_less_than_lies_between_two_looks_is_pointed_out() {
    let table = table(HitPolicy::Worst, vec![row(&[("p95", "> 1s")], 0, Ruling::Abort)]);
    for (over_s, warned) in [(5, true), (10, false), (60, false)] {
        let looks = Looks::For { over_us: over_s * 1_000_000, longest_us: None };
        let findings = analyse(&table, looks, &BTreeMap::new());
        let found = findings.iter().find(|f| f.kind == FindingKind::OutOfTime);
        assert_eq!(found.map(|f| f.weight), warned.then_some(Weight::Warning), "{over_s} s");
        assert!(found.is_none_or(|f| f.message.contains("looked at for 5s and only every 10s")), "{found:?}");
    }
}
