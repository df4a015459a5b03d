//! What is known of a metric besides its unit, and what follows of it.

use super::*;
use crate::decide::{Cell, Condition};

fn one(metric: &str, cell: Cell, action: Ruling) -> Row {
    Row { symptom: None, conditions: vec![Condition { metric: metric.into(), cell }], for_us: None, action }
}

fn share(min_samples: Option<u64>) -> Metric {
    Metric { unit: Some(Unit::RATIO), min_samples, ..Metric::default() }
}

fn counted() -> Facts {
    Facts { evidence: Evidence::Counted, ..Facts::default() }
}

/// The metrics that a finding of this kind is about.
fn about(table: &Table, kind: FindingKind, facts: &BTreeMap<String, Facts>) -> Vec<String> {
    let errors = table.check();
    assert!(errors.is_empty(), "{errors:?}");
    let findings = analyse(table, Looks::Armed, facts).into_iter().filter(|f| f.kind == kind);
    findings.filter_map(|f| f.metric).collect()
}

#[test]
fn a_share_that_is_compared_needs_observations_on_both_sides() {
    let facts: BTreeMap<String, Facts> = ["canary", "main"].map(|m| (m.to_string(), counted())).into();
    let cells = [
        (Cell::vs("main", "> 1.2x"), vec!["canary", "main"]),
        (Cell::vs_baseline("> +20%"), vec!["canary"]),
        (Cell::compared("main", "higher", 60_000_000, "10%", "98%"), vec!["canary", "main"]),
    ];
    for (cell, both) in cells {
        let mut table = table(HitPolicy::Worst, vec![one("canary", cell.unwrap(), Ruling::Rollback)]);
        let with = |table: &mut Table, n| ["canary", "main"].map(|m| table.metrics.insert(m.into(), share(n)));
        with(&mut table, None);
        assert_eq!(about(&table, FindingKind::NoMinSamples, &facts), both);
        with(&mut table, Some(1));
        assert_eq!(about(&table, FindingKind::TooFewSamples, &facts), both);
        with(&mut table, Some(59));
        assert_eq!(about(&table, FindingKind::NoMinSamples, &facts), [""; 0]);
        assert_eq!(about(&table, FindingKind::TooFewSamples, &facts), [""; 0]);
    }
}

#[test]
fn the_quantile_that_another_one_is_compared_with_needs_observations_too() {
    let p95 = || Facts { quantile: Some(0.95), ..counted() };
    let facts: BTreeMap<String, Facts> = ["p95", "main_p95"].map(|m| (m.to_string(), p95())).into();
    let mut table =
        table(HitPolicy::Worst, vec![one("p95", Cell::vs("main_p95", "> 1.2x").unwrap(), Ruling::Rollback)]);
    table.metrics.get_mut("p95").unwrap().min_samples = Some(59);
    assert_eq!(about(&table, FindingKind::NoMinSamples, &facts), ["main_p95"]);
    table.metrics.get_mut("main_p95").unwrap().min_samples = Some(3);
    assert_eq!(about(&table, FindingKind::TooFewSamples, &facts), ["main_p95"]);
}

#[test]
fn none_and_all_of_a_share_take_observations_as_well() {
    for limits in [["== 0%", "> 0%"], ["< 100%", ">= 100%"]] {
        let rows =
            vec![row(&[("canary", limits[0])], 0, Ruling::Ok), row(&[("canary", limits[1])], 0, Ruling::Rollback)];
        let mut table = table(HitPolicy::Worst, rows);
        let facts: BTreeMap<String, Facts> = [("canary".to_string(), counted())].into();
        table.metrics.insert("canary".into(), share(None));
        assert_eq!(about(&table, FindingKind::NoMinSamples, &facts), ["canary"]);
        table.metrics.insert("canary".into(), share(Some(2)));
        assert_eq!(about(&table, FindingKind::TooFewSamples, &facts), ["canary"]);
    }
}

