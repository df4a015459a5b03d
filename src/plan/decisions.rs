//! Metrics, tables, stages, rounds and watches of a plan: every time and limit known, every name resolved.

use super::build::{Builder, Position};
use super::convert::{line_of, template};
use super::model::*;
use crate::decide;
use crate::runbook::model as doc;
use crate::text::{Code, Place};
use std::collections::BTreeMap;

/// Where Prometheus is when a metric does not say.
const PROMETHEUS: &str = "{{ target.prometheus }}";
/// Distance of samples of a table that is evaluated once: it has one.
const ONCE_US: u64 = 1_000_000;

impl Builder<'_> {
    pub(super) fn metrics(&mut self, book: &doc::Runbook, at: &Position<'_>) {
        for metric in &book.metrics {
            let planned = self.metric(metric, at);
            self.metrics.extend(planned);
        }
    }

    fn metric(&mut self, metric: &doc::Metric, at: &Position<'_>) -> Option<Metric> {
        let source = self.metric_source(metric, at)?;
        let unit = match (&metric.unit, &source) {
            (_, MetricSource::LatencyOf { .. }) => decide::Unit::parse("s").ok(),
            (_, MetricSource::Ratio { .. }) => Some(decide::Unit::RATIO),
            (None, _) => None,
            (Some(text), _) => match decide::Unit::parse(&text.value) {
                Ok(unit) => Some(unit),
                Err(wrong) => {
                    self.problem(Code::METRIC_DECLARATION, &wrong, &text.place, "such as %, ms, MiB or MB/min");
                    None
                }
            },
        };
        Some(Metric {
            name: metric.name.clone(),
            scope: at.scope,
            title: metric.title.as_ref().map(|t| t.value.clone()),
            at: line_of(&metric.place),
            source,
            unit,
            quantile: metric.quantile.as_ref().map(|q| q.value.clone()),
            buckets: metric.buckets.iter().map(|b| b.value.clone()).collect(),
            min_samples: metric.min_samples,
            stale_after_us: metric.stale_after.as_ref().and_then(|t| self.us(t, at)),
            baseline_us: metric.baseline.as_ref().and_then(|t| self.us(t, at)),
        })
    }

    fn metric_source(&mut self, metric: &doc::Metric, at: &Position<'_>) -> Option<MetricSource> {
        Some(match &metric.source {
            doc::MetricSource::Prometheus { query, url, sampling, samples } => {
                let default = Template { text: PROMETHEUS.into(), at: line_of(&metric.place) };
                MetricSource::Prometheus {
                    query: template(query),
                    url: url.as_ref().map_or(default, template),
                    sampling: match sampling {
                        Some(s) => Some(Sampling {
                            range_us: self.us(&s.range, at)?,
                            step_us: self.us(&s.step, at)?,
                            reduce: s.reduce,
                        }),
                        None => None,
                    },
                    samples: samples.as_ref().map(template),
                }
            }
            doc::MetricSource::Scrape { url, series, change } => MetricSource::Scrape {
                url: template(url),
                series: template(series),
                change: match change {
                    Some(c) => Some(Change { per_second: c.per_second, over_us: self.us(&c.over, at)? }),
                    None => None,
                },
            },
            doc::MetricSource::Http { request, value } => {
                MetricSource::Http { request: Box::new(self.task(request, at)), value: template(value) }
            }
            doc::MetricSource::Shell { script, value } => MetricSource::Shell {
                script: Box::new(self.task(script, at)),
                value: value.as_ref().map(template),
            },
            doc::MetricSource::LatencyOf { step, reduce } => {
                MetricSource::LatencyOf { step: step.value.clone(), reduce: *reduce }
            }
            doc::MetricSource::Ratio { of, to } => MetricSource::Ratio { of: of.value.clone(), to: to.value.clone() },
        })
    }

    /// The node of a table that runs beside another node.
    pub(super) fn guards(&mut self, table: Option<&doc::Table>, at: &Position<'_>) -> Option<NodeId> {
        let table = table?;
        let decision = self.decision(table, at)?;
        Some(self.block("guard", &table.place, at, NodeKind::Decide(Box::new(decision))))
    }

    /// None when something in it is wrong, which is then a problem of the plan.
    pub(super) fn decision(&mut self, table: &doc::Table, at: &Position<'_>) -> Option<Decision> {
        let (otherwise, no_data) = (table.otherwise.as_ref()?, table.no_data.as_ref()?);
        let every_us = match &table.every {
            Some(every) => self.us(every, at)?,
            None => ONCE_US,
        };
        let over_us = match &table.over {
            Some(over) => Some(self.us(over, at)?),
            None => None,
        };
        let mut rows = Vec::new();
        let mut behind = Vec::new();
        for rule in &table.rules {
            rows.push(decide::Row {
                symptom: Some(rule.symptom.value.clone()),
                conditions: self.conditions(&rule.conditions, at)?,
                for_us: match &rule.hold {
                    Some(hold) => Some(self.us(hold, at)?),
                    None => None,
                },
                action: rule.outcome.action,
            });
            behind.push(self.behind(&rule.outcome, table, at));
        }
        let metrics = self.known_metrics(rows.iter().flat_map(|row| &row.conditions), at.scope);
        let decision = Decision {
            table: decide::Table {
                hit: table.hit,
                rows,
                otherwise: otherwise.action,
                no_data: no_data.action,
                every_us,
                gap_us: None,
                metrics,
            },
            over_us,
            rows: behind,
            otherwise: self.behind(otherwise, table, at),
            no_data: self.behind(no_data, table, at),
            escalate: table.escalate.as_ref().and_then(|escalate| self.escalate(escalate, at)),
            extend: table.extend.as_ref().map(|extend| self.extend(extend, table.investigate.as_ref(), at)),
            at: line_of(&table.place),
        };
        self.refuse_wrong_table(&decision.table, table);
        Some(decision)
    }

    /// With the limits filled in, a table can still be wrong: the unit of a limit of the target, for example.
    fn refuse_wrong_table(&mut self, table: &decide::Table, written: &doc::Table) {
        for wrong in table.check() {
            let row = wrong.row.and_then(|row| written.rules.get(row));
            let cell = row.zip(wrong.condition).and_then(|(row, condition)| row.conditions.get(condition));
            let place = cell.map(|c| &c.place).or(row.map(|r| &r.place)).unwrap_or(&written.place);
            self.problem(Code::WRONG_UNIT, &wrong.message, place, "see the table shown here");
        }
    }

    fn conditions(&mut self, conditions: &[doc::Condition], at: &Position<'_>) -> Option<Vec<decide::Condition>> {
        let mut resolved = Vec::new();
        for condition in conditions {
            let known = self.known(at.scope);
            let fill = |text: &doc::Text| match known.covers(&text.value) {
                true => known.text(&text.value),
                false => Err("a limit must be known when planning: only inputs and target values".into()),
            };
            match condition.cell.resolve(&fill) {
                Ok(cell) => resolved.push(decide::Condition { metric: condition.metric.clone(), cell }),
                Err(wrong) => {
                    self.problem(Code::BAD_CELL, &wrong.message, &wrong.place, "such as `> 5%` or `1% .. 5%`");
                    return None;
                }
            }
        }
        Some(resolved)
    }

    fn known_metrics<'c>(
        &self,
        conditions: impl Iterator<Item = &'c decide::Condition>,
        scope: usize,
    ) -> BTreeMap<String, decide::Metric> {
        let mut known = BTreeMap::new();
        for condition in conditions {
            let other = match &condition.cell {
                decide::Cell::Vs { metric, .. } => Some(metric),
                _ => None,
            };
            for name in std::iter::once(&condition.metric).chain(other) {
                let metric = self.metrics.iter().find(|m| m.scope == scope && m.name == *name);
                known.extend(metric.map(|m| {
                    let about =
                        decide::Metric { unit: m.unit, min_samples: m.min_samples, stale_after_us: m.stale_after_us };
                    (name.clone(), about)
                }));
            }
        }
        known
    }

    fn behind(&mut self, outcome: &doc::Outcome, table: &doc::Table, at: &Position<'_>) -> Behind {
        let asks = outcome.action == decide::Ruling::Investigate;
        let own = outcome.within.as_ref().zip(outcome.then);
        let of_table = table.investigate.as_ref().map(|i| (&i.within, i.then));
        let ask = own.or(of_table).filter(|_| asks).and_then(|(within, then)| {
            Some(Ask { within_us: self.us(within, at)?, then })
        });
        Behind { at: line_of(&outcome.place), ask }
    }

    fn escalate(&mut self, escalate: &doc::Escalate, at: &Position<'_>) -> Option<Escalate> {
        let levels = escalate.levels.iter().map(|level| {
            Some(Level { to: template(&level.to), within_us: self.us(&level.within, at)? })
        });
        Some(Escalate { levels: levels.collect::<Option<Vec<_>>>()?, then: escalate.then })
    }

    fn extend(&mut self, extend: &doc::Extend, ask: Option<&doc::Investigate>, at: &Position<'_>) -> Extend {
        let asks = extend.then == doc::Then::Investigate;
        let ask = ask.filter(|_| asks).and_then(|i| Some(Ask { within_us: self.us(&i.within, at)?, then: i.then }));
        Extend { by_us: extend.by.as_ref().and_then(|by| self.us(by, at)), max: extend.max, then: extend.then, ask }
    }

    pub(super) fn stages(&mut self, stages: &doc::Stages, place: &Place, at: &Position<'_>) -> NodeKind {
        let mut table: Vec<Stage> = Vec::new();
        for stage in &stages.table {
            let criteria = match &stage.criteria {
                doc::Criteria::None => Vec::new(),
                doc::Criteria::Same(_) => table.last().map(|above| above.criteria.clone()).unwrap_or_default(),
                doc::Criteria::All(conditions) => self.conditions(conditions, at).unwrap_or_default(),
            };
            let wait_us = stage.wait.as_ref().and_then(|wait| self.us(wait, at));
            table.push(Stage { percent: stage.percent, wait_us, criteria, at: line_of(&stage.place) });
        }
        let share = stages.share.as_ref().and_then(|share| self.share(share));
        let body = self.sequence("stage", &stages.steps, place, at);
        let promote = stages.promote.as_ref().map(|promote| Promote {
            main: self.sequence("main", &promote.main, place, at),
            remove: self.sequence("remove", &promote.remove, place, at),
        });
        let extend = stages.extend.as_ref().map(|e| self.extend(e, stages.investigate.as_ref(), at));
        let every_us = self.us(&stages.every, at).unwrap_or(ONCE_US);
        NodeKind::Stages(Box::new(Stages { table, every_us, share, extend, body, promote }))
    }

    fn share(&mut self, share: &doc::Share) -> Option<Share> {
        match decide::Quantity::parse(&share.tolerance.value) {
            Ok(tolerance) => Some(Share { metric: share.metric.value.clone(), tolerance }),
            Err(wrong) => {
                self.problem(Code::STAGE_TABLE, &wrong.message, &share.tolerance.place, "such as `2%`");
                None
            }
        }
    }

    pub(super) fn rounds(&mut self, rounds: &doc::Rounds, place: &Place, at: &Position<'_>) -> NodeKind {
        let times = rounds.times.iter().filter_map(|round| {
            Some(Round { every_us: self.us(&round.every, at)?, until_us: self.us(&round.until, at)? })
        });
        let times = times.collect();
        NodeKind::Rounds(Box::new(Rounds { times, body: self.sequence("round", &rounds.steps, place, at) }))
    }

    pub(super) fn watch(&mut self, watch: &doc::Watch, at: &Position<'_>) -> NodeKind {
        let texts = |list: &[doc::Text]| list.iter().map(|text| text.value.clone()).collect();
        NodeKind::Watch(Box::new(Watch {
            source: match &watch.source {
                doc::WatchSource::File(path) => WatchSource::File(template(path)),
                doc::WatchSource::Journal(unit) => WatchSource::Journal(template(unit)),
                doc::WatchSource::Shell(script) => WatchSource::Shell(template(script)),
            },
            time_us: self.us(&watch.time, at).unwrap_or(0),
            since: watch.since.as_ref().map(|id| id.value.clone()),
            must: texts(&watch.must),
            must_not: texts(&watch.must_not),
            new_patterns: watch
                .new_patterns
                .as_ref()
                .map(|limit| NewPatterns { baseline: limit.baseline.value.clone(), max: limit.max }),
        }))
    }

    fn sequence(&mut self, id: &str, steps: &[doc::Step], place: &Place, at: &Position<'_>) -> NodeId {
        let children = steps.iter().map(|step| self.step(step, at)).collect();
        self.block(id, place, at, NodeKind::Sequence(children))
    }

    /// Microseconds of a duration that must be known now; a problem when it is not.
    fn us(&mut self, text: &doc::Text, at: &Position<'_>) -> Option<u64> {
        let known = self.known(at.scope);
        let value = match known.covers(&text.value) {
            true => known.text(&text.value),
            false => Err("a time of a schedule or table must be known when planning".into()),
        };
        // A duration of an input or target renders as seconds.
        let seconds = |value: &str| value.parse::<f64>().ok().filter(|s| *s >= 0.0).map(|s| (s * 1e6) as u64);
        let us = value.and_then(|v| {
            let bare = if v == text.value { None } else { seconds(&v) };
            super::units::duration_us(&v).or(bare).ok_or_else(|| format!("`{v}` is not a duration such as 30s or 5m"))
        });
        match us {
            Ok(us) => Some(us),
            Err(wrong) => {
                self.problem(Code::NOT_KNOWN, &wrong, &text.place, "use only `inputs.` and `target.`");
                None
            }
        }
    }
}
