use super::*;

fn errors() -> Table {
    table(
        HitPolicy::Worst,
        vec![
            row(&[("error_ratio", cell("> 5%"))], 5 * M, Ruling::Rollback),
            row(&[("error_ratio", cell(">= 1%"))], 0, Ruling::Investigate),
            row(&[("error_ratio", cell("< 1%"))], 0, Ruling::Ok),
        ],
    )
}

/// The decisions for one value of the error ratio every 10 s.
fn decisions(watch: &mut Watch, from_us: u64, values: &[f64]) -> Vec<Ruling> {
    let at = |i: usize| from_us + i as u64 * 10 * S;
    values.iter().enumerate().map(|(i, v)| watch.at(at(i), &[("error_ratio", *v)]).action).collect()
}

#[test]
fn six_percent_for_three_minutes_is_looked_at_and_not_rolled_back() {
    let mut watch = Watch::of(errors());
    let values: Vec<f64> = (0..60).map(|i| if i <= 18 { 0.06 } else { 0.0 }).collect();
    let rulings = decisions(&mut watch, T0, &values);
    assert_eq!(rulings[..19], [Ruling::Investigate; 19]);
    assert_eq!(rulings[19..], [Ruling::Ok; 41]);
}

#[test]
fn six_percent_for_five_minutes_without_a_gap_is_rolled_back_and_says_why() {
    let mut watch = Watch::of(errors());
    let rulings = decisions(&mut watch, T0, &[0.062; 30]);
    assert_eq!(rulings, [Ruling::Investigate; 30]);
    let decision = watch.at(T0 + 5 * M, &[("error_ratio", 0.062)]);
    assert_eq!((decision.action, decision.because), (Ruling::Rollback, Because::Row(0)));
    assert_eq!(decision.sentence(), "error_ratio 6.2% > 5% since 02:14:05, held 5m of 5m, 31 samples");
}

#[test]
fn a_restart_in_between_changes_nothing() {
    for cut in 1..30 {
        let mut watch = Watch::of(errors());
        decisions(&mut watch, T0, &vec![0.06; cut]);
        let mut watch = watch.restarted();
        let rest = decisions(&mut watch, T0 + cut as u64 * 10 * S, &vec![0.06; 31 - cut]);
        let first_rollback = rest.iter().position(|r| *r == Ruling::Rollback);
        assert_eq!(first_rollback, Some(30 - cut), "cut after {cut}");
    }
}

#[test]
fn a_gap_starts_the_time_again_and_one_missed_sample_does_not() {
    for (missed, holds) in [(1, true), (2, false)] {
        let mut watch = Watch::of(errors());
        decisions(&mut watch, T0, &[0.06; 15]);
        decisions(&mut watch, T0 + (15 + missed) * 10 * S, &[0.06; 14]);
        let decision = watch.at(T0 + 5 * M, &[("error_ratio", 0.06)]);
        assert_eq!(decision.action == Ruling::Rollback, holds, "{missed} missed");
    }
}

#[test]
fn a_sample_that_is_no_number_is_not_true_and_not_a_pass() {
    let mut watch = Watch::of(errors());
    decisions(&mut watch, T0, &[0.06; 30]);
    let decision = watch.at(T0 + 5 * M, &[("error_ratio", f64::NAN)]);
    assert_eq!((decision.action, decision.because), (Ruling::Inconclusive, Because::NoData));
    assert_eq!(decision.sentence(), "error_ratio: the value is not a number");
    let decision = watch.at(T0 + 5 * M + 10 * S, &[("error_ratio", 0.06)]);
    assert_eq!(decision.action, Ruling::Rollback);
}

#[test]
fn one_sample_below_the_limit_starts_the_time_again() {
    let mut watch = Watch::of(errors());
    let values: Vec<f64> = (0..50).map(|i| if i == 29 { 0.05 } else { 0.06 }).collect();
    assert!(!decisions(&mut watch, T0, &values).contains(&Ruling::Rollback));
}

