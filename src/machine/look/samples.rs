//! From what was read to samples.

use super::clock::LookTime;
use super::counters::{Counters, between};
use super::latencies::{self, Latencies};
use super::queries::{evidence_name, time_name};
use super::{Lookout, Raw, absent, ratio};
use crate::decide::{self, Bucket, Measured, Missing, Sample};
use crate::machine::action::{Done, Ended, ReadValue, Reading, Series};
use crate::machine::names::Names;
use crate::machine::state::{InstId, State};
use crate::plan::model::{Act, Change, Metric, MetricSource, NodeKind, Plan, Template};
use crate::runbook::model::Reduce;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn metric_of<'a>(state: &'a State, id: InstId, name: &str) -> Option<&'a Metric> {
    metric_in(&state.plan, state.node_of(id).scope, name)
}

fn metric_in<'a>(plan: &'a Plan, scope: usize, name: &str) -> Option<&'a Metric> {
    plan.metrics.iter().find(|metric| metric.scope == scope && metric.name == name)
}

/// A sample of every metric of these names, of the answered look.
pub(super) fn of<'n>(
    state: &State,
    id: InstId,
    names: impl Iterator<Item = &'n str>,
    time: &LookTime,
) -> BTreeMap<String, Sample> {
    let nothing = Done::default();
    let look = Look { state, id, done: state.insts[id].done.as_ref().unwrap_or(&nothing), time };
    let mut samples = BTreeMap::new();
    for name in names {
        if !samples.contains_key(name) {
            samples.insert(name.to_string(), look.sample(name));
        }
    }
    samples
}

/// Keeps what the next look needs: counters and buckets, as far back as their metrics look.
pub(in crate::machine) fn remember(
    lookout: &mut Lookout,
    done: &Done,
    at_us: u64,
    back_us: impl Fn(&str) -> Option<u64>,
) {
    for reading in &done.readings {
        let Some(back_us) = back_us(&reading.name) else { continue };
        let raw = match &reading.value {
            ReadValue::Series(_) | ReadValue::Empty => {
                let now = if let ReadValue::Series(all) = &reading.value { all.as_slice() } else { &[] };
                lookout.counters.entry(reading.name.clone()).or_default().keep(at_us, now, back_us);
                continue;
            }
            ReadValue::Number(number) => Raw::Number(*number),
            ReadValue::Buckets(buckets) => Raw::Buckets(buckets.clone()),
            _ => continue,
        };
        let kept = lookout.raw.entry(reading.name.clone()).or_default();
        // The newest that is old enough stays: it is where the change is counted from.
        let old = kept.iter().filter(|(at, _)| at.saturating_add(back_us) <= at_us).count();
        kept.drain(..old.saturating_sub(1));
        kept.push((at_us, raw));
    }
}

/// How far back the counters of a metric of this scope of the plan are needed.
pub(in crate::machine) fn looks_back(plan: &Plan, scope: usize, name: &str) -> Option<u64> {
    match &metric_in(plan, scope, name)?.source {
        MetricSource::Scrape { change: Some(change), .. } => Some(if change.all { u64::MAX } else { change.over_us }),
        _ => None,
    }
}

/// Whether it matters when its requests were made: a metric is made of them, and may be too old.
pub(in crate::machine) fn is_timed(state: &State, id: InstId) -> bool {
    let node = state.node_of(id);
    state.plan.metrics.iter().any(|metric| {
        let is_of_it = matches!(&metric.source, MetricSource::LatencyOf { step, .. } if *step == node.id);
        is_of_it && metric.scope == node.scope
    })
}

struct Look<'a> {
    state: &'a State,
    id: InstId,
    done: &'a Done,
    time: &'a LookTime,
}

type Found = Result<Measured, Missing>;

