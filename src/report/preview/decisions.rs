//! Metrics, decision tables, stages, rounds and the schedule, as a reviewer reads them.

use super::Page;
use super::names::{Names, Shown};
use crate::decide::{self, Condition, HitPolicy, Ruling, Table};
use crate::plan::model::{
    Anchor, Ask, Baseline, Behind, Decision, Extend, Marks, Metric, MetricSource, Plan, Rounds, Stages, Watch,
    WatchSource, Window,
};
use crate::plan::units::duration_text;
use crate::report::{visible_line, wrap};
use crate::runbook::model::{Exempt, Reduce, Then};

/// Columns of a row's name and of its condition, of a hundred.
const NAME: usize = 28;
const IF: usize = 34;

/// All metrics, with where each comes from.
pub(super) fn metrics(plan: &Plan, names: &Names<'_>, page: &mut Page<'_>) {
    if plan.metrics.is_empty() {
        return;
    }
    page.line("");
    page.line("metrics");
    for metric in &plan.metrics {
        let about = about(names, metric);
        two_columns(page, 2, 20, &metric.name, &about);
    }
}

fn about(names: &Names<'_>, metric: &Metric) -> String {
    let line = |template| names.line(metric.scope, template).text;
    let mut parts = vec![match &metric.source {
        MetricSource::Prometheus { query, url, sampling, samples } => {
            let mut text = format!("prometheus at {}: {}", line(url), line(query));
            if let Some(s) = sampling {
                let (range, step) = (time(s.range_us), time(s.step_us));
                text.push_str(&format!(", {} of the last {range} in steps of {step}", word(s.reduce)));
            }
            if let Some(samples) = samples {
                text.push_str(&format!(", samples: {}", line(samples)));
            }
            text
        }
        MetricSource::Scrape { url, series, change } => {
            let what = match change {
                None => "value".to_string(),
                Some(c) if c.all => "change since looking began".to_string(),
                Some(c) if c.per_second => format!("rate over {}", time(c.over_us)),
                Some(c) => format!("change over {}", time(c.over_us)),
            };
            format!("{what} of {} at {}", line(series), line(url))
        }
        MetricSource::Http { request, value } => {
            let url = match &request.act {
                crate::plan::model::Act::Http(http) => format!("{} {}", http.method, line(&http.url)),
                _ => String::new(),
            };
            format!("{} of {url}", visible_line(value.text.trim()))
        }
        MetricSource::Shell { script, value } => {
            let script = match &script.act {
                crate::plan::model::Act::Shell(script) => names.script(metric.scope, script).text,
                _ => String::new(),
            };
            let value = value.as_ref().map(|v| format!(": {}", visible_line(v.text.trim()))).unwrap_or_default();
            format!("$ {}{value}", visible_line(script.trim()))
        }
        MetricSource::LatencyOf { step, reduce } => {
            let how = reduce.map(|reduce| format!("{} of the ", word(reduce))).unwrap_or_default();
            format!("{how}latencies of {}", visible_line(step))
        }
        MetricSource::Ratio { of, to } => format!("{} / {}", visible_line(of), visible_line(to)),
    }];
    parts.extend(metric.quantile.as_ref().map(|q| format!("quantile {q}")));
    if !metric.buckets.is_empty() {
        parts.push(format!("buckets up to {}", metric.buckets.last().map_or("", String::as_str)));
    }
    let of_its_own = matches!(metric.source, MetricSource::Ratio { .. });
    parts.extend(metric.unit.filter(|_| !of_its_own).map(|unit| format!("in {unit}")));
    parts.extend(metric.min_samples.map(|n| format!("at least {n} samples")));
    parts.extend(metric.absent_is_zero.then(|| "0 where no series is there".to_string()));
    parts.extend(metric.stale_after_us.map(|us| format!("stale after {}", time(us))));
    parts.extend(metric.baseline_us.map(|us| format!("baseline of {} before the first change", time(us))));
    parts.join("; ")
}

fn word(reduce: Reduce) -> &'static str {
    match reduce {
        Reduce::Last => "newest",
        Reduce::Min => "least",
        Reduce::Max => "greatest",
        Reduce::Mean => "mean",
        Reduce::Sum => "sum",
        Reduce::P95 => "P95",
        Reduce::Count => "number",
    }
}

