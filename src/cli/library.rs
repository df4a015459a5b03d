//! Reading runbooks from files.

use super::error::CliError;
use crate::check::Includes;
use crate::log::Sha256Sum;
use crate::plan::{Library, Unreadable};
use crate::policy::Program;
use crate::runbook::{self, model::Runbook};
use crate::text::{Diagnostic, Severity, Source};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Longest file that is read.
const LIMIT: u64 = 1 << 20;

/// Runbooks on disk; paths inside them are relative to their file.
pub(crate) struct Files;

impl Files {
    /// A file as a source, named as people would write it.
    pub(crate) fn source(&self, path: &Path) -> Result<Source, CliError> {
        let bytes = read_limited(path).map_err(CliError::Usage)?;
        Source::from_bytes(shown(path), bytes).map_err(|d| CliError::Invalid(vec![*d]))
    }

    /// A runbook and everything wrong with it.
    pub(crate) fn checked(&self, path: &Path) -> Result<(Source, Option<Runbook>, Vec<Diagnostic>), CliError> {
        let source = self.source(path)?;
        let (book, mut problems) = runbook::read(&source);
        if let Some(book) = &book {
            problems.extend(crate::check::check(book, self));
        }
        Ok((source, book, problems))
    }

    /// A runbook without errors.
    pub(crate) fn sound(&self, path: &Path) -> Result<(Source, Runbook), CliError> {
        let (source, book, problems) = self.checked(path)?;
        let errors: Vec<Diagnostic> = problems.into_iter().filter(|d| d.severity == Severity::Error).collect();
        match book {
            Some(book) if errors.is_empty() => Ok((source, book)),
            _ => Err(CliError::Invalid(errors)),
        }
    }
}

impl Includes for Files {
    fn load(&self, from: &Source, path: &str) -> Result<Source, String> {
        let path = beside(from, path);
        let bytes = read_limited(&path)?;
        Source::from_bytes(shown(&path), bytes).map_err(|d| d.message.clone())
    }
}

impl Library for Files {
    fn runbook(&self, from: &Source, path: &str) -> Result<(Source, Runbook), Unreadable> {
        let path = beside(from, path);
        match self.sound(&path) {
            Ok(found) => Ok(found),
            Err(CliError::Invalid(problems)) => Err(Unreadable::Invalid(problems)),
            Err(other) => Err(Unreadable::Missing(
                other.render(&crate::text::RenderStyle { color: false, short: true, width: 100 }).trim().to_string(),
            )),
        }
    }

    fn sha256(&self, source: &Source) -> String {
        sha256(source.text().as_bytes())
    }

    fn program(&self, path: &str) -> Result<Program, String> {
        let sha256 = self.file_sha256(path)?;
        let text = read_limited(Path::new(path)).ok().filter(|bytes| sha256 == self::sha256(bytes));
        Ok(Program { sha256, text: text.and_then(|bytes| String::from_utf8(bytes).ok()) })
    }

    fn file_sha256(&self, path: &str) -> Result<String, String> {
        let unreadable = |e: std::io::Error| format!("cannot read {path}: {}", words(&e));
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(format!("cannot read {path}: it is not a regular file"));
        }
        let mut hash = Sha256::new();
        let mut file = File::open(path).map_err(unreadable)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer).map_err(unreadable)? {
                0 => return Ok(Sha256Sum::so_far(&hash).to_string()),
                n => hash.update(&buffer[..n]),
            }
        }
    }
}

/// SHA-256 in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256Sum::of(bytes).to_string()
}

/// Only regular files of a sane size: a FIFO or a device would block or never end.
pub(crate) fn read_limited(path: &Path) -> Result<Vec<u8>, String> {
    let meta = std::fs::metadata(path).map_err(|e| format!("cannot read {}: {}", path.display(), words(&e)))?;
    if meta.is_dir() {
        return Err(format!("cannot read {}: it is a directory", path.display()));
    }
    if !meta.is_file() {
        return Err(format!("cannot read {}: it is not a regular file", path.display()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| format!("cannot read {}: {}", path.display(), words(&e)))?;
    file.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("cannot read {}: {}", path.display(), words(&e)))?;
    if bytes.len() as u64 > LIMIT {
        return Err(format!("{} is larger than 1 MiB, which no runbook is", path.display()));
    }
    Ok(bytes)
}

fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

fn beside(from: &Source, path: &str) -> PathBuf {
    let dir = Path::new(from.name()).parent().unwrap_or(Path::new(""));
    tidy(&dir.join(path))
}

/// `a/./b/../c` as `a/c`, so that one file has one name.
fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

fn shown(path: &Path) -> String {
    tidy(path).display().to_string()
}
