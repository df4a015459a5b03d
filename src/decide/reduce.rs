//! From what a source gives to one number: series, ratios, counters and histograms.

use serde::{Deserialize, Serialize};

use super::sample::Missing;

/// How many values become one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reducer {
    /// The last one.
    Last,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The arithmetic mean.
    Mean,
    /// The one in the middle, or the mean of the two in the middle.
    Median,
    /// All together.
    Sum,
}

/// One bucket of a histogram: how many observations were at most the bound. The last bound is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The upper bound, itself inside.
    pub bound: f64,
    /// How many observations were at most that, those of lower buckets counted.
    pub count: f64,
}

impl Reducer {
    /// Makes one number of a series.
    ///
    /// # Errors
    /// An empty series; a value in it that is not a number.
    pub fn reduce(self, values: &[f64]) -> Result<f64, Missing> {
        let last = *values.last().ok_or(Missing::Empty)?;
        if values.iter().any(|v| !v.is_finite()) {
            return Err(Missing::NotANumber);
        }
        let sum = || values.iter().sum::<f64>();
        finite(match self {
            Reducer::Last => last,
            Reducer::Min => values.iter().copied().fold(last, f64::min),
            Reducer::Max => values.iter().copied().fold(last, f64::max),
            Reducer::Mean => sum() / values.len() as f64,
            Reducer::Median => quantile_of_sorted(&sorted(values), 0.5),
            Reducer::Sum => sum(),
        })
    }
}

/// The quantile `q` (0 to 1) of raw values, linear between neighbours.
///
/// # Errors
/// No values; a value or `q` that is not a number or out of range.
pub fn quantile(values: &[f64], q: f64) -> Result<f64, Missing> {
    if values.is_empty() {
        return Err(Missing::Empty);
    }
    if !(0.0..=1.0).contains(&q) || values.iter().any(|v| !v.is_finite()) {
        return Err(Missing::NotANumber);
    }
    finite(quantile_of_sorted(&sorted(values), q))
}

/// A part of a whole.
///
/// # Errors
/// 0/0, which says nothing; anything else that is not a finite number.
pub fn ratio(part: f64, whole: f64) -> Result<f64, Missing> {
    match (part, whole) {
        (0.0, 0.0) => Err(Missing::ZeroByZero),
        _ => finite(part / whole),
    }
}

/// How far a counter has risen over its samples (`(at_us, value)`, oldest first). A fall is a restart at zero, so
/// what stands after it has been counted since.
///
/// # Errors
/// Fewer than two samples; values that are no counter's.
pub fn increase(samples: &[(u64, f64)]) -> Result<f64, Missing> {
    if samples.len() < 2 {
        return Err(Missing::TooFew { have: samples.len() as u64, need: 2 });
    }
    if samples.iter().any(|(_, v)| !v.is_finite() || *v < 0.0) {
        return Err(Missing::NotANumber);
    }
    finite(samples.windows(2).map(|w| if w[1].1 < w[0].1 { w[1].1 } else { w[1].1 - w[0].1 }).sum())
}

/// How fast a counter rises per second, over its samples.
///
/// # Errors
/// See [`increase`]; also samples that span no time.
pub fn rate(samples: &[(u64, f64)]) -> Result<f64, Missing> {
    let risen = increase(samples)?;
    let span_us = samples[samples.len() - 1].0.saturating_sub(samples[0].0);
    if span_us == 0 {
        return Err(Missing::TooFew { have: 1, need: 2 });
    }
    finite(risen / (span_us as f64 / 1e6))
}

/// The quantile `q` from cumulative buckets, linear within a bucket, as Prometheus' `histogram_quantile` does, with
/// the difference that a quantile above the last finite bound is not that bound: it is unknown.
///
/// # Errors
/// No observations; a quantile beyond the last finite bucket; buckets that are not a histogram's.
pub fn histogram_quantile(buckets: &[Bucket], q: f64) -> Result<f64, Missing> {
    let last = buckets.last().ok_or(Missing::Empty)?;
    let bad = |why: &str| Err(Missing::Error(why.into()));
    if last.bound != f64::INFINITY {
        return bad("the histogram has no +Inf bucket");
    }
    if !(0.0..=1.0).contains(&q) || buckets.iter().any(|b| b.bound.is_nan() || !b.count.is_finite() || b.count < 0.0) {
        return Err(Missing::NotANumber);
    }
    if !buckets.windows(2).all(|w| w[0].bound < w[1].bound && w[0].count - w[1].count <= DUST * w[0].count) {
        return bad("the buckets of the histogram do not rise");
    }
    let buckets = &rising(buckets)[..];
    let last = buckets[buckets.len() - 1];
    if last.count == 0.0 {
        return Err(Missing::ZeroByZero);
    }
    let rank = q * last.count;
    let at = buckets.iter().position(|b| b.count >= rank).unwrap_or(buckets.len() - 1);
    if at == buckets.len() - 1 {
        let bound = buckets.len().checked_sub(2).map_or(0.0, |i| buckets[i].bound);
        return Err(Missing::BeyondBuckets { bound });
    }
    let (bound, count) = (buckets[at].bound, buckets[at].count);
    let (from, below) = match at.checked_sub(1) {
        Some(before) => (buckets[before].bound, buckets[before].count),
        None if bound <= 0.0 => return Ok(bound),
        None => (0.0, 0.0),
    };
    let share = if count > below { (rank - below) / (count - below) } else { 1.0 };
    finite(from + (bound - from) * share)
}

/// A quantile that somebody else computed from buckets: at or above the last finite bound it is unknown.
///
/// # Errors
/// The value is not a number, or not below the last finite bound.
pub fn within_buckets(value: f64, last_bound: f64) -> Result<f64, Missing> {
    match finite(value)? {
        value if value < last_bound => Ok(value),
        _ => Err(Missing::BeyondBuckets { bound: last_bound }),
    }
}

