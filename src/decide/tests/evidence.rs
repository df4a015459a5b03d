//! What a value is worth: bounds from below, and values that have something in common.

use super::*;

fn at_least(seconds: f64) -> Sample {
    let value = Measured::Number { value: seconds, evidence: None, gone: 0, at_least: true };
    Sample { at_us: T0, value }
}

#[test]
fn so_much_or_more_holds_only_what_any_more_would_hold_too() {
    use Truth::{No, Yes};
    let unknown = || Truth::Unknown(Missing::AtLeast { bound: 2.0 });
    let cases = [
        ("> 1s", Yes),
        (">= 2s", Yes),
        ("> 2s", unknown()),
        ("> 5s", unknown()),
        ("< 2s", No),
        ("<= 2s", unknown()),
        ("< 5s", unknown()),
        ("== 1s", No),
        ("!= 1s", Yes),
        ("== 2s", unknown()),
        ("1s .. 5s", unknown()),
        ("0s ..< 2s", No),
        ("0s .. 2s", unknown()),
        ("0s .. 1s", No),
    ];
    for (limit, truth) in cases {
        let mut watch = Watch::of(table(HitPolicy::Worst, vec![row(&[("p95", cell(limit))], 0, Ruling::Ok)]));
        let decision = watch.sampled(T0, [("p95".to_string(), at_least(2.0))].into());
        assert_eq!(decision.rows[0].cells[0].truth, truth, "{limit}");
        assert_eq!(decision.action.passes(), truth == Yes, "{limit}: {}", decision.sentence());
    }
}

#[test]
fn so_much_or_more_is_told_as_that() {
    let rows = vec![row(&[("p95", cell("> 1s"))], 0, Ruling::Abort)];
    let decision = Watch::of(table(HitPolicy::Worst, rows)).sampled(T0, [("p95".to_string(), at_least(2.0))].into());
    assert_eq!(decision.sentence(), "p95 at least 2s > 1s since 02:14:05, 1 sample");
}

/// How many of so many series of pure noise, each value the mean of the last six, are told to have a trend.
fn false_alarms(window_us: Option<u64>) -> usize {
    let mut noise = 1u64;
    let mut alarms = 0;
    for _ in 0..200 {
        let cell = Cell::trend("steady", 20 * M).unwrap();
        let mut table = table(HitPolicy::Worst, vec![row(&[("p95", cell)], 0, Ruling::Ok)]);
        if let Some(metric) = table.metrics.get_mut("p95") {
            metric.window_us = window_us;
        }
        let mut watch = Watch::of(table);
        let mut last: std::collections::VecDeque<f64> = Default::default();
        let mut decision = None;
        for tick in 0..=120 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            last.push_back((noise >> 40) as f64);
            if last.len() > 6 {
                last.pop_front();
            }
            let mean = last.iter().sum::<f64>() / last.len() as f64;
            decision = Some(watch.at(T0 + tick * 10 * S, &[("p95", mean)]));
        }
        alarms += usize::from(decision.unwrap().action != Ruling::Ok);
    }
    alarms
}

#[test]
fn values_of_overlapping_whiles_do_not_make_a_trend_of_noise() {
    let (overlapping, apart) = (false_alarms(None), false_alarms(Some(M)));
    assert!(overlapping > 40, "{overlapping} of 200: the test of chance was never fooled");
    assert!(apart <= 20, "{apart} of 200 at 5 %");
}

#[test]
fn a_table_says_beforehand_that_too_few_values_are_independent() {
    let compared = Cell::compared("main_p95", "same", 5 * M, "10%", "98%").unwrap();
    let mut table = table(HitPolicy::Worst, vec![row(&[("p95", compared)], 0, Ruling::Ok)]);
    let found = |table: &Table| -> Vec<String> {
        let few =
            analyse(table, Looks::Armed, &BTreeMap::new()).into_iter().filter(|f| f.kind == FindingKind::TooFewSamples);
        few.map(|finding| finding.message).collect()
    };
    assert_eq!(found(&table), [""; 0], "31 values");
    table.metrics.get_mut("p95").unwrap().window_us = Some(2 * M);
    let few = found(&table);
    assert!(few[0].starts_with("over 5m there are 3 values, since values of `p95` are each of 2m"), "{few:?}");
    table.metrics.get_mut("p95").unwrap().window_us = Some(u64::MAX);
    assert!(found(&table)[0].contains("each value of `p95` is of all the time until then"), "{:?}", found(&table));
}

