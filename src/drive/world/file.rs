//! File actions: change one file atomically, and put back what was there.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::attempt::{Attempt, untouched};
use super::command;
use super::durable::{self, Rights};
use super::kept::{Found, Keep};
use crate::machine::action::{Action, Done, Ended, FileAction, FileChange, FileDone, RestoreAction};

/// Longest diff that goes into the log.
const DIFF: usize = 8 * 1024;
/// Larger files are not compared.
const COMPARED: u64 = 1024 * 1024;

/// Make the file what it shall be, then activate it. `activate` runs even where the file was already right: an earlier
/// attempt may have died between the two.
pub(super) fn change(attempt: &Attempt, action: &FileAction) -> Done {
    let result = Change::prepare(attempt, action).and_then(|change| {
        if attempt.live.cancelled().is_some() { Err(Ended::Cancelled) } else { change.carry_out().map(|()| change) }
    });
    match result {
        Ok(change) => activate(attempt, action.activate.as_deref(), change.settle(attempt)),
        Err(ended) => untouched(ended),
    }
}

/// Put back what a [`change`] found, if the file still is what the change left.
pub(super) fn restore(attempt: &Attempt, action: &RestoreAction) -> Done {
    match Change::back(attempt, action).and_then(|change| change.carry_out().map(|()| change)) {
        Ok(change) => activate(attempt, action.activate.as_deref(), change.settle(attempt)),
        Err(ended) => untouched(ended),
    }
}

/// One replacement or removal, everything about it known.
struct Change {
    path: PathBuf,
    found: Option<Found>,
    wanted: Option<Wanted>,
    diff: String,
    keep: Option<Keep>,
}

struct Wanted {
    content: Content,
    sha256: String,
    rights: Rights,
}

enum Content {
    Bytes(Vec<u8>),
    Of(PathBuf),
    LinkTo(PathBuf),
}

impl Content {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Content::Bytes(bytes) => Box::new(bytes.as_slice()),
            Content::Of(path) => Box::new(File::open(path)?),
            Content::LinkTo(target) => Box::new(target.as_os_str().as_bytes()),
        })
    }

    fn sha256(&self) -> io::Result<String> {
        durable::sha256_of(&mut self.open()?)
    }
}

impl Change {
    fn prepare(attempt: &Attempt, action: &FileAction) -> Result<Change, Ended> {
        let named = attempt.site.path(&action.path);
        let (path, found) = if action.change == FileChange::Absent {
            let found = Found::at_itself(&named);
            (named, found)
        } else {
            let path = resolve(&named).map_err(|error| failed(&named, &error))?;
            let found = Found::at(&path);
            (path, found)
        };
        let found = found.map_err(Ended::Failed)?;
        let content = match &action.change {
            FileChange::Absent => None,
            FileChange::Content(text) => Some(Content::Bytes(text.clone().into_bytes())),
            FileChange::Line(line) => {
                let old = if found.is_some() {
                    std::fs::read(&path).map_err(|error| failed(&path, &error))?
                } else {
                    Vec::new()
                };
                Some(Content::Bytes(with_line(old, line)))
            }
            FileChange::Copy { from, .. } => Some(Content::Of(attempt.site.path(from))),
        };
        let wanted = content.map(|content| Wanted::new(content, action, found.as_ref())).transpose()?;
        let diff = diff(attempt, &path, found.as_ref(), wanted.as_ref());
        let keep = Some(Keep::new(&attempt.site.run_dir, &action.keep));
        Ok(Change { path, found, wanted, diff, keep })
    }

    fn back(attempt: &Attempt, action: &RestoreAction) -> Result<Change, Ended> {
        let keep = Keep::new(&attempt.site.run_dir, &action.keep);
        let kept = keep.load().map_err(|error| failed(keep.content(), &error))?;
        let Some(kept) = kept else {
            return Err(Ended::Failed(format!("nothing was kept of {}, so nothing can be put back", action.path)));
        };
        if let Some(why) = action.found.as_ref().and_then(|before| kept.contradicts(before)) {
            return Err(Ended::Failed(format!("what is kept of {} {why}; not touched", action.path)));
        }
        let found = Found::at_itself(&kept.path).map_err(Ended::Failed)?;
        let now = found.as_ref().map(|found| &found.sha256);
        if now != kept.after.as_ref() && now != kept.sha256.as_ref() {
            let path = kept.path.display();
            return Err(Ended::Failed(format!("{path} was changed by somebody else since; not touched")));
        }
        let rights = kept.rights();
        let content = kept.link.map_or_else(|| Content::Of(keep.content().to_owned()), Content::LinkTo);
        let wanted = kept.sha256.map(|sha256| Wanted { content, sha256, rights });
        let diff = diff(attempt, &kept.path, found.as_ref(), wanted.as_ref());
        Ok(Change { path: kept.path, found, wanted, diff, keep: None })
    }

    /// Up to the rename or removal; an error means that nothing was changed.
    fn carry_out(&self) -> Result<(), Ended> {
        let after = self.wanted.as_ref().map(|wanted| wanted.sha256.as_str());
        if let Some(keep) = &self.keep {
            keep.store(&self.path, self.found.as_ref(), after).map_err(|error| {
                Ended::Failed(format!("the old content of {} cannot be kept: {error}", self.path.display()))
            })?;
        }
        let result = match &self.wanted {
            _ if !self.is_needed() => Ok(()),
            None => std::fs::remove_file(&self.path),
            Some(Wanted { content: Content::LinkTo(target), .. }) => symlink(target, &self.path),
            Some(wanted) => wanted
                .content
                .open()
                .and_then(|mut content| durable::replace(&self.path, &mut content, &wanted.sha256, wanted.rights)),
        };
        result.map_err(|error| failed(&self.path, &error))
    }

