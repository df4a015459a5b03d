//! Named measurements.

use super::cursor::{Field, Obj, Reader};
use super::keys;
use super::scalars::{ID_RULE, is_id};
use super::step::looking;
use crate::runbook::model::{Change, Kind, Metric, MetricSource, Reduce, Sampling, Step, Text};
use crate::text::{Code, Kind as Yaml};

const REDUCE: &[(&str, Reduce)] = &[
    ("last", Reduce::Last),
    ("min", Reduce::Min),
    ("max", Reduce::Max),
    ("mean", Reduce::Mean),
    ("sum", Reduce::Sum),
    ("p95", Reduce::P95),
    ("count", Reduce::Count),
];

/// A change since looking began.
const ALL: &str = "all";

/// What to write instead of a change over no time.
const CHANGE_OF_NOTHING: &str =
    "nothing changes in no time: say over how long, such as `1m`, or `delta: all` for all since looking began";

impl<'a> Reader<'a> {
    pub(super) fn metrics(&mut self, field: Field<'a>) -> Vec<Metric> {
        let entries = self.open_object(field, "a mapping of metric names");
        entries.into_iter().filter_map(|entry| self.metric(entry)).collect()
    }

    fn metric(&mut self, field: Field<'a>) -> Option<Metric> {
        if !is_id(field.name) {
            self.bad_name(field.name, field.key, ID_RULE);
        }
        let mut obj = self.object(field, "a metric", &[keys::SOURCES, keys::METRIC].concat())?;
        let source_field = self.one_of(&obj, keys::SOURCES)?;
        self.refuse_misplaced_beside_source(&mut obj, source_field);
        let source = self.metric_source(field, &obj, source_field);
        Some(Metric {
            name: field.name.to_string(),
            title: self.optional_text(&obj, "title"),
            unit: obj.get("unit").and_then(|f| self.string(f, "a unit such as s, MiB or %")),
            quantile: obj.get("quantile").and_then(|f| self.quantile(f)),
            buckets: obj.get("buckets").map(|f| self.bounds(f)).unwrap_or_default(),
            min_samples: obj.get("min_samples").and_then(|f| self.count_text(f, 1_000_000_000)),
            stale_after: obj.get("stale_after").and_then(|f| {
                self.some_time(f, "every value would be too old: say how old one may be, such as `stale_after: 1m`")
            }),
            absent_is_zero: obj.get("absent").is_some_and(|f| self.absent(f)),
            timeout: obj.get("timeout").and_then(|f| self.duration(f)),
            baseline: obj.get("baseline").and_then(|f| {
                self.some_time(f, "say how long it is looked at before the change, such as `baseline: 5m`")
            }),
            place: self.place(field.key),
            source: source?,
        })
    }

    fn refuse_misplaced_beside_source(&mut self, obj: &mut Obj<'a>, source: Field<'a>) {
        let allowed = keys::beside_source(source.name);
        for field in obj.fields.iter().filter(|f| keys::METRIC.contains(&f.name) && !allowed.contains(&f.name)) {
            let place = self.place(source.key);
            let message = format!("`{}` has no meaning beside `{}`", field.name, source.name);
            let problem = self.error(Code::MISPLACED_KEY, message, field.key);
            problem.also.push((place, format!("this is a `{}` metric", source.name)));
            problem.help.push(match (source.name, field.name) {
                ("ratio", "unit") => "a ratio has no unit: compare it with `5%` or `0.05`".into(),
                ("ratio", "samples") => "the metric under `to` counts the samples".into(),
                ("latency_of", "unit") => "latencies are times: compare them with `500ms` or `5s`".into(),
                ("scrape", "url" | "series") => format!("put `{}` inside `scrape`", field.name),
                _ => format!("`{}` goes with: {}", field.name, keys::sources_with(field.name).join(", ")),
            });
        }
        obj.fields.retain(|f| !keys::METRIC.contains(&f.name) || allowed.contains(&f.name));
    }

    fn metric_source(&mut self, metric: Field<'a>, obj: &Obj<'a>, field: Field<'a>) -> Option<MetricSource> {
        Some(match field.name {
            "prometheus" => MetricSource::Prometheus {
                sampling: self.sampling(obj),
                url: self.optional_text(obj, "url"),
                samples: self.optional_text(obj, "samples"),
                query: self.text_as(field, "a PromQL query")?,
            },
            "scrape" => self.scrape(field)?,
            "http" => {
                let value = self.required(obj, "value", "json.active").and_then(|f| self.text_as(f, "an expression"));
                let kind = Kind::Http(Box::new(self.http(field)?));
                MetricSource::Http { request: self.looking_step(metric, obj, kind), value: value? }
            }
            "shell" => {
                self.required(obj, "effect", "read").and_then(|f| self.word(f, &[("read", ())]));
                let value = self.optional_text(obj, "value");
                let kind = Kind::Shell(self.text_as(field, "a script")?);
                MetricSource::Shell { script: self.looking_step(metric, obj, kind), value }
            }
            "latency_of" => {
                if obj.get("quantile").is_none() && obj.get("reduce").is_none() {
                    let problem = self.error(Code::MISSING_KEY, "many latencies are not one value", field.key);
                    problem.help.push("add `quantile: 0.95`, or `reduce: mean` or `max`".into());
                }
                MetricSource::LatencyOf { step: self.reference(field)?, reduce: self.reduce(obj) }
            }
            _ => self.ratio(field)?,
        })
    }

