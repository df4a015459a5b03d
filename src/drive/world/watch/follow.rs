//! A log followed by its name. Where it is renamed and made anew, the old file is read on beside the new one: whoever has
//! it open may still write to it. Where it is cut, it is read from its beginning again, and if there is a copy of what it
//! was, that is read on too.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::super::mask::Masker;
use super::part::{Part, find};
use crate::machine::action::{Ended, LogPosition};

/// So many files that a log was before are read on; the oldest is left first.
const EARLIER: usize = 32;

/// Is shown what is new, and says when it has seen enough.
pub(super) type Seer<'a> = &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>;

pub(super) struct Follow {
    path: PathBuf,
    current: Option<Part>,
    /// What the log was before, the oldest first.
    earlier: VecDeque<Part>,
    renamed: u32,
    /// Cuts of files that are not followed any more.
    cuts: u32,
    /// The time is over, and every part knows where it ended then.
    is_over: bool,
    /// Bytes of that time that went with a cut before anybody read them.
    gone: u64,
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
                "{path} was rotated since, and its earlier file is not beside it as it was: lines between are lost"
            )),
        }
    }
}

impl Follow {
    /// Begins at `since`, or at the end of what is there. A file that does not exist yet is waited for.
    pub(super) fn begin(path: &Path, since: Option<&LogPosition>, masker: &Masker) -> Result<Follow, Lost> {
        let mut follow = Follow {
            path: path.to_owned(),
            current: None,
            earlier: VecDeque::new(),
            renamed: 0,
            cuts: 0,
            is_over: false,
            gone: 0,
        };
        follow.current = match since {
            None => {
                let mut part = Part::open(path)?;
                part.as_mut().map_or(Ok(()), Part::go_to_end).map_err(Lost::Io)?;
                part
            }
            // There was no file then: all of the one that came since is new.
            Some(place) if place.inode == 0 => Part::open(path)?,
            Some(place) => {
                let mut part = find(path, |_, part| Ok(part.inode == place.inode))?.ok_or(Lost::Gone)?;
                if !part.go_to_noted(place, masker).map_err(Lost::Io)? {
                    follow.cuts += 1;
                    let is_copy =
                        |_: &str, copy: &mut Part| Ok(place.before.is_some() && copy.go_to_noted(place, masker)?);
                    follow.earlier.extend(find(path, is_copy)?);
                }
                Some(part)
            }
        };
        Ok(follow)
    }

