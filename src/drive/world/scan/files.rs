//! Hard-coded secrets in files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::attempt::Attempt;
use crate::inspect::git::readable;
use crate::inspect::glob::Glob;
use crate::inspect::secrets::{Detector, Language};
use crate::machine::action::{Ended, Hit, ScanAction, ScanSeen};

/// Larger files are not written by people.
const LARGEST: u64 = 16 << 20;
/// More files than this are not named, they are met.
const MOST_FILES: usize = 20_000;

pub(super) fn run(attempt: &Attempt, wanted: &ScanAction, patterns: &[String]) -> Result<ScanSeen, Ended> {
    let mut seen = ScanSeen::default();
    let mut files = BTreeSet::new();
    for pattern in patterns {
        let before = files.len();
        let met = matching(attempt, pattern, &mut files)?;
        if !met && files.len() == before {
            seen.unmatched.push(pattern.clone());
        }
    }
    let until = wanted.timeout_us.map(|us| Instant::now() + Duration::from_micros(us));
    let detector = Detector::new();
    for file in &files {
        if attempt.live.cancelled().is_some() {
            return Err(Ended::Cancelled);
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(Ended::TimedOut);
        }
        look_into(attempt, file, &detector, &wanted.allow, &mut seen)?;
    }
    Ok(seen)
}

fn look_into(
    attempt: &Attempt,
    file: &Path,
    detector: &Detector,
    allow: &[String],
    seen: &mut ScanSeen,
) -> Result<(), Ended> {
    let name = readable(file.as_os_str().as_bytes());
    let bytes = read(&attempt.site.start_dir.join(file)).map_err(|error| unreadable(&name, &error))?;
    if bytes.contains(&0) {
        seen.left_out += 1;
        return Ok(());
    }
    seen.files += 1;
    let language = Language::of(&name);
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1u64..) {
        let line = String::from_utf8_lossy(line);
        seen.lines += 1;
        let mut finds: Vec<(Option<String>, &str)> =
            detector.line(&line, language).into_iter().map(|find| (find.name, find.what)).collect();
        if finds.is_empty() && attempt.site.masker.text(&line) != line {
            finds.push((None, "a secret of this run"));
        }
        let allowed = allow.iter().any(|marker| line.contains(marker));
        for (found, what) in finds {
            seen.found(Hit { file: name.clone(), line: number, name: found, what: what.to_owned() }, allowed);
        }
    }
    Ok(())
}

/// Adds the files of a pattern, as the runbook would write them; false when there are none.
fn matching(attempt: &Attempt, pattern: &str, files: &mut BTreeSet<PathBuf>) -> Result<bool, Ended> {
    let glob = Glob::anchored(pattern);
    if let Some(literal) = glob.literal() {
        let path = PathBuf::from(literal);
        return match std::fs::metadata(attempt.site.start_dir.join(&path)) {
            Ok(there) if there.is_dir() => walk(attempt, &path, &|_| true, files),
            Ok(there) if there.is_file() => {
                files.insert(path);
                Ok(true)
            }
            Ok(_) => Err(Ended::Unavailable(format!("{pattern} is not a file"))),
            Err(error) => Err(unreadable(pattern, &error)),
        };
    }
    let from = PathBuf::from(glob.directory());
    if !attempt.site.start_dir.join(&from).is_dir() {
        return Ok(false);
    }
    walk(attempt, &from, &|path| glob.matches(&path.to_string_lossy()), files)
}

/// Everything below a directory, hidden files too; what git keeps for itself is left out, and links to directories are
/// not followed.
fn walk(
    attempt: &Attempt,
    from: &Path,
    wanted: &dyn Fn(&Path) -> bool,
    files: &mut BTreeSet<PathBuf>,
) -> Result<bool, Ended> {
    let mut met = false;
    let mut open = vec![from.to_owned()];
    while let Some(dir) = open.pop() {
        if attempt.live.cancelled().is_some() {
            return Err(Ended::Cancelled);
        }
        let wrong = |error: io::Error| unreadable(&readable(dir.as_os_str().as_bytes()), &error);
        for entry in std::fs::read_dir(attempt.site.start_dir.join(&dir)).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let path = dir.join(entry.file_name());
            let kind = entry.file_type().map_err(wrong)?;
            if kind.is_dir() {
                if entry.file_name() != ".git" {
                    open.push(path);
                }
            } else if wanted(&path) && (kind.is_file() || attempt.site.start_dir.join(&path).is_file()) {
                met = true;
                files.insert(path);
            }
            if files.len() > MOST_FILES {
                let why = format!("{} holds more than {MOST_FILES} files; name fewer", from.display());
                return Err(Ended::Failed(why));
            }
        }
    }
    Ok(met)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(io::Error::other("it is longer than 16 MiB")) } else { Ok(bytes) }
}

fn unreadable(path: &str, error: &io::Error) -> Ended {
    Ended::Unavailable(match error.kind() {
        io::ErrorKind::NotFound => format!("{path} does not exist"),
        io::ErrorKind::PermissionDenied => format!("{path} may not be read by this user"),
        _ => format!("{path} cannot be read: {error}"),
    })
}
