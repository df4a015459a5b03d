//! `runbook run FILE`

use super::args::{Common, PlanArgs, RunArgs};
use super::error::CliError;
use super::library::Files;
use super::locking::{self, Wanted};
use super::planned::{Written, approvals_of, beside};
use super::prepare::{Prepared, inputs_sealed, made_from, prepare};
use super::secrets;
use super::session::{Session, drive};
use super::target;
use crate::drive::record;
use crate::log::{Desk, RunStart, Sha256Sum};
use crate::machine::State;
use crate::machine::event::{Event, RunStarted};
use crate::plan::{Plan, hours};
use crate::report::{View, visible_line};
use crate::store::{Home, Journal, RunClock, RunDir, deliver, keys, note_newest, previous_run};
use crate::text::Code;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(common: &Common, args: RunArgs) -> Result<u8, CliError> {
    if args.dry_run {
        let plan = PlanArgs { making: args.making, full: false, out: None, detailed_exitcode: false };
        return super::plan::run(common, plan);
    }
    let home = Home::from_env()?;
    home.prepare()?;
    let (prepared, approvals) = if args.plan {
        as_written(common, &args, &home)?
    } else {
        start_demo(args.making.target.as_deref(), &args.making.file, &home)?;
        (prepare(&args.making, &home, true)?, Vec::new())
    };
    if prepared.plan.is_unlocked_in_production() {
        super::say(&format!("warning[{0}]: {1}; see: runbook explain {0}\n", Code::UNLOCKED, Code::UNLOCKED.title()));
    }
    if args.override_window.is_none() {
        in_window(&prepared.plan)?;
    }
    prepared.idle.iter().for_each(|d| super::say(&format!("{} {}: it has no effect\n", d.code, d.message)));
    let texts = prepared.kept(1);
    let secrets = secrets::resolve(&prepared.plan, &prepared.typed, false)?;
    for (name, bytes) in &texts {
        secrets::refuse_in(&format!("{name}, which is kept with the run"), bytes, &secrets)?;
    }
    let identity = home.signing_key(super::say)?;
    if identity.created {
        super::say(&format!(
            "made a signing key for {}; `runbook keys` shows what to give to your team\n",
            identity.principal
        ));
    }
    let run = RunDir::new_id()?;
    let title = prepared.plan.title.clone().unwrap_or_else(|| prepared.plan.name.clone());
    let wait = locking::patience(args.wait_for_lock.as_deref())?;
    // A run that is refused has never been: nothing of it is written before it has its lock.
    let wanted = Wanted { run, title: &title, operator: &identity.principal, wait, forward: true };
    let lock = locking::take(&home, &prepared.plan, &wanted)?;
    // Whoever was waited for has ended only now.
    let prev_run = previous_run(&home)?;
    // And the window may have closed meanwhile.
    if args.override_window.is_none() {
        in_window(&prepared.plan)?;
    }
    let inputs: Vec<(&str, &[u8])> = texts.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let dir = RunDir::create(&home, run, &prepared.bytes, &inputs)?;
    // From here on they lie where answers to the questions of the run are looked for.
    for approval in &approvals {
        deliver(dir.path(), approval)?;
    }
    if let Err(failed) = secrets::try_masker(dir.path(), &secrets) {
        let _ = dir.discard();
        return Err(failed);
    }
    let clock = RunClock::start();
    let now = clock.now();
    let started = RunStarted {
        run: run.to_string(),
        runbook: prepared.plan.name.clone(),
        title,
        target: prepared.plan.target.as_ref().map(|t| t.name.clone()),
        plan_sha256: prepared.digest.clone(),
        operator: identity.principal.clone(),
        host: keys::host(),
        started: now.t.clone(),
        tool: env!("CARGO_PKG_VERSION").to_string(),
        dir: Some(current_dir()?),
        override_window: args.override_window.clone(),
        operator_key: Some(identity.signer.public_key().fingerprint()),
    };
    let first = Event::RunStarted(started.clone());
    let (_, mut extra) = record::encode(&first);
    extra.retain(|name, _| !["run", "operator", "host", "plan_sha256"].contains(&name.as_str()));
    extra.insert("files".into(), inputs_sealed(&texts));
    if let Some(lock) = &prepared.plan.lock {
        extra.insert("lock".into(), serde_json::json!(lock));
    }
    let plan_sha256 = Sha256Sum::of(&prepared.bytes);
    let start = RunStart { run, operator: &started.operator, host: &started.host, plan_sha256, prev_run, extra };
    let driver = home.driver(1, &identity)?;
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
        desk: Desk::new(run, plan_sha256, None, Some(driver)),
        no_input: args.making.no_input,
        detach_waits: args.detach_waits,
        lock,
        back_out: false,
    })
}

/// A plan from a file, made again and found the same, and the approvals of it that count so far.
fn as_written(common: &Common, args: &RunArgs, home: &Home) -> Result<(Prepared, Vec<String>), CliError> {
    let file = &args.making.file;
    let written = Written::read(file)?;
    let (runbook, target) = made_from(&written.plan);
    start_demo(target, Path::new(runbook), home)?;
    let prepared = written.again(home, &common.style())?;
    let trust = home.trust()?;
    let mut found = approvals_of(file, &written.digest, &trust);
    found.extend(args.approval.iter().map(|file| beside(file.clone(), &written.digest, &trust)));
    for approval in &found {
        let (told, file) = (approval.told.to_string(), approval.file.display());
        super::say(&format!("approval {}\n", visible_line(&format!("{told}  {file}"))));
    }
    let good = found.into_iter().filter(|approval| approval.told.void.is_none());
    Ok((prepared, good.filter_map(|approval| approval.text).collect()))
}

/// A run does not even begin outside its window, unless it begins with what the window does not bind.
fn in_window(plan: &Plan) -> Result<(), CliError> {
    match hours::refuses_start(plan, jiff::Timestamp::now().as_microsecond()) {
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
fn start_demo(target: Option<&str>, file: &Path, home: &Home) -> Result<(), CliError> {
    let Some(name) = target else { return Ok(()) };
    // Whatever is wrong with the target is told where the plan is made, after what is wrong with the runbook.
    let Some(dir) = target::load(name, file, home).ok().and_then(|loaded| loaded.demo) else { return Ok(()) };
    let exe = std::env::current_exe().map_err(|e| CliError::System(format!("cannot find this program: {e}")))?;
    let demo = crate::demo::Demo::new(&dir);
    if demo.status().is_ok() {
        return Ok(());
    }
    Files::default().sound(file)?;
    let addresses = demo.up(&exe).map_err(|e| CliError::System(e.to_string()))?;
    super::say(&format!("started the demo target at {}; `runbook demo down` ends it\n", addresses.balancer_url()));
    Ok(())
}