#[test]
fn a_metric_without_a_unit_is_not_compared_with_one_that_has_one() {
    let mut table = table(HitPolicy::Worst, vec![one("p95", Cell::vs("other", "> 1.2x").unwrap(), Ruling::Rollback)]);
    table.metrics.insert("other".into(), Metric::default());
    let wrong: Vec<String> = table.check().into_iter().map(|e| e.message).collect();
    assert_eq!(wrong, ["`p95` is a time and nothing says what `other` is: add `unit:` to its declaration"]);
    table.metrics.get_mut("other").unwrap().unit = Some(Unit::parse("ms").unwrap());
    assert_eq!(table.check(), []);
    // Plain numbers need no unit.
    table.rows[0] = one("canary", Cell::vs("other", "> 1.2x").unwrap(), Ruling::Rollback);
    table.metrics.insert("canary".into(), Metric { unit: Some(Unit::COUNT), ..Metric::default() });
    table.metrics.insert("other".into(), Metric::default());
    assert_eq!(table.check(), []);
}

#[test]
fn a_share_that_nothing_says_is_one_is_pointed_out_once() {
    let rows = vec![row(&[("free", ">= 99%")], 0, Ruling::Ok), row(&[("free", "< 99%")], 0, Ruling::Rollback)];
    let mut table = table(HitPolicy::Worst, rows);
    let facts: BTreeMap<String, Facts> = [("free".to_string(), Facts { unsaid: true, ..Facts::default() })].into();
    assert_eq!(about(&table, FindingKind::UnsaidShare, &facts), ["free"]);
    table.metrics.insert("free".into(), Metric { unit: Some(Unit::PERCENT), ..Metric::default() });
    assert_eq!(about(&table, FindingKind::UnsaidShare, &facts), [""; 0]);
}

#[test]
fn a_quotient_without_a_unit_never_reaches_five() {
    let table = table(HitPolicy::Worst, vec![row(&[("errors", "> 5")], 0, Ruling::Rollback)]);
    let facts: BTreeMap<String, Facts> = [("errors".to_string(), Facts { divided: true, ..Facts::default() })].into();
    assert_eq!(about(&table, FindingKind::UnsaidShare, &facts), ["errors"]);
}

#[test]
fn a_time_can_be_below_zero_where_it_is_a_difference() {
    let rows = vec![row(&[("p95", "< -50ms")], 0, Ruling::Abort), row(&[("p95", "-50ms .. 50ms")], 0, Ruling::Ok)];
    let table = table(HitPolicy::Worst, rows);
    let facts: BTreeMap<String, Facts> = [("p95".to_string(), Facts { signed: true, ..Facts::default() })].into();
    assert_eq!(found_with(&table, FindingKind::NeverFires, &facts), []);
    // A duration that is measured here cannot.
    assert_eq!(found(&table, FindingKind::NeverFires).len(), 1);
}

#[test]
fn more_than_all_of_a_part_is_no_gap() {
    let rows = vec![row(&[("canary", "0% .. 5%")], 0, Ruling::Ok), row(&[("canary", "5% <.. 100%")], 0, Ruling::Abort)];
    let mut table = table(HitPolicy::Worst, rows);
    table.metrics.insert("canary".into(), share(Some(59)));
    let part: BTreeMap<String, Facts> = [("canary".to_string(), Facts { part: true, ..Facts::default() })].into();
    assert_eq!(found_with(&table, FindingKind::Gap, &part), []);
    assert_eq!(found(&table, FindingKind::Gap).len(), 1);
    // Beyond all that can be, what is said is only pointed at.
    table.rows = vec![row(&[("canary", "<= 500%")], 0, Ruling::Ok), row(&[("canary", "> 500%")], 0, Ruling::Abort)];
    assert_eq!(found_with(&table, FindingKind::PercentMissing, &part).len(), 2);
}