    fn looking_step(&mut self, metric: Field<'a>, obj: &Obj<'a>, kind: Kind) -> Box<Step> {
        let mut step = looking(metric.name.to_string(), kind, self.place(metric.key));
        self.fill(&mut step, obj);
        Box::new(step)
    }

    /// `range`, `step` and `reduce` belong together.
    fn sampling(&mut self, obj: &Obj<'a>) -> Option<Sampling> {
        let one = ["range", "step", "reduce"].into_iter().find_map(|key| obj.get(key))?;
        for (key, example) in [("range", "5m"), ("step", "15s"), ("reduce", "max")] {
            if obj.get(key).is_none() {
                let problem = self.error(Code::MISSING_KEY, format!("`{}` also needs `{key}`", one.name), one.key);
                problem.help.push(format!("add `{key}: {example}`, or leave `{}` out", one.name));
            }
        }
        let range = obj.get("range").and_then(|f| self.duration(f));
        let step = obj.get("step").and_then(|f| self.duration(f));
        let reduce = self.reduce(obj);
        Some(Sampling { range: range?, step: step?, reduce: reduce? })
    }

    fn reduce(&mut self, obj: &Obj<'a>) -> Option<Reduce> {
        obj.get("reduce").and_then(|f| self.word(f, REDUCE))
    }

    fn scrape(&mut self, field: Field<'a>) -> Option<MetricSource> {
        let obj = self.object(field, "a scrape", keys::SCRAPE)?;
        let url = self.required(&obj, "url", "http://127.0.0.1:8000/metrics").and_then(|f| self.text_as(f, "a URL"));
        let series = self.required(&obj, "series", "http_requests_total").and_then(|f| self.string(f, "a series"));
        let change = ["rate", "delta"].iter().filter_map(|key| obj.get(key)).next();
        if let (Some(rate), Some(delta)) = (obj.get("rate"), obj.get("delta")) {
            let place = self.place(rate.key);
            let problem = self.error(Code::ONE_OF, "a scrape has both `rate` and `delta`", delta.key);
            problem.also.push((place, "the first one".into()));
            problem.help.push("`rate` is per second, `delta` is the whole change in that time".into());
        }
        let change = change.and_then(|f| self.change_of(f));
        Some(MetricSource::Scrape { url: url?, series: series?, change })
    }

    fn change_of(&mut self, field: Field<'a>) -> Option<Change> {
        let all = field.name == "delta" && field.node.str() == Some(ALL);
        let over = if all { None } else { Some(self.some_time(field, CHANGE_OF_NOTHING)?) };
        Some(Change { per_second: field.name == "rate", over })
    }

    fn ratio(&mut self, field: Field<'a>) -> Option<MetricSource> {
        let obj = self.object(field, "a ratio", keys::RATIO)?;
        let of = self.required(&obj, "of", "errors").and_then(|f| self.reference(f));
        let to = self.required(&obj, "to", "requests").and_then(|f| self.reference(f));
        Some(MetricSource::Ratio { of: of?, to: to? })
    }

    /// The name of something declared elsewhere.
    pub(super) fn reference(&mut self, field: Field<'a>) -> Option<Text> {
        self.id(field).map(|id| self.text_of(field.node, &id))
    }

    /// What a series that is not there counts: only `0` can be said.
    fn absent(&mut self, field: Field<'a>) -> bool {
        let is_zero = matches!(field.node.kind, Yaml::Int(0));
        if !is_zero {
            self.wrong(field, "0: a series that is not there has counted nothing");
        }
        is_zero
    }

    fn quantile(&mut self, field: Field<'a>) -> Option<Text> {
        match field.node.kind {
            Yaml::Float(value) if value > 0.0 && value < 1.0 => self.text(field),
            Yaml::Float(_) | Yaml::Int(_) => {
                let problem = self.error(Code::BAD_VALUE, "`quantile` needs a number between 0 and 1", field.node.span);
                problem.help.push("the P95 is `quantile: 0.95`".into());
                None
            }
            _ => {
                self.wrong(field, "a number between 0 and 1, such as 0.95");
                None
            }
        }
    }

    fn bounds(&mut self, field: Field<'a>) -> Vec<Text> {
        let mut bounds = Vec::new();
        for item in self.list(field, "the upper bounds of the buckets, such as [0.1, 0.5, 1, 5]") {
            match item.node.kind {
                Yaml::Int(_) | Yaml::Float(_) => bounds.extend(self.text(item)),
                _ => self.wrong(item, "a list of numbers in the unit of the metric"),
            }
        }
        bounds
    }
}
