//! How many observations it takes to say something about a share of them.
//!
//! - [`smallest_to_exclude`] is the exact form of the rule of three (Hanley and Lippman-Hand, "If nothing goes wrong,
//!   is everything all right?", JAMA 249, 1983): no error among n observations excludes a share p when (1-p)^n is small.
//! - [`wilson`] is the score interval (Wilson, JASA 22, 1927).
//! - [`smallest_to_tell`] is the exact one-sided binomial test with both risks stated.

use super::normal;

/// The largest sample size that [`smallest_to_tell`] looks at.
const MOST: u64 = 20_000;

/// The smallest number of observations at which none of them being bad excludes that a share `limit` or more is bad,
/// with this confidence (0.95: 59 for 5 %, 299 for 1 %, 2995 for 0.1 %). None when `limit` or `confidence` is not
/// between 0 and 1.
pub fn smallest_to_exclude(limit: f64, confidence: f64) -> Option<u64> {
    if !is_inside(limit) || !is_inside(confidence) {
        return None;
    }
    let n = ((1.0 - confidence).ln() / (-limit).ln_1p()).ceil();
    (n < 1e15).then_some(n.max(1.0) as u64)
}

/// The smallest number of observations at which the largest of them is, with this confidence, not below the quantile
/// `q`: with fewer the quantile of the sample says nothing of the quantile itself (59 for P95 at 0.95).
pub fn smallest_for_quantile(q: f64, confidence: f64) -> Option<u64> {
    smallest_to_exclude(1.0 - q, confidence)
}

/// The smallest number of observations, and the number of bad ones among them from which on one decides for `bad`, at
/// which a true share `good` and a true share `bad` are told apart with each kind of mistake at most this probable.
/// None when it takes more than 20,000 or the shares are not between 0 and 1 and in this order.
pub fn smallest_to_tell(good: f64, bad: f64, risk: f64) -> Option<(u64, u64)> {
    if !(is_inside(good) && is_inside(bad) && is_inside(risk) && good < bad) {
        return None;
    }
    (1..=MOST).find_map(|n| {
        let critical = smallest_rejected(n, good, risk);
        (below(n, bad, critical) <= risk).then_some((n, critical))
    })
}

/// The interval in which the true share lies with this confidence, given `bad` of `n` observations; none for `n = 0`.
pub fn wilson(bad: u64, n: u64, confidence: f64) -> Option<(f64, f64)> {
    if n == 0 || bad > n || !is_inside(confidence) {
        return None;
    }
    let (n, z) = (n as f64, normal::exceeded_with((1.0 - confidence) / 2.0));
    let share = bad as f64 / n;
    let middle = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

/// The smallest count that is reached with at most this probability.
fn smallest_rejected(n: u64, share: f64, risk: f64) -> u64 {
    let mut reached = 1.0;
    for (count, probability) in (0..=n).zip(probabilities(n, share)) {
        if reached <= risk {
            return count;
        }
        reached -= probability;
    }
    n + 1
}

/// The probability of fewer than `count`.
fn below(n: u64, share: f64, count: u64) -> f64 {
    probabilities(n, share).take(count as usize).sum()
}

/// The probabilities of 0, 1, 2 ... bad ones among n, by their logarithms: the first ones may be too small to write.
fn probabilities(n: u64, share: f64) -> impl Iterator<Item = f64> {
    let odds = (share / (1.0 - share)).ln();
    let mut logarithm = n as f64 * (-share).ln_1p();
    (0..=n).map(move |count| {
        let probability = logarithm.exp();
        logarithm += ((n - count) as f64 / (count + 1) as f64).ln() + odds;
        probability
    })
}

fn is_inside(share: f64) -> bool {
    share > 0.0 && share < 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two shares, then the sample size and the critical count, computed with SciPy 1.17.
    const TOLD: [(f64, f64, (u64, u64)); 5] = [
        (0.01, 0.05, (181, 5)),
        (0.001, 0.01, (628, 3)),
        (0.05, 0.1, (298, 22)),
        (0.5, 0.9, (13, 10)),
        (0.01, 0.02, (1567, 23)),
    ];
    /// Bad ones, all, and the interval at 95 %, computed with SciPy 1.17.
    const INTERVALS: [(u64, u64, f64, f64); 5] = [
        (0, 10, 0.0, 0.277_532_799_862_889_26),
        (3, 60, 0.017_149_502_164_395_668, 0.137_005_164_763_485_18),
        (5, 100, 0.021_543_679_154_367_973, 0.111_750_469_231_919_14),
        (30, 30, 0.886_486_606_826_031_2, 1.0),
        (1, 30, 0.005_908_590_381_612_441, 0.166_703_909_914_091_73),
    ];

    #[test]
    fn no_error_excludes_a_share_only_from_many_observations_on() {
        let cases = [(0.05, 59), (0.01, 299), (0.001, 2995), (0.5, 5), (0.99, 1)];
        for (limit, wanted) in cases {
            let n = smallest_to_exclude(limit, 0.95).unwrap();
            assert_eq!(n, wanted);
            assert!((1.0 - limit).powi(n as i32) <= 0.05 && (1.0 - limit).powi(n as i32 - 1) > 0.05);
        }
        assert_eq!(smallest_for_quantile(0.95, 0.95), Some(59));
        for limit in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
            assert_eq!(smallest_to_exclude(limit, 0.95), None);
        }
    }

    #[test]
    fn two_shares_are_told_apart_from_a_sample_size_on() {
        for (good, bad, wanted) in TOLD {
            assert_eq!(smallest_to_tell(good, bad, 0.05), Some(wanted), "{good} {bad}");
        }
        assert_eq!(smallest_to_tell(0.05, 0.01, 0.05), None);
        assert_eq!(smallest_to_tell(0.01, 0.01, 0.05), None);
    }

    #[test]
    fn the_interval_agrees_with_published_values() {
        for (bad, n, low, high) in INTERVALS {
            let found = wilson(bad, n, 0.95).unwrap();
            assert!((found.0 - low).abs() < 1e-9 && (found.1 - high).abs() < 1e-9, "{bad}/{n}: {found:?}");
        }
        assert_eq!(wilson(0, 0, 0.95), None);
    }
}
