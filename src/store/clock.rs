//! The clock of a run: wall time for people, and a monotonic count from the start of the run for durations.

use rustix::time::{ClockId, clock_gettime};

use crate::log::At;

/// Counts microseconds since the run started, also while the machine sleeps, and never runs backwards.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    /// CLOCK_BOOTTIME at the moment that counts as zero, in microseconds; below zero after a resume on a fresh boot.
    origin_us: i64,
}

impl RunClock {
    /// A clock that starts now.
    pub fn start() -> RunClock {
        RunClock { origin_us: boottime_us() }
    }

    /// A clock that goes on from the last monotonic time a log knows. The time nobody was driving does not count.
    pub fn resume(last_mono_us: u64) -> RunClock {
        RunClock { origin_us: boottime_us() - last_mono_us as i64 }
    }

    /// The present moment.
    pub fn now(&self) -> At {
        let wall = jiff::Timestamp::now();
        At { t: format!("{wall:.6}"), mono_us: self.elapsed_us() }
    }

    /// Microseconds since the run started.
    pub fn elapsed_us(&self) -> u64 {
        u64::try_from(boottime_us() - self.origin_us).unwrap_or(0)
    }
}

/// The present moment as `allowed_signers` writes it, without its `Z`.
pub(crate) fn now_digits() -> String {
    jiff::Timestamp::now().strftime("%Y%m%d%H%M%S").to_string()
}

/// The identifier the kernel gives this boot; empty where there is none.
pub(crate) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_string()
}

fn boottime_us() -> i64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}