impl Look<'_> {
    fn sample(&self, name: &str) -> Sample {
        let metric = metric_of(self.state, self.id, name);
        let found = match metric {
            Some(metric) => self.found(metric).and_then(|value| possible(metric, value)),
            None => Err(Missing::Error(format!("there is no metric `{name}`"))),
        };
        let wall_us = self.time.when.wall_us;
        let at_us = metric.and_then(|metric| self.stamped_us(metric)).unwrap_or(wall_us);
        let age_us = wall_us.saturating_sub(at_us);
        let longest_us = match metric {
            // How old its parts may be is stated there.
            Some(Metric { source: MetricSource::Ratio { .. }, .. }) => u64::MAX,
            metric => metric.and_then(|metric| metric.stale_after_us).unwrap_or(decide::LONGEST_KEPT_US),
        };
        match found {
            Ok(_) if age_us > longest_us => Sample::missing(wall_us, Missing::Stale { age_us }),
            Ok(value) => Sample { at_us, value },
            Err(why) => Sample::missing(wall_us, why),
        }
    }

    /// The time its source gives a value; the oldest, where it is made of several.
    fn stamped_us(&self, metric: &Metric) -> Option<u64> {
        match &metric.source {
            MetricSource::Prometheus { .. } if self.reading(&time_name(&metric.name)).is_some() => {
                let seconds = self.number(&time_name(&metric.name)).ok()?;
                Some((seconds * 1e6).round() as u64)
            }
            MetricSource::Prometheus { .. } | MetricSource::Scrape { .. } => self.reading(&metric.name)?.at_us,
            MetricSource::LatencyOf { step, .. } => self.requests(step).filter_map(|of_one| of_one.newest_us()).max(),
            MetricSource::Ratio { of, to } => {
                let parts = [of, to].into_iter().filter_map(|name| metric_of(self.state, self.id, name));
                parts.filter_map(|part| self.stamped_us(part)).min()
            }
            MetricSource::Http { .. } | MetricSource::Shell { .. } => None,
        }
    }

    fn found(&self, metric: &Metric) -> Found {
        if self.done.ended != Ended::Ok {
            return Err(Missing::Error("reading it was cut short".into()));
        }
        match &metric.source {
            MetricSource::Prometheus { .. } if metric.quantile.is_some() => {
                let ReadValue::Buckets(buckets) = self.read(&metric.name)? else { return Err(Missing::WrongKind) };
                // Rates of buckets add up to a rate, not to a number of observations.
                let value = quantile_of(metric, buckets)?;
                number(value, self.counted_by_query(metric))
            }
            MetricSource::Prometheus { .. } => {
                let value = match self.number(&metric.name) {
                    Err(Missing::Empty) if self.counts_as_zero(metric) => 0.0,
                    value => {
                        // A value whose age was asked for and is not known may be of any age.
                        if self.reading(&time_name(&metric.name)).is_some() {
                            self.number(&time_name(&metric.name))?;
                        }
                        value?
                    }
                };
                let value = match metric.buckets.last().and_then(|bound| bound.parse().ok()) {
                    Some(bound) => decide::within_buckets(value, bound)?,
                    None => value,
                };
                number(value, self.counted_by_query(metric))
            }
            MetricSource::Scrape { change, .. } => self.scraped(metric, change.as_ref()),
            MetricSource::Http { value, .. } => self.yielded(metric, Some(value)),
            MetricSource::Shell { value, .. } => self.yielded(metric, value.as_ref()),
            MetricSource::LatencyOf { step, reduce } => self.latency(metric, step, *reduce),
            MetricSource::Ratio { of, to } => ratio::of(self.part(of)?, self.part(to)?),
        }
    }

    /// Whether the value of a metric is a number of observations: so many per second, bytes or seconds are none.
    fn counts(&self, name: &str) -> bool {
        let Some(metric) = metric_of(self.state, self.id, name) else { return false };
        let per_second = matches!(&metric.source, MetricSource::Scrape { change: Some(c), .. } if c.per_second);
        let plain = decide::Dimension { kind: decide::Kind::Count, rate: false };
        !per_second && metric.unit.is_none_or(|unit| unit.dimension() == plain)
    }

    /// A metric that another one is made of.
    fn part(&self, name: &str) -> Result<ratio::Part, Missing> {
        let metric = metric_of(self.state, self.id, name);
        let metric = metric.ok_or_else(|| Missing::Error(format!("there is no metric `{name}`")))?;
        ratio::Part::of(metric, &self.sample(name), self.counts(name))
    }

    fn counted_by_query(&self, metric: &Metric) -> Option<u64> {
        self.number(&evidence_name(&metric.name)).ok().filter(|n| *n >= 0.0).map(|n| n as u64)
    }

    fn counts_as_zero(&self, metric: &Metric) -> bool {
        absent::counts_as_zero(&self.state.plan, metric, self.done)
    }

    fn reading(&self, name: &str) -> Option<&Reading> {
        self.done.readings.iter().find(|reading| reading.name == name)
    }

    fn read(&self, name: &str) -> Result<&ReadValue, Missing> {
        match self.reading(name).map(|reading| &reading.value) {
            None => Err(Missing::NotYet),
            Some(ReadValue::Empty) => Err(Missing::Empty),
            Some(ReadValue::NotANumber) => Err(Missing::NotANumber),
            Some(ReadValue::Unreadable(why)) => Err(Missing::Error(why.clone())),
            Some(value) => Ok(value),
        }
    }

    fn number(&self, name: &str) -> Result<f64, Missing> {
        match self.read(name)? {
            ReadValue::Number(value) => Ok(*value),
            _ => Err(Missing::WrongKind),
        }
    }

    fn scraped(&self, metric: &Metric, change: Option<&Change>) -> Found {
        let now = match self.read(&metric.name) {
            Err(Missing::Empty) if self.counts_as_zero(metric) => {
                return if change.is_some() { self.counted(metric, change, &[]) } else { number(0.0, None) };
            }
            found => found?,
        };
        let now = match now {
            ReadValue::Series(now) => return self.counted(metric, change, now),
            ReadValue::Number(value) => Raw::Number(*value),
            ReadValue::Buckets(buckets) => Raw::Buckets(buckets.clone()),
            _ => return Err(Missing::WrongKind),
        };
        let Some(change) = change else { return self.raw(metric, &now) };
        let kept = self.lookout().raw.get(&metric.name).filter(|_| self.is_unbroken(change));
        let kept = kept.map(Vec::as_slice).unwrap_or_default();
        let now_us = self.time.when.now_us;
        let far_enough = |(at, _): &(u64, Raw)| change.all || at + change.over_us <= now_us;
        let from = if change.all { kept.iter().position(far_enough) } else { kept.iter().rposition(far_enough) };
        let from = from.ok_or(Missing::TooFew { have: kept.len() as u64 + 1, need: kept.len() as u64 + 2 })?;
        if !change.all && kept[from].0.saturating_add(change.over_us).saturating_add(self.time.gap_us) < now_us {
            return Err(Missing::NotYet);
        }
        match now {
            Raw::Number(value) => {
                let earlier = kept[from..].iter().filter_map(|(at, raw)| match raw {
                    Raw::Number(value) => Some((*at, *value)),
                    Raw::Buckets(_) => None,
                });
                let series: Vec<(u64, f64)> = earlier.chain([(now_us, value)]).collect();
                let risen = decide::increase(&series)?;
                let value = if change.per_second { each_second(metric, decide::rate(&series)?) } else { risen };
                number(value, Some(risen as u64))
            }
            Raw::Buckets(buckets) => match &kept[from].1 {
                Raw::Buckets(earlier) => self.raw(metric, &Raw::Buckets(between(earlier, &buckets))),
                Raw::Number(_) => Err(Missing::WrongKind),
            },
        }
    }

    /// The change of counters, each on its own.
    fn counted(&self, metric: &Metric, change: Option<&Change>, now: &[Series]) -> Found {
        let change = change.ok_or(Missing::WrongKind)?;
        let none = Counters::default();
        let known = self.lookout().counters.get(&metric.name).filter(|_| self.is_unbroken(change)).unwrap_or(&none);
        let over_us = (!change.all).then_some(change.over_us);
        let (mut rise, span_us) = known.since(over_us, self.time.when.now_us, self.time.gap_us, now)?;
        if rise.counts.is_empty() && metric.absent_is_zero {
            rise.counts.push((None, 0.0));
        }
        let value = match rise.counts.as_slice() {
            [(None, risen)] if metric.quantile.is_none() => {
                let seconds = span_us as f64 / 1e6;
                let value = if change.per_second { each_second(metric, risen / seconds) } else { *risen };
                number(value, Some(*risen as u64))?
            }
            _ => self.raw(metric, &Raw::Buckets(rise.counts))?,
        };
        Ok(without(value, rise.gone))
    }

    fn raw(&self, metric: &Metric, raw: &Raw) -> Found {
        match raw {
            Raw::Number(value) => number(*value, None),
            Raw::Buckets(buckets) => {
                let count = buckets.last().map(|(_, count)| *count as u64);
                number(quantile_of(metric, buckets)?, count)
            }
        }
    }

    fn lookout(&self) -> &Lookout {
        &self.state.insts[self.id].lookout
    }

    /// Whether it is known how much time lies between the looks that a change is counted over.
    fn is_unbroken(&self, change: &Change) -> bool {
        change.all || !self.time.lost
    }

    /// The value of a request or a script: by its expression, or the number it printed.
    fn yielded(&self, metric: &Metric, value: Option<&Template>) -> Found {
        let ReadValue::Done(done) = self.read(&metric.name)? else { return Err(Missing::WrongKind) };
        match &done.ended {
            Ended::Ok | Ended::Exit(0) => {}
            Ended::Exit(code) => return Err(Missing::Error(format!("exit {code}"))),
            Ended::Signal(signal) => return Err(Missing::Error(format!("ended by signal {signal}"))),
            Ended::TimedOut => return Err(Missing::Error("it did not answer in time".into())),
            Ended::Cancelled => return Err(Missing::Error("it was cancelled".into())),
            Ended::Failed(why) | Ended::Unavailable(why) => return Err(Missing::Error(why.clone())),
        }
        if let Some(answer) = done.http.as_ref().filter(|answer| !is_good(metric, answer.status)) {
            return Err(Missing::Error(format!("status {} from {}", answer.status, answer.url)));
        }
        let found = match value {
            Some(value) => Names::of(self.state, self.id).with_result(done).expr(value).map_err(Missing::Error)?,
            None => Value::String(done.stdout.as_ref().and_then(|s| s.text.clone()).unwrap_or_default()),
        };
        let found = match found {
            Value::Number(n) if self.wants_text(&metric.name) => Value::String(n.to_string()),
            other => other,
        };
        match found {
            Value::Number(n) => number(n.as_f64().unwrap_or(f64::NAN), None),
            Value::String(text) => match (text.trim(), written(text.trim(), metric)) {
                ("", _) => Err(Missing::Empty),
                (_, Some(value)) if !self.wants_text(&metric.name) => number(value, None),
                (text, _) => Ok(Measured::Text(text.chars().take(200).collect())),
            },
            Value::Bool(flag) => Ok(Measured::Text(flag.to_string())),
            Value::Null => Err(Missing::Empty),
            Value::Array(_) | Value::Object(_) => Err(Missing::WrongKind),
        }
    }

    /// Whether a metric is only ever compared with texts: by the table that looks, or else by those of its runbook.
    fn wants_text(&self, metric: &str) -> bool {
        if let Some(decision) = super::decision_of(self.state, self.id) {
            return decision.table.wants_text(metric) == Some(true);
        }
        let scope = self.state.node_of(self.id).scope;
        let of_scope = self.state.plan.nodes.iter().filter(|node| node.scope == scope);
        let mut wants = of_scope.filter_map(|node| match &node.kind {
            NodeKind::Decide(decision) => decision.table.wants_text(metric),
            _ => None,
        });
        wants.next().is_some_and(|text| text) && wants.all(|text| text)
    }

    fn latency(&self, metric: &Metric, step: &str, reduce: Option<Reduce>) -> Found {
        let mut instances: Vec<_> = self.requests(step).collect();
        instances.sort_by_key(|of_one| of_one.newest_us());
        let all: Vec<_> = instances.into_iter().flat_map(|of_one| of_one.all()).copied().collect();
        let quantile = metric.quantile.as_deref().and_then(|q| q.parse().ok());
        let (value, at_least) = latencies::reduced(&all, reduce, quantile)?;
        Ok(Measured::Number { value, evidence: Some(all.len() as u64), gone: 0, at_least })
    }

    /// The requests of a step, of each of its instances.
    fn requests(&self, step: &str) -> impl Iterator<Item = &Latencies> {
        let scope = self.state.node_of(self.id).scope;
        let of_step = self.state.insts.iter().filter(move |inst| {
            let node = self.state.plan.node(inst.node);
            inst.owner.is_none() && node.scope == scope && node.id == step
        });
        of_step.map(|inst| &inst.latencies)
    }
}

