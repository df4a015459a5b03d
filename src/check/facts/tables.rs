//! Texts of metrics and tables: a metric is read wherever a table that names it is armed.

use super::{Facts, Results, Role, Scope};
use crate::runbook::model::{
    Condition, Criteria, Extend, Investigate, Metric, MetricSource, Rounds, Stages, Table, Watch, WatchSource,
};
use std::collections::BTreeSet;

/// What templates of a stage's steps see as `stage`.
const STAGE: &[&str] = &["percent", "number"];
/// What templates of a round's steps see as `round`.
const ROUND: &[&str] = &["number", "due"];

impl<'r> Facts<'r> {
    /// Metrics that no table names are read when the run begins.
    pub(super) fn unnamed_metrics(&mut self, at: usize) {
        let named = self.named.clone();
        for metric in self.runbook.metrics.iter().filter(|m| !named.contains(m.name.as_str())) {
            self.metric(metric, at, 0);
        }
    }

    pub(super) fn table(&mut self, table: &'r Table, at: usize, scope: usize) {
        self.add_some(at, scope, "every", Role::Template, &table.every);
        self.add_some(at, scope, "over", Role::Template, &table.over);
        self.add_some(at, scope, "gap", Role::Template, &table.gap);
        for rule in &table.rules {
            self.conditions(&rule.conditions, at, scope);
            self.add_some(at, scope, "for", Role::Template, &rule.hold);
        }
        for within in table.outcomes().filter_map(|outcome| outcome.within.as_ref()) {
            self.add(at, scope, "within", Role::Template, Results::Nothing, within);
        }
        for level in table.escalate.iter().flat_map(|escalate| &escalate.levels) {
            self.add(at, scope, "to", Role::Title, Results::Nothing, &level.to);
            self.add(at, scope, "within", Role::Template, Results::Nothing, &level.within);
        }
        self.longer(table.extend.as_ref(), table.investigate.as_ref(), at, scope);
        if let Some(patience) = &table.patience {
            self.add(at, scope, "hold", Role::Template, Results::Nothing, &patience.max);
        }
        self.metrics_of(table.rules.iter().flat_map(|rule| &rule.conditions), at, scope);
        self.tables.push((at, table));
    }

    pub(super) fn stages(&mut self, stages: &'r Stages, at: usize, scope: usize) {
        self.add(at, scope, "every", Role::Template, Results::Nothing, &stages.every);
        let mut criteria = Vec::new();
        for stage in &stages.table {
            self.add_some(at, scope, "wait", Role::Template, &stage.wait);
            if let Criteria::All(conditions) = &stage.criteria {
                self.conditions(conditions, at, scope);
                criteria.extend(conditions);
            }
        }
        self.metrics_of(criteria, at, scope);
        if let Some(share) = &stages.share {
            self.metric_named(&share.metric.value, at, scope, &mut BTreeSet::new());
            self.add(at, scope, "tolerance", Role::Template, Results::Nothing, &share.tolerance);
        }
        self.longer(stages.extend.as_ref(), stages.investigate.as_ref(), at, scope);
        let inner = self.scope(scope, "stage", STAGE);
        self.steps_of(&stages.steps, at, inner);
        if let Some(promote) = &stages.promote {
            self.steps_of(&promote.main, at, scope);
            self.steps_of(&promote.remove, at, scope);
        }
    }

    pub(super) fn rounds(&mut self, rounds: &'r Rounds, at: usize, scope: usize) {
        for text in rounds.times.iter().flat_map(|round| [&round.every, &round.until]) {
            self.add(at, scope, "times", Role::Template, Results::Nothing, text);
        }
        let inner = self.scope(scope, "round", ROUND);
        self.steps_of(&rounds.steps, at, inner);
    }