    fn is_needed(&self) -> bool {
        match (&self.found, &self.wanted) {
            (None, None) => false,
            (Some(found), Some(wanted)) => found.sha256 != wanted.sha256 || found.rights != wanted.rights,
            _ => true,
        }
    }

    /// Make the rename durable and say what happened.
    fn settle(self, attempt: &Attempt) -> Done {
        let changed = self.is_needed();
        let synced = if changed { durable::sync_dir(&self.path) } else { Ok(()) };
        let ended = match synced {
            Ok(()) => Ended::Ok,
            Err(error) => {
                Ended::Failed(format!("{} was changed but may not survive a power loss: {error}", self.path.display()))
            }
        };
        let file = FileDone {
            path: self.path.to_str().map(str::to_owned),
            before_mode: self.found.as_ref().filter(|found| found.link.is_none()).map(|found| found.rights.mode),
            before: self.found.map(|found| found.sha256),
            after: self.wanted.map(|wanted| wanted.sha256),
            diff: self.diff,
        };
        let duration_us = attempt.live.elapsed_us();
        Done { ended, duration_us, changed: Some(changed), file: Some(file), ..Done::default() }
    }
}

impl Wanted {
    fn new(content: Content, action: &FileAction, found: Option<&Found>) -> Result<Wanted, Ended> {
        let sha256 = content.sha256().map_err(|error| match &content {
            Content::Of(from) => failed(from, &error),
            Content::Bytes(_) | Content::LinkTo(_) => Ended::Failed(error.to_string()),
        })?;
        if let FileChange::Copy { from, sha256: Some(planned) } = &action.change
            && !planned.eq_ignore_ascii_case(&sha256)
        {
            return Err(Ended::Failed(format!(
                "{from} is not the file that was planned: SHA-256 {sha256}, planned {planned}"
            )));
        }
        let there = found.map(|found| found.rights);
        let mode = action.mode.or(there.map(|rights| rights.mode)).unwrap_or(0o644);
        Ok(Wanted { content, sha256, rights: Rights { mode, owner: there.and_then(|rights| rights.owner) } })
    }
}

/// Where a chain of symbolic links ends, whether or not a file stands there.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        match std::fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("/")).join(target),
            // Not a link, or nothing there.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn with_line(mut old: Vec<u8>, line: &str) -> Vec<u8> {
    let line = line.strip_suffix('\n').unwrap_or(line).as_bytes();
    if old.split(|byte| *byte == b'\n').any(|known| known == line) {
        return old;
    }
    if !old.is_empty() && !old.ends_with(b"\n") {
        old.push(b'\n');
    }
    old.extend_from_slice(line);
    old.push(b'\n');
    old
}

/// The change as text, for the log. Files nobody else may read, and files with a known secret in them, are not shown.
fn diff(attempt: &Attempt, path: &Path, found: Option<&Found>, wanted: Option<&Wanted>) -> String {
    let private = |rights: Rights| rights.mode & 0o077 == 0;
    let too_long = found.is_some_and(|found| found.bytes > COMPARED);
    if too_long
        || found.is_some_and(|found| private(found.rights))
        || wanted.is_some_and(|wanted| private(wanted.rights))
    {
        return String::new();
    }
    let old = found.map_or(Ok(Vec::new()), |_| std::fs::read(path));
    let new = wanted.map_or(Ok(Vec::new()), |wanted| {
        let mut bytes = Vec::new();
        wanted.content.open()?.take(COMPARED + 1).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    });
    let (Ok(Ok(old)), Ok(Ok(new))) = (old.map(String::from_utf8), new.map(String::from_utf8)) else {
        return String::new();
    };
    let masker = &attempt.site.masker;
    if new.len() as u64 > COMPARED || masker.text(&old) != old || masker.text(&new) != new {
        return String::new();
    }
    let name = path.display().to_string();
    shorten(TextDiff::from_lines(&old, &new).unified_diff().context_radius(3).header(&name, &name).to_string())
}

fn shorten(mut diff: String) -> String {
    const MORE: &str = "(the diff goes on)\n";
    if diff.len() > DIFF {
        let lines =
            diff.char_indices().take_while(|(at, _)| *at < DIFF - MORE.len()).filter(|(_, letter)| *letter == '\n');
        let cut = lines.last().map_or(0, |(at, _)| at + 1);
        diff.truncate(cut);
        diff.push_str(MORE);
    }
    diff
}

/// Run the action that makes the change effective; its end and its output become those of the attempt.
fn activate(attempt: &Attempt, action: Option<&Action>, written: Done) -> Done {
    let Some(action) = action.filter(|_| written.ended == Ended::Ok) else { return written };
    let activated = command::run(attempt, action);
    let ended = if activated.ended == Ended::Exit(0) { Ended::Ok } else { activated.ended };
    Done { ended, duration_us: 0, file: written.file, changed: written.changed, ..activated }
}

fn failed(path: &Path, error: &io::Error) -> Ended {
    let path = path.display();
    Ended::Failed(match error.kind() {
        io::ErrorKind::NotFound => format!("{path}: no such file or directory"),
        io::ErrorKind::PermissionDenied => format!("{path}: permission denied"),
        _ => format!("{path}: {error}"),
    })
}
