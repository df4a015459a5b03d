//! Whether a process of some time ago is still the same one.

use std::fs;

/// Who this process is: its id, its start time in clock ticks since boot, and the boot.
pub(crate) fn myself() -> (u32, u64, String) {
    let pid = std::process::id();
    (pid, start_time(pid).unwrap_or(0), super::super::clock::boot_id())
}

/// When a process was started, in clock ticks since boot; none when it is gone or only waits to be buried.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; field 3 is the first behind it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let dead = matches!(*fields.first()?, "Z" | "X" | "x");
    fields.get(19)?.parse().ok().filter(|_| !dead)
}
