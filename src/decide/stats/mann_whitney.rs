//! Whether one set of measurements tends to be larger than another, without assuming how they are distributed.
//!
//! The U test of Mann and Whitney ("On a test of whether one of two random variables is stochastically larger than the
//! other", Annals of Mathematical Statistics 18, 1947), two-sided, as Kayenta uses it to compare a canary with its
//! baseline. For small samples exact, counted over all ways to share out the values that there are, so that ties are no
//! matter; otherwise the normal approximation with corrections for ties and continuity. The size of a difference is the
//! Hodges-Lehmann estimate: the median of all differences of pairs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::normal;
use crate::decide::{Missing, Reducer};

/// Fewer measurements on a side than this cannot show a difference at 5 %.
const FEWEST: usize = 4;
/// Up to this many on both sides together the probability is exact.
const MOST_EXACT: usize = 40;
/// More on each side than this are not asked for.
const MOST_NEEDED: usize = 200;
/// More on a side are thinned evenly before pairs are formed: their number grows with the square, and a look must not take
/// long.
const MOST_PAIRED: usize = 300;

/// What the test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// In how many pairs the first is larger, equal ones counted half.
    pub u: f64,
    /// How probable a difference of this size in either direction is if there is none.
    pub p: f64,
    /// How probable the clearest order of all would be: what `p` could be at the least.
    pub least: f64,
    /// Whether these are exact rather than by the normal approximation.
    pub exact: bool,
    /// By how much the first tends to be larger (Hodges-Lehmann), in the unit of the measurements.
    pub shift: f64,
}

/// How a canary compares with what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// No difference that is beyond the tolerance.
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
    let ranked = Ranked::of(first, second);
    let (u, p, least) = (ranked.u(), ranked.p(), ranked.clearest());
    Ok(MannWhitney { u, p, least, exact: ranked.is_exact(), shift: hodges_lehmann(first, second)? })
}

/// How many measurements on each side could show a difference at all: with fewer, even the clearest order of all would be
/// chance with a probability of `1 - confidence` or more. None where no number would do.
pub fn fewest_to_compare(confidence: f64) -> Option<usize> {
    needed(FEWEST, confidence)
}

/// Compares a canary with main. A difference counts when chance explains it with a probability below `1 - confidence`
/// and it is larger than `tolerance` (0.1 = 10 %) of main's median. They are the same when it is not larger than that,
/// whether it is chance or not.
///
/// # Errors
/// See [`mann_whitney`]; also too few measurements to show any difference with so much confidence, and a difference beyond
/// the tolerance that may be chance.
pub fn compare(canary: &[f64], main: &[f64], confidence: f64, tolerance: f64) -> Result<Comparison, Missing> {
    let test = mann_whitney(canary, main)?;
    let risk = 1.0 - confidence;
    if test.least >= risk {
        let have = canary.len().min(main.len());
        let need = needed(have + 1, confidence).map_or(u64::MAX, |need| need as u64);
        return Err(Missing::TooFew { have: have as u64, need });
    }
    let allowed = Reducer::Median.reduce(main)?.abs() * tolerance;
    match test {
        MannWhitney { shift, .. } if shift.abs() <= allowed => Ok(Comparison::Same),
        MannWhitney { p, .. } if p >= risk => Err(Missing::Unclear),
        MannWhitney { shift, .. } if shift > 0.0 => Ok(Comparison::Higher),
        _ => Ok(Comparison::Lower),
    }
}

