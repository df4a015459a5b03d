//! One metric divided by another: both in the base unit, and each worth what it would be worth alone.

use crate::decide::{self, Measured, Missing, Sample};
use crate::plan::model::Metric;

/// A metric that another one is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// In the base unit.
    value: f64,
    /// How many observations are behind it.
    evidence: Option<u64>,
    /// How many of its counters vanished.
    gone: u64,
    /// It is so much or more.
    at_least: bool,
    /// It says of its observations where most of them lie: its number of them is also that of what is made of it.
    is_quantile: bool,
    /// Its value is a number of observations.
    counts: bool,
}

impl Part {
    /// What a sample of this metric is worth in a ratio.
    ///
    /// # Errors
    /// There is no number, or too little is behind it.
    pub(super) fn of(metric: &Metric, sample: &Sample, counts: bool) -> Result<Part, Missing> {
        match &sample.value {
            Measured::Text(_) => Err(Missing::WrongKind),
            Measured::NoData(why) => Err(why.clone()),
            Measured::Number { value, evidence, gone, at_least } => {
                let have = evidence.unwrap_or(0);
                if let Some(need) = metric.min_samples.filter(|need| have < *need) {
                    return Err(Missing::TooFew { have, need });
                }
                let value = metric.unit.map_or(*value, |unit| unit.to_base(*value));
                let is_quantile = metric.quantile.is_some();
                Ok(Part { value, evidence: *evidence, gone: *gone, at_least: *at_least, is_quantile, counts })
            }
        }
    }
}

/// One part of another.
///
/// # Errors
/// 0/0, or a whole of which only the least is known: then the most that the share can be is known, and not what it is.
pub(super) fn of(above: Part, below: Part) -> Result<Measured, Missing> {
    if below.at_least {
        return Err(Missing::AtLeast { bound: below.value });
    }
    let value = decide::ratio(above.value, below.value)?;
    let evidence = match (below.counts, above.is_quantile && below.is_quantile) {
        (true, _) => Some(below.value.max(0.0) as u64),
        // The fewest of both: nothing is behind it that is not behind each of them.
        (false, true) => above.evidence.unwrap_or(0).min(below.evidence.unwrap_or(0)).into(),
        (false, false) => None,
    };
    Ok(Measured::Number { value, evidence, gone: above.gone.max(below.gone), at_least: above.at_least })
}
