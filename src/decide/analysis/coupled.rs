//! Axes that depend on each other: the same two values as a multiple and as a difference. What is a part of the other value
//! is not more than it by some number, and the other way round; how much so depends on the other value, so only the
//! direction is held to.

use super::axis::{Aspect, At, Axis, Region};

/// Where a multiple and a difference say the same: at the other value itself.
pub(super) fn meeting(aspect: &Aspect) -> Option<f64> {
    match aspect {
        Aspect::Multiple { .. } => Some(1.0),
        Aspect::Difference { .. } => Some(0.0),
        _ => None,
    }
}

/// Whether two aspects of one metric are its multiple of another value and its difference to that.
pub(super) fn are_coupled(one: &Aspect, other: &Aspect) -> bool {
    match (one, other) {
        (Aspect::Multiple { of }, Aspect::Difference { to }) | (Aspect::Difference { to }, Aspect::Multiple { of }) => {
            of == to
        }
        _ => false,
    }
}

/// For each axis the one before it that it depends on.
pub(super) fn earlier(axes: &[&Axis]) -> Vec<Option<usize>> {
    let of = |at: usize| {
        let is_coupled = |known: &usize| {
            axes[*known].metric == axes[at].metric && are_coupled(&axes[*known].aspect, &axes[at].aspect)
        };
        (0..at).find(is_coupled)
    };
    (0..axes.len()).map(of).collect()
}

/// On which side of the other value a region lies; such axes are cut there.
pub(super) fn side(axis: &Axis, region: &Region) -> i8 {
    match (&region.value, meeting(&axis.aspect)) {
        (At::Number(number), Some(meeting)) if *number > meeting => 1,
        (At::Number(number), Some(meeting)) if *number < meeting => -1,
        _ => 0,
    }
}