/// A table armed beside a part of the run.
pub(super) fn guards(names: &Names<'_>, scope: usize, beside: &str, guards: &Decision, page: &mut Page<'_>) {
    let every = time(guards.table.every_us);
    page.line(&format!("  guards beside {beside}, every {every}, {}", policy(guards.table.hit)));
    rows(names, scope, guards, 4, page);
}

/// What a `decide` step does, on one line.
pub(super) fn decision(decision: &Decision) -> String {
    match decision.over_us {
        None => format!("decide once: {}", policy(decision.table.hit)),
        Some(over) => {
            let every = time(decision.table.every_us);
            format!("decide for {}, every {every}: {}", time(over), policy(decision.table.hit))
        }
    }
}

fn policy(hit: HitPolicy) -> &'static str {
    match hit {
        HitPolicy::Worst => "the gravest row decides",
        HitPolicy::First => "the first row decides",
    }
}

/// The rows of a table: symptom, condition, action.
pub(super) fn rows(names: &Names<'_>, scope: usize, decision: &Decision, indent: usize, page: &mut Page<'_>) {
    let sizes = sample_sizes(names.plan(), scope, &decision.table);
    for (at, (row, behind)) in decision.table.rows.iter().zip(&decision.rows).enumerate() {
        let held = row.for_us.map(|us| format!(" for {}", time(us))).unwrap_or_default();
        let condition = format!("{}{held}", all(&row.conditions));
        let name = visible_line(row.symptom.as_deref().unwrap_or_default());
        let action = action(names, scope, row.action, behind, decision);
        three_columns(page, indent, &name, &condition, &action);
        if page.style.full {
            for (_, size) in sizes.iter().filter(|(of, _)| *of == at) {
                page.line(&format!("{:indent$}  {}", "", visible_line(size)));
            }
        }
    }
    let table = &decision.table;
    let otherwise = action(names, scope, table.otherwise, &decision.otherwise, decision);
    three_columns(page, indent, "otherwise", "no row covers the value", &otherwise);
    let no_data = action(names, scope, table.no_data, &decision.no_data, decision);
    three_columns(page, indent, "no data", "missing, stale or too little", &no_data);
}

/// How many observations the rows of a table take, in words, by row.
pub fn sample_sizes(plan: &Plan, scope: usize, table: &Table) -> Vec<(usize, String)> {
    let shares = decide::samples_needed(table).into_iter().map(|need| {
        let Condition { metric, cell } = &table.rows[need.row].conditions[need.condition];
        (need.row, format!("{metric} {cell} takes {} observations to tell (95% confidence)", need.samples))
    });
    let quantile = |metric: &str| {
        let metric = plan.metrics.iter().find(|m| m.scope == scope && m.name == metric)?;
        let quantile: f64 = metric.quantile.as_ref()?.parse().ok()?;
        decide::stats::smallest_for_quantile(quantile, 0.95)
    };
    let conditions = table.rows.iter().enumerate().flat_map(|(at, row)| row.conditions.iter().map(move |c| (at, c)));
    let quantiles = conditions.filter_map(|(row, Condition { metric, cell })| {
        let samples = quantile(metric)?;
        Some((row, format!("{metric} {cell} takes {samples} observations to tell (95% confidence)")))
    });
    let mut sizes: Vec<(usize, String)> = shares.chain(quantiles).collect();
    sizes.sort_by_key(|(row, _)| *row);
    sizes
}

fn all(conditions: &[Condition]) -> String {
    let said = conditions.iter().map(|condition| visible_line(&format!("{} {}", condition.metric, condition.cell)));
    said.collect::<Vec<_>>().join(" and ")
}

