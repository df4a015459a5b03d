//! Locks: one run that changes things at a time, and holds that keep all of them from it.
//!
//! A lock is three files with its name, in the state directory of the user or in a directory that several users share:
//!
//! * `NAME.lease`: who drives a run under it now, or which unfinished run owns it. Lines are only ever appended; the driver
//!   holds an `flock` on it for as long as it lives.
//! * `NAME.holds`: the signed history of holds, see [`crate::log::HoldHistory`].
//! * `NAME.doing`: what the run does now, for people. Nothing is decided by it.

mod dir;
mod held;
mod lease;
mod line;
mod process;
mod release;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use dir::LockDir;
pub use held::{HoldWatch, Word, holds_of, locks_with_history, say};
pub use lease::{Lease, TakeError};
pub use line::{Doing, Holder, Over, Refusal};
pub use release::{Releasable, find_owned, release, standing};

use super::home::Home;

/// Which lock: its name, and the shared directory it is in if it is not this user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockPlace {
    /// Its name.
    pub name: String,
    /// An absolute path.
    pub dir: Option<PathBuf>,
}

impl LockPlace {
    /// A lock.
    pub fn new(name: &str, dir: Option<&str>) -> LockPlace {
        LockPlace { name: name.to_string(), dir: dir.map(PathBuf::from) }
    }

    /// Opens the directory it is in.
    ///
    /// # Errors
    /// When it is not one that can be trusted.
    pub fn open(&self, home: &Home) -> Result<LockDir, super::StoreError> {
        LockDir::open(home, self.dir.as_deref())
    }
}

/// The name of a lock's file: letters, digits and a few signs as they are, every other byte as `%XX`.
pub(crate) fn file_name(lock: &str, kind: &str) -> String {
    let mut name = String::new();
    for (at, byte) in lock.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || (byte == b'.' && at > 0);
        if plain { name.push(char::from(byte)) } else { name.push_str(&format!("%{byte:02X}")) }
    }
    name + "." + kind
}

/// The lock a file belongs to; none when the name is not one that [`file_name`] makes.
pub(crate) fn lock_of(file: &str, kind: &str) -> Option<String> {
    let mut rest = file.strip_suffix(kind)?.strip_suffix('.')?;
    let mut bytes = Vec::new();
    while let Some(first) = rest.bytes().next() {
        let (byte, length) = match first {
            b'%' => (u8::from_str_radix(rest.get(1..3)?, 16).ok()?, 3),
            plain => (plain, 1),
        };
        bytes.push(byte);
        rest = rest.get(length..)?;
    }
    String::from_utf8(bytes).ok().filter(|lock| file_name(lock, kind) == file)
}

/// `DIR` for people: where the locks are.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}
