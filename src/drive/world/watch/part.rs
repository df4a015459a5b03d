//! One file of a log: read on from where reading stopped, and known again after it was renamed or cut.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::super::forms::hex;
use super::super::mask::Masker;
use super::follow::{Lost, Seer};
use super::lines::LONGEST;
use crate::machine::action::LogPosition;

/// By so many bytes before it a place in a file is known again.
const REMEMBERED: usize = 4096;
const PIECE: usize = 64 * 1024;

pub(super) struct Part {
    file: File,
    pub(super) inode: u64,
    /// When the file came to be; none where the file system does not tell.
    pub(super) born: Option<SystemTime>,
    offset: u64,
    /// What stands right before the offset, as it was read.
    before: Vec<u8>,
    /// Where it ended when the time was over; what comes after that is not waited for.
    end: Option<u64>,
    /// A line whose end has not come: several files of a log are read side by side, and each has lines of its own.
    half: Vec<u8>,
    /// How often it was cut.
    pub(super) cuts: u32,
    /// Where reading stood when it was cut. Whoever cut it may have kept a copy.
    pub(super) left: Vec<Left>,
}

/// A place in a file that has been cut.
pub(super) struct Left {
    offset: u64,
    end: Option<u64>,
    before: Vec<u8>,
    half: Vec<u8>,
}

impl Part {
    /// Its beginning; none when there is no such file.
    pub(super) fn open(path: &Path) -> Result<Option<Part>, Lost> {
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
        Ok(Some(Part {
            file,
            inode: now.ino(),
            born: now.created().ok(),
            offset: 0,
            before: Vec::new(),
            end: None,
            half: Vec::new(),
            cuts: 0,
            left: Vec::new(),
        }))
    }

    pub(super) fn go_to_end(&mut self) -> io::Result<()> {
        self.go_to(self.file.metadata()?.len())
    }

    /// Goes to a place that was noted earlier, or to the beginning if this file is not what it was there.
    pub(super) fn go_to_noted(&mut self, place: &LogPosition, masker: &Masker) -> io::Result<bool> {
        if self.file.metadata()?.len() >= place.offset {
            self.go_to(place.offset)?;
            // What an earlier version noted has no sum.
            if place.before.is_none() || place.before == self.position(masker).before {
                return Ok(true);
            }
        }
        (self.offset, self.before) = (0, Vec::new());
        Ok(false)
    }

    /// Goes to where reading stood in a file of which this is a copy.
    pub(super) fn go_on_from(&mut self, left: &Left) -> io::Result<bool> {
        (self.offset, self.before, self.half) = (left.offset, left.before.clone(), left.half.clone());
        self.end = left.end;
        Ok(!self.before.is_empty() && self.is_as_it_was()?)
    }

    /// Where reading stands.
    pub(super) fn position(&self, masker: &Masker) -> LogPosition {
        LogPosition { inode: self.inode, offset: self.offset, before: sum(&self.before, masker) }
    }

