//! What has to be remembered between samples: a stretch without gaps, how long a row has held, how many in a row.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::sample::decimal;

/// The most points kept of a metric; of more, every second one goes.
const MAX_POINTS: usize = 20_000;

/// The values of a metric since the last gap, as far back as a row looks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Stretch {
    /// When it began: the first sample after the last gap.
    since_us: u64,
    /// When its newest point was last seen.
    seen_us: u64,
    points: VecDeque<Point>,
    /// How far apart points must be to be kept, once there were too many of them.
    #[serde(default, skip_serializing_if = "is_zero")]
    apart_us: u64,
}

/// One value, in the base unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) at_us: u64,
    #[serde(with = "decimal")]
    pub(super) value: f64,
}

/// The last while of a stretch.
#[derive(Debug, PartialEq)]
pub(super) enum Window {
    /// It is covered from end to end.
    Full(Vec<Point>),
    /// So much of it, in microseconds, is still to come.
    Filling { remaining_us: u64 },
}

/// How long a row has held without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hold {
    pub(super) since_us: u64,
    pub(super) last_us: u64,
    /// When that was last seen.
    pub(super) seen_us: u64,
    pub(super) samples: u64,
}

/// How many samples in a row were inside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Streak {
    pub(super) count: u32,
    last_us: Option<u64>,
    /// When that was last seen.
    seen_us: u64,
}

impl Stretch {
    /// Adds a newer value, seen now; after a gap in which nobody saw anything everything older is forgotten.
    pub(super) fn push(&mut self, point: Point, seen_us: u64, gap_us: u64, keep_us: u64) {
        let last_us = self.points.back().map(|last| last.at_us);
        if last_us.is_none() || seen_us.saturating_sub(self.seen_us) > gap_us {
            *self = Stretch { since_us: point.at_us, seen_us, ..Stretch::default() };
        }
        self.seen_us = seen_us;
        if last_us.is_some() && self.points.back().is_some_and(|last| last.at_us >= point.at_us) {
            return;
        }
        let len = self.points.len();
        // The newest always stays until a newer one is there; those before it are as far apart as they must be.
        if len > 1 && self.points[len - 1].at_us - self.points[len - 2].at_us < self.apart_us {
            self.points.pop_back();
        }
        self.points.push_back(point);
        let from = point.at_us.saturating_sub(keep_us);
        while self.points.front().is_some_and(|p| p.at_us < from) {
            self.points.pop_front();
        }
        if self.points.len() > MAX_POINTS {
            self.thin_out();
        }
    }

    /// Every second point goes, and so do as many of those to come.
    fn thin_out(&mut self) {
        let mut index = 0..;
        self.points.retain(|_| index.next().is_some_and(|i: u64| i.is_multiple_of(2)));
        let span_us = self.points[self.points.len() - 1].at_us - self.points[0].at_us;
        // Somewhat less than they are apart now: looks come a little early or late.
        self.apart_us = span_us / self.points.len() as u64 * 3 / 4;
    }

    /// The newest value is still the newest.
    pub(super) fn see_again(&mut self, seen_us: u64, gap_us: u64) {
        if seen_us.saturating_sub(self.seen_us) <= gap_us {
            self.seen_us = seen_us;
        }
    }

    /// The last `over_us` up to the newest value. Looks are never exactly as far apart as they should be, so the first of
    /// them may be `slack_us` before that, or after it.
    pub(super) fn window(&self, over_us: u64, slack_us: u64) -> Window {
        let Some(newest) = self.points.back() else { return Window::Filling { remaining_us: over_us } };
        let covered = newest.at_us - self.since_us;
        if covered.saturating_add(slack_us) < over_us {
            return Window::Filling { remaining_us: over_us - covered };
        }
        let from = newest.at_us.saturating_sub(over_us.saturating_add(slack_us));
        let first = self.points.partition_point(|p| p.at_us < from);
        Window::Full(self.points.range(first..).copied().collect())
    }
}

impl Hold {
    /// A row that holds from here on.
    pub(super) fn begin(at_us: u64, seen_us: u64) -> Hold {
        Hold { since_us: at_us, last_us: at_us, seen_us, samples: 1 }
    }

    /// The row holds at this time too, as was seen now. The same time again adds nothing; after a gap in which nobody saw
    /// anything it begins anew.
    pub(super) fn again(self, at_us: u64, seen_us: u64, gap_us: u64) -> Hold {
        match at_us.saturating_sub(self.last_us) {
            _ if seen_us.saturating_sub(self.seen_us) > gap_us => Hold::begin(at_us, seen_us),
            0 => Hold { seen_us, ..self },
            _ => Hold { last_us: at_us, seen_us, samples: self.samples + 1, ..self },
        }
    }

    pub(super) fn held_us(self) -> u64 {
        self.last_us - self.since_us
    }
}

fn is_zero(us: &u64) -> bool {
    *us == 0
}