fn action(names: &Names<'_>, scope: usize, ruling: Ruling, behind: &Behind, decision: &Decision) -> String {
    match ruling {
        Ruling::Ok => "ok".into(),
        Ruling::Continue => "known, go on".into(),
        Ruling::Inconclusive => "inconclusive, never a pass".into(),
        Ruling::Hold => match &decision.hold {
            Some(hold) => {
                let then = after(hold.then, hold.ask.as_ref());
                format!("begin nothing new, for at most {}, then {then}", time(hold.max_us))
            }
            None => "begin nothing new".into(),
        },
        Ruling::Extend => decision.extend.as_ref().map_or_else(|| "look longer".into(), longer),
        Ruling::Investigate => ask(behind.ask.as_ref()),
        Ruling::Escalate => match &decision.escalate {
            Some(escalate) => {
                let level = |level: &crate::plan::model::Level| {
                    format!("{} for {}", names.line(scope, &level.to).text, time(level.within_us))
                };
                let levels: Vec<String> = escalate.levels.iter().map(level).collect();
                format!("ask {}, then {}", levels.join(", "), after(escalate.then, None))
            }
            None => "escalate".into(),
        },
        Ruling::Abort => "stop".into(),
        Ruling::Rollback => "back out".into(),
    }
}

fn longer(extend: &Extend) -> String {
    let by = extend.by_us.map(|us| format!(" by {}", time(us))).unwrap_or_default();
    let times = if extend.max == 1 { "once".to_string() } else { format!("at most {} times", extend.max) };
    format!("look longer{by}, {times}, then {}", after(extend.then, extend.ask.as_ref()))
}

fn ask(timer: Option<&Ask>) -> String {
    match timer {
        Some(timer) => format!("ask (no answer in {} = {})", time(timer.within_us), after(timer.then, None)),
        None => "ask".into(),
    }
}

fn after(then: Then, timer: Option<&Ask>) -> String {
    match then {
        Then::Rollback => "back out".into(),
        Then::Abort => "stop".into(),
        Then::Investigate => ask(timer),
    }
}

/// What is looked at before anything changes.
pub(super) fn baseline(wanted: &Baseline) -> String {
    let each = wanted.metrics.iter().map(|(name, over_us)| format!("{} for {}", visible_line(name), time(*over_us)));
    format!("look at {}, every {}", each.collect::<Vec<_>>().join(", "), time(wanted.every_us))
}

/// The table of stages and what surrounds it.
pub(super) fn stages(stages: &Stages, indent: usize, page: &mut Page<'_>) {
    for stage in &stages.table {
        let wait = stage.wait_us.map_or("at once on".into(), |us| format!("for {}", time(us)));
        let criteria = match &stage.criteria[..] {
            [] => "no criteria".to_string(),
            some => all(some),
        };
        let lead = format!("{}{:>3} %  {wait:<10}  ", " ".repeat(indent), stage.percent);
        for (i, part) in wrap(&criteria, page.width().saturating_sub(lead.len())).iter().enumerate() {
            page.line(&format!("{}{part}", if i == 0 { lead.clone() } else { " ".repeat(lead.len()) }));
        }
    }
    let mut said = vec![format!("sampled every {}", time(stages.every_us))];
    said.extend(stages.extend.as_ref().map(|extend| format!("criteria that do not hold: {}", longer(extend))));
    said.extend(
        stages
            .share
            .as_ref()
            .map(|share| format!("the share is proved by {}, within {}", visible_line(&share.metric), share.tolerance)),
    );
    if stages.promote.is_some() {
        said.push("after the last stage: main, then 0 % again, then remove".into());
    }
    said.iter().for_each(|line| wrapped(page, indent, line));
}

/// Text on as many lines as it needs.
fn wrapped(page: &mut Page<'_>, indent: usize, text: &str) {
    for (i, part) in wrap(text, page.width().saturating_sub(indent + 2)).iter().enumerate() {
        page.line(&format!("{}{part}", " ".repeat(if i == 0 { indent } else { indent + 2 })));
    }
}

pub(super) fn rounds(rounds: &Rounds, indent: usize, page: &mut Page<'_>) {
    let times = rounds.times.iter().map(|r| format!("every {} until {}", time(r.every_us), time(r.until_us)));
    wrapped(page, indent, &times.collect::<Vec<_>>().join(", then "));
}

/// How many rounds there are.
pub(super) fn round_count(rounds: &Rounds) -> usize {
    rounds.due_us().len()
}

