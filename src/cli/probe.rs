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
use crate::report::{clock_words, exit, visible_line};
use crate::runbook::reach::Reach;
use crate::store::{Home, keys};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn run(common: &Common, args: ProbeArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let prepared = prepare(&args.making, &home, false)?;
    let plan = Arc::new(prepared.plan);
    if plan.metrics.is_empty() {
        return Err(CliError::Usage(format!("{} has no metrics to probe", args.making.file.display())));
    }
    let started = as_if_started(&plan, &prepared.digest);
    let mut probe = Probe::of(plan.clone(), started);
    let action = probe.action().map_err(CliError::Usage)?;
    let secrets = secrets::resolve(&plan, &prepared.typed, false)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| CliError::System(format!("cannot start the event loop: {e}")))?;
    let (at_us, seen) = runtime.block_on(async {
        let mut reader = Reader::new(secrets, super::session::reach(&plan)?)?;
        let (at_us, done) = reader.read(&action).await?;
        let first = probe.look(done, at_us);
        let Some(pause) = probe.second_look_us() else { return Ok((at_us, first)) };
        super::say(&format!("looking again after {}, for what is a change\n", words(pause)));
        tokio::time::sleep(Duration::from_micros(pause)).await;
        let (at_us, done) = reader.read(&action).await?;
        Ok::<_, CliError>((at_us, probe.look(done, at_us)))
    })?;
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", told(&plan, at_us, &seen)))?;
    } else {
        super::print(&screen(&plan, at_us, &seen))?;
    }
    Ok(exit::DONE)
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

fn screen(plan: &Plan, at_us: u64, seen: &Seen) -> String {
    let mut out = format!("metrics of {}, read at {}\n", visible_line(&plan.name), clock_words(at_us as i64));
    let width = seen.samples.keys().map(String::len).max().unwrap_or(0);
    for (name, sample) in &seen.samples {
        out += &format!("  {name:<width$}  {}\n", visible_line(&value_words(plan, name, sample)));
    }
    for (node, decision) in &seen.tables {
        out += &format!("\ntable at {} says {}\n", visible_line(&plan.node(*node).at), decision.action);
        out += &format!("  {}\n", visible_line(decision.sentence()));
        for row in &decision.rows {
            let symptom = row.symptom.clone().unwrap_or_default();
            let line = format!(
                "  {} {:<9} {:<12} {symptom}: {}",
                mark(row.status),
                state(row.status),
                row.action.word(),
                row.sentence()
            );
            out += &format!("{}\n", visible_line(&line));
        }
        if decision.action == Ruling::Inconclusive {
            out += "  nothing can be said: this never counts as a pass\n";
        }
    }
    out
}

fn value_words(plan: &Plan, name: &str, sample: &Sample) -> String {
    let unit = plan.metrics.iter().find(|m| m.scope == 0 && m.name == name).and_then(|m| m.unit);
    match &sample.value {
        Measured::Number { value, evidence, gone, at_least } => {
            let least = if *at_least { "at least " } else { "" };
            let unit = unit.map(|unit: Unit| unit.to_string()).unwrap_or_default();
            let gap = if unit.is_empty() || unit == "%" { "" } else { " " };
            let behind = evidence.map(|n| format!("  ({n} samples)")).unwrap_or_default();
            let lost = if *gone == 0 { String::new() } else { format!("  ({gone} series vanished)") };
            format!("{least}{value}{gap}{unit}{behind}{lost}")
        }
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

fn told(plan: &Plan, at_us: u64, seen: &Seen) -> Value {
    let table = |(node, decision): &(usize, Decision)| json!({ "at": plan.node(*node).at, "says": decision.action.word(), "because": decision.sentence(), "decision": decision });
    json!({
        "runbook": plan.name,
        "read_at_us": at_us,
        "metrics": seen.samples,
        "tables": seen.tables.iter().map(table).collect::<Vec<_>>(),
    })
}
