//! The moment of a look, on two clocks.

/// When a look at a table is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The table's own time in microseconds: it begins as time of day and then never runs backwards, whatever is done to
    /// the clock of the machine.
    pub now_us: u64,
    /// The time of day, in microseconds since 1970. Samples are stamped with it.
    pub wall_us: u64,
    /// How long reading took, in microseconds. That long nobody could have looked again, so it is no part of a gap.
    pub reading_us: u64,
}

impl Moment {
    /// How old something is that was so at this time of day. What is from the future is as of now.
    pub(super) fn age_us(&self, at_us: u64) -> u64 {
        self.wall_us.saturating_sub(at_us)
    }
}

/// A moment at which both clocks agree and reading took no time.
impl From<u64> for Moment {
    fn from(now_us: u64) -> Moment {
        Moment { now_us, wall_us: now_us, reading_us: 0 }
    }
}
