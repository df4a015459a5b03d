//! What a table remembers between samples. A value: store it, read it back, go on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::reduce::Reducer;
use super::sample::{Measured, Missing, Sample, decimal};
use super::table::Table;
use super::unit::Unit;
use super::window::{Hold, Point, Streak, Stretch};

/// How old a value may be that its source has stamped, where nothing else is stated: as old as Prometheus takes a series for
/// present, in microseconds.
pub(crate) const LONGEST_KEPT_US: u64 = 5 * 60 * 1_000_000;

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
    /// The time of the newest sample that its source stamped itself; of one from the future, when it came.
    stamped_us: Option<u64>,
    /// The time of the newest sample as it stands there, where that is from the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ahead_us: Option<u64>,
    stretch: Stretch,
}

/// The newest sample of a metric, as it is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reading {
    /// When it was so.
    at_us: u64,
    /// When it was last looked at: a source may say the same thing for a while.
    seen_us: u64,
    /// Its value, if enough is behind it.
    value: Result<Value, Missing>,
    /// How many observations are behind it, where somebody counts them.
    pub(super) evidence: Option<u64>,
    /// How many of the counters behind it vanished.
    pub(super) gone: u64,
    /// Its value in the base unit where that has too few observations behind it to be used as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    few: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Value {
    /// In the base unit.
    Number(#[serde(with = "decimal")] f64),
    /// So much or more, in the base unit.
    AtLeast(#[serde(with = "decimal")] f64),
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

    /// Whether a row, counted from 0, is true, be it for long enough or not yet.
    pub fn is_counting(&self, row: usize) -> bool {
        self.holds.get(row).is_some_and(Option::is_some)
    }

    /// Room for the table's rows; a state of another table begins anew.
    pub(super) fn fit(&mut self, table: &Table) {
        let (rows, conditions) = (table.rows.len(), table.conditions().count());
        if (self.holds.len(), self.streaks.len()) != (rows, conditions) {
            self.holds = vec![None; rows];
            self.streaks = vec![Streak::default(); conditions];
        }
    }

    /// Takes in a newer sample of a metric of the table. One that is known already is seen once more, an older one is left
    /// alone, and what is from the future counts as of now.
    pub(super) fn admit(&mut self, table: &Table, metric: &str, sample: &Sample, when: Moment) {
        let gap_us = table.gap_us().saturating_add(when.reading_us);
        // The source has given it a time of its own.
        let stamped_us = (sample.at_us != when.wall_us).then_some(sample.at_us);
        if let Some(known) = self.metrics.iter_mut().find(|(name, _)| name == metric).map(|(_, state)| state) {
            match (stamped_us, known.stamped_us) {
                // After a look without data the same value is news: it can be read again.
                (Some(stamped), Some(newest)) if stamped == known.ahead_us.unwrap_or(newest) && known.is_usable() => {
                    return known.see_again(when, gap_us);
                }
                (Some(stamped), Some(newest)) if stamped < newest => return,
                (None, _) if known.newest.as_ref().is_some_and(|newest| newest.seen_us >= when.now_us) => return,
                _ => {}
            }
        }
        let at_us = when.now_us.saturating_sub(when.age_us(sample.at_us));
        let value = usable(table, metric, sample);
        let few = matches!(value, Err(Missing::TooFew { .. })).then(|| based(table, metric, sample).ok()).flatten();
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
                let keep_us = keep_us.saturating_add(table.window_slack_us());
                state.stretch.push(Point { at_us, value }, when.now_us, gap_us, keep_us);
            }
        }
        if let Some(stamped) = stamped_us {
            state.stamped_us = Some(stamped.min(when.wall_us));
            state.ahead_us = (stamped > when.wall_us).then_some(stamped);
        }
        state.newest = Some(Reading { at_us, seen_us: when.now_us, value, evidence, gone, few });
    }

    /// Since when the newest sample of a metric is so, whatever it says, and when it was last seen.
    pub(super) fn newest_us(&self, metric: &str) -> Option<(u64, u64)> {
        self.of(metric)?.newest.as_ref().map(|newest| (newest.at_us, newest.seen_us))
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
        is_fresh(table, metric, newest, now_us).map(|()| (value, newest))
    }

    /// The newest share of a metric and the number of observations behind it, however few they are.
    pub(super) fn share(&self, table: &Table, metric: &str, now_us: u64) -> Result<(f64, u64), Missing> {
        let newest = self.of(metric).and_then(|state| state.newest.as_ref()).ok_or(Missing::NotYet)?;
        let value = match (&newest.value, &newest.few) {
            (Ok(value), _) | (Err(_), Some(value)) => value,
            (Err(why), None) => return Err(why.clone()),
        };
        is_fresh(table, metric, newest, now_us)?;
        match (value, newest.evidence) {
            (Value::Number(share), Some(n)) => Ok((*share, n)),
            (Value::Number(_), None) => Err(Missing::TooFew { have: 0, need: 1 }),
            _ => Err(Missing::WrongKind),
        }
    }

    /// The baseline of a metric in the base unit.
    pub(super) fn baseline_base(&self, metric: &str, unit: Unit) -> Result<f64, Missing> {
        let baseline = self.baseline(metric).ok_or(Missing::NoBaseline)?;
        Some(unit.to_base(baseline.value)).filter(|v| v.is_finite()).ok_or(Missing::NotANumber)
    }
}

