//! `runbook resume RUN`: goes on from what the log says, never from what anybody remembers.

use super::ahead::Ahead;
use super::args::{Common, Output, ResumeArgs};
use super::changed::difference;
use super::error::CliError;
use super::locking::{self, Wanted};
use super::prepare::inputs_sealed;
use super::runs::{followed, load_plans, replay, view_of};
use super::secrets;
use super::session::{Session, drive};
use super::survivors;
use crate::drive::record;
use crate::log::{Desk, Sha256Sum, Signer, Verdict};
use crate::machine::event::{Changed, Direction, Event};
use crate::machine::{Input, OVERRIDE, State, Timestamp, accept, has_changed, keeps_from_resuming};
use crate::report::{View, exit, exit_code};
use crate::store::locks::Lease;
use crate::store::{
    Home, ResumePoint, RunClock, RunDir, StoreError, Witnesses, countersign, hold_against_kept, keys, plain, verify_run,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) fn run(common: &Common, args: ResumeArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let dir = RunDir::open(&home, home.find(&args.run)?)?;
    if args.dry_run {
        return look_ahead(common, &home, &dir, &args);
    }
    let identity = home.signing_key(super::say)?;
    let mut point = match ResumePoint::lock(&dir, &home.trust()?) {
        Err(StoreError::Ended(_)) => return finish_ended(&home, &dir, identity.signer.as_ref()),
        other => other?,
    };
    refuse_forged(&home, &dir, &mut point)?;
    let key = Some(identity.signer.public_key().fingerprint());
    let by = Input::Resume { by: identity.principal.clone(), override_window: args.override_window.clone(), key };
    let Found { mut state, mut view, mut first } = Found::of(&dir, &point, by)?;
    in_window(&state, &args)?;
    let tree = match difference(&home, &dir, &point.log, &state, &common.style())? {
        None => None,
        Some(difference) => {
            let (decided, tree) = difference.decide(&dir.run().to_string(), &args, point.next_segment())?;
            decide(&mut first, decided);
            tree
        }
    };
    let lock = lock_again(&home, &dir, &state, &identity.principal, &args)?;
    let (mut inputs, mut turned) = (None, None);
    let secrets =
        secrets::resolve(tree.as_ref().map_or(&state.plan, |tree| &tree.plan), &BTreeMap::new(), !args.no_input)?;
    secrets::try_masker(dir.path(), &secrets)?;
    if let Some(tree) = tree {
        let kept = tree.kept(point.next_segment());
        dir.store_plan(point.next_segment(), &tree.bytes, &kept)?;
        inputs = Some(inputs_sealed(&kept));
        turned = Some(Sha256Sum::of(&tree.bytes));
        let plan = Arc::new(tree.plan);
        state.accepted.insert(tree.digest.clone(), plan.clone());
        view.learn(tree.digest, plan);
    }
    let (_, mut extra) = record::encode(&first);
    extra.retain(|name, _| {
        ["in_doubt", "changed", "override_window", "override_us", "operator_key"].contains(&name.as_str())
    });
    extra.extend(inputs.map(|files| ("files".to_string(), files)));
    let plan_sha256 = turned.or_else(|| followed(&point.log)).unwrap_or(Sha256Sum::ZERO);
    let driver = home.driver(point.next_segment(), &identity)?;
    let mut desk = Desk::new(dir.run(), plan_sha256, Some(&point.report), Some(driver));
    if args.override_window.is_some() {
        // An answer that lies there was given to another reason.
        desk.close(OVERRIDE);
    }
    // Only from here on somebody drives: waiting for the lock, or for a secret to be typed, is no time of the run.
    let clock = RunClock::resume(point.last_mono_us());
    let now = clock.now();
    let (_, journal) = point.open(identity.signer, &identity.principal, &keys::host(), extra, &now)?;
    drive(Session {
        common,
        state,
        first,
        view,
        journal,
        clock,
        secrets,
        operator: identity.principal,
        desk,
        no_input: args.no_input,
        detach_waits: args.detach_waits,
        lock,
        back_out: args.back_out,
    })
}

/// A run in the middle of its changes is left as it is outside its window, where nobody has to look at it: whoever resumes
/// it decides.
fn in_window(state: &State, args: &ResumeArgs) -> Result<(), CliError> {
    let asks = args.override_window.is_none() && !args.back_out;
    match keeps_from_resuming(state, jiff::Timestamp::now().as_microsecond()).filter(|_| asks) {
        None => Ok(()),
        Some(refusal) => Err(CliError::NotNow(format!(
            "{refusal}; to go on nevertheless, say why: --override-window \"REASON\"; to take back what was done: --back-out"
        ))),
    }
}

/// Takes the lock of the run again. What is being taken back may go on while somebody holds it.
fn lock_again(
    home: &Home,
    dir: &RunDir,
    state: &State,
    operator: &str,
    args: &ResumeArgs,
) -> Result<Option<Lease>, CliError> {
    let forward = state.direction == Direction::Forward && state.halt.is_none() && !args.back_out;
    let title = state.started.as_ref().map_or(state.plan.name.as_str(), |started| started.title.as_str());
    let wait = locking::patience(args.wait_for_lock.as_deref())?;
    let mut lock = locking::take(home, &state.plan, &Wanted { run: dir.run(), title, operator, wait, forward })?;
    // The lock may have been given up in between. Whoever goes on with a half-done change owns it again from now on.
    if let Some(lease) = lock.as_mut().filter(|_| has_changed(state)) {
        lease.changing()?;
    }
    Ok(lock)
}

