//! How many observations it takes to say something about a share of them.
//!
//! - [`smallest_to_exclude`] is the exact form of the rule of three (Hanley and Lippman-Hand, "If nothing goes wrong,
//!   is everything all right?", JAMA 249, 1983): no error among n observations excludes a share p when (1-p)^n is small.
//! - [`is_beyond`] is the exact one-sided binomial test (Clopper and Pearson, Biometrika 26, 1934).

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

/// Whether `bad` of `n` observations would be improbable if the true share were `limit`, or on its good side: more of them
/// than that (`above`), or fewer. The exact one-sided binomial test.
pub fn is_beyond(bad: u64, n: u64, limit: f64, above: bool, confidence: f64) -> bool {
    if n == 0 || bad > n || !is_inside(limit) || !is_inside(confidence) {
        return false;
    }
    // The tail itself is added up: what one minus the rest would lose is what counts here.
    let tail: f64 = match above {
        true => probabilities(n, limit).skip(bad as usize).sum(),
        false => below(n, limit, bad + 1),
    };
    tail <= 1.0 - confidence
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
    fn a_share_is_beyond_a_limit_when_chance_would_hardly_make_it_so() {
        // Tails of the binomial distribution: 8 or more of 16 at 4 % have 5.8e-8, 1 or more 0.48, 3 or more 0.024.
        assert!(is_beyond(8, 16, 0.04, true, 0.999) && is_beyond(3, 16, 0.04, true, 0.97));
        assert!(!is_beyond(1, 16, 0.04, true, 0.95) && !is_beyond(3, 16, 0.04, true, 0.98));
        // None bad among 59 excludes 5 % with 95 %, as the rule of three has it.
        assert!(is_beyond(0, 59, 0.05, false, 0.95) && !is_beyond(0, 58, 0.05, false, 0.95));
        assert!(!is_beyond(0, 0, 0.05, false, 0.95) && !is_beyond(2, 1, 0.05, true, 0.95));
    }

    #[test]
    fn being_sure_agrees_with_adding_up_all_outcomes() {
        for (n, limit) in [(1u64, 0.5), (5, 0.1), (12, 0.04), (20, 0.3)] {
            let choose = |k: u64| (0..k).fold(1.0, |all, i| all * (n - i) as f64 / (i + 1) as f64);
            let exactly = |k: u64| choose(k) * f64::powi(limit, k as i32) * f64::powi(1.0 - limit, (n - k) as i32);
            for bad in 0..=n {
                let (above, below): (f64, f64) = ((bad..=n).map(exactly).sum(), (0..=bad).map(exactly).sum());
                for confidence in [0.5, 0.9, 0.95, 0.999] {
                    let risk = 1.0 - confidence;
                    assert_eq!(is_beyond(bad, n, limit, true, confidence), above <= risk, "{bad} of {n} above {limit}");
                    assert_eq!(
                        is_beyond(bad, n, limit, false, confidence),
                        below <= risk,
                        "{bad} of {n} below {limit}"
                    );
                }
            }
        }
    }
}