#[test]
fn a_source_that_renews_its_values_slowly_is_no_gap() {
    let rows = vec![row(&[("p95", cell("> 1s"))], M, Ruling::Rollback)];
    let mut watch = Watch::of(table(HitPolicy::Worst, rows));
    let mut fired = None;
    for tick in 0..=12 {
        let now_us = T0 + tick * 10 * S;
        // A new value every 40 s, twice as long as the allowed gap.
        let stamped_us = T0 + tick / 4 * 40 * S - S;
        let samples = [("p95".to_string(), Sample::number(stamped_us, 2.0, None))].into();
        if watch.sampled(now_us, samples).action == Ruling::Rollback {
            fired = fired.or(Some(tick * 10));
        }
    }
    assert_eq!(fired, Some(80), "held from the stamp of the first sample to that of the third");
}

/// A table of one metric with a `stale_after`, and the ruling at each look; a sample is its source's time and its value.
fn stamped(looks: &[(u64, Option<(u64, f64)>)]) -> Vec<Ruling> {
    let rows = vec![row(&[("p95", cell("> 5s"))], 0, Ruling::Abort), row(&[("p95", cell("<= 5s"))], 0, Ruling::Ok)];
    let mut table = table(HitPolicy::Worst, rows);
    table.metrics.get_mut("p95").unwrap().stale_after_us = Some(5 * M);
    let mut watch = Watch::of(table);
    let mut look = |(now, sample): &(u64, Option<(u64, f64)>)| {
        let sample = match sample {
            Some((at, value)) => Sample::number(T0 + at * S, *value, None),
            None => Sample::missing(T0 + now * S, Missing::Error("answers 500".into())),
        };
        watch.sampled(T0 + now * S, [("p95".to_string(), sample)].into()).action
    };
    looks.iter().map(&mut look).collect()
}

#[test]
fn a_stamp_from_the_future_does_not_hide_what_comes_after_it() {
    use Ruling::{Abort, Ok};
    let once_ahead = [(0, Some((60, 1.0))), (10, Some((10, 99.0))), (20, Some((20, 99.0)))];
    assert_eq!(stamped(&once_ahead), [Ok, Abort, Abort]);
    let always_ahead = [(0, Some((60, 1.0))), (10, Some((60, 1.0))), (20, Some((80, 99.0)))];
    assert_eq!(stamped(&always_ahead), [Ok, Ok, Abort]);
}

#[test]
fn what_stays_older_than_the_newest_is_not_seen_however_young_that_is() {
    use Ruling::{Inconclusive, Ok};
    let back = [(0, Some((0, 1.0))), (20, Some((0, 1.0))), (30, Some((29, 1.0)))];
    assert_eq!(stamped(&back), [Ok, Ok, Ok]);
    let older = [(100, Some((99, 1.0))), (110, Some((50, 99.0))), (120, Some((50, 99.0))), (130, Some((50, 99.0)))];
    assert_eq!(stamped(&older), [Ok, Ok, Ok, Inconclusive]);
}

#[test]
fn a_value_that_can_be_read_again_counts_again_although_its_source_has_no_newer_one() {
    use Ruling::{Inconclusive, Ok};
    let blip = [(0, Some((0, 1.0))), (10, Some((0, 1.0))), (20, None), (30, Some((0, 1.0))), (40, Some((0, 1.0)))];
    assert_eq!(stamped(&blip), [Ok, Ok, Inconclusive, Ok, Ok]);
}