#[test]
fn what_is_shown_of_a_gap_lies_in_it() {
    let cases = [
        ("p95", "<= 1000ms", "> 1001ms", "no row covers p95 `1s <.. 1.001s`"),
        ("memory", "<= 99.99%", "> 99.995%", "no row covers memory `99.99% <.. 99.995%`"),
    ];
    for (metric, low, high, wanted) in cases {
        let rows = vec![row(&[(metric, low)], 0, Ruling::Ok), row(&[(metric, high)], 0, Ruling::Rollback)];
        let gaps = found(&table(HitPolicy::Worst, rows), FindingKind::Gap);
        assert!(gaps[0].1.starts_with(wanted), "{gaps:?}");
        let printed = gaps[0].2.split(" = ").nth(1).unwrap();
        let printed = crate::decide::Quantity::parse(printed).unwrap().base();
        let cell = |text| Cell::parse(text).unwrap().bounds().unwrap().holds(printed, None);
        assert_eq!((cell(low), cell(high)), (Some(false), Some(false)), "{gaps:?}");
    }
}

#[test]
fn more_than_the_other_value_is_a_multiple_of_it_above_one() {
    // `<= +10` and `> 1.1x`: what neither holds at is more by over 10, and at most a tenth more; never less.
    let cell = |text| Cell::vs("b", text).unwrap();
    let rows = vec![one("a", cell("<= +10"), Ruling::Ok), one("a", cell("> 1.1x"), Ruling::Rollback)];
    let gaps = found(&table(HitPolicy::Worst, rows.clone()), FindingKind::Gap);
    assert_eq!(gaps.len(), 1);
    assert!(!gaps[0].2.contains("-"), "{gaps:?}");
    // Less by 10 and more than 1.1 times it cannot be at once.
    let both = Row {
        conditions: [cell("< -10"), cell("> 1.1x")].map(|cell| Condition { metric: "a".into(), cell }).into(),
        ..rows[1].clone()
    };
    assert_eq!(found(&table(HitPolicy::Worst, vec![both]), FindingKind::NeverFires).len(), 1);
}

#[test]
fn a_change_has_no_value_at_the_first_look() {
    let change =
        |first_us| BTreeMap::from([("errors".to_string(), Facts { first_us: Some(first_us), ..Facts::default() })]);
    let rows = vec![row(&[("errors", "> 5")], 0, Ruling::Rollback), row(&[("errors", "<= 5")], 0, Ruling::Ok)];
    let mut table = table(HitPolicy::Worst, rows);
    let kinds = |table: &Table, looks, first_us| -> Vec<(FindingKind, Weight)> {
        analyse(table, looks, &change(first_us)).into_iter().map(|f| (f.kind, f.weight)).collect()
    };
    let (m, h) = (60_000_000, 3_600_000_000);
    let for_a_minute = Looks::For { over_us: m, longest_us: Some(2 * m) };
    assert_eq!(kinds(&table, Looks::Once, m), [(FindingKind::OutOfTime, Weight::Error)]);
    assert_eq!(kinds(&table, for_a_minute, h), [(FindingKind::OutOfTime, Weight::Error)]);
    assert_eq!(kinds(&table, for_a_minute, 2 * m), [(FindingKind::OutOfTime, Weight::Warning)]);
    assert_eq!(kinds(&table, for_a_minute, m / 2), []);
    let without_end = Looks::For { over_us: m, longest_us: None };
    assert_eq!(kinds(&table, without_end, h), [(FindingKind::OutOfTime, Weight::Error)]);
    assert_eq!(kinds(&table, Looks::Armed, h), []);
    for no_data in [Ruling::Rollback, Ruling::Abort] {
        table.no_data = no_data;
        assert_eq!(kinds(&table, Looks::Armed, m), [(FindingKind::EndsAtOnce, Weight::Error)]);
    }
    assert_eq!(analyse(&table, Looks::Armed, &BTreeMap::new()), []);
}
