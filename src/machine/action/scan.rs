//! Looking for what may not stand in files or in added lines.

use serde::{Deserialize, Serialize};

/// Look, and tell where something was found, never what. Changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanAction {
    /// Where, and for what.
    pub of: ScanOf,
    /// Lines with one of these texts may have it; they are counted and listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Microseconds for all of it; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_us: Option<u64>,
}

/// Where to look, and for what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanOf {
    /// Hard-coded secrets in files.
    Secrets {
        /// Paths and patterns of paths.
        files: Vec<String>,
    },
    /// Patterns in lines that were added between two commits.
    Added {
        /// A directory of the repository.
        repo: String,
        /// The commit before.
        base: String,
        /// The commit after.
        head: String,
        /// Patterns of paths to look at; none is all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        paths: Vec<String>,
        /// Patterns of paths to leave out.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exclude: Vec<String>,
        /// Files of the plan: the rule itself is not what it looks for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<String>,
        /// Regular expressions.
        forbid: Vec<String>,
    },
}

/// What was looked at, and where something was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanSeen {
    /// Files that were looked at.
    pub files: u64,
    /// Lines that were looked at.
    pub lines: u64,
    /// Commits between the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commits: Option<u64>,
    /// Files that were left out: excluded, or no text.
    #[serde(default)]
    pub left_out: u64,
    /// Patterns of files that match none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<String>,
    /// Where something was found, the first [`ScanSeen::MOST`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hits: Vec<Hit>,
    /// How often something was found.
    #[serde(default)]
    pub hit_count: u64,
    /// Where something was found that is allowed there, the first [`ScanSeen::MOST`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Hit>,
    /// How often that was.
    #[serde(default)]
    pub allowed_count: u64,
}

impl ScanSeen {
    /// Places that are told one by one.
    pub const MOST: usize = 200;
    /// Bytes of file names that are told.
    const LONGEST: usize = 100 * 1024;

    /// Notes one place.
    pub fn found(&mut self, hit: Hit, allowed: bool) {
        let (list, count) = match allowed {
            true => (&mut self.allowed, &mut self.allowed_count),
            false => (&mut self.hits, &mut self.hit_count),
        };
        *count += 1;
        // A record of the log is bounded, whatever files are called.
        let length: usize = list.iter().map(|hit| hit.file.len()).sum();
        if list.len() < ScanSeen::MOST && length + hit.file.len() < ScanSeen::LONGEST {
            list.push(hit);
        }
    }
}

/// One place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The name that stands there, such as that of a variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is: a kind of secret, or the pattern.
    pub what: String,
}

impl Hit {
    /// `compose.yml:12: DB_PASSWORD: a literal value`.
    pub fn words(&self) -> String {
        let name = self.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        format!("{}:{}: {name}{}", self.file, self.line, self.what)
    }
}
