//! `runbook probe FILE`: all metrics, and what each table would decide right now. Nothing is changed or recorded.

use super::args::{Common, Output, ProbeArgs};
use super::error::CliError;
use super::prepare::prepare;
use super::secrets;
use crate::decide::{Decision, Measured, RowStatus, Ruling, Sample, Unit};
use crate::drive::world::{AttemptId, GRACE, RealWorld, Wants, WorldEvent, WorldSetup, base_env};
use crate::machine::action::{Action, Done};
use crate::machine::event::RunStarted;
use crate::machine::{Probe, Seen};
use crate::plan::Plan;
use crate::plan::model::NodeKind;
use crate::plan::units::{duration_text, duration_us};
use crate::report::{self, clock_words, exit, visible_line};
use crate::runbook::reach::Reach;
use crate::store::{Home, keys};
use serde_json::{Map, Value, json};
use std::time::Duration;

pub(crate) fn run(common: &Common, args: ProbeArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let steps = steps_of(&args.set)?;
    let longest_us = duration_us(&args.wait).filter(|us| *us > 0);
    let no_time = || CliError::Usage(format!("`--wait {}` is not a duration such as 10s or 5m", args.wait));
    let longest_us = longest_us.ok_or_else(no_time)?;
    let prepared = prepare(&args.making, &home, false)?;
    let plan = prepared.plan;
    if plan.metrics.is_empty() {
        let file = args.making.file.display();
        return Err(CliError::Usage(format!("{file}, with all that it runs, has no metrics to probe")));
    }
    let started = as_if_started(&plan, &prepared.digest);
    let secrets = secrets::resolve(&plan, &prepared.typed, false)?;
    let mut probe = Probe::of(plan, started, &steps, longest_us);
    let actions = probe.actions().map_err(CliError::Usage)?;
    for (name, over_us) in probe.shortened() {
        let (used, wanted) = (duration_text(longest_us), duration_text(*over_us));
        super::say(&format!(
            "{name} is a change over {wanted}: taken over {used} here (--wait {wanted} for all of it)\n"
        ));
    }
    for (name, over_us) in probe.lengthened() {
        let (wanted, pause) = (duration_text(over_us), probe.second_look_us().unwrap_or_default());
        let used = duration_text(pause);
        super::say(&format!("{name} is a change over {wanted}: taken over {used} here, as others need that long\n"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| CliError::System(format!("cannot start the event loop: {e}")))?;
    let seen = runtime.block_on(async {
        let mut reader = Reader::new(secrets, super::session::reach(probe.plan())?)?;
        let first = probe.look(reader.read_all(&actions).await?);
        let Some(pause) = probe.second_look_us() else { return Ok(first) };
        super::say(&format!("looking again after {}, for what is a change\n", words(pause)));
        tokio::time::sleep(Duration::from_micros(pause)).await;
        Ok::<_, CliError>(probe.look(reader.read_all(&actions).await?))
    })?;
    let at_us = now_us();
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", told(probe.plan(), at_us, &seen)))?;
    } else {
        super::print(&screen(probe.plan(), at_us, &seen))?;
    }
    let is_known = seen
        .iter()
        .all(|part| part.samples.iter().all(|(name, sample)| is_known(probe.plan(), part.scope, name, sample)));
    Ok(if is_known { exit::DONE } else { exit::FAILED })
}

/// What steps would yield, as given: `steps.colours.live=blue`.
fn steps_of(given: &[String]) -> Result<Map<String, Value>, CliError> {
    let mut steps = Map::new();
    for text in given {
        let wrong = || CliError::Usage(format!("`--set {text}` is not like `--set steps.colours.live=blue`"));
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let path: Vec<&str> = name.split('.').collect();
        let ["steps", step, inside @ .., last] = path.as_slice() else { return Err(wrong()) };
        if path.iter().any(|part| part.is_empty()) {
            return Err(wrong());
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_string()));
        let mut at = &mut steps;
        for part in [step].into_iter().chain(inside) {
            let next = at.entry(part.to_string()).or_insert_with(|| Value::Object(Map::new()));
            at = next.as_object_mut().ok_or_else(wrong)?;
        }
        at.insert(last.to_string(), value);
    }
    Ok(steps)
}

