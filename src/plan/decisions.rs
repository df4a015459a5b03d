//! Metrics, tables, rounds and watches of a plan: every time and limit known, every name resolved.

use super::build::{Builder, Position};
use super::convert::{line_of, template};
use super::model::*;
use crate::check::{self, Use};
use crate::decide;
use crate::runbook::model as doc;
use crate::text::{Code, Place};

/// Where Prometheus is when a metric does not say.
const PROMETHEUS: &str = "{{ target.prometheus }}";

/// How many samples a baseline has at least, unless they would be closer than a second.
const BASELINE_SAMPLES: u64 = 12;

/// Ids of what looks first: no phase and no step of a runbook can have them.
const BEFORE: &str = "before-any-change";
const TAKE_BASELINE: &str = "take-baseline";

impl Builder<'_> {
    pub(super) fn metrics(&mut self, book: &doc::Runbook, at: &Position<'_>) {
        for metric in &book.metrics {
            let planned = self.metric(metric, at);
            self.metrics.extend(planned);
        }
    }

    /// A phase before the others in which the metrics of this runbook that have a baseline are looked at.
    pub(super) fn baseline(&mut self, book: &doc::Runbook, at: &Position<'_>) -> Option<NodeId> {
        let of_scope = self.metrics.iter().filter(|metric| metric.scope == at.scope);
        let metrics: Vec<(String, u64)> =
            of_scope.filter_map(|metric| Some((metric.name.clone(), metric.baseline_us?))).collect();
        let first = book.metrics.iter().find(|metric| metrics.iter().any(|(name, _)| *name == metric.name))?;
        let shortest_us = metrics.iter().map(|(_, over_us)| *over_us).min()?;
        let every_us = (shortest_us / BASELINE_SAMPLES).clamp(1_000_000, 10_000_000);
        let names: Vec<&str> = metrics.iter().map(|(name, _)| name.as_str()).collect();
        let words = format!("Look at {} as it is now", names.join(", "));
        let kind = NodeKind::Baseline(Box::new(Baseline { metrics, every_us }));
        let look = self.block(TAKE_BASELINE, &first.place, at, kind);
        self.nodes[look].title = Some(Template { text: words, at: line_of(&first.place) });
        let phase = self.block(BEFORE, &first.place, at, NodeKind::Sequence(vec![look]));
        let title = Template { text: "Before any change".into(), at: line_of(&first.place) };
        self.nodes[phase].title = Some(title);
        Some(phase)
    }

    fn metric(&mut self, metric: &doc::Metric, at: &Position<'_>) -> Option<Metric> {
        let source = self.metric_source(metric, at)?;
        Some(Metric {
            name: metric.name.clone(),
            scope: at.scope,
            title: metric.title.as_ref().map(|t| t.value.clone()),
            at: line_of(&metric.place),
            source,
            unit: metric.unit(),
            quantile: metric.quantile.as_ref().map(|q| q.value.clone()),
            buckets: metric.buckets.iter().map(|b| b.value.clone()).collect(),
            min_samples: metric.min_samples.as_ref().and_then(|text| self.count(text, at)),
            stale_after_us: metric.stale_after.as_ref().and_then(|t| self.some_us(t, at)),
            timeout_us: metric.timeout.as_ref().and_then(|t| self.us(t, at)),
            absent_is_zero: metric.absent_is_zero,
            baseline_us: metric.baseline.as_ref().and_then(|t| self.some_us(t, at)),
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
                    Some(c) => Some(Change {
                        per_second: c.per_second,
                        over_us: c.over.as_ref().map_or(Some(0), |over| self.some_us(over, at))?,
                        all: c.over.is_none(),
                    }),
                    None => None,
                },
            },
            doc::MetricSource::Http { request, value } => {
                MetricSource::Http { request: Box::new(self.task(request, at)), value: template(value) }
            }
            doc::MetricSource::Shell { script, value } => {
                MetricSource::Shell { script: Box::new(self.task(script, at)), value: value.as_ref().map(template) }
            }
            doc::MetricSource::LatencyOf { step, reduce } => {
                MetricSource::LatencyOf { step: step.value.clone(), reduce: *reduce }
            }
            doc::MetricSource::Ratio { of, to } => MetricSource::Ratio { of: of.value.clone(), to: to.value.clone() },
        })
    }

    /// The node of a table that runs beside another node.
    pub(super) fn guards<'s>(
        &mut self,
        table: Option<&doc::Table>,
        steps: impl FnOnce() -> Vec<&'s doc::Step>,
        at: &Position<'_>,
    ) -> Option<NodeId> {
        let table = table?;
        let decision = self.decision(table, Use::Guards(steps()), at)?;
        Some(self.block("guard", &table.place, at, NodeKind::Decide(Box::new(decision))))
    }

    /// None when something in it is wrong, which is then a problem of the plan or was one of the reader.
    pub(super) fn decision(&mut self, table: &doc::Table, usage: Use<'_>, at: &Position<'_>) -> Option<Decision> {
        let (otherwise, no_data) = (table.otherwise.as_ref()?, table.no_data.as_ref()?);
        let resolved = table.resolve(at.metrics, &self.filler(at));
        let resolved = self.reported(resolved)??;
        self.refuse_wrong_table(&resolved, table);
        self.findings.extend(check::of_table(table, usage, at.metrics, &self.filler(at)));
        Some(Decision {
            table: resolved,
            over_us: table.over.as_ref().and_then(|over| self.us(over, at)),
            rows: table.rules.iter().map(|rule| self.behind(&rule.outcome, table, at)).collect(),
            otherwise: self.behind(otherwise, table, at),
            no_data: self.behind(no_data, table, at),
            escalate: table.escalate.as_ref().and_then(|escalate| self.escalate(escalate, at)),
            extend: table.extend.as_ref().map(|extend| self.extend(extend, table.investigate.as_ref(), at)),
            hold: table.patience.as_ref().and_then(|patience| self.hold(patience, table.investigate.as_ref(), at)),
            at: line_of(&table.place),
        })
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

    fn behind(&mut self, outcome: &doc::Outcome, table: &doc::Table, at: &Position<'_>) -> Behind {
        // What is inconclusive is asked about too, where it stays so to the end of what a table guards.
        let asks = matches!(outcome.action, decide::Ruling::Investigate | decide::Ruling::Inconclusive);
        let own = outcome.within.as_ref().zip(outcome.then);
        let of_table = table.investigate.as_ref().map(|i| (&i.within, i.then));
        let ask = own
            .or(of_table)
            .filter(|_| asks)
            .and_then(|(within, then)| Some(Ask { within_us: self.some_us(within, at)?, then }));
        Behind { at: line_of(&outcome.place), ask }
    }

    fn escalate(&mut self, escalate: &doc::Escalate, at: &Position<'_>) -> Option<Escalate> {
        let levels = escalate
            .levels
            .iter()
            .map(|level| Some(Level { to: template(&level.to), within_us: self.some_us(&level.within, at)? }));
        Some(Escalate { levels: levels.collect::<Option<Vec<_>>>()?, then: escalate.then })
    }

    pub(super) fn extend(&mut self, extend: &doc::Extend, ask: Option<&doc::Investigate>, at: &Position<'_>) -> Extend {
        let ask = self.asks(extend.then, ask, at);
        Extend { by_us: extend.by.as_ref().and_then(|by| self.us(by, at)), max: extend.max, then: extend.then, ask }
    }

    fn hold(&mut self, hold: &doc::Patience, ask: Option<&doc::Investigate>, at: &Position<'_>) -> Option<HoldLimit> {
        Some(HoldLimit { max_us: self.us(&hold.max, at)?, then: hold.then, ask: self.asks(hold.then, ask, at) })
    }

    /// The timer behind `then: investigate`.
    fn asks(&mut self, then: doc::Then, ask: Option<&doc::Investigate>, at: &Position<'_>) -> Option<Ask> {
        let ask = ask.filter(|_| then == doc::Then::Investigate)?;
        Some(Ask { within_us: self.some_us(&ask.within, at)?, then: ask.then })
    }

    pub(super) fn rounds(&mut self, rounds: &doc::Rounds, place: &Place, at: &Position<'_>) -> NodeKind {
        self.problems.extend(check::of_rounds(rounds, &self.filler(at)));
        let times = rounds.times.iter().filter_map(|round| {
            Some(Round { every_us: self.us(&round.every, at)?, until_us: self.us(&round.until, at)? })
        });
        let times = times.collect();
        NodeKind::Rounds(Box::new(Rounds { times, body: self.sequence("round", &rounds.steps, place, at) }))
    }

    pub(super) fn watch(&mut self, watch: &doc::Watch, at: &Position<'_>) -> NodeKind {
        if let (doc::WatchSource::Shell(_), Some(since)) = (&watch.source, &watch.since) {
            let message = "what a script prints has no earlier part: `since` is for files and journals";
            self.problem(Code::WATCH, message, &since.place, "let the script itself print from there on");
        }
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

    pub(super) fn sequence(&mut self, id: &str, steps: &[doc::Step], place: &Place, at: &Position<'_>) -> NodeId {
        let children = steps.iter().map(|step| self.step(step, at)).collect();
        self.block(id, place, at, NodeKind::Sequence(children))
    }

    /// Microseconds of a duration that must be known now; a problem when it is not.
    pub(super) fn us(&mut self, text: &doc::Text, at: &Position<'_>) -> Option<u64> {
        let us = doc::time_us(text, &self.filler(at));
        self.reported(us)
    }

    /// The same, longer than nothing.
    fn some_us(&mut self, text: &doc::Text, at: &Position<'_>) -> Option<u64> {
        let us = doc::some_time_us(text, &self.filler(at));
        self.reported(us)
    }

    fn count(&mut self, text: &doc::Text, at: &Position<'_>) -> Option<u64> {
        let count = doc::count(text, &self.filler(at));
        self.reported(count)
    }

    /// Fills what is known when planning.
    pub(super) fn filler(&self, at: &Position<'_>) -> impl Fn(&doc::Text) -> Result<String, String> + use<> {
        let known = self.known(at.scope);
        move |text: &doc::Text| match known.covers(&text.value) {
            true => known.text(&text.value),
            false => Err("this must be known when planning".into()),
        }
    }

    pub(super) fn reported<T>(&mut self, result: Result<T, doc::CellProblem>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.problem(Code::NOT_KNOWN, &wrong.message, &wrong.place, "use only `inputs.` and `target.`");
                None
            }
        }
    }
}
