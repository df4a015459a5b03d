//! `runbook resume RUN`: goes on from what the log says, never from what anybody remembers.

use super::args::{Common, ResumeArgs};
use super::error::CliError;
use super::runs::{load_plan, replay};
use super::session::{Session, drive};
use crate::drive::record;
use crate::drive::world::SecretSource;
use crate::machine::{Input, State, accept};
use crate::plan::Plan;
use crate::report::View;
use crate::store::{Home, ResumePoint, RunClock, RunDir, keys};
use std::sync::Arc;

pub(crate) fn run(common: &Common, args: ResumeArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let id = home.find(&args.run)?;
    let dir = RunDir::open(&home, id)?;
    let identity = keys::load_or_create(home.config_dir())?;
    let point = ResumePoint::lock(&dir, &home.trust()?)?;
    let plan = Arc::new(load_plan(&dir, &point.log)?);
    let (mut state, mut view) = (State::new(plan.clone()), View::new(plan.clone()));
    replay(&point.log, &mut state, &mut view)?;
    let clock = RunClock::resume(point.last_mono_us());
    let now = clock.now();
    let input = Input::Resume { by: identity.principal.clone() };
    let Some(first) = accept(&state, input) else {
        return Err(CliError::Usage(format!("run {id} is over; there is nothing to resume")));
    };
    let (_, mut extra) = record::encode(&first);
    extra.retain(|name, _| name == "in_doubt");
    let (_, journal) = point.open(Box::new(identity.key), &identity.principal, &keys::host(), extra, &now)?;
    let secrets = secrets_of(&plan)?;
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
    })
}

/// Secrets come from where the plan says; a value typed at a prompt is gone with the process that asked.
fn secrets_of(plan: &Plan) -> Result<Vec<(String, SecretSource)>, CliError> {
    let sources = plan.secrets.iter().map(|(name, source)| {
        let source = source.as_str().unwrap_or_default();
        match source.split_once(':') {
            Some(("env", variable)) => Ok((name.clone(), SecretSource::Env(variable.into()))),
            Some(("file", path)) => Ok((name.clone(), SecretSource::File(path.into()))),
            _ => Err(CliError::Usage(format!(
                "the secret `{name}` was typed at a prompt and is not stored; declare `from: env:NAME` or `from: file:PATH` \
                 for runs that may have to be resumed"
            ))),
        }
    });
    sources.collect()
}
