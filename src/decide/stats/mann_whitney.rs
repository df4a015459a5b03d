//! Whether one set of measurements tends to be larger than another, without assuming how they are distributed.
//!
//! The U test of Mann and Whitney ("On a test of whether one of two random variables is stochastically larger than the
//! other", Annals of Mathematical Statistics 18, 1947), two-sided, as Kayenta uses it to compare a canary with its
//! baseline. Exact for small samples without ties; otherwise the normal approximation with corrections for ties and
//! continuity. The size of a difference is the Hodges-Lehmann estimate: the median of all differences of pairs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::normal;
use crate::decide::{Missing, Reducer};

/// Fewer measurements on a side than this cannot show a difference at 5 %.
pub const FEWEST: usize = 4;
/// Up to this many on each side, without ties, the probability is exact.
const MOST_EXACT: usize = 20;
/// More on a side are thinned evenly before pairs are formed: their number grows with the square.
const MOST_PAIRED: usize = 1000;

/// What the test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// In how many pairs the first is larger, equal ones counted half.
    pub u: f64,
    /// How probable a difference of this size in either direction is if there is none.
    pub p: f64,
    /// Whether `p` is exact rather than by the normal approximation.
    pub exact: bool,
    /// By how much the first tends to be larger (Hodges-Lehmann), in the unit of the measurements.
    pub shift: f64,
}

/// How a canary compares with what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// No difference that is beyond chance and beyond the tolerance.
    Same,
    /// Larger, beyond chance and beyond the tolerance.
    Higher,
    /// Smaller, beyond chance and beyond the tolerance.
    Lower,
}

/// Tests whether `first` tends to be larger or smaller than `second`.
///
/// # Errors
/// Fewer than four measurements on a side; one that is not a number.
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Result<MannWhitney, Missing> {
    let fewest = first.len().min(second.len());
    if fewest < FEWEST {
        return Err(Missing::TooFew { have: fewest as u64, need: FEWEST as u64 });
    }
    if first.iter().chain(second).any(|v| !v.is_finite()) {
        return Err(Missing::NotANumber);
    }
    let (m, n) = (first.len() as f64, second.len() as f64);
    let ranked = rank(first, second);
    let u = ranked.sum - m * (m + 1.0) / 2.0;
    let extreme = u.max(m * n - u);
    let exact = ranked.ties == 0.0 && first.len().max(second.len()) <= MOST_EXACT;
    let one_sided = match exact {
        true => exact_tail(first.len(), second.len(), extreme as usize),
        false => approximate_tail(m, n, ranked.ties, extreme),
    };
    Ok(MannWhitney { u, p: (2.0 * one_sided).min(1.0), exact, shift: hodges_lehmann(first, second)? })
}

/// Compares a canary with main. A difference counts when chance explains it with a probability below `1 - confidence`
/// and it is larger than `tolerance` (0.1 = 10 %) of main's median.
///
/// # Errors
/// See [`mann_whitney`].
pub fn compare(canary: &[f64], main: &[f64], confidence: f64, tolerance: f64) -> Result<Comparison, Missing> {
    let test = mann_whitney(canary, main)?;
    let allowed = Reducer::Median.reduce(main)?.abs() * tolerance;
    Ok(match test {
        MannWhitney { p, .. } if p >= 1.0 - confidence => Comparison::Same,
        MannWhitney { shift, .. } if shift > allowed => Comparison::Higher,
        MannWhitney { shift, .. } if shift < -allowed => Comparison::Lower,
        _ => Comparison::Same,
    })
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Same => "same",
            Comparison::Higher => "higher",
            Comparison::Lower => "lower",
        })
    }
}

struct Ranked {
    /// The sum of the ranks of the first sample; equal values share their mean rank.
    sum: f64,
    /// Over all groups of t equal values, t^3 - t.
    ties: f64,
}

