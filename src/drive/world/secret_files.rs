//! Secrets as private files: in memory where the system offers a place for that, else in the run directory, and gone when
//! the step is over.
//!
//! Each attempt has a directory of its own with a lock on it. A directory whose lock is free was left by a tool that was
//! killed; whoever starts next removes it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, openat, statfs, unlinkat};

use super::secrets::Secrets;
use crate::machine::action::{Datum, Ended};

/// What `statfs` says of a file system in memory.
const TMPFS: u64 = 0x0102_1994;

/// Numbers the directories of this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The secret files of one attempt; dropped, they are gone.
#[derive(Default)]
pub(super) struct SecretFiles {
    paths: Vec<(String, PathBuf)>,
    dir: Option<(PathBuf, File)>,
}

impl SecretFiles {
    /// A file for each of these, named as the variable that will hold its path.
    pub(super) fn write(run_dir: &Path, wanted: &[(String, Datum)], secrets: &Secrets) -> Result<SecretFiles, Ended> {
        let mut files = SecretFiles::default();
        if wanted.is_empty() {
            return Ok(files);
        }
        let broken =
            |error: io::Error| Ended::Failed(format!("a private file for a secret cannot be written: {error}"));
        let dir = create(&parent(run_dir).map_err(broken)?).map_err(broken)?;
        let path = files.dir.insert(dir).0.clone();
        for (name, datum) in wanted {
            if name.is_empty() || name.contains(['/', '\0', '=']) || name.starts_with('.') {
                return Err(Ended::Failed(format!("`{name}` cannot be the name of an environment variable")));
            }
            let path = path.join(name);
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let value = secrets.bytes(datum)?;
            file.and_then(|mut file| file.write_all(&value)).map_err(broken)?;
            files.paths.push((name.clone(), path));
        }
        Ok(files)
    }

    /// Variables and the files they name.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.paths.iter().map(|(name, path)| (name.as_str(), path.as_path()))
    }
}

impl Drop for SecretFiles {
    fn drop(&mut self) {
        if let Some((path, dir)) = &self.dir {
            // What cannot be removed now is removed by whoever starts next.
            let _ = empty(dir).and_then(|()| std::fs::remove_dir(path));
        }
    }
}

/// Remove what a tool that was killed left.
pub(super) fn sweep(run_dir: &Path) {
    let places = [memory(), Some(run_dir.join("secrets"))];
    for parent in places.into_iter().flatten() {
        for entry in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(dir) = open(&path) else { continue };
            if flock(&dir, FlockOperation::NonBlockingLockExclusive).is_ok() {
                let _ = empty(&dir).and_then(|()| std::fs::remove_dir(&path));
            }
        }
    }
}

/// Where directories of attempts are made.
fn parent(run_dir: &Path) -> io::Result<PathBuf> {
    let inside = |parent: PathBuf| private(&parent).then_some(parent);
    if let Some(parent) = memory() {
        let _ = DirBuilder::new().mode(0o700).create(&parent);
        if let Some(parent) = inside(parent) {
            return Ok(parent);
        }
    }
    let parent = run_dir.join("secrets");
    match DirBuilder::new().mode(0o700).create(&parent) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => inside(parent).ok_or_else(|| io::Error::other("its directory is not private")),
    }
}

/// This user's place in memory, whether or not it is there yet.
fn memory() -> Option<PathBuf> {
    let is_memory = |path: &Path| statfs(path).is_ok_and(|found| found.f_type as u64 == TMPFS);
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    if let Some(runtime) = runtime.filter(|dir| dir.is_absolute() && private(dir) && is_memory(dir)) {
        return Some(runtime.join("runbook-secrets"));
    }
    let shared = Path::new("/dev/shm");
    let user = rustix::process::geteuid().as_raw();
    is_memory(shared).then(|| shared.join(format!("runbook-secrets-{user}")))
}

/// A real directory of this user that nobody else may enter: where anybody may write, anybody may have been first.
fn private(path: &Path) -> bool {
    let me = rustix::process::geteuid().as_raw();
    std::fs::symlink_metadata(path).is_ok_and(|dir| dir.is_dir() && dir.uid() == me && dir.mode() & 0o077 == 0)
}

/// A new directory with a lock on it.
fn create(parent: &Path) -> io::Result<(PathBuf, File)> {
    // Another tool may sweep between the making and the locking.
    for _ in 0..100 {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{}-{number}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => made?,
        }
        let Ok(dir) = open(&path) else { continue };
        if flock(&dir, FlockOperation::NonBlockingLockExclusive).is_ok() && path.is_dir() {
            return Ok((path, dir));
        }
    }
    Err(io::Error::other("no directory of its own could be made"))
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir: OwnedFd = openat(rustix::fs::CWD, path, flags, Mode::empty())?;
    Ok(File::from(dir))
}

/// Remove the files in a directory, by its descriptor: a path may mean another one by now.
fn empty(dir: &File) -> io::Result<()> {
    let mut first = Ok(());
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        if let Err(error) = unlinkat(dir, entry.file_name(), AtFlags::empty()) {
            first = first.and(Err(error.into()));
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret_file(run_dir: &Path) -> SecretFiles {
        let wanted = [("TOKEN_FILE".to_owned(), Datum::Plain("line one\nline two".to_owned()))];
        SecretFiles::write(run_dir, &wanted, &Secrets::default()).unwrap()
    }

    #[test]
    fn a_secret_file_is_private_and_gone_when_it_is_dropped() {
        let run = tempfile::tempdir().unwrap();
        let files = secret_file(run.path());
        let (name, path) = files.paths().next().unwrap();
        let path = path.to_owned();
        assert_eq!((name, std::fs::read_to_string(&path).unwrap().as_str()), ("TOKEN_FILE", "line one\nline two"));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(private(path.parent().unwrap()) && private(path.parent().unwrap().parent().unwrap()));
        drop(files);
        assert!(!path.exists() && !path.parent().unwrap().exists());
    }

    #[test]
    fn a_sweep_removes_what_was_left_and_leaves_what_is_in_use() {
        let run = tempfile::tempdir().unwrap();
        let used = secret_file(run.path());
        let left = secret_file(run.path());
        let (used_path, left_path) = (used.paths[0].1.clone(), left.paths[0].1.clone());
        // As if this process had been killed: the lock is free, the file is still there.
        flock(&left.dir.as_ref().unwrap().1, FlockOperation::Unlock).unwrap();
        sweep(run.path());
        assert!(used_path.exists() && !left_path.exists() && !left_path.parent().unwrap().exists());
    }

    #[test]
    fn a_place_that_others_may_enter_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str, mode: u32| {
            DirBuilder::new().mode(mode).create(dir.path().join(name)).unwrap();
            dir.path().join(name)
        };
        let (own, open) = (place("own", 0o700), place("open", 0o755));
        std::os::unix::fs::symlink(&own, dir.path().join("link")).unwrap();
        assert!(private(&own) && !private(&open) && !private(&dir.path().join("link")));
    }
}
