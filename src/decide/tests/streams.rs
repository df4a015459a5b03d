//! Random streams of samples against the definition, taken literally and looked up backwards.

use proptest::prelude::*;

use super::*;

/// Above the limit, below it, or no number.
fn values() -> impl Strategy<Value = Vec<(u64, f64)>> {
    let value = prop_oneof![6 => Just(0.06), 1 => Just(0.01), 1 => Just(f64::NAN)];
    let apart_s = prop_oneof![8 => Just(10u64), 1 => 1..=25u64, 1 => 26..=35u64];
    prop::collection::vec((apart_s, value), 1..60)
}

/// Since when the value has been above the limit at every sample, no two of those further apart than 25 s.
fn true_since(stream: &[(u64, f64)]) -> Option<u64> {
    let mut since = None;
    for (at, value) in stream.iter().rev() {
        let is_near = since.is_none_or(|later: u64| later - at <= 25 * S);
        match *value {
            v if v.is_nan() && since.is_none() => return None,
            v if v.is_nan() => {}
            v if v > 0.05 && is_near => since = Some(*at),
            _ => break,
        }
    }
    since
}

proptest! {
    #[test]
    fn a_row_fires_exactly_when_it_was_true_all_the_time(steps in values(), cut in 0..60usize) {
        let mut at = T0;
        let stream: Vec<(u64, f64)> = steps.iter().map(|(apart, value)| { at += apart * S; (at, *value) }).collect();
        let rows = vec![row(&[("error_ratio", cell("> 5%"))], M, Ruling::Rollback)];
        let mut watch = Watch::of(table(HitPolicy::Worst, rows));
        for (i, (at, value)) in stream.iter().enumerate() {
            if i == cut {
                watch = watch.restarted();
            }
            let decision = watch.at(*at, &[("error_ratio", *value)]);
            let since = true_since(&stream[..=i]);
            prop_assert_eq!(decision.rows[0].since_us, since, "sample {}", i);
            // A second, a tenth of `every`, may be missing.
            prop_assert_eq!(decision.action == Ruling::Rollback, since.is_some_and(|since| at - since + S >= M));
        }
    }

    #[test]
    fn nothing_passes_without_a_number(steps in values()) {
        let rows = vec![
            row(&[("error_ratio", cell("<= 5%"))], 0, Ruling::Ok),
            row(&[("error_ratio", cell("!= 9%"))], 0, Ruling::Ok),
        ];
        let mut watch = Watch::of(table(HitPolicy::Worst, rows));
        let mut at = T0;
        for (apart, value) in steps {
            at += apart * S;
            let decision = watch.at(at, &[("error_ratio", value)]);
            prop_assert_eq!(decision.action.passes(), value.is_finite());
        }
    }
}