fn rank(first: &[f64], second: &[f64]) -> Ranked {
    let mut all: Vec<(f64, bool)> =
        first.iter().map(|v| (*v, true)).chain(second.iter().map(|v| (*v, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for group in all.chunk_by(|a, b| a.0 == b.0) {
        let t = group.len() as f64;
        let mean_rank = before + (t + 1.0) / 2.0;
        sum += mean_rank * group.iter().filter(|(_, is_first)| *is_first).count() as f64;
        ties += t * t * t - t;
        before += t;
    }
    Ranked { sum, ties }
}

/// The probability of at least `u`, counted over all orders: the number of orders with a given u is the coefficient of
/// the Gaussian binomial, the product of (1 - x^(n+i)) / (1 - x^i) for i from 1 to m.
fn exact_tail(m: usize, n: usize, u: usize) -> f64 {
    let most = m * n;
    let mut orders = vec![0.0; most + 1];
    orders[0] = 1.0;
    for i in 1..=m {
        for k in (n + i..=most).rev() {
            orders[k] -= orders[k - n - i];
        }
        for k in i..=most {
            orders[k] += orders[k - i];
        }
    }
    orders[u..].iter().sum::<f64>() / orders.iter().sum::<f64>()
}

fn approximate_tail(m: f64, n: f64, ties: f64, u: f64) -> f64 {
    let all = m + n;
    let variance = m * n / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    // All values equal: there is no order that could be probable or not.
    if variance <= 0.0 { 1.0 } else { normal::above((u - m * n / 2.0 - 0.5) / variance.sqrt()) }
}

fn hodges_lehmann(first: &[f64], second: &[f64]) -> Result<f64, Missing> {
    let thin = |values: &[f64]| -> Vec<f64> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.into_iter().step_by(values.len().div_ceil(MOST_PAIRED)).collect()
    };
    let (first, second) = (thin(first), thin(second));
    let differences: Vec<f64> = first.iter().flat_map(|a| second.iter().map(move |b| a - b)).collect();
    Reducer::Median.reduce(&differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hollander and Wolfe, Nonparametric Statistical Methods (1973), p. 69 f.: permeability of the membrane at term and
    /// before.
    const AT_TERM: [f64; 10] = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const BEFORE: [f64; 5] = [1.15, 0.88, 0.90, 0.74, 1.21];

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}");
    }

    #[test]
    fn the_published_example_comes_out_exactly() {
        let test = mann_whitney(&AT_TERM, &BEFORE).unwrap();
        assert_eq!((test.u, test.exact), (35.0, true));
        close(test.p, 0.254_412_254_412_254_4);
        close(test.shift, 0.305);
        let turned = mann_whitney(&BEFORE, &AT_TERM).unwrap();
        assert_eq!((turned.u, turned.p), (15.0, test.p));
        close(turned.shift, -0.305);
    }

    #[test]
    fn exact_and_approximate_probabilities_agree_with_scipy() {
        let small = mann_whitney(&[19.0, 22.0, 16.0, 29.0, 24.0], &[20.0, 11.0, 17.0, 12.0]).unwrap();
        assert_eq!((small.u, small.exact), (17.0, true));
        close(small.p, 1.0 / 9.0);
        let up_to = |n: u32, more: f64| (1..=n).map(|v| f64::from(v) + more).collect::<Vec<_>>();
        let twenty = mann_whitney(&up_to(20, 0.0), &up_to(20, 6.5)).unwrap();
        assert_eq!((twenty.u, twenty.exact), (91.0, true));
        close(twenty.p, 0.002_642_630_591_559_352_3);
        let thirty = mann_whitney(&up_to(30, 0.0), &up_to(30, 4.5)).unwrap();
        assert_eq!((thirty.u, thirty.exact), (325.0, false));
        close(thirty.p, 0.065_671_257_689_126_59);
    }

    #[test]
    fn ties_are_corrected_for() {
        let first = [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let second = [2.0, 3.0, 4.0, 4.0, 5.0, 6.0, 6.0, 7.0, 8.0, 9.0];
        let test = mann_whitney(&first, &second).unwrap();
        assert_eq!((test.u, test.exact), (26.5, false));
        close(test.p, 0.079_338_181_252_071_55);
    }

    #[test]
    fn no_difference_is_no_difference_and_too_few_are_no_answer() {
        assert_eq!(mann_whitney(&[5.0; 30], &[5.0; 30]).unwrap().p, 1.0);
        assert_eq!(mann_whitney(&[1.0; 3], &[5.0; 30]), Err(Missing::TooFew { have: 3, need: 4 }));
        assert_eq!(mann_whitney(&[f64::NAN; 9], &[5.0; 9]), Err(Missing::NotANumber));
    }

    #[test]
    fn a_canary_is_higher_only_beyond_chance_and_beyond_the_tolerance() {
        let main: Vec<f64> = (0..40).map(|i| 100.0 + f64::from(i % 10)).collect();
        let by = |factor: f64| main.iter().map(|v| v * factor).collect::<Vec<_>>();
        assert_eq!(compare(&by(1.0), &main, 0.98, 0.1), Ok(Comparison::Same));
        assert_eq!(compare(&by(1.08), &main, 0.98, 0.1), Ok(Comparison::Same));
        assert_eq!(compare(&by(1.08), &main, 0.98, 0.0), Ok(Comparison::Higher));
        assert_eq!(compare(&by(1.5), &main, 0.98, 0.1), Ok(Comparison::Higher));
        assert_eq!(compare(&by(0.5), &main, 0.98, 0.1), Ok(Comparison::Lower));
    }
}
