//! Looking at the new lines of a log for a time.

use super::Action;
use serde::{Deserialize, Serialize};
use std::ops::Not;

/// New lines of a log, for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchAction {
    /// The log.
    pub source: WatchSource,
    /// How long, in microseconds.
    pub for_us: u64,
    /// Where to begin in a file. Whoever starts the attempt fills it in before the intent is written, so that an attempt
    /// which dies can be made again from the same place on; none is the end of the file when it is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<LogPosition>,
    /// Patterns of which each must match a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must: Vec<String>,
    /// Patterns that no line may match; the first that does ends the attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must_not: Vec<String>,
    /// Lines are also compared, numbers and ids set aside, with those in this output file of an earlier attempt. It is
    /// inside the run directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_in: Option<String>,
    /// The same of what was printed there as errors; only scripts do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_in_errors: Option<String>,
}

/// Where lines come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchSource {
    /// A file, followed by its name: a log that is rotated is followed into its next file.
    File(String),
    /// What a script or program prints while it runs; it is ended when the time is over.
    Command(Box<Action>),
}

/// A place in a log file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Which file, whatever its name is by now; 0 when there was none yet.
    pub inode: u64,
    /// Bytes from its beginning.
    pub offset: u64,
    /// Sum of the up to 4 KiB before it, secrets masked: tells a file that was cut and has grown as long again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// Where a log ended when an attempt began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogMark {
    /// The log, as the intent names it.
    pub path: String,
    /// Its end.
    pub position: LogPosition,
}

/// What was seen in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Whole lines that came.
    pub lines: u64,
    /// Where looking ended; none for a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<LogPosition>,
    /// For each `must` the first line that matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must: Vec<Option<String>>,
    /// For each `must_not` the first line that matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must_not: Vec<Option<String>>,
    /// Lines of a pattern that was not there before: the first of each, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new: Vec<String>,
    /// How many such patterns there were.
    #[serde(default)]
    pub new_count: u64,
    /// How many patterns were known before.
    #[serde(default)]
    pub known: u64,
    /// How often the file was replaced or cut meanwhile.
    #[serde(default)]
    pub rotations: u32,
    /// There were more kinds of lines than can be told apart, so nobody can say which are new.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub kinds_full: bool,
    /// Lines that were looked at only in part, because they are longer than 1 MiB.
    #[serde(default, skip_serializing_if = "is_none")]
    pub too_long: u64,
    /// Bytes that were there when the time was over and were not looked at, because they were too many.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unread: u64,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}
