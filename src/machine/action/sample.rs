//! Reading numbers: what is asked of their sources, and what was there.

use super::{Action, Done};
use serde::{Deserialize, Serialize};

/// Metrics to read at one moment, side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleAction {
    /// What to read.
    pub queries: Vec<Query>,
    /// Microseconds for each source; what does not answer in time has no value.
    pub timeout_us: u64,
}

/// One number to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// The name its reading gets.
    pub name: String,
    /// Where from.
    pub from: Source,
    /// Microseconds for this one, instead of those of the whole sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_us: Option<u64>,
}

/// Where a number comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A query of Prometheus' HTTP API, version 1.
    Prometheus {
        /// Base address of the server.
        url: String,
        /// PromQL. It must yield one series, or a reducer must make one number of several.
        query: String,
        /// A range query looks this many microseconds back; none is an instant query.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over_us: Option<u64>,
        /// Distance of the samples of a range query, in microseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step_us: Option<u64>,
        /// How several numbers become one.
        #[serde(default)]
        reduce: Reduce,
        /// It yields the buckets of one histogram, a series for each.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        buckets: bool,
    },
    /// The sum over all matching series of a page in Prometheus' text format.
    Page {
        /// The page.
        url: String,
        /// Which series.
        select: Selector,
        /// Each series on its own instead of their sum.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        each: bool,
    },
    /// A cumulative histogram of such a page, summed over all its matching series by bucket.
    PageBuckets {
        /// The page.
        url: String,
        /// Which series; the name without `_bucket`.
        select: Selector,
        /// Each histogram on its own instead of their sum.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        each: bool,
    },
    /// A request, script or program; what it yields is judged elsewhere.
    Act(Box<Action>),
}

/// How several numbers become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// There must be one; several are an error.
    #[default]
    Only,
    /// The newest of a range.
    Last,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The arithmetic mean.
    Mean,
    /// The sum.
    Sum,
    /// The value that 95 of 100 do not exceed.
    P95,
    /// How many there are.
    Count,
}

/// Series of a metrics page: a name and conditions on labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// Name of the metric.
    pub name: String,
    /// Conditions; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelMatch>,
}

/// A condition on a label, as in PromQL. A label that is not there is an empty text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelMatch {
    /// Name of the label.
    pub label: String,
    /// `=`, `!=`, `=~` or `!~`; patterns are anchored at both ends.
    pub op: MatchOp,
    /// Text or pattern.
    pub value: String,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

/// What was read of one query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The query's name.
    pub name: String,
    /// What was there.
    pub value: ReadValue,
    /// Since when it is so, as its source says, in microseconds since 1970; none where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_us: Option<u64>,
}

/// A value as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadValue {
    /// A finite number.
    Number(f64),
    /// What a request, script or program yielded.
    Done(Box<Done>),
    /// Cumulative counts by upper bound, ascending; the bound of the last is none: +Inf.
    Buckets(Vec<(Option<f64>, f64)>),
    /// Counters or histograms of a page, each on its own, by name.
    Series(Vec<Series>),
    /// The source answered, and there was nothing: no series.
    Empty,
    /// The source answered with something that is not a number, such as NaN of 0/0.
    NotANumber,
    /// The source did not answer, or not what can be read, for this reason.
    Unreadable(String),
}

/// One counter or histogram of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name with its labels in alphabetical order, without `le`.
    pub name: String,
    /// Cumulative counts by upper bound, ascending; the bound of the last is none: +Inf. A counter has only that one.
    pub counts: Vec<(Option<f64>, f64)>,
}