fn quantile_of(metric: &Metric, buckets: &[(Option<f64>, f64)]) -> Result<f64, Missing> {
    let bucket = |(bound, count): &(Option<f64>, f64)| Bucket { bound: bound.unwrap_or(f64::INFINITY), count: *count };
    let buckets: Vec<Bucket> = buckets.iter().map(bucket).collect();
    let quantile = metric.quantile.as_deref().and_then(|q| q.parse().ok()).unwrap_or(f64::NAN);
    decide::histogram_quantile(&buckets, quantile)
}

/// A rise per second in the unit of the metric, which is one per second unless it says another.
fn each_second(metric: &Metric, rise: f64) -> f64 {
    metric.unit.map_or(rise, |unit| unit.of_each_second(rise))
}

/// Whether an answer of this status says what the metric is: any 2xx, or those that its request names.
fn is_good(metric: &Metric, status: u16) -> bool {
    match &metric.source {
        MetricSource::Http { request, .. } => match &request.act {
            Act::Http(http) => http.accepts(status),
            _ => false,
        },
        _ => (200..300).contains(&status),
    }
}

/// No share of a whole, no count and no size is below zero; times and rates may be, such as the offset of a clock, and so may
/// what is the difference of two.
fn possible(metric: &Metric, found: Measured) -> Found {
    use decide::Kind::{Bytes, Count};
    let is_counted = |unit: decide::Unit| {
        let dimension = unit.dimension();
        !dimension.rate && matches!(dimension.kind, Count | Bytes)
    };
    let never_below = match &metric.source {
        MetricSource::Ratio { .. } | MetricSource::LatencyOf { .. } => true,
        MetricSource::Prometheus { query: from, .. }
        | MetricSource::Http { value: from, .. }
        | MetricSource::Shell { value: Some(from), .. }
            if subtracts(&from.text) =>
        {
            false
        }
        _ => metric.unit.is_some_and(is_counted),
    };
    match found {
        Measured::Number { value, .. } if value < 0.0 && never_below => Err(Missing::BelowZero { value }),
        found => Ok(found),
    }
}

fn subtracts(text: &str) -> bool {
    [" - ", "delta(", "deriv(", "predict_linear("].iter().any(|sign| text.contains(sign))
}

fn number(value: f64, evidence: Option<u64>) -> Found {
    if value.is_finite() {
        Ok(Measured::Number { value, evidence, gone: 0, at_least: false })
    } else {
        Err(Missing::NotANumber)
    }
}

/// A number as text, perhaps with the metric's own unit behind it: `5`, `5%`, `12 ms`.
fn written(text: &str, metric: &Metric) -> Option<f64> {
    let unit = metric.unit.map(|unit| unit.to_string()).unwrap_or_default();
    text.strip_suffix(unit.as_str()).unwrap_or(text).trim_end().parse().ok()
}

/// The value, knowing that so many counters behind it vanished.
fn without(value: Measured, lost: u64) -> Measured {
    match value {
        Measured::Number { value, evidence, at_least, .. } => {
            Measured::Number { value, evidence, gone: lost, at_least }
        }
        other => other,
    }
}
