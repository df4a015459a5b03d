//! Which way a window of points goes: slope and trend.

use super::cell::Direction;
use super::sample::Missing;
use super::window::Point;

/// Fewer points than this cannot show a trend: the normal approximation of the Mann-Kendall test is good from ten on.
pub const MIN_TREND_POINTS: usize = 10;

/// Through two points there is always a line: from three on a slope says something.
pub const MIN_SLOPE_POINTS: usize = 3;

/// 97.5 % of the standard normal distribution lie below: two-sided 5 %.
const Z: f64 = 1.959_963_984_540_054;

/// The slope of the least-squares line, in base units per second.
pub(super) fn slope(points: &[Point]) -> Result<f64, Missing> {
    if points.len() < MIN_SLOPE_POINTS {
        return Err(Missing::TooFew { have: points.len() as u64, need: MIN_SLOPE_POINTS as u64 });
    }
    let n = points.len() as f64;
    // Seconds from the first point: the squares stay small and exact enough.
    let seconds = |p: &Point| (p.at_us - points[0].at_us) as f64 / 1e6;
    let mean_x = points.iter().map(seconds).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.value).sum::<f64>() / n;
    let across: f64 = points.iter().map(|p| (seconds(p) - mean_x) * (p.value - mean_y)).sum();
    let along: f64 = points.iter().map(|p| (seconds(p) - mean_x).powi(2)).sum();
    let slope = across / along;
    if slope.is_finite() { Ok(slope) } else { Err(Missing::NotANumber) }
}

/// The direction by the Mann-Kendall test at 5 %, two-sided, with the correction for ties (Mann 1945, Kendall 1975).
/// It asks only whether later values tend to be larger, so one wild value does not make a trend.
pub(super) fn trend(points: &[Point]) -> Result<Direction, Missing> {
    let n = points.len();
    if n < MIN_TREND_POINTS {
        return Err(Missing::TooFew { have: n as u64, need: MIN_TREND_POINTS as u64 });
    }
    // Half a thousand points say it as well as twenty thousand, and pairs grow with the square.
    let thinned: Vec<f64> = points.iter().step_by(n.div_ceil(500)).map(|p| p.value).collect();
    let z = mann_kendall(&thinned);
    Ok(if z > Z {
        Direction::Increasing
    } else if z < -Z {
        Direction::Decreasing
    } else {
        Direction::Steady
    })
}

/// Which way values go on the whole: whether more pairs of them rise or fall. No test of chance, for series that are too
/// short for one.
pub fn tendency(values: &[f64]) -> Direction {
    match kendall(values).0 {
        0 => Direction::Steady,
        s if s > 0 => Direction::Increasing,
        _ => Direction::Decreasing,
    }
}

/// Kendall's S: how many pairs of an earlier and a later value rise, less those that fall; and the values in order.
fn kendall(values: &[f64]) -> (i64, Vec<f64>) {
    // Pairs are counted against the earlier values, which are kept in order: all pairs one by one take much longer.
    let mut earlier: Vec<f64> = Vec::with_capacity(values.len());
    let mut s = 0i64;
    for value in values {
        let below = earlier.partition_point(|early| early < value);
        let not_above = earlier.partition_point(|early| early <= value);
        s += below as i64 - (earlier.len() - not_above) as i64;
        earlier.insert(not_above, *value);
    }
    (s, earlier)
}

/// The test's statistic; 0 where all values are equal.
fn mann_kendall(values: &[f64]) -> f64 {
    let (s, ordered) = kendall(values);
    let weight = |n: usize| (n * n.saturating_sub(1) * (2 * n + 5)) as f64;
    let ties: f64 = ordered.chunk_by(|a, b| a == b).map(|group| weight(group.len())).sum();
    let variance = (weight(values.len()) - ties) / 18.0;
    match s.signum() {
        0 => 0.0,
        sign => (s - sign) as f64 / variance.sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
        values
            .into_iter()
            .enumerate()
            .map(|(i, value)| Point { at_us: 1_700_000_000_000_000 + i as u64 * 1_000_000, value })
            .collect()
    }

    #[test]
    fn the_slope_of_a_line_is_its_slope() {
        let line = points((0..19).map(|i| 1e9 + f64::from(i) * 2e6));
        assert!((slope(&line).unwrap() - 2e6).abs() < 1e-3);
        assert_eq!(slope(&points([3.0, 3.0, 3.0])), Ok(0.0));
    }

    #[test]
    fn two_points_have_no_slope() {
        assert_eq!(slope(&points([1.0, 2.0])), Err(Missing::TooFew { have: 2, need: 3 }));
    }

    #[test]
    fn trends_are_told_from_noise() {
        let rising = points((0..20).map(f64::from));
        let falling = points((0..20).map(|i| f64::from(-i)));
        let noise = points([5.0, 3.0, 8.0, 1.0, 9.0, 2.0, 7.0, 4.0, 6.0, 3.5, 8.5, 2.5]);
        let spike = points((0..20).map(|i| if i == 19 { 1e9 } else { 5.0 }));
        assert_eq!(trend(&rising), Ok(Direction::Increasing));
        assert_eq!(trend(&falling), Ok(Direction::Decreasing));
        assert_eq!(trend(&noise), Ok(Direction::Steady));
        assert_eq!(trend(&spike), Ok(Direction::Steady));
        assert_eq!(trend(&points([5.0; 12])), Ok(Direction::Steady));
    }

    #[test]
    fn a_few_values_go_the_way_most_of_their_pairs_go() {
        assert_eq!(tendency(&[41.0, 20.0, 22.0, 3.0]), Direction::Decreasing);
        assert_eq!(tendency(&[1.0, 5.0, 2.0]), Direction::Increasing);
        assert_eq!(tendency(&[7.0, 7.0, 7.0]), Direction::Steady);
        assert_eq!(tendency(&[2.0, 5.0, 2.0]), Direction::Steady);
    }

    #[test]
    fn too_few_points_are_no_trend_and_not_a_steady_one() {
        assert_eq!(trend(&points([5.0; 9])), Err(Missing::TooFew { have: 9, need: 10 }));
    }

    #[test]
    fn the_statistic_agrees_with_a_worked_example_with_ties() {
        // Of 45 pairs 35 rise, 8 fall, 2 are equal: (27 - 1) / sqrt((10*9*25 - 2 * 2*1*9) / 18).
        let z = mann_kendall(&[1.0, 3.0, 2.0, 2.0, 5.0, 4.0, 4.0, 6.0, 3.5, 7.0]);
        assert!((z - 26.0 / (2214f64 / 18.0).sqrt()).abs() < 1e-12, "{z}");
    }
}