fn words(us: u64) -> String {
    crate::plan::units::duration_words(us)
}

fn as_if_started(plan: &Plan, digest: &str) -> RunStarted {
    RunStarted {
        run: String::new(),
        runbook: plan.name.clone(),
        title: plan.title.clone().unwrap_or_else(|| plan.name.clone()),
        target: plan.target.as_ref().map(|t| t.name.clone()),
        plan_sha256: digest.to_string(),
        operator: keys::principal(),
        host: keys::host(),
        started: jiff::Timestamp::now().to_string(),
        tool: env!("CARGO_PKG_VERSION").to_string(),
        dir: None,
        override_window: None,
        operator_key: None,
    }
}

/// A world in a directory that is gone afterwards.
struct Reader {
    world: RealWorld,
    results: tokio::sync::mpsc::UnboundedReceiver<WorldEvent>,
    attempts: u32,
    _dir: Passing,
}

/// A directory that is removed when it is no longer needed.
struct Passing(std::path::PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        // Only the two empty directories of a world are in it; anything else would stay.
        for inside in ["out", "kept"] {
            let _ = std::fs::remove_dir(self.0.join(inside));
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

impl Reader {
    fn new(secrets: crate::drive::world::Secrets, reach: Reach) -> Result<Reader, CliError> {
        let system = |e: std::io::Error| CliError::System(format!("cannot prepare reading: {e}"));
        let dir = std::env::temp_dir().join(format!("runbook-probe-{}-{:x}", std::process::id(), now_us()));
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&dir).map_err(system)?;
        let passing = Passing(dir.clone());
        secrets::try_masker(&dir, &secrets)?;
        let exe = std::env::current_exe().map_err(system)?;
        let setup = WorldSetup {
            run_dir: dir,
            start_dir: std::env::current_dir().map_err(system)?,
            base_env: base_env("", &exe),
            secrets,
            reach,
            next_output: 1,
            simple_command: crate::template::simple_command,
            grace: GRACE,
            hold: None,
        };
        let (send, results) = tokio::sync::mpsc::unbounded_channel();
        Ok(Reader { world: RealWorld::new(setup, send).map_err(system)?, results, attempts: 0, _dir: passing })
    }

    async fn read_all(&mut self, actions: &[Action]) -> Result<Vec<(u64, Done)>, CliError> {
        let mut read = Vec::new();
        for action in actions {
            read.push(self.read(action).await?);
        }
        Ok(read)
    }

    async fn read(&mut self, action: &Action) -> Result<(u64, Done), CliError> {
        self.attempts += 1;
        let id = AttemptId { path: "probe".into(), attempt: self.attempts };
        self.world.start(id, action, Wants { capture: true, label: "probe".into(), ..Wants::default() });
        loop {
            match self.results.recv().await {
                Some(WorldEvent::Done(_, done)) => return Ok((now_us(), done)),
                Some(_) => {}
                None => return Err(CliError::System("the reading never ended".into())),
            }
        }
    }
}

fn now_us() -> u64 {
    jiff::Timestamp::now().as_microsecond().max(0) as u64
}

fn screen(plan: &Plan, at_us: u64, seen: &[Seen]) -> String {
    seen.iter().map(|part| screen_of(plan, at_us, part)).collect::<Vec<_>>().join("\n")
}

fn screen_of(plan: &Plan, at_us: u64, seen: &Seen) -> String {
    let mut out = format!("metrics of {}, read at {}\n", visible_line(&seen.runbook), clock_words(at_us as i64));
    let width = seen.samples.keys().map(String::len).max().unwrap_or(0);
    for (name, sample) in &seen.samples {
        let value = match seen.unknown.get(name) {
            Some(why) => format!("unknown now: {why}"),
            None => value_words(plan, seen.scope, name, sample),
        };
        out += &format!("  {name:<width$}  {}\n", visible_line(&value));
    }
    if !seen.unknown.is_empty() {
        out += "  what only a run knows can be given: --set steps.STEP.NAME=VALUE\n";
    }
    for (node, decision) in &seen.tables {
        out += &format!("\ntable at {} says {}\n", visible_line(&plan.node(*node).at), decision.action);
        out += &format!("  {}\n", visible_line(decision.sentence()));
        let needs = sizes(plan, *node);
        for (at, row) in decision.rows.iter().enumerate() {
            let symptom = row.symptom.clone().unwrap_or_default();
            let line = format!(
                "  {} {:<9} {:<12} {symptom}: {}",
                mark(row.status),
                state(row.status),
                row.action.word(),
                row.sentence()
            );
            out += &format!("{}\n", visible_line(&line));
            for (_, size) in needs.iter().filter(|(row, _)| *row == at) {
                out += &format!("              {}\n", visible_line(size));
            }
        }
        if decision.action == Ruling::Inconclusive {
            out += "  nothing can be said: this never counts as a pass\n";
        }
    }
    out
}

/// How many observations the rows of a table take.
fn sizes(plan: &Plan, node: usize) -> Vec<(usize, String)> {
    match &plan.node(node).kind {
        NodeKind::Decide(decision) => report::sample_sizes(plan, plan.node(node).scope, &decision.table),
        _ => Vec::new(),
    }
}

fn unit_of(plan: &Plan, scope: usize, name: &str) -> Option<Unit> {
    plan.metrics.iter().find(|m| m.scope == scope && m.name == name).and_then(|m| m.unit)
}

/// Whether there is a value that a table could judge: a text is none where a unit says that it is a number.
fn is_known(plan: &Plan, scope: usize, name: &str, sample: &Sample) -> bool {
    match &sample.value {
        Measured::Number { .. } => true,
        Measured::Text(_) => unit_of(plan, scope, name).is_none(),
        Measured::NoData(_) => false,
    }
}

fn value_words(plan: &Plan, scope: usize, name: &str, sample: &Sample) -> String {
    let unit = unit_of(plan, scope, name);
    match &sample.value {
        Measured::Number { value, evidence, gone, at_least } => {
            let least = if *at_least { "at least " } else { "" };
            let unit = unit.map(|unit: Unit| unit.to_string()).unwrap_or_default();
            let gap = if unit.is_empty() || unit == "%" { "" } else { " " };
            let behind = evidence.map(|n| format!("  ({n} samples)")).unwrap_or_default();
            let lost = if *gone == 0 { String::new() } else { format!("  ({gone} series vanished)") };
            // Zero has two signs and is one number.
            format!("{least}{}{gap}{unit}{behind}{lost}", value + 0.0)
        }
        Measured::Text(text) if unit.is_some() => format!("no data: \"{text}\" is not a number"),
        Measured::Text(text) => text.clone(),
        Measured::NoData(why) => format!("no data: {why}"),
    }
}

fn mark(status: RowStatus) -> char {
    match status {
        RowStatus::Fired => '!',
        RowStatus::Pending => '~',
        RowStatus::Off => ' ',
        RowStatus::Unknown => '?',
    }
}

fn state(status: RowStatus) -> &'static str {
    match status {
        RowStatus::Fired => "holds",
        RowStatus::Pending => "not yet",
        RowStatus::Off => "off",
        RowStatus::Unknown => "unknown",
    }
}

fn told(plan: &Plan, at_us: u64, seen: &[Seen]) -> Value {
    let parts: Vec<Value> = seen.iter().map(|part| told_of(plan, part)).collect();
    // The runbook itself stands at the top, as long as it has metrics of its own.
    let mut told = seen.iter().find(|part| part.scope == 0).map_or_else(|| json!({}), |part| told_of(plan, part));
    told["runbook"] = json!(plan.name);
    told["read_at_us"] = json!(at_us);
    told["runbooks"] = json!(parts);
    told
}

fn told_of(plan: &Plan, seen: &Seen) -> Value {
    let table = |(node, decision): &(usize, Decision)| {
        let sizes: Vec<String> = sizes(plan, *node).into_iter().map(|(_, words)| words).collect();
        let at = &plan.node(*node).at;
        json!({ "at": at, "says": decision.action.word(), "because": decision.sentence(), "decision": decision, "sizes": sizes })
    };
    json!({
        "runbook": seen.runbook,
        "metrics": seen.samples,
        "unknown": seen.unknown,
        "tables": seen.tables.iter().map(table).collect::<Vec<_>>(),
    })
}
