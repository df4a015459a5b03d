//! `runbook resume RUN`: goes on from what the log says, never from what anybody remembers.

use super::args::{Common, ResumeArgs};
use super::error::CliError;
use super::inputs::hidden;
use super::runs::{load_plan, replay, view_of};
use super::session::{self, Session, drive};
use super::survivors;
use crate::drive::record;
use crate::drive::world::SecretSource;
use crate::log::{SecretKey, Verdict};
use crate::machine::event::Event;
use crate::machine::{Input, State, accept};
use crate::plan::Plan;
use crate::report::{View, exit_code};
use crate::store::{Home, ResumePoint, RunClock, RunDir, StoreError, countersign, keys, plain, verify_dir};
use std::io::IsTerminal as _;
use std::sync::Arc;

pub(crate) fn run(common: &Common, args: ResumeArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let id = home.find(&args.run)?;
    let dir = RunDir::open(&home, id)?;
    let identity = keys::load_or_create(home.config_dir())?;
    let point = match ResumePoint::lock(&dir, &home.trust()?) {
        Err(StoreError::Ended(_)) => return finish_ended(&home, &dir, &identity.key),
        other => other?,
    };
    if point.report.verdict == Verdict::Untrusted {
        return Err(CliError::Unverified(format!(
            "run {id} was not signed by anybody this user trusts, so it cannot be gone on with; `runbook verify {id}` says more"
        )));
    }
    let plan = Arc::new(load_plan(&dir, &point.log)?);
    let (mut state, mut view) = (State::new(plan.clone()), View::new(plan.clone()));
    replay(&point.log, &mut state, &mut |event, _, now| {
        view.see(now, event).map_err(|e| CliError::Unverified(e.to_string()))
    })?;
    let clock = RunClock::resume(point.last_mono_us());
    let now = clock.now();
    let input = Input::Resume { by: identity.principal.clone(), override_window: args.override_window.clone() };
    let Some(first) = accept(&state, input) else {
        return Err(CliError::Usage(format!("run {id} is over; there is nothing to resume")));
    };
    if let Event::Resumed { in_doubt, .. } = &first {
        survivors::refuse(&id.to_string(), in_doubt)?;
    }
    let (_, mut extra) = record::encode(&first);
    extra.retain(|name, _| ["in_doubt", "override_window"].contains(&name.as_str()));
    go_to_start(&state)?;
    let secrets = session::secrets(secrets_of(&plan, args.no_input)?)?;
    let (_, journal) = point.open(Box::new(identity.key), &identity.principal, &keys::host(), extra, &now)?;
    drive(Session {
        common,
        state,
        first,
        view,
        journal,
        clock,
        secrets,
        operator: identity.principal,
        no_input: args.no_input,
        detach_waits: args.detach_waits,
    })
}

/// A run that ended as its driver died may still lack its last signature; there is nothing else to go on with.
fn finish_ended(home: &Home, dir: &RunDir, key: &SecretKey) -> Result<u8, CliError> {
    if verify_dir(dir.path(), &home.trust()?, &[])?.verdict != Verdict::Incomplete {
        return Err(StoreError::Ended(dir.run()).into());
    }
    countersign(dir, &home.trust()?, key)?;
    super::say(&format!("run {} was over already; its log is signed now\n", dir.run()));
    let (_, _, view) = view_of(Some(&dir.run().to_string()))?;
    Ok(exit_code(view.ending()))
}

/// Relative paths mean what they meant when the run was started.
fn go_to_start(state: &State) -> Result<(), CliError> {
    let Some(dir) = state.started.as_ref().and_then(|started| started.dir.as_ref()) else { return Ok(()) };
    std::env::set_current_dir(dir)
        .map_err(|e| CliError::Usage(format!("cannot go to {dir}, where the run was started: {}", plain(&e))))
}

/// Secrets come from where the plan says; a value typed at a prompt is gone with the process that asked, so it is asked
/// for again.
fn secrets_of(plan: &Plan, no_input: bool) -> Result<Vec<(String, SecretSource)>, CliError> {
    let sources = plan.secrets.iter().map(|(name, source)| {
        let source = source.as_str().unwrap_or_default();
        match source.split_once(':') {
            Some(("env", variable)) => Ok((name.clone(), SecretSource::Env(variable.into()))),
            Some(("file", path)) => Ok((name.clone(), SecretSource::File(path.into()))),
            _ if !no_input && std::io::stdin().is_terminal() => Ok((name.clone(), SecretSource::Value(hidden(name)?))),
            _ => Err(CliError::Usage(format!(
                "the secret `{name}` was typed at a prompt and is not stored: resume the run at a terminal, or declare \
                 `from: env:NAME` or `from: file:PATH`"
            ))),
        }
    });
    sources.collect()
}
