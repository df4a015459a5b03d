//! When things happen: marks around an anchor, rounds, windows.

use super::{Step, Text};
use crate::text::Place;

/// A moment relative to the anchor: `T-30m`, `T`, `T+5m`.
#[derive(Debug, Clone)]
pub struct Mark {
    /// As written.
    pub text: Text,
    /// Microseconds after T.
    pub offset_us: i64,
}

/// When a phase or step may begin.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// Not before this mark.
    pub at: Option<Mark>,
    /// Not after this mark: a run that is later does not begin it.
    pub not_after: Option<Mark>,
}

/// `anchor: { time, end_of }`.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// T as a time; a template of a time such as `2026-03-02T02:00:00Z`.
    pub time: Option<Text>,
    /// The phase or step whose end is T; with `time` it moves T, until then T is the planned time.
    pub end_of: Option<Text>,
    /// The key in the file.
    pub place: Place,
}

/// `wait: DURATION` or `wait: { until: MARK }`.
#[derive(Debug, Clone)]
pub enum Wait {
    /// A soak of this length.
    For(Text),
    /// Until this mark.
    Until(Mark),
}

/// `rounds: { times: [{ every, until }], steps }`.
#[derive(Debug, Clone)]
pub struct Rounds {
    /// In order, each until a later time after the start.
    pub times: Vec<Round>,
    /// Steps of each round; `round.number` and `round.due` are in scope.
    pub steps: Vec<Step>,
}

/// Rounds at one distance.
#[derive(Debug, Clone)]
pub struct Round {
    /// Distance of rounds.
    pub every: Text,
    /// End, counted from the start of the step.
    pub until: Text,
}

/// `window: { allow, forbid, must_end_inside, exempt }`.
#[derive(Debug, Clone)]
pub struct Window {
    /// The run starts only inside one of these; anywhere when empty.
    pub allow: Vec<Span>,
    /// The run does not start inside any of these.
    pub forbid: Vec<Span>,
    /// The estimates must fit into the window.
    pub must_end_inside: bool,
    /// Parts of a run that may happen at any time.
    pub exempt: Vec<Exempt>,
    /// Role of which somebody must agree before the run goes on outside of it.
    pub override_role: Option<Text>,
    /// The key in the file.
    pub place: Place,
}

/// A weekly span of time in a zone: `Mon-Thu 02:00-05:00 UTC`.
#[derive(Debug, Clone)]
pub struct Span {
    /// As written.
    pub text: Text,
    /// Days it begins on, 0 is Monday.
    pub days: Vec<u8>,
    /// Minutes after midnight of its begin.
    pub from_min: u16,
    /// Minutes after midnight of its end, beyond 1440 when it ends on the next day.
    pub to_min: u16,
    /// Name of its zone.
    pub zone: String,
}

/// Parts of a run a window does not bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exempt {
    /// Backing out.
    Rollback,
    /// What runs on every exit path.
    Always,
}