/// A run as it was left, and the event with which somebody takes it over.
struct Found {
    state: State,
    view: View,
    first: Event,
}

impl Found {
    /// Reads the log again, and goes to where the run was started.
    fn of(dir: &RunDir, point: &ResumePoint, by: Input) -> Result<Found, CliError> {
        let id = dir.run();
        if point.report.verdict == Verdict::Untrusted {
            return Err(CliError::Unverified(format!(
                "run {id} was not signed by anybody this user trusts, so it cannot be gone on with; `runbook verify {id}` \
                 says more"
            )));
        }
        let plans = load_plans(dir, &point.log)?;
        let (mut state, mut view) = (State::new(plans.clone()), View::new(plans));
        replay(&point.log, &mut state, &mut |event, _, now| {
            view.see(now, event).map_err(|e| CliError::Unverified(e.to_string()))
        })?;
        let Some(mut first) = accept(&state, by) else {
            return Err(CliError::Usage(format!("run {id} is over; there is nothing to resume")));
        };
        if let Event::Resumed { in_doubt, override_window, override_us, .. } = &mut first {
            survivors::refuse(&id.to_string(), in_doubt)?;
            *override_us = override_window.as_ref().map(|_| jiff::Timestamp::now().as_microsecond());
        }
        go_to_start(&state)?;
        Ok(Found { state, view, first })
    }
}

fn decide(first: &mut Event, decided: Changed) {
    if let Event::Resumed { changed, .. } = first {
        *changed = Some(Box::new(decided));
    }
}

/// What this machine remembers of the run, what later runs say and whoever countersigned it counts as much as what the log says of itself.
fn refuse_forged(home: &Home, dir: &RunDir, point: &mut ResumePoint) -> Result<(), CliError> {
    hold_against_kept(home, dir, &home.trust()?, &mut point.report)?;
    match point.report.verdict {
        Verdict::Tampered => Err(StoreError::Tampered(point.report.to_string()).into()),
        _ => Ok(()),
    }
}

/// Shows what would be done, and what has changed; exit 6 where it would be refused for that.
fn look_ahead(common: &Common, home: &Home, dir: &RunDir, args: &ResumeArgs) -> Result<u8, CliError> {
    let mut point = match ResumePoint::lock(dir, &home.trust()?) {
        Err(StoreError::Ended(run)) => {
            super::print(&format!("run {run} is over; there is nothing to resume\n"))?;
            return Ok(exit::DONE);
        }
        other => other?,
    };
    refuse_forged(home, dir, &mut point)?;
    let Found { mut state, view, mut first } = Found::of(
        dir,
        &point,
        Input::Resume { by: keys::principal(), override_window: args.override_window.clone(), key: None },
    )?;
    let now = Timestamp { wall_us: jiff::Timestamp::now().as_microsecond(), run_us: point.last_mono_us() };
    let difference = difference(home, dir, &point.log, &state, &common.style())?;
    let screen = difference.as_ref().map(|difference| difference.screen().to_string());
    let decided = difference.map(|d| d.decide(&dir.run().to_string(), args, point.next_segment())).transpose();
    if let Ok(Some((decided, tree))) = &decided {
        decide(&mut first, decided.clone());
        state.accepted.extend(tree.iter().map(|tree| (tree.digest.clone(), Arc::new(tree.plan.clone()))));
    }
    let ahead = Ahead::of(&view, &first, state, now)?;
    if common.output == Output::Json {
        let mut told = ahead.json();
        told["run"] = dir.run().to_string().into();
        told["difference"] = screen.into();
        super::print(&format!("{told:#}\n"))?;
    } else {
        let shown = screen.filter(|_| decided.is_ok()).map(|screen| format!("\n{screen}")).unwrap_or_default();
        super::print(&format!("run {}: {}{shown}", dir.run(), ahead.text()))?;
    }
    decided.map(|_| exit::DONE)
}

/// A run that ended as its driver died may still lack its last signature; there is nothing else to go on with.
fn finish_ended(home: &Home, dir: &RunDir, key: &dyn Signer) -> Result<u8, CliError> {
    let report = verify_run(home, dir.path(), &home.trust()?, &Witnesses::default())?;
    if report.verdict == Verdict::Tampered {
        return Err(StoreError::Tampered(report.to_string()).into());
    }
    let (_, _, view) = view_of(Some(&dir.run().to_string()))?;
    if view.state().lock.is_none() {
        locking::give_back_after_end(home, view.plan(), dir.run())?;
    }
    if report.verdict != Verdict::Incomplete {
        return Err(StoreError::Ended(dir.run()).into());
    }
    countersign(dir, &home.trust()?, key)?;
    super::say(&format!("run {} was over already; its log is signed now\n", dir.run()));
    Ok(exit_code(view.ending()))
}

/// Relative paths mean what they meant when the run was started.
fn go_to_start(state: &State) -> Result<(), CliError> {
    let Some(dir) = state.started.as_ref().and_then(|started| started.dir.as_ref()) else { return Ok(()) };
    std::env::set_current_dir(dir)
        .map_err(|e| CliError::Usage(format!("cannot go to {dir}, where the run was started: {}", plain(&e))))
}