    pub(super) fn watch(&mut self, watch: &'r Watch, at: usize, scope: usize) {
        match &watch.source {
            WatchSource::File(path) => self.add(at, scope, "file", Role::Template, Results::Nothing, path),
            WatchSource::Journal(unit) => self.add(at, scope, "journal", Role::Template, Results::Nothing, unit),
            WatchSource::Shell(script) => self.add(at, scope, "shell", Role::Script, Results::Nothing, script),
        }
        self.add(at, scope, "for", Role::Template, Results::Nothing, &watch.time);
    }

    fn longer(&mut self, extend: Option<&'r Extend>, ask: Option<&'r Investigate>, at: usize, scope: usize) {
        let by = extend.and_then(|extend| extend.by.as_ref());
        for text in by.into_iter().chain(ask.map(|ask| &ask.within)) {
            self.add(at, scope, "extend", Role::Template, Results::Nothing, text);
        }
    }

    fn conditions(&mut self, conditions: &'r [Condition], at: usize, scope: usize) {
        for text in conditions.iter().flat_map(|condition| condition.cell.texts()) {
            self.add(at, scope, "if", Role::Template, Results::Nothing, text);
        }
    }

    /// The metrics that conditions name, and those behind them, each once.
    fn metrics_of(&mut self, conditions: impl IntoIterator<Item = &'r Condition>, at: usize, scope: usize) {
        let mut seen = BTreeSet::new();
        for condition in conditions {
            self.metric_named(&condition.metric, at, scope, &mut seen);
            if let Some(metric) = condition.cell.other() {
                self.metric_named(&metric.value, at, scope, &mut seen);
            }
        }
    }

    fn metric_named(&mut self, name: &'r str, at: usize, scope: usize, seen: &mut BTreeSet<&'r str>) {
        let Some(metric) = self.runbook.metrics.iter().find(|m| m.name == name) else { return };
        if !seen.insert(name) {
            return;
        }
        self.named.insert(name);
        if let MetricSource::Ratio { of, to } = &metric.source {
            self.metric_named(&of.value, at, scope, seen);
            self.metric_named(&to.value, at, scope, seen);
        }
        self.metric(metric, at, scope);
    }

    fn metric(&mut self, metric: &'r Metric, at: usize, scope: usize) {
        let none = Results::Nothing;
        self.add_some(at, scope, "min_samples", Role::Template, &metric.min_samples);
        self.add_some(at, scope, "stale_after", Role::Template, &metric.stale_after);
        self.add_some(at, scope, "baseline", Role::Template, &metric.baseline);
        self.add_some(at, scope, "timeout", Role::Template, &metric.timeout);
        match &metric.source {
            MetricSource::Prometheus { query, url, sampling, samples } => {
                self.add(at, scope, "prometheus", Role::Template, none, query);
                self.add_some(at, scope, "url", Role::Template, url);
                self.add_some(at, scope, "samples", Role::Template, samples);
                for text in sampling.iter().flat_map(|s| [&s.range, &s.step]) {
                    self.add(at, scope, "range", Role::Template, none, text);
                }
            }
            MetricSource::Scrape { url, series, change } => {
                self.add(at, scope, "url", Role::Template, none, url);
                self.add(at, scope, "series", Role::Template, none, series);
                let over = change.as_ref().and_then(|change| change.over.as_ref());
                over.into_iter().for_each(|over| self.add(at, scope, "over", Role::Template, none, over));
            }
            MetricSource::Http { request, value } => {
                self.task(request, at, scope);
                self.add(at, scope, "value", Role::Expression, Results::Http, value);
            }
            MetricSource::Shell { script, value } => {
                self.task(script, at, scope);
                if let Some(value) = value {
                    self.add(at, scope, "value", Role::Expression, Results::Process, value);
                }
            }
            MetricSource::LatencyOf { .. } | MetricSource::Ratio { .. } => {}
        }
    }

    fn scope(&mut self, parent: usize, item: &'static str, parts: &'static [&'static str]) -> usize {
        self.scopes.push(Scope { parent: Some(parent), item: Some(item), parts: Some(parts) });
        self.scopes.len() - 1
    }
}
