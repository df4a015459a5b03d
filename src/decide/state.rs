//! What a table remembers between samples. A value: store it, read it back, go on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reduce::Reducer;
use super::sample::{Measured, Missing, Sample, decimal};
use super::table::Table;
use super::unit::Unit;
use super::window::{Hold, Point, Streak, Stretch};

/// What a table remembers between samples.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TableState {
    /// By name; a table has few, and all of this is copied at each look.
    metrics: Vec<(String, MetricState)>,
    /// By row: how long it has held. Grows to the table's rows at the first step.
    pub(super) holds: Vec<Option<Hold>>,
    /// By condition, row after row.
    pub(super) streaks: Vec<Streak>,
    baselines: BTreeMap<String, Baseline>,
}

/// What a metric was before the change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The median of the samples, in the metric's unit.
    #[serde(with = "decimal")]
    pub value: f64,
    /// How many samples it was taken from.
    pub samples: u64,
    /// When the first of them was measured.
    pub from_us: u64,
    /// When the last of them was measured.
    pub to_us: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct MetricState {
    newest: Option<Reading>,
    stretch: Stretch,
}

/// The newest sample of a metric, as it is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reading {
    at_us: u64,
    /// Its value, if enough is behind it.
    value: Result<Value, Missing>,
    /// How many observations are behind it, where somebody counts them.
    pub(super) evidence: Option<u64>,
    /// How many of the counters behind it vanished.
    pub(super) gone: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Value {
    /// In the base unit.
    Number(#[serde(with = "decimal")] f64),
    Text(String),
}

impl Baseline {
    /// Takes the median of samples of a metric; those without a number are left out.
    ///
    /// # Errors
    /// When none of them is a number.
    pub fn from_samples<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Result<Baseline, Missing> {
        let numbers: Vec<(u64, f64)> = samples
            .into_iter()
            .filter_map(|s| match s.value {
                Measured::Number { value, .. } if value.is_finite() => Some((s.at_us, value)),
                _ => None,
            })
            .collect();
        let values: Vec<f64> = numbers.iter().map(|(_, value)| *value).collect();
        let times = || numbers.iter().map(|(at, _)| *at);
        Ok(Baseline {
            value: Reducer::Median.reduce(&values)?,
            samples: values.len() as u64,
            from_us: times().min().unwrap_or_default(),
            to_us: times().max().unwrap_or_default(),
        })
    }
}

impl TableState {
    /// Sets what a metric was before the change.
    pub fn set_baseline(&mut self, metric: impl Into<String>, baseline: Baseline) {
        self.baselines.insert(metric.into(), baseline);
    }

    /// What a metric was before the change, if that was taken.
    pub fn baseline(&self, metric: &str) -> Option<Baseline> {
        self.baselines.get(metric).copied()
    }

    /// Whether a row that does not pass holds, be it for long enough or not yet.
    pub fn is_counting(&self, table: &Table) -> bool {
        table.rows.iter().zip(&self.holds).any(|(row, hold)| hold.is_some() && !row.action.passes())
    }

    /// Room for the table's rows; a state of another table begins anew.
    pub(super) fn fit(&mut self, table: &Table) {
        let (rows, conditions) = (table.rows.len(), table.conditions().count());
        if (self.holds.len(), self.streaks.len()) != (rows, conditions) {
            self.holds = vec![None; rows];
            self.streaks = vec![Streak::default(); conditions];
        }
    }

    /// Takes in a newer sample of a metric of the table; what is known already or older is left alone, and what is from
    /// the future counts as of now.
    pub(super) fn admit(&mut self, table: &Table, metric: &str, sample: &Sample, now_us: u64) {
        let at_us = sample.at_us.min(now_us);
        if self.newest_us(metric).is_some_and(|newest| newest >= at_us) {
            return;
        }
        let value = usable(table, metric, sample);
        let (evidence, gone) = match sample.value {
            Measured::Number { evidence, gone, .. } => (evidence, gone),
            _ => (None, 0),
        };
        let at = self.metrics.iter().position(|(name, _)| name == metric).unwrap_or(self.metrics.len());
        if at == self.metrics.len() {
            self.metrics.push((metric.into(), MetricState::default()));
        }
        let state = &mut self.metrics[at].1;
        if let Ok(Value::Number(value)) = value {
            let of_metric = table.conditions().filter(|(_, condition)| condition.reads().any(|name| name == metric));
            if let Some(keep_us) = of_metric.filter_map(|(_, condition)| condition.cell.over_us()).max() {
                state.stretch.push(Point { at_us, value }, table.gap_us(), keep_us);
            }
        }
        state.newest = Some(Reading { at_us, value, evidence, gone });
    }

    /// The newest sample of a metric, whatever it says.
    pub(super) fn newest_us(&self, metric: &str) -> Option<u64> {
        self.of(metric)?.newest.as_ref().map(|newest| newest.at_us)
    }

    /// The values of a metric since the last gap.
    pub(super) fn stretch(&self, metric: &str) -> Option<&Stretch> {
        self.of(metric).map(|state| &state.stretch)
    }

    fn of(&self, metric: &str) -> Option<&MetricState> {
        self.metrics.iter().find(|(name, _)| name == metric).map(|(_, state)| state)
    }

    /// The newest value of a metric, if it can be judged, and what is behind it.
    pub(super) fn reading(&self, table: &Table, metric: &str, now_us: u64) -> Result<(&Value, &Reading), Missing> {
        let newest = self.of(metric).and_then(|state| state.newest.as_ref()).ok_or(Missing::NotYet)?;
        let value = newest.value.as_ref().map_err(Missing::clone)?;
        let age_us = now_us.saturating_sub(newest.at_us);
        let stale_after_us = table.metrics.get(metric).and_then(|m| m.stale_after_us).unwrap_or(table.gap_us());
        if age_us > stale_after_us { Err(Missing::Stale { age_us }) } else { Ok((value, newest)) }
    }

    /// The baseline of a metric in the base unit.
    pub(super) fn baseline_base(&self, metric: &str, unit: Unit) -> Result<f64, Missing> {
        let baseline = self.baseline(metric).ok_or(Missing::NoBaseline)?;
        Some(unit.to_base(baseline.value)).filter(|v| v.is_finite()).ok_or(Missing::NotANumber)
    }
}

/// The value of a sample in the base unit, if enough is behind it.
fn usable(table: &Table, metric: &str, sample: &Sample) -> Result<Value, Missing> {
    match &sample.value {
        Measured::NoData(why) => Err(why.clone()),
        Measured::Text(text) => Ok(Value::Text(text.clone())),
        Measured::Number { value, evidence, .. } => {
            let have = evidence.unwrap_or(0);
            match table.metrics.get(metric).and_then(|m| m.min_samples) {
                Some(need) if have < need => Err(Missing::TooFew { have, need }),
                _ => {
                    let base = table.unit(metric).to_base(*value);
                    if base.is_finite() { Ok(Value::Number(base)) } else { Err(Missing::NotANumber) }
                }
            }
        }
    }
}
