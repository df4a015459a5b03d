//! Shares beyond a limit by more than chance, with few observations.

use super::*;

fn watch(limit: &str) -> Watch {
    let rows = vec![
        row(&[("errors", Cell::surely(limit, "99.9%").unwrap())], 0, Ruling::Rollback),
        row(&[("errors", cell("> 4%"))], 0, Ruling::Rollback),
        row(&[("errors", cell("0% .. 4%"))], 0, Ruling::Ok),
    ];
    let mut table = table(HitPolicy::Worst, rows);
    let errors = Metric { unit: Some(Unit::RATIO), min_samples: Some(74), ..Metric::default() };
    table.metrics.insert("errors".into(), errors);
    Watch::of(table)
}

fn decided(watch: &mut Watch, at_us: u64, share: f64, n: Option<u64>) -> Decision {
    watch.sampled(at_us, [("errors".to_string(), Sample::number(at_us, share, n))].into())
}

#[test]
fn eight_failures_of_sixteen_are_a_breach_although_a_value_takes_seventy_four() {
    let mut watch = watch("> 4%");
    let decision = decided(&mut watch, T0, 0.5, Some(16));
    assert_eq!(decision.action, Ruling::Rollback);
    assert_eq!(decision.sentence(), "errors 50% surely > 4% (16 observations) since 02:14:05, 1 sample");
    let decision = decided(&mut watch, T0 + 10 * S, 2.0 / 16.0, Some(16));
    assert_eq!(decision.action, Ruling::Inconclusive, "two of sixteen may be chance");
    let decision = decided(&mut watch, T0 + 20 * S, 0.05, Some(100));
    assert_eq!(decision.action, Ruling::Rollback, "enough observations speak for themselves");
    assert_eq!(decided(&mut watch, T0 + 30 * S, 0.01, Some(100)).action, Ruling::Ok);
}

#[test]
fn what_nobody_counted_is_never_sure() {
    let decision = decided(&mut watch("> 4%"), T0, 1.0, None);
    assert!(matches!(decision.rows[0].cells[0].truth, Truth::Unknown(Missing::TooFew { have: 0, .. })));
}

#[test]
fn being_surely_below_takes_as_many_as_exclude_the_limit() {
    let truth = |n| decided(&mut watch("< 5%"), T0, 0.0, Some(n)).rows[0].cells[0].truth.clone();
    // (1 - 0.05)^n <= 0.001 from 135 on.
    assert_eq!((truth(134), truth(135)), (Truth::No, Truth::Yes));
}

#[test]
fn what_is_old_is_not_sure_of_anything() {
    let mut watch = watch("> 4%");
    decided(&mut watch, T0, 0.5, Some(16));
    let later = watch.sampled(T0 + 20 * M, BTreeMap::new());
    assert_eq!(later.action, Ruling::Inconclusive);
}