#[test]
fn the_same_sample_looked_at_again_and_again_holds_nothing() {
    let mut watch = Watch::of(errors());
    let samples: BTreeMap<String, Sample> = [("error_ratio".into(), Sample::number(T0, 0.06, None))].into();
    let mut last = None;
    for tick in 0..60 {
        last = Some(watch.sampled(T0 + tick * 10 * S, samples.clone()));
    }
    let last = last.unwrap();
    assert_eq!(last.action, Ruling::Inconclusive);
    assert_eq!(last.sentence(), "error_ratio: the newest value is 9m50s old");
}

#[test]
fn a_sample_from_the_future_cannot_end_the_time_early() {
    let mut watch = Watch::of(errors());
    watch.at(T0, &[("error_ratio", 0.06)]);
    let samples = [("error_ratio".to_string(), Sample::number(T0 + 20 * M, 0.06, None))].into();
    let decision = watch.sampled(T0 + 10 * S, samples);
    assert_eq!((decision.action, decision.rows[0].held_us), (Ruling::Investigate, 10 * S));
}

#[test]
fn a_pending_row_says_how_much_is_missing_and_is_not_otherwise() {
    let rows = vec![row(&[("error_ratio", cell("> 5%"))], 5 * M, Ruling::Rollback)];
    let mut watch = Watch::of(table(HitPolicy::Worst, rows));
    decisions(&mut watch, T0, &[0.06; 6]);
    let decision = watch.at(T0 + M, &[("error_ratio", 0.06)]);
    assert_eq!((decision.action, decision.because), (Ruling::Hold, Because::Pending(0)));
    assert_eq!(decision.pending().map(|(_, r)| r.remaining_us).collect::<Vec<_>>(), [4 * M]);
    assert_eq!(decision.sentence(), "error_ratio 6% > 5% since 02:14:05, held 1m of 5m, 7 samples");
    let decision = watch.at(T0 + M + 10 * S, &[("error_ratio", 0.03)]);
    assert_eq!((decision.action, decision.because), (Ruling::Investigate, Because::Otherwise));
    assert_eq!(decision.sentence(), "no row covers error_ratio 3%");
}

#[test]
fn three_in_a_row_are_three_different_samples_in_a_row() {
    use Ruling::{Abort, Hold, Inconclusive, Investigate};
    let rows = vec![row(&[("error_ratio", Cell::consecutive(3, "> 5%").unwrap())], 0, Abort)];
    let mut watch = Watch::of(table(HitPolicy::Worst, rows));
    let rulings = decisions(&mut watch, T0, &[0.06, 0.06, 0.01, 0.06, 0.06, f64::NAN, 0.06, 0.06, 0.06]);
    assert_eq!(rulings, [Hold, Hold, Investigate, Hold, Hold, Inconclusive, Hold, Hold, Abort]);
}

#[test]
fn a_row_over_two_metrics_holds_only_while_both_are_known() {
    let rows = vec![row(&[("error_ratio", cell("> 5%")), ("p95", cell("> 1s"))], M, Ruling::Rollback)];
    let mut watch = Watch::of(table(HitPolicy::Worst, rows));
    for tick in 0..6 {
        watch.at(T0 + tick * 10 * S, &[("error_ratio", 0.06), ("p95", 2.0)]);
    }
    let only_one = watch.at(T0 + M, &[("error_ratio", 0.06)]);
    assert_eq!((only_one.action, only_one.rows[0].held_us), (Ruling::Hold, 50 * S));
    let both = watch.at(T0 + M + 10 * S, &[("error_ratio", 0.06), ("p95", 2.0)]);
    assert_eq!(both.action, Ruling::Rollback);
}

#[test]
fn a_gap_that_any_late_look_would_break_is_refused() {
    for (gap_s, refused) in [(5, true), (10, true), (14, true), (15, false), (25, false)] {
        let table = Table { gap_us: Some(gap_s * S), ..errors() };
        assert_eq!(!table.check().is_empty(), refused, "{gap_s} s, every 10 s");
    }
    let table = Table { gap_us: Some(10 * S), ..errors() };
    assert!(table.check()[0].message.contains("use `gap: 15s`"), "{}", table.check()[0]);
}