impl MetricState {
    /// Whether the newest sample has a value.
    fn is_usable(&self) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.value.is_ok())
    }

    /// The newest sample is still the newest.
    fn see_again(&mut self, when: Moment, gap_us: u64) {
        if let Some(newest) = &mut self.newest {
            newest.seen_us = when.now_us;
            if let Ok(Value::Number(_)) = newest.value {
                self.stretch.see_again(when.now_us, gap_us);
            }
        }
    }
}

/// Whether a reading is young enough to be judged.
fn is_fresh(table: &Table, metric: &str, newest: &Reading, now_us: u64) -> Result<(), Missing> {
    let (age_us, unseen_us) = (now_us.saturating_sub(newest.at_us), now_us.saturating_sub(newest.seen_us));
    // How fast a source renews its values is not known; that somebody looks can be asked for.
    let is_stale = match table.metrics.get(metric).and_then(|m| m.stale_after_us) {
        Some(stale_after_us) => age_us > stale_after_us || unseen_us > table.gap_us(),
        None => unseen_us > table.gap_us() || age_us > LONGEST_KEPT_US.max(table.gap_us()),
    };
    if is_stale { Err(Missing::Stale { age_us }) } else { Ok(()) }
}

/// The value of a sample in the base unit, if enough is behind it.
fn usable(table: &Table, metric: &str, sample: &Sample) -> Result<Value, Missing> {
    let need = table.metrics.get(metric).and_then(|m| m.min_samples);
    match (&sample.value, need) {
        (Measured::Number { evidence, .. }, Some(need)) if evidence.unwrap_or(0) < need => {
            Err(Missing::TooFew { have: evidence.unwrap_or(0), need })
        }
        _ => based(table, metric, sample),
    }
}

/// The value of a sample in the base unit, however little is behind it.
fn based(table: &Table, metric: &str, sample: &Sample) -> Result<Value, Missing> {
    match &sample.value {
        Measured::NoData(why) => Err(why.clone()),
        Measured::Text(text) => Ok(Value::Text(text.clone())),
        Measured::Number { value, at_least, .. } => match (table.unit(metric).to_base(*value), at_least) {
            (base, _) if !base.is_finite() => Err(Missing::NotANumber),
            (base, false) => Ok(Value::Number(base)),
            (base, true) => Ok(Value::AtLeast(base)),
        },
    }
}
