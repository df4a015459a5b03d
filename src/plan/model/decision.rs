//! Measurements and decisions of a plan: metrics, tables, stages, rounds, watches, all times resolved.

use super::{NodeId, Task, Template};
use crate::decide::{Condition, Quantity, Table, Unit};
use crate::runbook::model::{Reduce, Then};
use serde::{Deserialize, Serialize};

/// A named measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name, unique in its scope.
    pub name: String,
    /// Scope its templates see; a table names metrics of its own scope.
    pub scope: usize,
    /// Words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `file:line`.
    pub at: String,
    /// Where its values come from.
    pub source: MetricSource,
    /// Unit of its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Quantile to take, a decimal between 0 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<String>,
    /// Upper bounds of the histogram's buckets, decimals in the unit of the metric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<String>,
    /// Least number of samples behind a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_samples: Option<u64>,
    /// Greatest age of a value in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_after_us: Option<u64>,
    /// How long its source has to answer, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_us: Option<u64>,
    /// That there is no such series means that nothing was counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub absent_is_zero: bool,
    /// Length of the look before the first change, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_us: Option<u64>,
}

/// Where the values of a metric come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricSource {
    /// A query.
    Prometheus {
        /// PromQL.
        query: Template,
        /// Base URL of the server.
        url: Template,
        /// Over a range instead of an instant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sampling: Option<Sampling>,
        /// PromQL of the number of samples.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        samples: Option<Template>,
    },
    /// A page in the text format.
    Scrape {
        /// Its URL.
        url: Template,
        /// Name and matchers.
        series: Template,
        /// A change instead of the value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        change: Option<Change>,
    },
    /// A request.
    Http {
        /// The request.
        request: Box<Task>,
        /// Expression that yields the number.
        value: Template,
    },
    /// A script.
    Shell {
        /// The script.
        script: Box<Task>,
        /// Expression that yields the number; the number on standard output when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Template>,
    },
    /// Durations of a step's requests, in seconds.
    LatencyOf {
        /// Id of the step in the same scope.
        step: String,
        /// How they become one value; none with a quantile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reduce: Option<Reduce>,
    },
    /// One metric divided by another.
    Ratio {
        /// Above the line.
        of: String,
        /// Below the line.
        to: String,
    },
}

/// Samples over a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// How far back in microseconds.
    pub range_us: u64,
    /// Distance in microseconds.
    pub step_us: u64,
    /// How they become one value.
    pub reduce: Reduce,
}

/// A change of a counter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Divide by the time.
    pub per_second: bool,
    /// Time between the two samples in microseconds.
    pub over_us: u64,
    /// All the time since looking began, instead of `over_us`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// A decision table and what its actions need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Rows, policy, `otherwise`, `no_data`, distance of samples, units.
    pub table: Table,
    /// How long a `decide` step looks in microseconds; none is once, or while armed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_us: Option<u64>,
    /// What stands behind each row, in the order of the table's rows.
    pub rows: Vec<Behind>,
    /// What stands behind `otherwise`.
    pub otherwise: Behind,
    /// What stands behind `no_data`.
    pub no_data: Behind,
    /// Levels of people for `escalate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalate>,
    /// Limits of `extend`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend: Option<Extend>,
    /// How long it may hold; for ever where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldLimit>,
    /// `file:line`.
    pub at: String,
}

/// What stands behind a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Behind {
    /// `file:line`.
    pub at: String,
    /// The timer of `investigate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
}

/// A question with a timer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// Time to answer in microseconds.
    pub within_us: u64,
    /// What happens without an answer.
    pub then: Then,
}

/// Levels of people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Escalate {
    /// In order.
    pub levels: Vec<Level>,
    /// What happens when the last one does not answer.
    pub then: Then,
}

/// One level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Who.
    pub to: Template,
    /// Time to answer in microseconds.
    pub within_us: u64,
}

/// Looking longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extend {
    /// By how long in microseconds; none is as long as the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_us: Option<u64>,
    /// How often at most.
    pub max: u32,
    /// What happens after the last time.
    pub then: Then,
    /// The timer of `then: investigate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
}

