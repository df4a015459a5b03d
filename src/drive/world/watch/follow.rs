//! A log file followed by its name. A log that is renamed and made anew is read to its end and then in its next file;
//! one that is cut to nothing is read from its beginning again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::machine::action::{Ended, LogPosition};

pub(super) struct Follow {
    path: PathBuf,
    open: Option<Open>,
    rotations: u32,
}

struct Open {
    file: File,
    inode: u64,
    offset: u64,
}

/// Why a log cannot be followed.
#[derive(Debug)]
pub(super) enum Lost {
    Io(io::Error),
    /// Not a file: a directory, a device, a FIFO.
    NotAFile,
    /// The file in which to begin is not there any more, so lines between are lost.
    Gone,
}

impl Lost {
    pub(super) fn into_ended(self, path: &Path) -> Ended {
        let path = path.display();
        match self {
            Lost::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                Ended::Unavailable(format!("{path} does not exist"))
            }
            Lost::Io(error) => Ended::Failed(format!("{path} cannot be read: {error}")),
            Lost::NotAFile => Ended::Failed(format!("{path} is not a file")),
            Lost::Gone => Ended::Unavailable(format!(
                "{path} was rotated since, and its earlier file is not beside it: lines between are lost"
            )),
        }
    }
}

impl Follow {
    /// Begins at `since`, or at the end of what is there. A file that does not exist yet is waited for.
    pub(super) fn begin(path: &Path, since: Option<LogPosition>) -> Result<Follow, Lost> {
        let mut follow = Follow { path: path.to_owned(), open: None, rotations: 0 };
        match since {
            None => {
                follow.open = open(path)?;
                if let Some(open) = &mut follow.open {
                    open.offset = open.file.metadata().map_err(Lost::Io)?.len();
                }
            }
            // There was no file then: all of the one that came since is new.
            Some(position) if position.inode == 0 => follow.open = open(path)?,
            Some(position) => {
                let mut found = find(path, position.inode)?.ok_or(Lost::Gone)?;
                found.offset = position.offset.min(found.file.metadata().map_err(Lost::Io)?.len());
                follow.open = Some(found);
            }
        }
        Ok(follow)
    }

    /// Everything that is new, through however many files it goes.
    pub(super) fn read(&mut self, mut see: impl FnMut(&[u8])) -> io::Result<()> {
        loop {
            if let Some(open) = &mut self.open {
                open.rest(&mut see, &mut self.rotations)?;
            }
            let now = match std::fs::metadata(&self.path) {
                Ok(now) => now,
                // Between rename and create there is no file for a moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            match &mut self.open {
                Some(open) if open.inode == now.ino() => return Ok(()),
                Some(old) => {
                    // What was written between the last read and the rename.
                    old.rest(&mut see, &mut self.rotations)?;
                    self.rotations += 1;
                }
                None => {}
            }
            self.open = open(&self.path).map_err(|lost| match lost {
                Lost::Io(error) => error,
                _ => io::Error::other("it is not a file"),
            })?;
            if self.open.is_none() {
                return Ok(());
            }
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn position(&self) -> Option<LogPosition> {
        self.open.as_ref().map(|open| LogPosition { inode: open.inode, offset: open.offset })
    }

    pub(super) fn rotations(&self) -> u32 {
        self.rotations
    }
}

impl Open {
    fn rest(&mut self, see: &mut impl FnMut(&[u8]), rotations: &mut u32) -> io::Result<()> {
        if self.file.metadata()?.len() < self.offset {
            self.offset = 0;
            *rotations += 1;
        }
        self.file.seek(SeekFrom::Start(self.offset))?;
        let mut piece = vec![0; 64 * 1024];
        loop {
            match self.file.read(&mut piece)? {
                0 => return Ok(()),
                size => {
                    self.offset += size as u64;
                    see(&piece[..size]);
                }
            }
        }
    }
}

/// Where a log ends now; what cannot be read ends nowhere.
pub(in crate::drive::world) fn end_of(path: &Path) -> Option<LogPosition> {
    match std::fs::metadata(path) {
        Ok(now) => now.is_file().then(|| LogPosition { inode: now.ino(), offset: now.len() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(LogPosition::default()),
        Err(_) => None,
    }
}

fn open(path: &Path) -> Result<Option<Open>, Lost> {
    // Without O_NONBLOCK opening a FIFO would wait for a writer for ever.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Lost::Io(error)),
    };
    let now = file.metadata().map_err(Lost::Io)?;
    if !now.is_file() {
        return Err(Lost::NotAFile);
    }
    Ok(Some(Open { file, inode: now.ino(), offset: 0 }))
}

/// The file of this inode: the log itself, or what it was renamed to in the same directory.
fn find(path: &Path, inode: u64) -> Result<Option<Open>, Lost> {
    if let Some(open) = open(path)?
        && open.inode == inode
    {
        return Ok(Some(open));
    }
    let beside = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for entry in std::fs::read_dir(beside).map_err(Lost::Io)? {
        let entry = entry.map_err(Lost::Io)?;
        let is_it = entry.metadata().is_ok_and(|found| found.is_file() && found.ino() == inode);
        if is_it && entry.file_name().to_string_lossy().starts_with(&name) {
            return open(&entry.path());
        }
    }
    Ok(None)
}
