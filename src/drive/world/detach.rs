//! Steps have no terminal. A step that could open `/dev/tty` could push key strokes into the operator's shell, draw over the
//! screen around every filter, or stand still for ever on a prompt nobody sees.
//!
//! Where this program has a terminal, a step is started through `setsid`, which makes a session without one and becomes
//! the program under the same process id. Elsewhere there is nothing to take away, and the step is started as it is.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;

use super::bash;

/// Part of util-linux and of busybox; where neither is, there is nobody at a terminal.
const SETSID: [&str; 2] = ["/usr/bin/setsid", "/bin/setsid"];

/// The program and arguments that start `operand` in a session without a terminal; none where there is none to lose.
///
/// `operand` is what `execvp` finds the program by. What cannot be started is left to be started directly, because then
/// the system says why.
pub(super) fn session(program: &Path, operand: &OsString, args: &[OsString]) -> Option<(&'static str, Vec<OsString>)> {
    let setsid = launcher()?;
    bash::starts_by_itself(program).then(|| {
        let words = [OsString::from("--"), operand.clone()].into_iter().chain(args.iter().cloned());
        (setsid, words.collect())
    })
}

fn launcher() -> Option<&'static str> {
    static FOUND: OnceLock<Option<&str>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let has_terminal = File::open("/dev/tty").is_ok();
        SETSID.into_iter().find(|setsid| has_terminal && bash::executable(Path::new(setsid)))
    })
}