    /// Shows whole lines until there are no more, or nobody wants to see more.
    pub(super) fn rest(&mut self, see: Seer<'_>) -> io::Result<ControlFlow<()>> {
        let mut piece = vec![0; PIECE];
        loop {
            self.see_cut()?;
            if self.end.is_some_and(|end| self.offset >= end) {
                return Ok(ControlFlow::Continue(()));
            }
            let size = self.file.read_at(&mut piece, self.offset)?;
            // A file that was cut and grew in this very moment was read in the wrong place.
            if size > 0 && !self.is_as_it_was()? {
                continue;
            }
            if size == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            self.remember(&piece[..size]);
            if self.show(&piece[..size], see).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    /// What a rotation has compressed begins like no line: gzip, xz, bzip2, zstd.
    pub(super) fn is_compressed(&self) -> io::Result<bool> {
        let mut first = [0; 3];
        read_full(&self.file, &mut first, 0)?;
        Ok(matches!(first, [0x1f, 0x8b, _] | [0xfd, b'7', b'z'] | [b'B', b'Z', b'h'] | [0x28, 0xb5, 0x2f]))
    }

    /// Notices that it was cut.
    pub(super) fn see_cut(&mut self) -> io::Result<()> {
        if !self.is_as_it_was()? {
            self.was_cut();
        }
        Ok(())
    }

    /// The time is over: what is there now is read, and no more.
    pub(super) fn end_here(&mut self) -> io::Result<()> {
        self.end = Some(self.file.metadata()?.len());
        Ok(())
    }

    /// Bytes that were there when the time was over and were not read.
    pub(super) fn unread(&self) -> u64 {
        let here = self.end.map_or(0, |end| end.saturating_sub(self.offset));
        here + self.left.iter().map(Left::unread).sum::<u64>()
    }

    /// Shows the last line, which nobody has ended; `ended` ends it because others follow.
    pub(super) fn show_half(&mut self, ended: bool, see: Seer<'_>) {
        self.left.drain(..).for_each(|left| left.show_half(see));
        let mut half = std::mem::take(&mut self.half);
        if !half.is_empty() {
            half.extend(ended.then_some(b'\n'));
            let _ = see(&half);
        }
    }

    fn show(&mut self, piece: &[u8], see: Seer<'_>) -> ControlFlow<()> {
        let whole = piece.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        // Of a line without an end no more is kept than is ever looked at.
        let shown = if whole == 0 && self.half.len() > LONGEST { piece.len() } else { whole };
        self.half.extend_from_slice(&piece[..shown]);
        let lines = if shown > 0 { std::mem::take(&mut self.half) } else { Vec::new() };
        self.half.extend_from_slice(&piece[shown..]);
        if lines.is_empty() { ControlFlow::Continue(()) } else { see(&lines) }
    }

    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        let size = offset.min(REMEMBERED as u64);
        let mut before = vec![0; size as usize];
        let there = read_full(&self.file, &mut before, offset - size)?;
        before.truncate(there);
        (self.offset, self.before) = (offset, before);
        Ok(())
    }

    fn remember(&mut self, piece: &[u8]) {
        self.offset += piece.len() as u64;
        self.before.extend_from_slice(&piece[piece.len().saturating_sub(REMEMBERED)..]);
        self.before.drain(..self.before.len().saturating_sub(REMEMBERED));
    }

    /// Whether what was read last still stands where it was read: a file that was cut may be as long again by now.
    fn is_as_it_was(&self) -> io::Result<bool> {
        let mut there = vec![0; self.before.len()];
        let size = read_full(&self.file, &mut there, self.offset - self.before.len() as u64)?;
        Ok(size == there.len() && there == self.before)
    }

    fn was_cut(&mut self) {
        self.cuts += 1;
        let (before, half) = (std::mem::take(&mut self.before), std::mem::take(&mut self.half));
        self.left.push(Left { offset: std::mem::take(&mut self.offset), end: self.end, before, half });
        // Whatever stands here now came when the time was over already.
        self.end = self.end.map(|_| 0);
    }
}

impl Left {
    /// Bytes that were there when the time was over, and went with the cut.
    pub(super) fn unread(&self) -> u64 {
        self.end.map_or(0, |end| end.saturating_sub(self.offset))
    }

    /// Shows the line that was cut off.
    pub(super) fn show_half(mut self, see: Seer<'_>) {
        if !self.half.is_empty() {
            self.half.push(b'\n');
            let _ = see(&self.half);
        }
    }
}

/// Where a log ends now; what cannot be read ends nowhere.
pub(in crate::drive::world) fn end_of(path: &Path, masker: &Masker) -> Option<LogPosition> {
    match Part::open(path) {
        Ok(None) => Some(LogPosition::default()),
        Ok(Some(mut part)) => part.go_to_end().ok().map(|()| part.position(masker)),
        Err(_) => None,
    }
}

/// The log itself, or a file beside it whose name begins with its name, whichever `is_it` first; it is told what the name
/// goes on with.
pub(super) fn find(
    path: &Path,
    mut is_it: impl FnMut(&str, &mut Part) -> io::Result<bool>,
) -> Result<Option<Part>, Lost> {
    if let Some(mut part) = Part::open(path)?
        && is_it("", &mut part).map_err(Lost::Io)?
    {
        return Ok(Some(part));
    }
    let beside = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries = match std::fs::read_dir(beside) {
        Ok(entries) => entries,
        // Who may read the log may not always list what is beside it; then nothing is.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        Err(error) => return Err(Lost::Io(error)),
    };
    for entry in entries {
        let entry = entry.map_err(Lost::Io)?;
        // What cannot be read is not what the log was.
        if let Some(ending) = entry.file_name().to_string_lossy().strip_prefix(&name)
            && let Ok(Some(mut part)) = Part::open(&entry.path())
            && is_it(ending, &mut part).map_err(Lost::Io)?
        {
            return Ok(Some(part));
        }
    }
    Ok(None)
}

/// A sum of what stands before a place. It is written into the log of the run, so it is made of text without secrets.
fn sum(before: &[u8], masker: &Masker) -> Option<String> {
    let masked = masker.bytes(before);
    let bytes = masked.as_deref().unwrap_or(before);
    (!before.is_empty()).then(|| hex(&Sha256::digest(bytes)[..16]))
}

fn read_full(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    let mut size = 0;
    while size < into.len() {
        match file.read_at(&mut into[size..], at + size as u64)? {
            0 => break,
            more => size += more,
        }
    }
    Ok(size)
}
