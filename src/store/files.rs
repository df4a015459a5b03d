//! The few careful ways in which this module touches files.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags};
use sha2::{Digest as _, Sha256};

use crate::drive::beneath;
use crate::log::Sha256Sum;

use super::error::StoreError;

/// Makes a directory only its owner can enter, with its parents, and refuses one that others can.
pub(crate) fn private_dir(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        // Something else is in the way; the next lines say so.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(StoreError::io("create", path))?,
    }
    let meta = fs::symlink_metadata(path).map_err(StoreError::io("read", path))?;
    if !meta.is_dir() {
        return Err(StoreError::WrongKind(path.to_path_buf(), "is not a directory"));
    }
    check_private(path, &meta)
}

/// Refuses what belongs to somebody else or is open to others.
pub(crate) fn check_private(path: &Path, meta: &fs::Metadata) -> Result<(), StoreError> {
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(StoreError::WrongKind(path.to_path_buf(), "belongs to another user"));
    }
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StoreError::TooOpen { path: path.to_path_buf(), mode });
    }
    Ok(())
}

/// Refuses a place where others could put something else in the place of what is theirs: a directory above it that they
/// may write to, unless it is sticky. A group of one's own is no other.
pub(crate) fn check_above(path: &Path) -> Result<(), StoreError> {
    let own_group = rustix::process::getegid().as_raw();
    for dir in path.ancestors().skip(1) {
        let Ok(meta) = fs::metadata(dir) else { continue };
        let mode = meta.mode() & 0o7777;
        let others = mode & 0o002 != 0 || (mode & 0o020 != 0 && meta.gid() != own_group && meta.gid() != 0);
        if others && mode & 0o1000 == 0 {
            return Err(StoreError::Refused(format!(
                "{} cannot be trusted: others may write to {} (mode {mode:o}) and put something else in its place; take that \
                 right away, or set XDG_STATE_HOME to a directory of your own",
                path.display(),
                dir.display()
            )));
        }
    }
    Ok(())
}

/// Refuses what others can write to; nothing there is nothing to refuse.
pub(crate) fn refuse_writable(path: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.is_symlink() && meta.mode() & 0o022 != 0 => {
            Err(StoreError::TooOpen { path: path.to_path_buf(), mode: meta.mode() & 0o7777 })
        }
        _ => Ok(()),
    }
}

/// Creates a file that must not exist yet, 0600, and writes and syncs its bytes.
pub(crate) fn create_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
        .map_err(StoreError::io("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(StoreError::io("write", path))
}

/// Puts a whole file in place, durably: a reader sees the old one or the new one.
pub(crate) fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let mut tmp = path.as_os_str().to_owned();
    tmp.push(".tmp");
    let tmp = Path::new(&tmp);
    // A leftover of an earlier crash.
    let _ = fs::remove_file(tmp);
    create_file(tmp, bytes, mode)?;
    fs::rename(tmp, path).map_err(StoreError::io("put in place", path))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Puts a whole file in place for what may be lost in a power cut: nobody waits for the disk.
pub(crate) fn replace_hint(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut tmp = path.as_os_str().to_owned();
    tmp.push(format!(".{}.tmp", std::process::id()));
    let tmp = Path::new(&tmp);
    // A leftover of another process of this number.
    let _ = fs::remove_file(tmp);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(tmp);
    let kept = written.and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(tmp, path));
    if kept.is_err() {
        let _ = fs::remove_file(tmp);
    }
    kept
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(StoreError::io("sync", path))
}

/// No file that is read as a whole is longer than this: a log of a million records is shorter.
const MAX_FILE: u64 = 1 << 30;

/// Reads a regular file that is not a symbolic link; `None` when there is none.
pub(crate) fn read_file(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(file) = open_file(path)? else { return Ok(None) };
    whole(file, path).map(Some)
}

fn whole(file: File, path: &Path) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(StoreError::io("read", path))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(StoreError::WrongKind(path.to_path_buf(), "is larger than 1 GiB"));
    }
    Ok(bytes)
}

/// No key, list of keys or note is longer.
pub(crate) const MAX_SMALL: u64 = 1 << 20;

/// Reads a file that a person named; a symbolic link is followed. Only a regular file of at most 1 MiB: a pipe would block
/// and a device would never end.
pub(crate) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_SMALL + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SMALL { Err(io::Error::other("it is larger than 1 MiB")) } else { Ok(bytes) }
}

/// The SHA-256 of a regular file that is not a symbolic link; `None` when there is none.
pub(crate) fn sum_file(path: &Path) -> Result<Option<Sha256Sum>, StoreError> {
    let Some(mut file) = open_file(path)? else { return Ok(None) };
    let (mut hash, mut block) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(Some(Sha256Sum::so_far(&hash))),
            Ok(count) => hash.update(&block[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StoreError::io("read", path)(error)),
        }
    }
}

/// Reads a regular file inside a directory; no link in its name is followed. `None` when there is none.
pub(crate) fn read_in(dir: &Path, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(file) = open_in(dir, name)? else { return Ok(None) };
    whole(file, &dir.join(name)).map(Some)
}

/// Opens a regular file inside a directory; no link in its name is followed. `None` when there is none.
pub(crate) fn open_in(dir: &Path, name: &str) -> Result<Option<File>, StoreError> {
    regular(beneath::open_in(dir, name, OFlags::RDONLY | OFlags::NONBLOCK, 0), &dir.join(name))
}

/// Opens a regular file that is not a symbolic link, for reading; `None` when there is none.
pub(crate) fn open_file(path: &Path) -> Result<Option<File>, StoreError> {
    // NONBLOCK: a FIFO in place of the file must not hang us.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    regular(OpenOptions::new().read(true).custom_flags(flags).open(path), path)
}

fn regular(opened: io::Result<File>, path: &Path) -> Result<Option<File>, StoreError> {
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("open", path)(error)),
    };
    let meta = file.metadata().map_err(StoreError::io("read", path))?;
    if !meta.is_file() {
        return Err(StoreError::WrongKind(path.to_path_buf(), "is not a regular file"));
    }
    Ok(Some(file))
}

/// Takes the lock of whoever drives a run; `false` when somebody else has it.
pub(crate) fn lock(file: &File, path: &Path) -> Result<bool, StoreError> {
    // Somebody who lists runs holds the lock for a moment; a driver holds it for long.
    for _ in 0..20 {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(std::time::Duration::from_millis(5)),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(StoreError::io("lock", path)(error.into())),
        }
    }
    Ok(false)
}

/// Waits until nobody else changes the files of a directory; the lock goes with the handle.
pub(crate) fn lock_dir(path: &Path) -> Result<File, StoreError> {
    let dir = File::open(path).map_err(StoreError::io("open", path))?;
    loop {
        match rustix::fs::flock(&dir, FlockOperation::LockExclusive) {
            Ok(()) => return Ok(dir),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(StoreError::io("lock", path)(error.into())),
        }
    }
}

/// Whether somebody drives the run whose segment this is.
pub(crate) fn is_locked(file: &File) -> bool {
    let probe = rustix::fs::flock(file, FlockOperation::NonBlockingLockShared);
    // Closing would release the lock too, but only when the caller is done with the file.
    let _ = rustix::fs::flock(file, FlockOperation::Unlock);
    probe == Err(rustix::io::Errno::WOULDBLOCK)
}
