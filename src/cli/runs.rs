//! `runbook runs`, `show`, `logs`, `report`: reading what is there.

use super::args::{Common, LogsArgs, OneRun, Output, RunsArgs};
use super::error::CliError;
use super::library::sha256;
use super::locking;
use super::terminal;
use crate::drive::record;
use crate::drive::run::Audience as _;
use crate::log::{Record, RecordType, RunId, SealedLog, Sha256Sum};
use crate::machine::event::Event;
use crate::machine::{Plans, State, Timestamp, apply};
use crate::plan::Plan;
use crate::report::{self, View, exit, visible, visible_line};
use crate::store::{Home, ListedRun, RunDir, RunState, list_runs, plain, read_log};
use rustix::fs::FileType;
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;

/// A longer line of output is shown in pieces.
const LONGEST_LINE: u64 = 64 << 10;

pub(crate) fn list(common: &Common, args: RunsArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let runs = list_runs(&home, args.limit)?;
    if common.output == Output::Json {
        let rows: Vec<_> = runs.iter().map(ListedRun::json).collect();
        super::print(&format!("{:#}\n", json!(rows)))?;
    } else if runs.is_empty() {
        super::print("no runs yet; `runbook run FILE` makes one\n")?;
    } else {
        super::print(&runs.iter().map(|run| row(&home, run)).collect::<String>())?;
    }
    Ok(exit::DONE)
}

fn row(home: &Home, run: &ListedRun) -> String {
    let id = run.run.to_string();
    let state = run.state.to_string();
    if let RunState::Damaged(why) = &run.state {
        return format!("{id}  {:<20}  {state:<14}  {}\n", "?", visible_line(why));
    }
    let started = run.started.as_deref().map_or("?", |t| t.get(..19).unwrap_or(t));
    let title = run.title.as_deref().unwrap_or("?");
    let target = run.target.as_deref().map(|t| format!(" › {t}")).unwrap_or_default();
    let lock = run.lock.as_ref().filter(|_| run.may_have_its_lock());
    let holding = lock.and_then(|place| locking::holding(home, run.run, place));
    let holding = holding.map(|words| format!(", {words}")).unwrap_or_default();
    let line = format!("{id}  {started}Z  {state:<14}  {title}{target}{holding}");
    // A log is shown here before anybody verified it.
    format!("{}\n", visible_line(&line))
}

pub(crate) fn show(common: &Common, args: OneRun) -> Result<u8, CliError> {
    let (log, plans, view) = view_of(args.run.as_deref())?;
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", report::json(&view)))?;
        return Ok(exit::DONE);
    }
    let mut screen = terminal::transcript(common, plans.clone());
    let mut state = State::new(plans);
    replay(&log, &mut state, &mut |event, state, now| {
        screen.tell(event, state, now);
        Ok(())
    })?;
    screen.tables();
    screen.close(exit::DONE, None);
    super::printed(screen.written())?;
    Ok(exit::DONE)
}

pub(crate) fn report(common: &Common, args: OneRun) -> Result<u8, CliError> {
    let (_, _, view) = view_of(args.run.as_deref())?;
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", report::json(&view)))?;
    } else {
        super::print(&report::markdown(&view))?;
    }
    Ok(exit::DONE)
}

pub(crate) fn logs(_: &Common, args: LogsArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let dir = RunDir::open(&home, home.find(&args.run)?)?;
    let log = read_log(&dir)?;
    let mut found = false;
    let mut out = std::io::stdout().lock();
    for record in log.records.iter().filter(|r| r.kind == RecordType::StepEnd) {
        let path = record.text("path").unwrap_or_default();
        if args.step.as_deref().is_some_and(|wanted| wanted != path) {
            continue;
        }
        found = true;
        for stream in ["stdout", "stderr"] {
            let Some(file) = record.payload.get(stream).and_then(|s| s["file"].as_str()) else { continue };
            if args.step.is_none() {
                super::printed(writeln!(out, "==> {path} {stream} <=="))?;
            }
            copy_output(&dir, file, &mut out)?;
        }
    }
    // Output can be read without the plan it came of.
    let looks = load_plans(&dir, &log).and_then(|plans| looks(&log, plans, args.step.as_deref()));
    let looks = if found { looks.unwrap_or_default() } else { looks? };
    for (path, lines) in looks {
        found = true;
        if args.step.is_none() {
            super::printed(writeln!(out, "==> {} looks <==", visible_line(&path)))?;
        }
        super::printed(out.write_all(lines.as_bytes()))?;
    }
    match (&args.step, found) {
        (Some(step), false) => Err(CliError::Usage(format!("run {} has no finished step `{step}`", dir.run()))),
        _ => Ok(exit::DONE),
    }
}

/// What tables saw and said at each of their looks, by the path of the step or of the guards.
fn looks(log: &SealedLog, plans: Plans, wanted: Option<&str>) -> Result<Vec<(String, String)>, CliError> {
    let mut looks: Vec<(String, String)> = Vec::new();
    let mut state = State::new(plans);
    replay(log, &mut state, &mut |event, state, now| {
        let path = report::path_of(event).filter(|path| wanted.is_none_or(|wanted| wanted == *path));
        let Some((path, line)) = path.zip(report::look_line(state, event, now)) else { return Ok(()) };
        match looks.iter_mut().find(|(known, _)| known == path) {
            Some((_, lines)) => lines.push_str(&format!("{line}\n")),
            None => looks.push((path.to_string(), format!("{line}\n"))),
        }
        Ok(())
    })?;
    Ok(looks)
}