/// The smallest number on each side, from this one on, at which the clearest order of all is not chance.
fn needed(from: usize, confidence: f64) -> Option<usize> {
    let apart = |n: usize| Ranked { m: n, n, doubled: (1..=2 * n as u64).map(|rank| 2 * rank).collect(), first: 0 };
    (from..=MOST_NEEDED).find(|n| apart(*n).clearest() < 1.0 - confidence)
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

/// Two samples by the ranks of their values. Equal values share their mean rank; ranks are doubled, so they are whole.
struct Ranked {
    /// How many there are in the first sample.
    m: usize,
    /// How many there are in the second one.
    n: usize,
    /// All ranks, in order.
    doubled: Vec<u64>,
    /// The sum of those of the first sample.
    first: u64,
}

impl Ranked {
    fn of(first: &[f64], second: &[f64]) -> Ranked {
        let mut all: Vec<(f64, bool)> =
            first.iter().map(|v| (*v, true)).chain(second.iter().map(|v| (*v, false))).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut doubled, mut sum) = (Vec::with_capacity(all.len()), 0);
        for group in all.chunk_by(|a, b| a.0 == b.0) {
            let rank = 2 * doubled.len() as u64 + group.len() as u64 + 1;
            sum += rank * group.iter().filter(|(_, is_first)| *is_first).count() as u64;
            doubled.extend(std::iter::repeat_n(rank, group.len()));
        }
        Ranked { m: first.len(), n: second.len(), doubled, first: sum }
    }

    fn u(&self) -> f64 {
        let m = self.m as f64;
        self.first as f64 / 2.0 - m * (m + 1.0) / 2.0
    }

    fn is_exact(&self) -> bool {
        self.m + self.n <= MOST_EXACT
    }

    /// How probable it is that a u is as far from the middle as this one, in either direction, if there is no difference.
    fn p(&self) -> f64 {
        if self.is_exact() { self.exact_p() } else { self.approximate_p(self.u()) }
    }

    /// How probable that is of the clearest order of all, in which all of one sample are above all of the other.
    fn clearest(&self) -> f64 {
        if !self.is_exact() {
            return self.approximate_p(self.m as f64 * self.n as f64);
        }
        // Two of C(m + n, m) orders, whatever is equal within a sample.
        let (few, many) = (self.m.min(self.n), self.m.max(self.n));
        (1..=few).fold(2.0, |p, i| p * i as f64 / (many + i) as f64)
    }

    /// Counted over all ways to share out the ranks: how many of them give the first sample a sum this far from the middle.
    fn exact_p(&self) -> f64 {
        let most: u64 = self.doubled.iter().rev().take(self.m).sum();
        let width = most as usize + 1;
        // By how many ranks are taken, and their sum: the number of ways.
        let mut ways = vec![0.0f64; (self.m + 1) * width];
        ways[0] = 1.0;
        for (seen, rank) in self.doubled.iter().enumerate() {
            let rank = *rank as usize;
            for taken in (1..=self.m.min(seen + 1)).rev() {
                let (fewer, more) = ways.split_at_mut(taken * width);
                let fewer = &fewer[(taken - 1) * width..];
                more[rank..width].iter_mut().zip(fewer).for_each(|(more, fewer)| *more += fewer);
            }
        }
        let middle = (self.m * (self.m + self.n + 1)) as u64;
        let far = self.first.abs_diff(middle);
        let ways = &ways[self.m * width..];
        let as_far: f64 = (0u64..).zip(ways).filter(|(sum, _)| sum.abs_diff(middle) >= far).map(|(_, ways)| ways).sum();
        as_far / ways.iter().sum::<f64>()
    }

    /// The normal approximation, corrected for ties and continuity.
    fn approximate_p(&self, u: f64) -> f64 {
        let (m, n, all) = (self.m as f64, self.n as f64, (self.m + self.n) as f64);
        let groups = self.doubled.chunk_by(|a, b| a == b).map(|group| group.len() as f64);
        let ties: f64 = groups.map(|t| t * t * t - t).sum();
        let variance = m * n / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        if variance <= 0.0 {
            // All values equal: there is no order that could be probable or not.
            return if u == m * n / 2.0 { 1.0 } else { 0.0 };
        }
        let far = (u.max(m * n - u) - m * n / 2.0 - 0.5) / variance.sqrt();
        (2.0 * normal::above(far)).min(1.0)
    }
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
    fn the_approximation_is_corrected_for_ties() {
        let first = [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let second = [2.0, 3.0, 4.0, 4.0, 5.0, 6.0, 6.0, 7.0, 8.0, 9.0];
        let test = mann_whitney(&first, &second).unwrap();
        assert_eq!((test.u, test.exact), (26.5, true));
        // The same in SciPy 1.17.
        close(Ranked::of(&first, &second).approximate_p(test.u), 0.079_338_181_252_071_55);
        assert!((test.p - 0.079).abs() < 0.005, "{}", test.p);
    }

    /// How often a u is as far from the middle as the one seen, over all ways to share out the values, one by one.
    fn by_trying_all(first: &[f64], second: &[f64]) -> f64 {
        let all: Vec<f64> = first.iter().chain(second).copied().collect();
        let (m, middle) = (first.len(), (first.len() * second.len()) as f64 / 2.0);
        let far = |taken: u32| {
            let is_first = |i: &usize| taken >> i & 1 == 1;
            let (first, second): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(is_first);
            let pairs = first.iter().flat_map(|a| second.iter().map(|b| (all[*a], all[*b])));
            let u: f64 = pairs.map(|(a, b)| f64::from(u8::from(a > b)) + f64::from(u8::from(a == b)) / 2.0).sum();
            (u - middle).abs()
        };
        let seen = far((1 << m) - 1);
        let ways: Vec<u32> = (0..1 << all.len()).filter(|taken: &u32| taken.count_ones() as usize == m).collect();
        ways.iter().filter(|taken| far(**taken) >= seen).count() as f64 / ways.len() as f64
    }

    #[test]
    fn small_samples_with_ties_are_exact() {
        let mut random = 7u64;
        for (m, n, values) in [(4, 4, 3), (4, 8, 4), (5, 5, 5), (6, 5, 2), (7, 5, 9), (5, 6, 1)] {
            for _ in 0..12 {
                let mut some = |many: usize| -> Vec<f64> {
                    let mut one = || {
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        ((random >> 33) % values) as f64
                    };
                    (0..many).map(|_| one()).collect()
                };
                let (first, second) = (some(m), some(n));
                let test = mann_whitney(&first, &second).unwrap();
                assert!(test.exact);
                let wanted = by_trying_all(&first, &second);
                assert!((test.p - wanted).abs() < 1e-12, "{first:?} {second:?}: {} is not {wanted}", test.p);
            }
        }
    }

    #[test]
    fn the_clearest_order_is_a_difference_or_no_answer_and_never_the_same() {
        for (m, n, ties) in
            [(5, 5, 1), (5, 5, 4), (7, 7, 2), (4, 30, 0), (4, 60, 0), (30, 5, 3), (21, 21, 9), (4, 4, 0)]
        {
            for confidence in [0.9, 0.98, 0.99, 0.999, 0.999_999] {
                let main: Vec<f64> = (0..n).map(f64::from).collect();
                let canary: Vec<f64> = (0..m).map(|i| 9000.0 + f64::from(i.max(ties))).collect();
                let found = compare(&canary, &main, confidence, 0.1);
                let least = mann_whitney(&canary, &main).unwrap().p;
                let wanted = least < 1.0 - confidence;
                let is_right = match &found {
                    Ok(Comparison::Higher) => wanted,
                    Err(Missing::TooFew { have, need }) => !wanted && need > have,
                    _ => false,
                };
                assert!(is_right, "{m} and {n}, {ties} ties, at {confidence}: {found:?}, least p {least}");
            }
        }
    }

    #[test]
    fn a_difference_beyond_the_tolerance_that_may_be_chance_is_no_answer() {
        let main = [100.0, 105.0, 110.0, 112.0, 115.0, 120.0];
        let canary = [900.0, 1000.0, 1100.0, 1200.0, 90.0, 95.0];
        assert!(mann_whitney(&canary, &main).unwrap().p > 0.1);
        for confidence in [0.9, 0.98] {
            assert_eq!(compare(&canary, &main, confidence, 0.1), Err(Missing::Unclear), "{confidence}");
        }
        let near = [101.0, 104.0, 111.0, 113.0, 118.0, 90.0];
        assert_eq!(compare(&near, &main, 0.98, 0.1), Ok(Comparison::Same));
        assert_eq!(compare(&[0.0; 6], &[0.0; 6], 0.98, 0.1), Ok(Comparison::Same), "nothing failed anywhere");
    }

    #[test]
    fn the_same_with_too_few_to_show_a_difference_is_no_answer() {
        // Of 70 orders of 4 and 4 two are the clearest: 2.9 %.
        for (n, confidence, need) in [(4, 0.98, 5), (4, 0.999, 7), (6, 0.999, 7), (5, 0.999, 7)] {
            let main: Vec<f64> = (0..n).map(f64::from).collect();
            let worse: Vec<f64> = main.iter().map(|v| v + 90_000.0).collect();
            let too_few = Err(Missing::TooFew { have: n as u64, need });
            assert_eq!(compare(&worse, &main, confidence, 0.1), too_few, "{n} at {confidence}");
            let need = i32::try_from(need).unwrap();
            let enough: Vec<f64> = (0..need).map(f64::from).collect();
            let worse: Vec<f64> = enough.iter().map(|v| v + 90_000.0).collect();
            assert_eq!(compare(&worse, &enough, confidence, 0.1), Ok(Comparison::Higher), "{need} at {confidence}");
        }
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
        // 10 % of main, and not of the canary.
        assert_eq!(compare(&by(1.105), &main, 0.98, 0.1), Ok(Comparison::Higher));
        assert_eq!(compare(&by(0.5), &main, 0.98, 0.1), Ok(Comparison::Lower));
    }
}
