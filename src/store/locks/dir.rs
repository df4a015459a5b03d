//! The directory of locks, and how files in it are opened: relative to the directory itself, never through a link, never
//! something that is not a plain file, never where strangers can write.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FlockOperation, Gid, Mode, OFlags, fchmod, fchown, flock, openat, statat};
use rustix::io::Errno;

use super::super::error::{StoreError, plain};
use super::super::files;
use super::super::home::Home;
use super::{file_name, lock_of, shown};

/// No file of a lock is longer.
const MAX_FILE: u64 = 8 << 20;

/// An open directory of locks.
#[derive(Debug)]
pub struct LockDir {
    dir: File,
    path: PathBuf,
    /// Other users have locks here too.
    shared: bool,
}

impl LockDir {
    /// This user's own directory of locks, made when it is missing; or a shared one, which must be there.
    ///
    /// # Errors
    /// When it is a link, belongs to somebody else than this user or root, or strangers can write to it.
    pub fn open(home: &Home, shared: Option<&Path>) -> Result<LockDir, StoreError> {
        let path = match shared {
            Some(path) => path.to_path_buf(),
            None => {
                home.prepare()?;
                home.locks_dir()
            }
        };
        if shared.is_none() {
            files::private_dir(&path)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&path, flags, Mode::empty()).map_err(|error| unusable(&path, error))?;
        let dir = LockDir { dir: File::from(dir), path, shared: shared.is_some() };
        dir.check()?;
        Ok(dir)
    }

    fn check(&self) -> Result<(), StoreError> {
        let meta = self.dir.metadata().map_err(StoreError::io("read", &self.path))?;
        let (path, mode) = (shown(&self.path), meta.mode() & 0o7777);
        if !self.shared {
            return files::check_private(&self.path, &meta);
        }
        let owner = meta.uid();
        if owner != 0 && owner != rustix::process::geteuid().as_raw() {
            return refuse(format!("the lock directory {path} belongs to user {owner}, not to root or to you"));
        }
        if mode & 0o002 != 0 {
            return refuse(format!(
                "anybody can write to the lock directory {path} (mode {mode:o}); run: chmod o-w {path}"
            ));
        }
        if mode & 0o020 != 0 && mode & 0o1000 == 0 {
            return refuse(format!(
                "whoever is in its group can remove other people's locks from {path} (mode {mode:o}); run: chmod +t {path}"
            ));
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The locks that have a file of this kind.
    pub(crate) fn locks_with(&self, kind: &str) -> Result<Vec<String>, StoreError> {
        let entries = fs::read_dir(&self.path).map_err(StoreError::io("read", &self.path))?;
        let names = entries.flatten().filter_map(|entry| lock_of(entry.file_name().to_str()?, kind));
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    /// Opens a file of a lock for reading and writing.
    pub(crate) fn open_file(&self, lock: &str, kind: &str) -> Result<LockFile, StoreError> {
        loop {
            if let Some(file) = self.find_file(lock, kind)? {
                return Ok(file);
            }
            let name = file_name(lock, kind);
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(&self.dir, &name, flags, self.mode()) {
                Ok(made) => {
                    // What the umask took away, and the group of a directory that does not hand it down.
                    fchmod(&made, self.mode()).map_err(|e| unusable(&self.path.join(&name), e))?;
                    if self.shared {
                        let group = self.dir.metadata().map_err(StoreError::io("read", &self.path))?.gid();
                        let _ = fchown(&made, None, Some(Gid::from_raw(group)));
                    }
                    self.dir.sync_all().map_err(StoreError::io("sync", &self.path))?;
                }
                // Somebody else was first.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(unusable(&self.path.join(&name), error)),
            }
        }
    }

    /// Opens a file of a lock that is there.
    pub(crate) fn find_file(&self, lock: &str, kind: &str) -> Result<Option<LockFile>, StoreError> {
        let name = file_name(lock, kind);
        let path = self.path.join(&name);
        // Without CREATE: the kernel refuses that for other users' files in a sticky directory. NONBLOCK: a FIFO must not
        // hang us.
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.dir, &name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(unusable(&path, error)),
        };
        let meta = file.metadata().map_err(StoreError::io("read", &path))?;
        let (at, mode) = (shown(&path), meta.mode() & 0o7777);
        if !meta.is_file() || meta.nlink() > 1 {
            return refuse(format!("{at} is not a plain file of its own"));
        }
        let foreign = meta.uid() != rustix::process::geteuid().as_raw();
        if mode & 0o002 != 0 || (!self.shared && (foreign || mode & 0o077 != 0)) {
            return refuse(format!("{at} is open to others (user {}, mode {mode:o})", meta.uid()));
        }
        Ok(Some(LockFile { file, path, name }))
    }

    /// Whether the name still leads to this very file.
    pub(crate) fn is_still(&self, file: &LockFile) -> bool {
        let named = statat(&self.dir, &file.name, AtFlags::SYMLINK_NOFOLLOW);
        let open = file.file.metadata();
        match (named, open) {
            (Ok(named), Ok(open)) => (named.st_dev, named.st_ino) == (open.dev(), open.ino()),
            _ => false,
        }
    }

    fn mode(&self) -> Mode {
        Mode::from_raw_mode(if self.shared { 0o660 } else { 0o600 })
    }
}

/// A file of a lock, open for reading and writing.
#[derive(Debug)]
pub(crate) struct LockFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    name: String,
}

impl LockFile {
    /// All of it.
    pub(crate) fn read(&self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let mut file = &self.file;
        let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
        read.map_err(StoreError::io("read", &self.path))?;
        match bytes.len() as u64 > MAX_FILE {
            true => refuse(format!("{} is larger than {} MiB", shown(&self.path), MAX_FILE >> 20)),
            false => Ok(bytes),
        }
    }

