//! What stands in a lease, and what a refusal says.

use serde::{Deserialize, Serialize};

use super::process;

/// Who took a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Id of the run.
    pub run: String,
    /// Its title.
    pub title: String,
    /// Who drives it.
    pub operator: String,
    /// On which machine.
    pub host: String,
    /// In which process.
    pub pid: u32,
    /// Start time of that process, in clock ticks since boot.
    pub start: u64,
    /// The kernel's id of the boot.
    pub boot: String,
    /// Since when: UTC, RFC 3339.
    pub since: String,
    /// Whom it was taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
}

/// A run that had a lock and did not give it back itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    /// Id of the run.
    pub run: String,
    /// What became of it.
    pub how: String,
}

/// A line of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Line {
    /// A run has it.
    Taken(Holder),
    /// That run is about to change something: from now on it owns the lock until it is over.
    Changing { run: String },
    /// Its driver has left it like this.
    Left { run: String, at: String, how: String },
    /// Nobody has it.
    GivenBack {
        run: String,
        at: String,
        /// Who released it, and why, if it was not the run itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        released: Option<Released>,
    },
}

/// That somebody took a lock away from a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Released {
    pub(crate) by: String,
    pub(crate) why: String,
}

impl Line {
    pub(crate) fn text(&self) -> String {
        // Plain data always has a JSON form.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// What a lease says in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The last run that took it, unless it was given back.
    pub(crate) holder: Option<Holder>,
    /// That run may have changed something.
    pub(crate) changed: bool,
    /// How its driver left it, if it did.
    pub(crate) left: Option<String>,
    /// The run it was taken away from last, if nobody took it since.
    pub(crate) released: Option<Over>,
}

impl Said {
    /// Reads a lease. A last line without its end was never said; none is returned for one that cannot be read.
    pub(crate) fn read(bytes: &[u8]) -> Option<Said> {
        let (mut said, mut readable) = (Said::default(), true);
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            // Further on it may be what was left of a line by a crash; at the end it may be anything.
            let Ok(line) = serde_json::from_slice::<Line>(line) else {
                readable = line == b"\n" && readable;
                continue;
            };
            readable = true;
            said.take(line);
        }
        readable.then_some(said)
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Taken(holder) => {
                let same = self.holder.as_ref().is_some_and(|before| before.run == holder.run);
                self.changed &= same;
                (self.holder, self.left, self.released) = (Some(holder), None, None);
            }
            Line::Changing { .. } => self.changed = true,
            Line::Left { how, .. } => self.left = Some(how),
            Line::GivenBack { run, released, .. } => {
                let how = |r: Released| format!("released by {}: {}", r.by, r.why);
                *self = Said { released: released.map(|r| Over { run, how: how(r) }), ..Said::default() };
            }
        }
    }
}

impl Holder {
    /// Whether the process that took the lock is alive on this machine: the same boot, the same id, the same start.
    pub(crate) fn is_alive(&self) -> bool {
        let (_, _, boot) = process::myself();
        !boot.is_empty() && self.boot == boot && process::start_time(self.pid) == Some(self.start)
    }

    /// Whether only another machine can tell.
    pub(crate) fn is_elsewhere(&self, host: &str) -> bool {
        self.boot != process::myself().2 && self.host != host
    }
}

/// What the run that has a lock does now, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    /// Id of the run.
    pub run: String,
    /// `runs STEP`, `waits at STEP for an answer: TITLE`.
    pub words: String,
    /// Since when: UTC, RFC 3339.
    pub at: String,
}

/// Why a lock is not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Name of the lock.
    pub lock: String,
    /// Who has it; none when somebody is just taking it.
    pub holder: Option<Holder>,
    /// Somebody drives that run now.
    pub live: bool,
    /// It ran on another machine, so nobody can tell here whether it still does.
    pub elsewhere: bool,
    /// How its driver left it.
    pub left: Option<String>,
    /// What it did last.
    pub doing: Option<Doing>,
}