fn finite(value: f64) -> Result<f64, Missing> {
    if value.is_finite() { Ok(value) } else { Err(Missing::NotANumber) }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn quantile_of_sorted(values: &[f64], q: f64) -> f64 {
    let rank = q * (values.len() - 1) as f64;
    let (low, high) = (values[rank.floor() as usize], values[rank.ceil() as usize]);
    low + (high - low) * rank.fract()
}

/// How far the count of a bucket may fall, as a share of it: sums of rates are not exact. Prometheus forgives as much.
const DUST: f64 = 1e-12;

/// The same without dust.
fn rising(buckets: &[Bucket]) -> Vec<Bucket> {
    let mut most = 0.0;
    let risen = buckets.iter().map(|bucket| {
        most = bucket.count.max(most);
        Bucket { count: most, ..*bucket }
    });
    risen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|&(bound, count)| Bucket { bound, count }).collect()
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn a_series_becomes_one_number() {
        let values = [4.0, 1.0, 3.0, 2.0];
        let cases = [
            (Reducer::Last, 2.0),
            (Reducer::Min, 1.0),
            (Reducer::Max, 4.0),
            (Reducer::Mean, 2.5),
            (Reducer::Median, 2.5),
            (Reducer::Sum, 10.0),
        ];
        for (reducer, wanted) in cases {
            assert_eq!(reducer.reduce(&values), Ok(wanted));
            assert_eq!(reducer.reduce(&[]), Err(Missing::Empty));
            assert_eq!(reducer.reduce(&[1.0, f64::NAN]), Err(Missing::NotANumber));
        }
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.95), Ok(2.9));
        assert_eq!(quantile(&[], 0.95), Err(Missing::Empty));
        assert_eq!(quantile(&[1.0], 95.0), Err(Missing::NotANumber));
    }

    #[test]
    fn a_share_of_nothing_is_no_data() {
        assert_eq!(ratio(3.0, 60.0), Ok(0.05));
        assert_eq!(ratio(0.0, 60.0), Ok(0.0));
        assert_eq!(ratio(0.0, 0.0), Err(Missing::ZeroByZero));
        assert_eq!(ratio(1.0, 0.0), Err(Missing::NotANumber));
    }

    #[test]
    fn a_counter_that_falls_has_started_again() {
        let s = 1_000_000;
        assert_eq!(increase(&[(0, 100.0), (s, 130.0), (2 * s, 5.0), (3 * s, 15.0)]), Ok(45.0));
        assert_eq!(rate(&[(0, 100.0), (10 * s, 130.0)]), Ok(3.0));
        assert_eq!(increase(&[(0, 100.0)]), Err(Missing::TooFew { have: 1, need: 2 }));
        assert_eq!(rate(&[(5, 100.0), (5, 130.0)]), Err(Missing::TooFew { have: 1, need: 2 }));
        assert_eq!(increase(&[(0, -1.0), (1, 2.0)]), Err(Missing::NotANumber));
    }

    #[test]
    fn a_quantile_is_linear_within_its_bucket() {
        let histogram = buckets(&[(0.1, 50.0), (0.5, 90.0), (1.0, 100.0), (INF, 100.0)]);
        assert_eq!(histogram_quantile(&histogram, 0.5), Ok(0.1));
        assert_eq!(histogram_quantile(&histogram, 0.7), Ok(0.1 + 0.4 * 0.5));
        assert_eq!(histogram_quantile(&histogram, 0.95), Ok(0.75));
    }

    #[test]
    fn a_quantile_beyond_the_last_finite_bucket_is_unknown_and_not_its_bound() {
        let histogram = buckets(&[(1.0, 50.0), (5.0, 90.0), (INF, 100.0)]);
        assert_eq!(histogram_quantile(&histogram, 0.95), Err(Missing::BeyondBuckets { bound: 5.0 }));
        assert_eq!(within_buckets(5.0, 5.0), Err(Missing::BeyondBuckets { bound: 5.0 }));
        assert_eq!(within_buckets(4.9, 5.0), Ok(4.9));
        assert_eq!(within_buckets(f64::NAN, 5.0), Err(Missing::NotANumber));
    }

    #[test]
    fn buckets_that_fall_by_a_float_s_dust_are_a_histogram() {
        let dusty = buckets(&[(0.1, 10.000_000_000_000_002), (0.5, 10.0), (INF, 10.000_000_000_000_002)]);
        assert_eq!(histogram_quantile(&dusty, 0.5), Ok(0.05));
        let fallen = buckets(&[(0.1, 10.000_001), (0.5, 10.0), (INF, 10.0)]);
        assert!(matches!(histogram_quantile(&fallen, 0.5), Err(Missing::Error(_))));
    }

    #[test]
    fn what_is_no_histogram_gives_no_quantile() {
        assert_eq!(histogram_quantile(&[], 0.5), Err(Missing::Empty));
        assert_eq!(histogram_quantile(&buckets(&[(1.0, 0.0), (INF, 0.0)]), 0.5), Err(Missing::ZeroByZero));
        assert!(matches!(histogram_quantile(&buckets(&[(1.0, 5.0)]), 0.5), Err(Missing::Error(_))));
        assert!(matches!(histogram_quantile(&buckets(&[(1.0, 5.0), (INF, 3.0)]), 0.5), Err(Missing::Error(_))));
        assert_eq!(histogram_quantile(&buckets(&[(1.0, f64::NAN), (INF, 3.0)]), 0.5), Err(Missing::NotANumber));
    }
}