/// What a `watch` step looks at, on one line.
pub(super) fn watch(names: &Names<'_>, scope: usize, watch: &Watch) -> Shown {
    let (what, shown) = match &watch.source {
        WatchSource::File(path) => ("lines of ", names.line(scope, path)),
        WatchSource::Journal(unit) => ("journal of ", names.line(scope, unit)),
        WatchSource::Shell(script) => ("lines of $ ", names.script(scope, script)),
    };
    let since = watch.since.as_ref().map(|id| format!(", since {} began", visible_line(id))).unwrap_or_default();
    let text = format!("{what}{} for {}{since}", visible_line(&shown.text), time(watch.time_us));
    Shown { text, unknown: shown.unknown }
}

/// The patterns of a `watch` step, one to a line.
pub(super) fn patterns(watch: &Watch, indent: usize, page: &mut Page<'_>) {
    for (label, list) in [("must", &watch.must), ("must not", &watch.must_not)] {
        for pattern in list {
            wrapped(page, indent, &format!("{label}: {}", visible_line(pattern)));
        }
    }
    if let Some(limit) = &watch.new_patterns {
        let known = visible_line(&limit.baseline);
        wrapped(page, indent, &format!("at most {} kinds of lines that were not in {known}", limit.max));
    }
}

/// When a part of the run may begin; none when at any time.
pub(super) fn marks(marks: &Marks) -> Option<String> {
    let at = marks.at_us.map(|us| format!("not before {}", mark(us)));
    let not_after = marks.not_after_us.map(|us| format!("not after {}", mark(us)));
    let said: Vec<String> = at.into_iter().chain(not_after).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// `T-30m`
pub(super) fn mark(us: i64) -> String {
    match us {
        0 => "T".into(),
        _ => format!("T{}{}", if us < 0 { '-' } else { '+' }, time(us.unsigned_abs())),
    }
}

pub(super) fn anchor(anchor: &Anchor) -> String {
    match (&anchor.time, &anchor.end_of) {
        (Some(time), Some(id)) => {
            format!("T is {}, and from the end of {} that moment", visible_line(time), visible_line(id))
        }
        (Some(time), None) => format!("T is {}", visible_line(time)),
        (None, Some(id)) => format!("T is the end of {}", visible_line(id)),
        (None, None) => "T is the start of the run".into(),
    }
}

pub(super) fn window(window: &Window) -> String {
    let spans = |spans: &[crate::plan::model::Span]| {
        spans.iter().map(|span| visible_line(&span.text)).collect::<Vec<_>>().join(" or ")
    };
    let mut parts = Vec::new();
    if !window.allow.is_empty() {
        parts.push(format!("only {}", spans(&window.allow)));
    }
    if !window.forbid.is_empty() {
        parts.push(format!("never {}", spans(&window.forbid)));
    }
    if window.must_end_inside {
        parts.push("must end inside".into());
    }
    for exempt in &window.exempt {
        parts.push(match exempt {
            Exempt::Rollback => "backing out at any time".into(),
            Exempt::Always => "the steps of every exit path at any time".into(),
        });
    }
    parts.join("; ")
}

fn time(us: u64) -> String {
    duration_text(us)
}

fn two_columns(page: &mut Page<'_>, indent: usize, width: usize, left: &str, right: &str) {
    let room = page.width().saturating_sub(indent + width + 2).max(20);
    for (i, part) in wrap(right, room).iter().enumerate() {
        let left = page.style.look.cell(if i == 0 { left } else { "" }, width);
        page.line(&format!("{}{left}  {part}", " ".repeat(indent)));
    }
}

fn three_columns(page: &mut Page<'_>, indent: usize, name: &str, condition: &str, action: &str) {
    let width = page.width();
    let (first, second) = (width * NAME / 100, width * IF / 100);
    let third = width.saturating_sub(indent + first + second + 5).max(12);
    let (names, conditions, actions) = (wrap(name, first), wrap(condition, second), wrap(action, third));
    let at = |list: &[String], i: usize| list.get(i).cloned().unwrap_or_default();
    let look = page.style.look;
    for i in 0..names.len().max(conditions.len()).max(actions.len()) {
        let (name, condition) = (look.cell(&at(&names, i), first), look.cell(&at(&conditions, i), second));
        let arrow = match (i, look.symbols) {
            (0, true) => "→ ",
            (0, false) => "> ",
            _ => "  ",
        };
        page.line(&format!("{}{name}  {condition} {arrow}{}", " ".repeat(indent), at(&actions, i)));
    }
}
