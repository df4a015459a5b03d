//! Tells the system's log how far a run's log goes. An ordinary user cannot take that back, and where syslog is
//! forwarded it leaves the machine. Best effort: a line that cannot be sent is lost, and nothing ever waits for it.

use std::ffi::OsStr;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::log::{Head, RunId, head_line};

/// Where syslog daemons and journald listen.
const SOCKET: &str = "/dev/log";
/// Facility user, severity info.
const PRIORITY: u8 = 1 << 3 | 6;

/// The socket of a syslog daemon.
#[derive(Debug)]
pub struct Syslog(UnixDatagram);

impl Syslog {
    /// The daemon that `RUNBOOK_SYSLOG` names: a socket, or `off`; without it the system's own, where there is one.
    pub fn from_env() -> Option<Syslog> {
        match std::env::var_os("RUNBOOK_SYSLOG") {
            None => Syslog::at(Path::new(SOCKET)),
            Some(setting) if setting == OsStr::new("off") || setting.is_empty() => None,
            Some(path) => Syslog::at(Path::new(&path)),
        }
    }

    /// The daemon that listens at a path, if one does.
    pub fn at(path: &Path) -> Option<Syslog> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        socket.connect(path).ok()?;
        Some(Syslog(socket))
    }

    /// Sends one head, in the form the C library's `syslog` uses.
    pub fn tell(&self, run: RunId, head: &Head) {
        let (time, pid) = (jiff::Timestamp::now().strftime("%b %e %H:%M:%S"), std::process::id());
        let line = format!("<{PRIORITY}>{time} runbook[{pid}]: {}", head_line(run, head));
        let _ = self.0.send(line.as_bytes());
    }
}
