//! What this machine remembers of every log: the longest head it has written or verified, one line per run, outside the
//! run directory. A log that is shorter or different later was cut or rewritten.
//!
//! The memory is best effort and guards against whoever can change a run but not the memory. Losing it loses only that.

use crate::log::{Anchor, Head, Report, RunId, Verdict, head_line, parse_head_line, segment_file};

use super::error::StoreError;
use super::files;
use super::home::Home;
use super::run_dir::RunDir;

/// The head this machine remembers of a run. A line that cannot be read is as good as none.
pub(crate) fn recall(home: &Home, run: RunId) -> Option<Head> {
    let bytes = files::read_file(&home.heads_dir().join(run.to_string())).ok()??;
    let text = std::str::from_utf8(&bytes).ok()?;
    parse_head_line(text.trim_end()).filter(|(of, _)| *of == run).map(|(_, head)| head)
}

/// Remembers a head, unless a longer one is remembered. The bytes it covers must be on disk.
///
/// # Errors
/// When the memory cannot be written.
pub(crate) fn remember(home: &Home, run: RunId, head: &Head) -> Result<(), StoreError> {
    let length = |head: &Head| (head.segment, head.bytes);
    let dir = home.heads_dir();
    files::private_dir(&dir)?;
    // Another reader may remember at the same time; the longer head must stay.
    let _lock = files::lock_dir(&dir)?;
    if recall(home, run).is_some_and(|known| length(&known) >= length(head)) {
        return Ok(());
    }
    let path = dir.join(run.to_string());
    files::replace_hint(&path, (head_line(run, head) + "\n").as_bytes()).map_err(StoreError::io("write", &path))
}

/// What is remembered of a run, as an anchor.
pub(crate) fn remembered(home: &Home, run: RunId) -> Option<Anchor> {
    recall(home, run).map(|head| Anchor { source: "this machine".to_string(), head })
}

/// Remembers how far a good log went. What a power cut could still take away is made durable first, or it would look
/// like a cut tail afterwards.
pub(crate) fn remember_report(home: &Home, dir: &std::path::Path, report: &Report) -> Result<(), StoreError> {
    let (Some(run), Some(head)) = (report.run, report.head) else { return Ok(()) };
    if !matches!(report.verdict, Verdict::Complete | Verdict::Incomplete) || recall(home, run) == Some(head) {
        return Ok(());
    }
    let path = dir.join(segment_file(head.segment));
    if let Some(file) = files::open_file(&path)? {
        file.sync_data().map_err(StoreError::io("sync", &path))?;
    }
    remember(home, run, &head)
}

/// Remembers where the driver of a run left its log.
///
/// # Errors
/// When the memory cannot be written.
pub fn remember_end(home: &Home, dir: &RunDir, head: &Head) -> Result<(), StoreError> {
    remember(home, dir.run(), head)
}
