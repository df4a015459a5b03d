//! Axes of one metric that depend on each other: the same two values as a multiple and as a difference, and a share beside
//! being surely beyond a limit.
//!
//! What is a part of the other value is not more than it by some number, and the other way round; how much so depends on
//! the other value, so only the direction is held to. A share that is surely beyond a limit is beyond it.

use super::axis::{Aspect, At, Axis, Region};
use crate::decide::{Cell, Condition};

/// Where an axis is cut because of one that it depends on.
pub(super) fn cut(aspect: &Aspect, other: &Aspect) -> Option<f64> {
    match (aspect, other) {
        _ if !are_coupled(aspect, other) => None,
        (Aspect::Value, Aspect::Whole(surely)) => beyond(surely).map(|(_, limit)| limit),
        _ => meeting(aspect),
    }
}

fn are_coupled(one: &Aspect, other: &Aspect) -> bool {
    match (one, other) {
        (Aspect::Multiple { of }, Aspect::Difference { to }) | (Aspect::Difference { to }, Aspect::Multiple { of }) => {
            of == to
        }
        (Aspect::Value, Aspect::Whole(cell)) | (Aspect::Whole(cell), Aspect::Value) => beyond(cell).is_some(),
        _ => false,
    }
}

/// For each axis those before it that it depends on.
pub(super) fn earlier(axes: &[&Axis]) -> Vec<Vec<usize>> {
    let of = |at: usize| {
        let is_coupled = |known: &usize| {
            axes[*known].metric == axes[at].metric && are_coupled(&axes[*known].aspect, &axes[at].aspect)
        };
        (0..at).filter(is_coupled).collect()
    };
    (0..axes.len()).map(of).collect()
}

/// What has to be known of a region to tell which regions of other axes it goes with.
pub(super) fn mark(axis: &Axis, region: usize) -> usize {
    match (&axis.aspect, &axis.regions[region]) {
        (Aspect::Multiple { .. } | Aspect::Difference { .. }, of) => side(axis, of),
        (_, Region { value: At::Whole(holds), .. }) => usize::from(*holds),
        _ => region,
    }
}

/// Whether a region goes with one of an earlier axis that has this mark.
pub(super) fn agrees(earlier: &Axis, marked: usize, axis: &Axis, region: usize) -> bool {
    match (&earlier.aspect, &axis.aspect) {
        (Aspect::Whole(surely), Aspect::Value) => marked == 0 || is_beyond(surely, &axis.regions[region]),
        (Aspect::Value, Aspect::Whole(surely)) => {
            mark(axis, region) == 0 || is_beyond(surely, &earlier.regions[marked])
        }
        _ => marked == mark(axis, region),
    }
}

/// On which side of the other value a region lies; such axes are cut there.
fn side(axis: &Axis, region: &Region) -> usize {
    match (&region.value, meeting(&axis.aspect)) {
        (At::Number(number), Some(meeting)) if *number > meeting => 2,
        (At::Number(number), Some(meeting)) if *number < meeting => 0,
        _ => 1,
    }
}

/// Where a multiple and a difference say the same: at the other value itself.
fn meeting(aspect: &Aspect) -> Option<f64> {
    match aspect {
        Aspect::Multiple { .. } => Some(1.0),
        Aspect::Difference { .. } => Some(0.0),
        _ => None,
    }
}

fn beyond(condition: &Condition) -> Option<(bool, f64)> {
    match &condition.cell {
        Cell::Surely { bounds, .. } => bounds.beyond(),
        _ => None,
    }
}

fn is_beyond(surely: &Condition, region: &Region) -> bool {
    match (beyond(surely), &region.value) {
        (Some((true, limit)), At::Number(share)) => *share > limit,
        (Some((false, limit)), At::Number(share)) => *share < limit,
        _ => true,
    }
}