impl Streak {
    /// Counts a sample that was seen now; one that is known already counts once.
    pub(super) fn count(&mut self, at_us: u64, seen_us: u64, inside: bool, gap_us: u64) {
        let unbroken = self.last_us.is_some() && seen_us.saturating_sub(self.seen_us) <= gap_us;
        let is_known = self.last_us.is_some_and(|last| last >= at_us);
        if is_known && unbroken {
            self.seen_us = seen_us;
            return;
        }
        self.count = match (inside, unbroken) {
            (false, _) => 0,
            (true, true) => self.count.saturating_add(1),
            (true, false) => 1,
        };
        (self.last_us, self.seen_us) = (Some(at_us), seen_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn stretch(times_s: impl IntoIterator<Item = u64>) -> Stretch {
        let mut stretch = Stretch::default();
        for s in times_s {
            stretch.push(Point { at_us: s * S, value: s as f64 }, s * S, 2 * S, 10 * S);
        }
        stretch
    }

    #[test]
    fn a_window_is_full_when_it_is_covered_from_end_to_end() {
        assert_eq!(stretch(100..109).window(10 * S, 0), Window::Filling { remaining_us: 2 * S });
        let Window::Full(points) = stretch(100..120).window(10 * S, 0) else { panic!("not full") };
        assert_eq!((points.len(), points[0].at_us), (11, 109 * S));
        assert_eq!(Stretch::default().window(S, 0), Window::Filling { remaining_us: S });
    }

    #[test]
    fn a_gap_longer_than_allowed_empties_the_window() {
        let with_allowed_gap = stretch((100..105).chain(106..112));
        assert!(matches!(with_allowed_gap.window(10 * S, 0), Window::Full(_)));
        let with_gap = stretch((100..105).chain(107..113));
        assert_eq!(with_gap.window(10 * S, 0), Window::Filling { remaining_us: 5 * S });
    }

    #[test]
    fn a_window_of_looks_that_come_a_little_early_or_late_has_all_of_them() {
        let (late_us, slack_us) = ([0, 3_000, 1_000, 4_000, 0, 2_000], S / 2);
        let mut stretch = Stretch::default();
        for look in 0..60 {
            let at_us = look * S + late_us[look as usize % late_us.len()];
            stretch.push(Point { at_us, value: 0.0 }, at_us, 2 * S, 9 * S + slack_us);
            match stretch.window(9 * S, slack_us) {
                Window::Full(points) => assert_eq!((points.len(), look >= 9), (10, true), "look {look}"),
                Window::Filling { .. } => assert!(look < 9, "look {look}"),
            }
        }
    }

    #[test]
    fn a_stretch_does_not_grow_without_end() {
        let (mut long, over, every) = (Stretch::default(), 100_000, 2);
        for at in (0..4 * over).step_by(every) {
            long.push(Point { at_us: at + at % 3 % 2, value: at as f64 }, at, 5, over);
            assert!(long.points.len() <= MAX_POINTS);
        }
        let Window::Full(points) = long.window(over, 1) else { panic!("it never fills") };
        let newest = 4 * over - every as u64;
        assert_eq!(points.last().map(|p| p.value), Some(newest as f64), "the newest is there");
        assert!(points[0].value <= (newest - over + 10) as f64, "{:?} to {newest}", points[0]);
        let apart: Vec<u64> = points.windows(2).map(|two| two[1].at_us - two[0].at_us).collect();
        assert!(
            apart[..apart.len() - 1].iter().all(|apart| (6..=10).contains(apart)),
            "as far apart at the end as before"
        );
        long.push(Point { at_us: 9 * over, value: 0.0 }, 9 * over, 5, over);
        assert_eq!(long, Stretch { since_us: 9 * over, seen_us: 9 * over, points: long.points.clone(), apart_us: 0 });
    }

    #[test]
    fn a_hold_counts_each_sample_once_and_starts_again_after_a_gap() {
        let hold = Hold::begin(10, 10).again(12, 12, 2).again(12, 12, 2).again(14, 14, 2);
        assert_eq!((hold.held_us(), hold.samples), (4, 3));
        assert_eq!(hold.again(17, 17, 2), Hold::begin(17, 17));
        let slow_source = hold.again(14, 16, 2).again(14, 18, 2).again(19, 20, 2);
        assert_eq!((slow_source.held_us(), slow_source.samples), (9, 4), "somebody looked all the time");
    }

    #[test]
    fn a_streak_breaks_at_a_sample_outside_and_at_a_gap() {
        let mut streak = Streak::default();
        let mut counted = Vec::new();
        for (at, inside) in [(1, true), (2, true), (2, true), (3, false), (4, true), (5, true), (9, true)] {
            streak.count(at, at, inside, 2);
            counted.push(streak.count);
        }
        assert_eq!(counted, [1, 2, 2, 0, 1, 2, 1]);
    }
}
