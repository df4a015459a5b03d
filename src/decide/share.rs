//! The observed share of traffic against the one that was set.

use super::cell::{Cell, CellError};
use super::quantity::Quantity;

/// What the observed share must be when `percent` was set: as far from it as the tolerance (percent points) allows, and
/// no further. Where there should be traffic there must be some, and where there should be none there is none.
///
/// # Errors
/// A tolerance that makes no range.
pub fn share_near(percent: u32, tolerance: Quantity) -> Result<Cell, CellError> {
    let points = tolerance.base() * 100.0;
    let wanted = f64::from(percent);
    match (percent, wanted - points) {
        (0, _) => Cell::parse("== 0%"),
        (_, low) if low <= 0.0 => Cell::parse(&format!("0% <.. {}%", tidy(wanted + points))),
        (_, low) => Cell::parse(&format!("{}% .. {}%", tidy(low), tidy(wanted + points))),
    }
}

/// Whether the proof of `percent` refuses the share of another stage: if it does not, a share that was never changed
/// passes.
pub fn shares_told_apart(percent: u32, tolerance: Quantity, other: u32) -> bool {
    let Ok(cell) = share_near(percent, tolerance) else { return false };
    let held = cell.bounds().and_then(|bounds| bounds.holds(f64::from(other) / 100.0, None));
    held == Some(false)
}

/// A number of percent points as people write it: sums of decimals leave dust behind.
fn tidy(points: f64) -> String {
    let text = format!("{points:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(percent: u32, tolerance: &str) -> String {
        share_near(percent, Quantity::parse(tolerance).unwrap()).unwrap().to_string()
    }

    #[test]
    fn where_there_should_be_traffic_there_must_be_some_and_where_none_there_is_none() {
        assert_eq!(near(50, "2%"), "48% .. 52%");
        assert_eq!(near(1, "0.3%"), "0.7% .. 1.3%");
        assert_eq!(near(1, "3%"), "0% <.. 4%");
        assert_eq!(near(3, "3%"), "0% <.. 6%");
        assert_eq!(near(0, "3%"), "== 0%");
    }

    #[test]
    fn a_tolerance_must_not_reach_another_stage() {
        let apart = |percent, tolerance, other| shares_told_apart(percent, Quantity::parse(tolerance).unwrap(), other);
        assert!(apart(1, "3%", 0) && apart(1, "3%", 5) && apart(5, "3%", 1));
        assert!(!apart(50, "50%", 1) && !apart(1, "50%", 50) && !apart(5, "4%", 1));
    }
}