/// The end of a hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldLimit {
    /// The longest time in microseconds.
    pub max_us: u64,
    /// What happens after that.
    pub then: Then,
    /// The timer of `then: investigate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
}

/// What metrics are before the first change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Names of metrics, and for how long each is looked at in microseconds.
    pub metrics: Vec<(String, u64)>,
    /// Distance of samples in microseconds.
    pub every_us: u64,
}

impl Baseline {
    /// How long it takes in microseconds: as long as the longest look.
    pub fn over_us(&self) -> u64 {
        self.metrics.iter().map(|(_, over_us)| *over_us).max().unwrap_or(0)
    }
}

/// Traffic in stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stages {
    /// In order, percent rising.
    pub table: Vec<Stage>,
    /// Distance of samples in microseconds.
    pub every_us: u64,
    /// The metric that proves the share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// What happens when criteria do not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend: Option<Extend>,
    /// A sequence that sets the share; `stage.percent` and `stage.number` are in scope. Each stage goes through its
    /// members, and then looks.
    pub body: NodeId,
    /// What follows the last stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<Promote>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Share of the traffic.
    pub percent: u32,
    /// How long to look in microseconds; none moves on at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_us: Option<u64>,
    /// All must hold at the end; those taken over from the row above stand here too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<Condition>,
    /// A sequence: the steps that set the share, then the pause or the look at the criteria.
    pub node: NodeId,
    /// `file:line`.
    pub at: String,
}

/// The observed share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Name of the metric.
    pub metric: String,
    /// How far it may be from the stage's percent.
    pub tolerance: Quantity,
}

/// One part of traffic in stages, in the order they are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StagePart {
    /// A sequence that sees this as `stage`.
    At {
        /// Share of the traffic.
        percent: u32,
        /// 1, 2, ...
        number: usize,
        /// The sequence.
        node: NodeId,
    },
    /// A sequence of the promotion.
    Then(NodeId),
}

impl Stages {
    /// The stages, and after the last one the promotion: `main`, the share back to 0, `remove`.
    pub fn parts(&self) -> Vec<StagePart> {
        let mut parts: Vec<StagePart> = Vec::new();
        for (at, stage) in self.table.iter().enumerate() {
            parts.push(StagePart::At { percent: stage.percent, number: at + 1, node: stage.node });
        }
        if let Some(promote) = &self.promote {
            let back = StagePart::At { percent: 0, number: self.table.len() + 1, node: promote.back };
            parts.extend([StagePart::Then(promote.main), back, StagePart::Then(promote.remove)]);
        }
        parts
    }
}

/// After the last stage: `main`, the share back to 0, `remove`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promote {
    /// A sequence.
    pub main: NodeId,
    /// A sequence: the steps that set the share, with percent 0, then the look that proves it.
    pub back: NodeId,
    /// A sequence.
    pub remove: NodeId,
}

/// The same steps again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rounds {
    /// In order.
    pub times: Vec<Round>,
    /// A sequence; `round.number` is in scope.
    pub body: NodeId,
}

impl Rounds {
    /// When each round is due, in microseconds after the start of the step.
    pub fn due_us(&self) -> Vec<u64> {
        let mut from = 0;
        let mut due = Vec::new();
        for round in &self.times {
            let count = round.until_us.saturating_sub(from).checked_div(round.every_us).unwrap_or(0);
            due.extend((1..=count).map(|n| from + n * round.every_us));
            from = round.until_us;
        }
        due
    }
}

/// Rounds at one distance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Distance in microseconds.
    pub every_us: u64,
    /// End in microseconds after the start of the step.
    pub until_us: u64,
}

/// What a log says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Whose lines.
    pub source: WatchSource,
    /// How long in microseconds.
    pub time_us: u64,
    /// Id of the step since whose start lines count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Each must match a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must: Vec<String>,
    /// None may match a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must_not: Vec<String>,
    /// Limit of new patterns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_patterns: Option<NewPatterns>,
}

/// Whose lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchSource {
    /// A path.
    File(Template),
    /// A systemd unit.
    Journal(Template),
    /// A script.
    Shell(Template),
}

/// Limit of new patterns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewPatterns {
    /// Id of the earlier watch whose lines are known.
    pub baseline: String,
    /// Most new ones.
    pub max: u32,
}