    /// Shows everything that is new, through however many files it goes, unless `see` has seen enough.
    pub(super) fn read(&mut self, see: Seer<'_>) -> Result<ControlFlow<()>, Lost> {
        loop {
            for part in self.earlier.iter_mut().chain(&mut self.current) {
                if part.rest(see).map_err(Lost::Io)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            let has_more = self.find_copies(see)? || (!self.is_over && self.find_next()?);
            if !has_more {
                return Ok(ControlFlow::Continue(()));
            }
            self.leave_oldest(see);
        }
    }

    /// The time is over: finds all that the log has become by now, and where it ends. From here on only that is read.
    pub(super) fn end_here(&mut self, see: Seer<'_>) -> Result<(), Lost> {
        loop {
            for part in self.earlier.iter_mut().chain(&mut self.current) {
                part.see_cut().map_err(Lost::Io)?;
            }
            if !self.find_copies(see)? && !self.find_next()? {
                break;
            }
        }
        for part in self.earlier.iter_mut().chain(&mut self.current) {
            part.end_here().map_err(Lost::Io)?;
        }
        self.is_over = true;
        Ok(())
    }

    /// Whether there is another file by that name by now; it is what is read from here on, beside the ones before it.
    fn find_next(&mut self) -> Result<bool, Lost> {
        let is_followed = |inode| self.current.as_ref().is_some_and(|current| current.inode == inode);
        match std::fs::metadata(&self.path) {
            Ok(now) if is_followed(now.ino()) => return Ok(false),
            _ => {}
        }
        // Between rename and create there is no file for a moment.
        let Some(now) = Part::open(&self.path)? else { return Ok(false) };
        if let Some(old) = self.current.take() {
            self.renamed += 1;
            self.find_between(&old, &now)?;
            self.earlier.push_back(old);
        }
        self.current = Some(now);
        Ok(true)
    }

    /// The log may have been renamed several times since it was looked at: what it was between is younger than what it was,
    /// and older than what it is.
    fn find_between(&mut self, old: &Part, now: &Part) -> Result<(), Lost> {
        while let Some(between) = find(&self.path, |ending, part| {
            let is_known = [old, now].into_iter().chain(&self.earlier).any(|known| known.inode == part.inode);
            Ok(!is_known && is_of_rotation(ending) && part.born > old.born && part.born < now.born)
        })? {
            if between.is_compressed().map_err(Lost::Io)? {
                return Err(Lost::Gone);
            }
            self.renamed += 1;
            self.earlier.push_back(between);
        }
        Ok(())
    }

    fn leave_oldest(&mut self, see: Seer<'_>) {
        while self.earlier.len() > EARLIER
            && let Some(mut oldest) = self.earlier.pop_front()
        {
            self.gone += oldest.unread();
            oldest.show_half(true, see);
            self.cuts += oldest.cuts;
        }
    }

    /// Whoever cuts a log may copy it first; what was written between the last look and the cut stands only there.
    fn find_copies(&mut self, see: Seer<'_>) -> Result<bool, Lost> {
        let Some(current) = &mut self.current else { return Ok(false) };
        let mut found = false;
        for left in current.left.drain(..) {
            match find(&self.path, |_, copy| copy.go_on_from(&left))? {
                Some(copy) => {
                    self.earlier.push_back(copy);
                    found = true;
                }
                None => {
                    self.gone += left.unread();
                    left.show_half(see);
                }
            }
        }
        Ok(found)
    }

    /// Shows the last lines, which nobody has ended.
    pub(super) fn finish(&mut self, see: Seer<'_>) {
        for part in &mut self.earlier {
            part.show_half(true, see);
        }
        if let Some(part) = &mut self.current {
            part.show_half(false, see);
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.current.is_some()
    }

    /// Bytes that were there when the time was over and were not read.
    pub(super) fn unread(&self) -> u64 {
        self.gone + self.earlier.iter().chain(&self.current).map(Part::unread).sum::<u64>()
    }

    pub(super) fn position(&self, masker: &Masker) -> Option<LogPosition> {
        self.current.as_ref().map(|part| part.position(masker))
    }

    /// How often it was replaced or cut.
    pub(super) fn rotations(&self) -> u32 {
        self.renamed + self.cuts + self.earlier.iter().chain(&self.current).map(|part| part.cuts).sum::<u32>()
    }
}

/// Whether a rotation gives such names, `app.log.1` or `app.log-20261121.gz`: `app.log.audit` is a log of its own.
fn is_of_rotation(ending: &str) -> bool {
    let packed = [".gz", ".xz", ".bz2", ".zst"];
    let ending = packed.iter().find_map(|packed| ending.strip_suffix(packed)).unwrap_or(ending);
    ending.contains(|c: char| c.is_ascii_digit()) && !ending.contains(|c: char| c.is_alphabetic() && c != 'T')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write as _;

    fn append(path: &Path, text: &str) {
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn read(follow: &mut Follow) -> String {
        let mut seen = Vec::new();
        let flow = follow.read(&mut |piece| {
            seen.extend_from_slice(piece);
            ControlFlow::Continue(())
        });
        assert!(flow.unwrap().is_continue());
        String::from_utf8(seen).unwrap()
    }

    fn end_here(follow: &mut Follow) {
        follow.end_here(&mut |_| ControlFlow::Continue(())).unwrap();
    }

    /// A log that was looked at, got one line more, and was rotated before the next look.
    fn rotated(rotate: impl FnOnce(&Path, &Path)) -> (tempfile::TempDir, PathBuf, Follow) {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("app.log");
        append(&log, "old\n");
        let mut follow = Follow::begin(&log, None, &Masker::default()).unwrap();
        append(&log, "seen\n");
        assert_eq!(read(&mut follow), "seen\n");
        append(&log, "before\n");
        rotate(&log, &dir.path().join("app.log.1"));
        append(&log, "FATAL\n");
        (dir, log, follow)
    }

    fn copy_and_cut(log: &Path, copy: &Path) {
        std::fs::copy(log, copy).unwrap();
        OpenOptions::new().write(true).open(log).unwrap().set_len(0).unwrap();
    }

    #[test]
    fn a_rotation_after_the_last_look_is_found_when_the_time_is_over() {
        for rotate in [|log: &Path, old: &Path| std::fs::rename(log, old).unwrap(), copy_and_cut] {
            let (_dir, log, mut follow) = rotated(rotate);
            end_here(&mut follow);
            append(&log, "later\n");
            let mut lines: Vec<String> = read(&mut follow).lines().map(str::to_owned).collect();
            lines.retain(|line| line != "later");
            assert_eq!(lines, ["before", "FATAL"]);
            assert_eq!((follow.unread(), follow.rotations()), (0, 1));
        }
    }

    #[test]
    fn what_goes_with_a_cut_after_the_time_is_counted_as_unread_unless_a_copy_has_it() {
        for has_copy in [true, false] {
            let (dir, log, mut follow) = rotated(|_, _| ());
            end_here(&mut follow);
            let copy = dir.path().join("app.log.1");
            copy_and_cut(&log, &copy);
            if !has_copy {
                std::fs::remove_file(&copy).unwrap();
            }
            append(&log, "much later\n");
            let expected = if has_copy { ("before\nFATAL\n", 0) } else { ("", 13) };
            assert_eq!((read(&mut follow).as_str(), follow.unread()), expected);
        }
    }
}
