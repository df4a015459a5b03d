//! Named measurements.

use super::table::{count, time_us};
use super::{CellProblem, Fill, Step, Text};
use crate::decide::{self, Unit};
use crate::text::Place;

/// One entry of `metrics:`.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Name as `[a-z][a-z0-9_]*`; tables use it.
    pub name: String,
    /// Words for people.
    pub title: Option<Text>,
    /// Where its values come from.
    pub source: MetricSource,
    /// Unit of its values as written.
    pub unit: Option<Text>,
    /// Quantile to take of a histogram or of samples, between 0 and 1.
    pub quantile: Option<Text>,
    /// Upper bounds of the histogram's buckets in the metric's unit, without infinity.
    pub buckets: Vec<Text>,
    /// Fewer samples than this are inconclusive.
    pub min_samples: Option<Text>,
    /// A value older than this is no data.
    pub stale_after: Option<Text>,
    /// `absent: 0`: that there is no such series means that nothing was counted.
    pub absent_is_zero: bool,
    /// How long its source has to answer.
    pub timeout: Option<Text>,
    /// How long to look before the first change to learn the usual value.
    pub baseline: Option<Text>,
    /// The key in the file.
    pub place: Place,
}

impl Metric {
    /// The unit of its values: of latencies (unless they are counted) and ratios it is given, else as written; a `rate` is per
    /// second unless it says otherwise. None when none is written, or no unit is called that.
    pub fn unit(&self) -> Option<Unit> {
        match &self.source {
            MetricSource::LatencyOf { reduce: Some(Reduce::Count), .. } if self.quantile.is_none() => Some(Unit::COUNT),
            MetricSource::LatencyOf { .. } => Unit::parse("s").ok(),
            MetricSource::Ratio { .. } => Some(Unit::RATIO),
            MetricSource::Scrape { change: Some(change), .. }
                if change.per_second && self.unit.is_none() && self.quantile.is_none() =>
            {
                Unit::parse("/s").ok()
            }
            _ => self.unit.as_ref().and_then(|unit| Unit::parse(&unit.value).ok()),
        }
    }

    /// What a table needs to know of it and of those it is made of; `fill` gives the text of a hole's value.
    ///
    /// # Errors
    /// What cannot be read, or filled.
    pub fn about(&self, metrics: &[Metric], fill: &Fill<'_>) -> Result<decide::Metric, CellProblem> {
        Ok(decide::Metric {
            unit: self.unit(),
            min_samples: self.min_samples.as_ref().map(|text| count(text, fill)).transpose()?,
            window_us: None,
            stale_after_us: self.stale_after_us(metrics, fill, metrics.len())?,
        })
    }

    /// How old a value may be. A ratio is as old as its oldest part, and may be so where a part may.
    fn stale_after_us(&self, metrics: &[Metric], fill: &Fill<'_>, steps: usize) -> Result<Option<u64>, CellProblem> {
        let MetricSource::Ratio { of, to } = &self.source else {
            return self.stale_after.as_ref().map(|text| time_us(text, fill)).transpose();
        };
        let parts = metrics.iter().filter(|metric| [&of.value, &to.value].contains(&&metric.name) && steps > 0);
        let stated = parts.map(|part| part.stale_after_us(metrics, fill, steps - 1)).collect::<Result<Vec<_>, _>>()?;
        let unstated = decide::LONGEST_KEPT_US;
        let is_stated = stated.iter().any(Option::is_some);
        Ok(stated.into_iter().map(|us| us.unwrap_or(unstated)).max().filter(|_| is_stated))
    }
}

/// Where the values of a metric come from.
#[derive(Debug, Clone)]
pub enum MetricSource {
    /// `prometheus: QUERY`
    Prometheus {
        /// PromQL that yields one series (with `quantile`: one per bucket); a template.
        query: Text,
        /// Base URL of the server; `{{ target.prometheus }}` unless written.
        url: Option<Text>,
        /// Query over a range instead of an instant.
        sampling: Option<Sampling>,
        /// PromQL of the number of samples behind the value.
        samples: Option<Text>,
    },
    /// `scrape: { url, series, rate | delta }`
    Scrape {
        /// URL of a page in the Prometheus text format; a template.
        url: Text,
        /// Name and label matchers; matching series are added up.
        series: Text,
        /// The change between two samples instead of the value.
        change: Option<Change>,
    },
    /// `http: { get: URL }` with `value: EXPRESSION`
    Http {
        /// The request as a step that only reads.
        request: Box<Step>,
        /// Expression over its result that yields the number.
        value: Text,
    },
    /// `shell: SCRIPT` with `effect: read`
    Shell {
        /// The script as a step that only reads.
        script: Box<Step>,
        /// Expression over its result; the number on standard output unless written.
        value: Option<Text>,
    },
    /// `latency_of: STEP`: the durations of the requests of an `http` step.
    LatencyOf {
        /// Id of the step.
        step: Text,
        /// How they become one; none with `quantile`.
        reduce: Option<Reduce>,
    },
    /// `ratio: { of, to }`: one metric divided by another of the same moment.
    Ratio {
        /// Name of the metric above the line.
        of: Text,
        /// Name of the metric below the line; its value is the number of samples.
        to: Text,
    },
}

/// A query over a range and how its samples become one value.
#[derive(Debug, Clone)]
pub struct Sampling {
    /// How far back.
    pub range: Text,
    /// Distance of samples.
    pub step: Text,
    /// How they become one.
    pub reduce: Reduce,
}

/// How samples become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// The newest.
    Last,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// The value that 95 of 100 do not exceed.
    P95,
    /// How many there are.
    Count,
}

/// A change of a counter between two samples; a counter that fell was reset and counts from zero.
#[derive(Debug, Clone)]
pub struct Change {
    /// Divide by the time between them: per second.
    pub per_second: bool,
    /// Time between the two samples; none is all the time since looking began.
    pub over: Option<Text>,
}