    /// Adds whole lines; durable when this returns. What an earlier crash left of a line gets its end first.
    pub(crate) fn append(&self, lines: &str) -> Result<(), StoreError> {
        let bytes = self.read()?;
        let torn = bytes.last().is_some_and(|last| *last != b'\n');
        let text = if torn { format!("\n{lines}") } else { lines.to_string() };
        let mut file = &self.file;
        let written = file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(text.as_bytes()));
        written.and_then(|()| self.file.sync_data()).map_err(StoreError::io("write", &self.path))
    }

    /// Writes something else in its place. Not durable, and a reader may see half of it.
    pub(crate) fn overwrite(&self, text: &str) -> Result<(), StoreError> {
        let mut file = &self.file;
        let written = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(text.as_bytes()));
        written.and_then(|()| self.file.set_len(text.len() as u64)).map_err(StoreError::io("write", &self.path))
    }

    /// Takes the lock on the file if nobody has it.
    pub(crate) fn try_lock(&self) -> Result<bool, StoreError> {
        loop {
            match flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(true),
                Err(Errno::WOULDBLOCK) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(unusable(&self.path, error)),
            }
        }
    }

    /// Leaves the file to others.
    pub(crate) fn unlock(&self) -> Result<(), StoreError> {
        flock(&self.file, FlockOperation::Unlock).map_err(|error| unusable(&self.path, error))
    }

    /// Takes the lock on the file, for as long as a person may need to sign.
    pub(crate) fn lock_within(&self, patience: Duration) -> Result<(), StoreError> {
        let started = Instant::now();
        while !self.try_lock()? {
            if started.elapsed() > patience {
                return refuse(format!("{} is being written by somebody else; try again", shown(&self.path)));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

fn unusable(path: &Path, error: Errno) -> StoreError {
    let at = shown(path);
    match error {
        Errno::LOOP => StoreError::Refused(format!("{at} is a symbolic link; locks are never followed through one")),
        Errno::NOTDIR => StoreError::Refused(format!("{at} is not a directory, or a symbolic link to one")),
        Errno::NOENT => StoreError::Refused(format!(
            "there is no lock directory {at}; make it once, for example: install -d -m 3770 -o root -g GROUP {at}"
        )),
        other => StoreError::Refused(format!("cannot use {at}: {}", plain(&other.into()))),
    }
}

pub(crate) fn refuse<T>(words: String) -> Result<T, StoreError> {
    Err(StoreError::Refused(words))
}
