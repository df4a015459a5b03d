//! How this process stands in the system, whoever started it and however.

use rustix::fs::Mode;
use rustix::process::DumpableBehavior;
use tokio::signal::unix::{SignalKind, signal};

/// The first thing that is done.
///
/// Descriptors the tool was started with are its own and not its steps'. Nobody else of the same user can read its memory
/// and environment, where secrets are; that also means that it leaves no core. Files made by steps are readable for
/// others unless the step says otherwise; what the tool itself writes names its mode every time.
pub(super) fn take() {
    crate::drive::world::note_given();
    close_fds::set_fds_cloexec(3, &[]);
    // An old kernel or a sandbox may refuse; the rest holds nevertheless.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    rustix::process::umask(Mode::from_raw_mode(0o022));
}

/// Makes signals that were ignored when the tool was started (`nohup`, a shell's `&`) take their usual effect on steps.
///
/// Whoever is started anew keeps what is ignored and forgets what is handled, so that it is enough to handle them here and
/// do nothing. Must be called inside the runtime.
pub(super) fn ignore_nothing_below() {
    for number in ignored() {
        let Ok(mut stream) = signal(SignalKind::from_raw(number)) else { continue };
        tokio::spawn(async move { while stream.recv().await.is_some() {} });
    }
}

/// The signals this process ignores. The one for broken pipes is restored by whoever starts a process.
fn ignored() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    (1..=64).filter(|number| mask >> (number - 1) & 1 == 1 && *number != SignalKind::pipe().as_raw_value()).collect()
}
