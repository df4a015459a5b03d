//! The time of a table: time of day when looking began, and from then on that of the run. Clocks of machines are set; a
//! table that went by them would go blind for an hour, or take an hour for a minute.

use crate::decide::Moment;

/// What is known of the time of the looks of one instance.
#[derive(Debug, Clone, Copy, Default)]
pub struct LookClock {
    last: Option<Last>,
    /// Since the last look somebody else took the run over.
    left: bool,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    now_us: u64,
    wall_us: u64,
    /// None in logs from before it was written down.
    run_us: Option<u64>,
}

/// When a look is judged.
#[derive(Debug, Clone, Copy)]
pub(in crate::machine) struct LookTime {
    pub(in crate::machine) when: Moment,
    /// Nobody looked before it for nobody knows how long.
    pub(in crate::machine) lost: bool,
    /// How much may lie between two looks that are not apart, this one's reading included.
    pub(in crate::machine) gap_us: u64,
}

impl LookClock {
    /// The moment of a look. While one driver looks, run time says how much has passed. Between two drivers only the time of
    /// day does; if it went backwards, the time between them is longer than any allowed gap.
    pub(super) fn look(&self, wall_us: u64, run_us: Option<u64>, reading_us: u64, gap_us: u64) -> LookTime {
        let near_us = gap_us.saturating_add(reading_us);
        let at = |now_us, lost| LookTime { when: Moment { now_us, wall_us, reading_us }, lost, gap_us: near_us };
        let Some(last) = self.last else { return at(wall_us, false) };
        let driven_us = run_us.zip(last.run_us).map(|(now, last)| now.saturating_sub(last));
        match (driven_us, wall_us.checked_sub(last.wall_us)) {
            (Some(driven_us), _) if !self.left => at(last.now_us.saturating_add(driven_us), false),
            (_, Some(passed_us)) => at(last.now_us.saturating_add(passed_us.max(driven_us.unwrap_or(0))), false),
            (_, None) => {
                at(last.now_us.saturating_add(near_us).saturating_add(1).saturating_add(driven_us.unwrap_or(0)), true)
            }
        }
    }

    /// This look has been.
    pub(in crate::machine) fn looked(&mut self, time: &LookTime, run_us: Option<u64>) {
        self.last = Some(Last { now_us: time.when.now_us, wall_us: time.when.wall_us, run_us });
        self.left = false;
    }

    /// Somebody takes the run over.
    pub(in crate::machine) fn taken_over(&mut self) {
        self.left = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;
    const NOON: u64 = 1_767_225_600 * S;

    /// What the table's time is at looks of these times of day and of the run, in seconds after the first.
    fn times(looks: &[(i64, Option<u64>, bool)]) -> Vec<(u64, bool)> {
        let mut clock = LookClock::default();
        let mut times = Vec::new();
        for (wall_s, run_s, taken_over) in looks {
            if *taken_over {
                clock.taken_over();
            }
            let run_us = run_s.map(|s| s * S);
            let wall_us = NOON.saturating_add_signed(wall_s * 1_000_000);
            let time = clock.look(wall_us, run_us, 0, 2 * S);
            clock.looked(&time, run_us);
            times.push(((time.when.now_us - NOON) / S, time.lost));
        }
        times
    }

    #[test]
    fn a_clock_that_is_set_changes_nothing_while_somebody_drives() {
        let set = [(0, Some(5), false), (-3600, Some(6), false), (7200, Some(7), false), (7201, Some(8), false)];
        assert_eq!(times(&set), [(0, false), (1, false), (2, false), (3, false)]);
    }

    #[test]
    fn how_long_nobody_drove_is_what_the_time_of_day_says() {
        assert_eq!(
            times(&[(0, Some(5), false), (90, Some(6), true), (91, Some(7), false)]),
            [(0, false), (90, false), (91, false)]
        );
    }

    #[test]
    fn a_time_of_day_that_went_backwards_between_two_drivers_is_a_gap() {
        let back = times(&[(0, Some(5), false), (-60, Some(5), true), (-59, Some(6), false)]);
        assert_eq!(back, [(0, false), (2, true), (3, false)]);
    }

    #[test]
    fn logs_without_run_time_go_by_the_time_of_day() {
        assert_eq!(
            times(&[(0, None, false), (5, None, false), (9, Some(3), false)]),
            [(0, false), (5, false), (9, false)]
        );
        assert_eq!(times(&[(0, None, false), (-5, None, false)]), [(0, false), (2, true)]);
    }
}
