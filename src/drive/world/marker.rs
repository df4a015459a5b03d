//! Looking at one variable: in an environment file, or in the environment of a live process.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::attempt::{Attempt, untouched};
use super::evidence;
use crate::inspect::dotenv::{self, Setting};
use crate::inspect::secrets::is_secret_name;
use crate::machine::action::{Assigned, Datum, Done, Ended, MarkerAction, MarkerSeen, MarkerSource};

/// Larger files and environments are no environment of anything.
const LARGEST: u64 = 4 << 20;

/// Look, and tell of this one variable only.
pub(super) fn run(attempt: &Attempt, wanted: &MarkerAction) -> Done {
    let seen = attempt.site.secrets.bytes(&wanted.is).and_then(|is| {
        let look = Look { attempt, wanted, is };
        match &wanted.source {
            MarkerSource::File(path) => look.file(path),
            MarkerSource::Process(process) => look.process(process),
        }
    });
    match seen {
        Ok(seen) => {
            let mut done = untouched(Ended::Ok);
            evidence::keep(attempt, &told(&wanted.name, &seen), &mut done);
            done.marker = Some(seen);
            done
        }
        Err(ended) => untouched(ended),
    }
}

struct Look<'a> {
    attempt: &'a Attempt,
    wanted: &'a MarkerAction,
    is: Vec<u8>,
}

impl Look<'_> {
    fn file(&self, path: &str) -> Result<MarkerSeen, Ended> {
        let bytes = read(&self.attempt.site.path(path)).map_err(|error| unreadable(path, &error))?;
        let seen = MarkerSeen { place: path.to_owned(), ..MarkerSeen::default() };
        let text = String::from_utf8_lossy(&bytes);
        let all = match dotenv::assignments(&text) {
            Ok(all) => all,
            Err(open) => {
                let why = format!("the quote that begins on line {} is never closed", open.line);
                return Ok(MarkerSeen { broken: Some(why), ..seen });
            }
        };
        let ours = all.into_iter().filter(|one| one.name == self.wanted.name);
        Ok(bounded(MarkerSeen { found: ours.map(|one| self.set_in_file(one.line, &one.value)).collect(), ..seen }))
    }

    fn set_in_file(&self, line: u32, value: &Setting) -> Assigned {
        let (text, doubt) = match value {
            Setting::Text(text) => (text, None),
            Setting::Reference(text) => (text, Some("takes its value from somewhere else")),
            Setting::Bare => (&String::new(), Some("has no `=`, so that loaders do not agree on its value")),
        };
        let found = self.assigned(text.as_bytes());
        Assigned { line: Some(line), equal: found.equal && doubt.is_none(), doubt: doubt.map(str::to_owned), ..found }
    }

    fn process(&self, process: &str) -> Result<MarkerSeen, Ended> {
        let pid = self.pid(process.trim())?;
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let gone = || Ended::Unavailable(format!("process {pid} does not run"));
        let Some(name) = name_of_live(&proc) else { return Err(gone()) };
        let place = format!("the environment of process {pid} ({name})");
        let environ = read(&proc.join("environ")).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Ended::Unavailable(format!("{place} may not be read by this user")),
            _ => gone(),
        })?;
        let settings: Vec<&[u8]> = environ.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()).collect();
        if !settings.is_empty() && !settings.iter().any(|entry| entry.contains(&b'=')) {
            return Err(Ended::Unavailable(format!("{place} was overwritten by the process itself")));
        }
        let ours = settings.iter().filter_map(|entry| {
            entry.strip_prefix(self.wanted.name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
        });
        Ok(bounded(MarkerSeen { place, found: ours.map(|value| self.assigned(value)).collect(), broken: None }))
    }

    /// The number itself, or the first line of a file.
    fn pid(&self, process: &str) -> Result<u32, Ended> {
        if !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit()) {
            return process.parse().map_err(|_| Ended::Failed(format!("`{process}` is no process id")));
        }
        let bytes = read(&self.attempt.site.path(process)).map_err(|error| unreadable(process, &error))?;
        let text = String::from_utf8_lossy(&bytes);
        let first = text.lines().next().unwrap_or_default().trim();
        first.parse().map_err(|_| Ended::Unavailable(format!("{process} does not hold a process id")))
    }

    fn assigned(&self, value: &[u8]) -> Assigned {
        let hidden = matches!(self.wanted.is, Datum::Secret(_)) || is_secret_name(&self.wanted.name);
        let shown = || {
            // Cut after it is masked: the beginning of a secret is not known as one.
            self.attempt.site.masker.text(&String::from_utf8_lossy(value)).chars().take(200).collect()
        };
        Assigned { value: (!hidden).then(shown), equal: value == self.is, ..Assigned::default() }
    }
}

/// A record of the log is bounded; who sets one variable so often has no environment but a mistake.
fn bounded(seen: MarkerSeen) -> MarkerSeen {
    match seen.found.len() {
        0..=100 => seen,
        many => MarkerSeen { found: Vec::new(), broken: Some(format!("it is set {many} times")), ..seen },
    }
}

/// The name of a process, unless it is gone or only waits for its parent to notice that.
fn name_of_live(proc: &Path) -> Option<String> {
    let stat = read(&proc.join("stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let (head, tail) = stat.rsplit_once(')')?;
    let state = tail.split_whitespace().next()?;
    let name = head.split_once('(')?.1;
    (!matches!(state, "Z" | "X")).then(|| name.to_owned())
}

/// Only what is a file: a pipe would keep the run waiting.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(io::Error::other("it is longer than 4 MiB")) } else { Ok(bytes) }
}

fn unreadable(path: &str, error: &io::Error) -> Ended {
    Ended::Unavailable(match error.kind() {
        io::ErrorKind::NotFound => format!("{path} does not exist"),
        io::ErrorKind::PermissionDenied => format!("{path} may not be read by this user"),
        _ => format!("{path} cannot be read: {error}"),
    })
}

/// What was found, line by line, for the log.
fn told(name: &str, seen: &MarkerSeen) -> String {
    let line = |one: &Assigned| {
        let place = one.line.map_or_else(|| seen.place.clone(), |line| format!("{}:{line}", seen.place));
        match &one.value {
            Some(value) => format!("{place}: {name}={}\n", value.escape_debug()),
            None if one.equal => format!("{place}: {name} is set to the wanted value\n"),
            None => format!("{place}: {name} is set to another value\n"),
        }
    };
    seen.found.iter().map(line).collect()
}
