//! What a file step found, kept in the run directory before anything is changed: `kept/NAME` is the old content,
//! `kept/NAME.json` says where it stood and what came after it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::durable::{self, Rights};
use super::forms::hex;
use crate::drive::beneath;
use crate::machine::action::Before;
use sha2::{Digest as _, Sha256};

/// A note holds two paths and two digests.
const LONGEST_NOTE: u64 = 64 << 10;

/// A regular file, or a symbolic link for its own sake, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Of the content; of a link, of where it points.
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) rights: Rights,
    /// Where it points, if it is a link.
    pub(super) link: Option<PathBuf>,
}

impl Found {
    /// As [`Found::at`], but a link is not followed.
    pub(super) fn at_itself(path: &Path) -> Result<Option<Found>, String> {
        let Ok(link) = std::fs::read_link(path) else { return Found::at(path) };
        let sha256 = hex(&Sha256::digest(link.as_os_str().as_bytes()));
        let rights = Rights { mode: 0o777, owner: None };
        Ok(Some(Found { sha256, bytes: 0, rights, link: Some(link) }))
    }

    /// None where there is no file; an error where something else stands there.
    pub(super) fn at(path: &Path) -> Result<Option<Found>, String> {
        let at = |error: io::Error| format!("{}: {error}", path.display());
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(error)),
        };
        if metadata.is_dir() {
            return Err(format!("{} is a directory, and a file step changes files", path.display()));
        }
        if !metadata.is_file() {
            return Err(format!(
                "{} is a device, pipe or socket, and a file step changes regular files",
                path.display()
            ));
        }
        let sha256 = File::open(path).and_then(|mut file| durable::sha256_of(&mut file)).map_err(at)?;
        let rights = Rights { mode: metadata.mode() & 0o7777, owner: Some((metadata.uid(), metadata.gid())) };
        Ok(Some(Found { sha256, bytes: metadata.len(), rights, link: None }))
    }
}

/// The note beside the kept content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) existed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<PathBuf>,
    /// SHA-256 of what the step leaves; none where it removes the file.
    pub(super) after: Option<String>,
}

impl Kept {
    /// Rights to put back.
    pub(super) fn rights(&self) -> Rights {
        Rights { mode: self.mode.unwrap_or(0o644), owner: self.owner }
    }
}

impl Kept {
    /// How the note differs from what the signed log says was found.
    pub(super) fn contradicts(&self, before: &Before) -> Option<&'static str> {
        if before.path.as_ref().is_some_and(|path| self.path != Path::new(path)) {
            return Some("belongs to another file than the log says the step changed");
        }
        let points = self.link.as_ref().map(|link| hex(&Sha256::digest(link.as_os_str().as_bytes())));
        if points.is_some_and(|points| Some(points) != before.sha256) {
            return Some("is not the link that the log says the step found");
        }
        if self.sha256 != before.sha256 || self.existed != before.sha256.is_some() {
            return Some("is not what the log says the step found");
        }
        let mode = self.mode.filter(|_| self.link.is_none());
        (mode != before.mode).then_some("has other permissions than the log says the step found")
    }
}

/// The kept things of one file step.
pub(super) struct Keep {
    run_dir: PathBuf,
    /// Of the note, inside the run directory.
    name: String,
    content: PathBuf,
    note: PathBuf,
}

impl Keep {
    /// Under this name in the run directory.
    pub(super) fn new(run_dir: &Path, name: &str) -> Keep {
        let name = name.replace('/', "%2F");
        let dir = run_dir.join("kept");
        let note = format!("kept/{name}.json");
        Keep { run_dir: run_dir.to_owned(), note: run_dir.join(&note), content: dir.join(name), name: note }
    }

    /// The old content.
    pub(super) fn content(&self) -> &Path {
        &self.content
    }

    /// What was kept, if anything was.
    pub(super) fn load(&self) -> io::Result<Option<Kept>> {
        match beneath::open_in(&self.run_dir, &self.name, OFlags::RDONLY | OFlags::NONBLOCK, 0) {
            Ok(note) => Ok(Some(serde_json::from_reader(io::BufReader::new(note.take(LONGEST_NOTE)))?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Make durable what stands at `path` now and what will stand there. What an earlier try under the same name kept
    /// stays the old content: it is what an undo has to put back.
    pub(super) fn store(&self, path: &Path, found: Option<&Found>, after: Option<&str>) -> io::Result<()> {
        let mut kept = match self.load()? {
            Some(earlier) if earlier.path != path => {
                return Err(io::Error::other(format!("this name already keeps {}", earlier.path.display())));
            }
            Some(earlier) => {
                let now = found.map(|found| &found.sha256);
                if now != earlier.sha256.as_ref() && now != earlier.after.as_ref() {
                    return Err(io::Error::other("it was changed by somebody else since this step kept it"));
                }
                earlier
            }
            None => {
                if let Some(found) = found.filter(|found| found.link.is_none()) {
                    durable::replace(&self.content, &mut File::open(path)?, &found.sha256, Rights::PRIVATE)?;
                }
                Kept {
                    path: path.to_owned(),
                    existed: found.is_some(),
                    sha256: found.map(|found| found.sha256.clone()),
                    mode: found.map(|found| found.rights.mode),
                    owner: found.and_then(|found| found.rights.owner),
                    link: found.and_then(|found| found.link.clone()),
                    after: None,
                }
            }
        };
        kept.after = after.map(str::to_owned);
        let note = serde_json::to_vec(&kept)?;
        durable::replace(&self.note, &mut note.as_slice(), &hex(&Sha256::digest(&note)), Rights::PRIVATE)?;
        durable::sync_dir(&self.note)
    }
}
