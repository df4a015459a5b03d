//! `runbook run FILE`

use super::args::{Common, Making, PlanArgs, RunArgs};
use super::error::CliError;
use super::library::Files;
use super::prepare::{inputs_sealed, prepare};
use super::session::{self, Session, drive};
use super::target;
use crate::drive::record;
use crate::log::{RunStart, Sha256Sum};
use crate::machine::State;
use crate::machine::event::{Event, RunStarted};
use crate::plan::model::NodeKind;
use crate::plan::{Plan, window};
use crate::report::View;
use crate::store::{Home, Journal, RunClock, RunDir, keys, note_newest, previous_run};
use std::sync::Arc;

pub(crate) fn run(common: &Common, args: RunArgs) -> Result<u8, CliError> {
    if args.dry_run {
        let plan = PlanArgs { making: args.making, full: false, detailed_exitcode: false };
        return super::plan::run(common, plan);
    }
    let home = Home::from_env()?;
    home.prepare()?;
    start_demo(&args.making, &home)?;
    let prepared = prepare(&args.making, &home, true)?;
    if args.override_window.is_none() {
        in_window(&prepared.plan)?;
    }
    let texts = prepared.kept(1);
    let secrets = session::secrets(prepared.secrets)?;
    let identity = home.signing_key(super::say)?;
    if identity.created {
        super::say(&format!(
            "made a signing key for {}; `runbook keys` shows what to give to your team\n",
            identity.principal
        ));
    }
    let prev_run = previous_run(&home)?;
    let run = RunDir::new_id()?;
    let inputs: Vec<(&str, &[u8])> = texts.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let dir = RunDir::create(&home, run, &prepared.bytes, &inputs)?;
    let clock = RunClock::start();
    let now = clock.now();
    let started = RunStarted {
        run: run.to_string(),
        runbook: prepared.plan.name.clone(),
        title: prepared.plan.title.clone().unwrap_or_else(|| prepared.plan.name.clone()),
        target: prepared.plan.target.as_ref().map(|t| t.name.clone()),
        plan_sha256: prepared.digest.clone(),
        operator: identity.principal.clone(),
        host: keys::host(),
        started: now.t.clone(),
        tool: env!("CARGO_PKG_VERSION").to_string(),
        dir: Some(current_dir()?),
        override_window: args.override_window.clone(),
    };
    let first = Event::RunStarted(started.clone());
    let (_, mut extra) = record::encode(&first);
    extra.retain(|name, _| !["run", "operator", "host", "plan_sha256"].contains(&name.as_str()));
    extra.insert("files".into(), inputs_sealed(&texts));
    let start = RunStart {
        run,
        operator: &started.operator,
        host: &started.host,
        plan_sha256: Sha256Sum::of(&prepared.bytes),
        prev_run,
        extra,
    };
    let journal = Journal::create(&dir, identity.signer, start, &now).map_err(|error| {
        // Nothing was done yet: a run that could not be signed has never been.
        let _ = dir.discard();
        CliError::Journal(error.to_string())
    })?;
    note_newest(&home, run);
    let plan = Arc::new(prepared.plan);
    let view = View::new(plan.clone());
    drive(Session {
        common,
        state: State::new(plan),
        first,
        view,
        journal,
        clock,
        secrets,
        operator: started.operator,
        no_input: args.making.no_input,
        detach_waits: args.detach_waits,
    })
}

/// A run does not even begin outside its window.
fn in_window(plan: &Plan) -> Result<(), CliError> {
    let Some(allowed) = &plan.schedule.window else { return Ok(()) };
    let phases = match &plan.node(plan.forward).kind {
        NodeKind::Sequence(phases) => phases.as_slice(),
        _ => &[],
    };
    let needs_s = phases.iter().filter_map(|phase| plan.node(*phase).estimate_s).sum();
    match window::refusal(allowed, jiff::Timestamp::now().as_microsecond(), needs_s) {
        None => Ok(()),
        Some(refusal) => {
            Err(CliError::NotNow(format!("{refusal}; to run now nevertheless, say why: --override-window \"REASON\"")))
        }
    }
}

/// The log holds text only, so a directory that is none cannot be returned to.
fn current_dir() -> Result<String, CliError> {
    let dir =
        std::env::current_dir().map_err(|e| CliError::System(format!("cannot find the current directory: {e}")))?;
    let shown = dir.display().to_string();
    dir.into_os_string().into_string().map_err(|_| CliError::Usage(format!("the name of {shown} is not UTF-8 text")))
}

/// The embedded demo comes up on its own, so that the first run needs nothing else. It does so before anything is
/// planned, since the plan names its addresses.
fn start_demo(making: &Making, home: &Home) -> Result<(), CliError> {
    let Some(name) = &making.target else { return Ok(()) };
    // Whatever is wrong with the target is told where the plan is made, after what is wrong with the runbook.
    let Some(dir) = target::load(name, &making.file, home).ok().and_then(|loaded| loaded.demo) else { return Ok(()) };
    let exe = std::env::current_exe().map_err(|e| CliError::System(format!("cannot find this program: {e}")))?;
    let demo = crate::demo::Demo::new(&dir);
    if demo.status().is_ok() {
        return Ok(());
    }
    Files::default().sound(&making.file)?;
    let addresses = demo.up(&exe).map_err(|e| CliError::System(e.to_string()))?;
    super::say(&format!("started the demo target at {}; `runbook demo down` ends it\n", addresses.balancer_url()));
    Ok(())
}
