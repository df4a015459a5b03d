//! Answers on their way to a run: small signed files, written by anybody who has a way in, taken by whoever drives it.
//!
//! `RUN_DIR/inbox/` is the run's own and open to its owner only. `RUNBOOK_INBOX` may name a directory that a group can
//! write to: what lies there for a run, `RUN.SUM.approval`, is brought into its inbox. Nothing in a file is believed
//! because of where it lies.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::log::{MAX_APPROVAL, RunId, Sha256Sum};

use super::error::StoreError;
use super::{files, keys};

/// The directory in a run's own.
const INBOX: &str = "inbox";
/// The environment variable that names the directory of a group.
const SHARED: &str = "RUNBOOK_INBOX";
/// No look takes more than this many files.
const MOST: usize = 64;

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its name in the inbox.
    pub name: String,
    /// Its contents, or why it cannot be read as text.
    pub text: Result<String, String>,
}

/// The inbox of a run.
#[derive(Debug, Clone)]
pub struct Inbox {
    run: RunId,
    dir: PathBuf,
    shared: Option<PathBuf>,
    /// What was brought in from the shared directory and could not be removed there.
    brought: BTreeSet<PathBuf>,
    /// What was handed out already.
    seen: BTreeSet<String>,
}

impl Inbox {
    /// The inbox of the run in this directory; made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or others can enter it.
    pub fn open(run: RunId, run_dir: &Path) -> Result<Inbox, StoreError> {
        let dir = run_dir.join(INBOX);
        files::private_dir(&dir)?;
        Ok(Inbox { run, dir, shared: shared(), brought: BTreeSet::new(), seen: BTreeSet::new() })
    }

    /// What lies here and was not handed out before, in the order of names.
    pub fn look(&mut self) -> Vec<Letter> {
        self.bring();
        let mut found: Vec<String> = names(&self.dir).into_iter().filter(|name| !self.seen.contains(name)).collect();
        found.sort();
        found.truncate(MOST);
        self.seen.extend(found.iter().cloned());
        found.into_iter().map(|name| Letter { text: read(&self.dir.join(&name)), name }).collect()
    }

    /// Hands out a file again at the next look.
    pub fn keep(&mut self, name: &str) {
        self.seen.remove(name);
    }

    /// Puts away a file that counted.
    pub fn taken(&mut self, name: &str) {
        self.put_away(name, "taken");
    }

    /// Puts away a file that does not count.
    pub fn refused(&mut self, name: &str) {
        self.put_away(name, "refused");
    }

    fn put_away(&mut self, name: &str, place: &str) {
        let place = self.dir.join(place);
        // Where it cannot be put away it stays, and is not looked at again by this driver.
        let _ = files::private_dir(&place).map(|()| fs::rename(self.dir.join(name), place.join(name)));
    }

    /// Copies what lies in the shared directory for this run.
    fn bring(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        let prefix = format!("{}.", self.run);
        for name in names(&shared).into_iter().filter(|name| name.starts_with(&prefix)).take(MOST) {
            let path = shared.join(&name);
            if self.brought.contains(&path) {
                continue;
            }
            // What is not even text is only removed.
            if let Ok(text) = read(&path) {
                let _ = put(&self.dir, &letter_name(&text), &text, 0o600);
            }
            // In a directory with the sticky bit only its owner may remove it.
            if fs::remove_file(&path).is_err() {
                self.brought.insert(path);
            }
        }
    }
}

/// Puts an answer into the inbox of a run that this user owns.
///
/// # Errors
/// When it cannot be written.
pub fn deliver(run_dir: &Path, text: &str) -> Result<PathBuf, StoreError> {
    let dir = run_dir.join(INBOX);
    files::private_dir(&dir)?;
    put(&dir, &letter_name(text), text, 0o600)
}

/// Puts an answer into the directory that `RUNBOOK_INBOX` names; none where it names none.
///
/// # Errors
/// When it cannot be written.
pub fn deliver_shared(run: RunId, text: &str) -> Result<Option<PathBuf>, StoreError> {
    let Some(dir) = shared() else { return Ok(None) };
    put(&dir, &format!("{run}.{}", letter_name(text)), text, 0o644).map(Some)
}

/// Puts an approval of a plan into the directory beside it, which is made if it is not there.
///
/// # Errors
/// When it cannot be written.
pub fn put_approval(dir: &Path, text: &str) -> Result<PathBuf, StoreError> {
    fs::create_dir_all(dir).map_err(StoreError::io("create", dir))?;
    put(dir, &letter_name(text), text, 0o644)
}

fn shared() -> Option<PathBuf> {
    std::env::var_os(SHARED).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn letter_name(text: &str) -> String {
    format!("{}.approval", Sha256Sum::of(text.as_bytes()))
}

/// Names of files that may be answers: ours, and nothing that is still being written.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.') && name.ends_with(".approval")).collect()
}

/// Writes under a name nobody looks at, and puts it in place whole. The same contents twice are one file.
fn put(dir: &Path, name: &str, text: &str, mode: u32) -> Result<PathBuf, StoreError> {
    let path = dir.join(name);
    let mut random = [0; 8];
    keys::random(&mut random)?;
    let tmp = dir.join(format!(".{:016x}.tmp", u64::from_be_bytes(random)));
    let flags = OFlags::NOFOLLOW.bits() as i32;
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).custom_flags(flags).open(&tmp);
    let mut file = file.map_err(StoreError::io("create", &tmp))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&tmp, &path));
    if written.is_err() {
        let _ = fs::remove_file(&tmp);
    }
    written.map_err(StoreError::io("write", &path))?;
    files::sync_dir(dir)?;
    Ok(path)
}

/// The text of a file that may be an answer. No link is followed, and no more is read than an answer can hold.
///
/// # Errors
/// Words that go on from the name of the file.
pub fn read(path: &Path) -> Result<String, String> {
    let said = |e: StoreError| format!("cannot be read: {e}");
    let file = files::open_file(path).map_err(said)?.ok_or("is gone")?;
    let mut bytes = Vec::new();
    let limit = MAX_APPROVAL as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|e| super::plain(&e))?;
    if bytes.len() > MAX_APPROVAL {
        return Err("is too long for an answer".to_string());
    }
    String::from_utf8(bytes).map_err(|_| "is not text".to_string())
}
