//! Looking at what a log says from now on.

use super::Text;

/// `watch: { ... }`.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Whose lines.
    pub source: WatchSource,
    /// How long.
    pub time: Text,
    /// The step since whose start lines count; since the start of the watch unless written.
    pub since: Option<Text>,
    /// Regular expressions; each must match a line.
    pub must: Vec<Text>,
    /// Regular expressions; none may match a line.
    pub must_not: Vec<Text>,
    /// Limit of patterns not seen before.
    pub new_patterns: Option<NewPatterns>,
}

/// Exactly one of these keys.
#[derive(Debug, Clone)]
pub enum WatchSource {
    /// `file:` a path; a template.
    File(Text),
    /// `journal:` a systemd unit; a template.
    Journal(Text),
    /// `shell:` a script that prints lines until it is ended.
    Shell(Text),
}

/// `new_patterns: { baseline, max }`.
#[derive(Debug, Clone)]
pub struct NewPatterns {
    /// The earlier `watch` step whose lines are the known ones.
    pub baseline: Text,
    /// Most new patterns.
    pub max: u32,
}
