//! `serve.log`: one line per thing that happened, `time level source message`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use super::error::DemoError;
use super::response::lock;

/// A log larger than this is emptied when the server starts.
const LARGEST_KEPT: u64 = 1024 * 1024;

#[derive(Debug)]
pub(super) struct LogFile {
    file: Mutex<File>,
}

impl LogFile {
    pub(super) fn open(path: &Path) -> Result<LogFile, DemoError> {
        let open = || -> std::io::Result<File> {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            if file.metadata()?.len() > LARGEST_KEPT {
                file.set_len(0)?;
            }
            Ok(file)
        };
        let file = open().map_err(|error| DemoError::file("open", path, error))?;
        Ok(LogFile { file: Mutex::new(file) })
    }

    pub(super) fn info(&self, source: &str, message: &str) {
        self.line("INFO", source, message);
    }

    pub(super) fn error(&self, source: &str, message: &str) {
        self.line("ERROR", source, message);
    }

    /// A full disk must not take the demo down with it, so a failed write is let go.
    fn line(&self, level: &str, source: &str, message: &str) {
        let now = jiff::Timestamp::now();
        let line = format!("{now:.3} {level:<5} {source} {message}\n");
        let _ = lock(&self.file).write_all(line.as_bytes());
    }
}
