//! The only place that asks what time it is.

use crate::machine::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Gives the time of a run.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clocks. Run time goes on from where an earlier driver left, so that only driven time counts; it uses
/// the clock that also runs while the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub struct RealClock {
    began_us: u64,
    base_us: u64,
}

impl RealClock {
    /// A clock whose run time starts at `base_us`.
    pub fn starting_at(base_us: u64) -> RealClock {
        RealClock { began_us: boot_us(), base_us }
    }
}

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        let wall = clock_gettime(ClockId::Realtime);
        let wall_us = wall.tv_sec * 1_000_000 + wall.tv_nsec as i64 / 1000;
        Timestamp { wall_us, run_us: self.base_us + (boot_us() - self.began_us) }
    }
}

fn boot_us() -> u64 {
    let t = clock_gettime(ClockId::Boottime);
    t.tv_sec as u64 * 1_000_000 + t.tv_nsec as u64 / 1000
}