/// Byte for byte into a file or a program; made harmless where it would be interpreted: on a terminal, and in the pipe to
/// a build server.
fn copy_output(dir: &RunDir, file: &str, out: &mut impl std::io::Write) -> Result<(), CliError> {
    let mut kept = dir.open_output(file)?;
    let copied = if is_interpreted() { copy_visibly(kept, out) } else { std::io::copy(&mut kept, out).map(drop) };
    match copied.and_then(|()| out.flush()) {
        // Whichever of the two it was that failed: reading or writing.
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::System(format!("cannot print {file}: {}", plain(&e))))
        }
        _ => Ok(()),
    }
}

fn is_interpreted() -> bool {
    let stdout = std::io::stdout();
    let servers = ["GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "TEAMCITY_VERSION", "GITEA_ACTIONS"];
    let is_file = || rustix::fs::fstat(&stdout).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
    stdout.is_terminal() || servers.iter().any(|name| std::env::var_os(name).is_some()) && !is_file()
}

/// Line by line, a very long line in pieces.
fn copy_visibly(kept: std::fs::File, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let mut reader = std::io::BufReader::new(kept);
    let mut line = Vec::new();
    while (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0 {
        out.write_all(visible(&String::from_utf8_lossy(&line)).as_bytes())?;
        line.clear();
    }
    Ok(())
}

/// A run, the newest unless named, as its log tells it.
pub(crate) fn view_of(run: Option<&str>) -> Result<(SealedLog, Plans, View), CliError> {
    let home = Home::from_env()?;
    let id = match run {
        Some(text) => home.find(text)?,
        None => newest(&home)?,
    };
    let dir = RunDir::open(&home, id)?;
    let log = read_log(&dir)?;
    let plans = load_plans(&dir, &log)?;
    let mut view = View::new(plans.clone());
    // The view folds the events itself.
    each_event(&log, &mut |event, now| view.see(now, event).map_err(|e| CliError::Unverified(e.to_string())))?;
    Ok((log, plans, view))
}

/// The newest run.
pub(crate) fn newest(home: &Home) -> Result<RunId, CliError> {
    let ids = home.run_ids()?;
    ids.first().copied().ok_or_else(|| CliError::Usage("there are no runs yet".into()))
}

/// The plans a run follows, each of which must be the one a record names.
pub(crate) fn load_plans(dir: &RunDir, log: &SealedLog) -> Result<Plans, CliError> {
    let named = log.records.first().and_then(|r| r.text("plan_sha256"));
    let mut plans = Plans::from(load_plan(dir, dir.plan()?, named)?);
    for record in log.records.iter().filter(|r| r.kind == RecordType::RunResume) {
        if let Some((file, sha256)) = turned_to(record) {
            let plan = load_plan(dir, dir.accepted_plan(record.segment, file)?, Some(sha256))?;
            plans.accepted.insert(sha256.to_string(), plan);
        }
    }
    Ok(plans)
}

/// The SHA-256 of the plan that a run follows at the end of its log.
pub(crate) fn followed(log: &SealedLog) -> Option<Sha256Sum> {
    let first = log.records.first().and_then(|record| record.text("plan_sha256"));
    let turned = log.records.iter().rev().filter(|r| r.kind == RecordType::RunResume).find_map(turned_to);
    turned.map(|(_, sha256)| sha256).or(first).and_then(Sha256Sum::from_hex)
}

/// File and SHA-256 of the plan a resumption turned to, if it did.
fn turned_to(record: &Record) -> Option<(&str, &str)> {
    let plan = record.payload.get("changed")?.get("plan")?;
    Some((plan.get("file")?.as_str()?, plan.get("sha256")?.as_str()?))
}

fn load_plan(dir: &RunDir, bytes: Vec<u8>, named: Option<&str>) -> Result<Arc<Plan>, CliError> {
    if named != Some(sha256(&bytes).as_str()) {
        return Err(CliError::Unverified(format!("a stored plan of run {} is not the one its log names", dir.run())));
    }
    let plan = serde_json::from_slice(&bytes);
    plan.map(Arc::new)
        .map_err(|e| CliError::Unverified(format!("a stored plan of run {} cannot be read: {e}", dir.run())))
}

/// Applies a log to a fresh state, showing each event to somebody as it becomes part of it.
pub(crate) fn replay(
    log: &SealedLog,
    state: &mut State,
    show: &mut dyn FnMut(&Event, &State, Timestamp) -> Result<(), CliError>,
) -> Result<(), CliError> {
    each_event(log, &mut |event, now| {
        apply(state, event).map_err(|e| CliError::Unverified(e.to_string()))?;
        show(event, state, now)
    })
}

fn each_event(
    log: &SealedLog,
    show: &mut dyn FnMut(&Event, Timestamp) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let run = log.run.to_string();
    for record in &log.records {
        let decoded = record::decode(record, &run).map_err(|e| CliError::Unverified(e.to_string()))?;
        let wall = record.t.parse::<jiff::Timestamp>().map_or(0, |t| t.as_microsecond());
        let now = Timestamp { wall_us: wall, run_us: record.mono_us };
        if let Some(event) = decoded {
            show(&event, now)?;
        }
    }
    Ok(())
}
