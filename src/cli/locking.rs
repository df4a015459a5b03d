//! The lock of a run as commands take it: whoever does not get it is told who has it and what to do.

use super::error::CliError;
use crate::log::{HoldEntry, RunId};
use crate::plan::Plan;
use crate::plan::units::{duration_us, duration_words, to_the_second};
use crate::report::visible_line;
use crate::store::locks::{Doing, Holder, Lease, LockPlace, Refusal, TakeError, holds_of, standing};
use crate::store::{Home, RunClock, StoreError, keys};
use crate::text::Code;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often somebody who waits looks again.
const LOOK: Duration = Duration::from_millis(200);

/// Who wants the lock, and how.
pub(crate) struct Wanted<'a> {
    pub(crate) run: RunId,
    pub(crate) title: &'a str,
    pub(crate) operator: &'a str,
    /// How long to wait for it.
    pub(crate) wait: Option<Duration>,
    /// Whether the run goes forward: then a hold keeps it from going on.
    pub(crate) forward: bool,
}

/// The lock of a plan.
pub(crate) fn place_of(plan: &Plan) -> Option<LockPlace> {
    plan.lock.as_ref().map(|lock| LockPlace::new(&lock.name, lock.dir.as_deref()))
}

/// `10m` of `--wait-for-lock`.
pub(crate) fn patience(text: Option<&str>) -> Result<Option<Duration>, CliError> {
    let Some(text) = text else { return Ok(None) };
    let us = duration_us(text).ok_or_else(|| {
        CliError::Usage(format!("--wait-for-lock needs a duration such as 10m, not `{}`", text.escape_debug()))
    })?;
    Ok(Some(Duration::from_micros(us)))
}

/// Takes the lock of a plan before anything is touched; none where it has none.
pub(crate) fn take(home: &Home, plan: &Plan, wanted: &Wanted<'_>) -> Result<Option<Lease>, CliError> {
    let Some(place) = place_of(plan) else { return Ok(None) };
    // Where locks cannot be kept safely is for whoever configured it to mend.
    place.open(home)?;
    let started = Instant::now();
    let mut told = None;
    loop {
        let refused = match refuse_held(home, &place, wanted) {
            Ok(()) => {
                let since = RunClock::start().now().t;
                let run = wanted.run.to_string();
                let who = Holder::myself(&run, wanted.title, wanted.operator, &keys::host(), &since);
                match Lease::take(home, &place, who) {
                    Ok(lease) => return Ok(Some(lease)),
                    Err(TakeError::Store(error)) => return Err(error.into()),
                    Err(TakeError::Refused(refusal)) => {
                        (waited_for(&refusal), CliError::Locked(screen(&place, &refusal, wanted.wait.is_some())))
                    }
                }
            }
            Err(held) => held,
        };
        let (whom, error) = refused;
        if wanted.wait.is_none_or(|patience| started.elapsed() >= patience) {
            return Err(error);
        }
        if told.as_ref() != Some(&whom) {
            super::say(&format!("waiting for the lock {}: {whom}\n", visible_line(&place.name)));
            told = Some(whom);
        }
        sleep(LOOK);
    }
}

/// What is said while waiting, and the refusal when waiting is over.
type Held = (String, CliError);

fn refuse_held(home: &Home, place: &LockPlace, wanted: &Wanted<'_>) -> Result<(), Held> {
    if !wanted.forward {
        return Ok(());
    }
    let history = match home.trust().and_then(|trust| holds_of(home, place, &trust)) {
        Ok(history) => history,
        Err(error) => return Err(("nobody can tell whether it is held".into(), unreadable(place, &error))),
    };
    let Some(hold) = history.against(&wanted.run.to_string()) else { return Ok(()) };
    let words = format!("{} holds it: {}", visible_line(&hold.by), visible_line(&hold.reason));
    Err((words, CliError::Locked(held_screen(place, hold))))
}

fn unreadable(place: &LockPlace, error: &StoreError) -> CliError {
    let code = Code::ON_HOLD;
    CliError::Locked(format!(
        "error[{code}]: nobody can tell whether the lock `{}` is held, so it is: {error}\nsee: runbook explain {code}\n",
        visible_line(&place.name)
    ))
}

fn held_screen(place: &LockPlace, hold: &HoldEntry) -> String {
    let (code, name) = (Code::ON_HOLD, visible_line(&place.name));
    let mut out = format!("error[{code}]: the lock `{name}` is on hold: nothing may be changed under it\n");
    out.push_str(&fact("held by", &hold.by));
    if !hold.at.is_empty() {
        out.push_str(&fact("since", &format!("{}{}", to_the_second(&hold.at), age(&hold.at))));
    }
    if !hold.reason.is_empty() {
        out.push_str(&fact("why", &hold.reason));
    }
    if let Some(doubt) = &hold.doubt {
        out.push_str(&fact("doubtful", &format!("{doubt}; it holds all the same")));
        out.push_str("if the key should count: runbook keys trust NAME KEYFILE\n");
    }
    let dir = dir_option(place);
    out.push_str(&format!("another person lifts it:  runbook lift '{name}' 'WHY'{dir}\n"));
    out + &format!("see: runbook holds '{name}'{dir}, runbook explain {code}\n")
}

fn screen(place: &LockPlace, refusal: &Refusal, waited: bool) -> String {
    let name = visible_line(&refusal.lock);
    let Some(holder) = &refusal.holder else {
        let code = Code::LOCKED;
        return format!(
            "error[{code}]: another run is just taking the lock `{name}`; try again\nsee: runbook explain {code}\n"
        );
    };
    let (code, words) = match refusal.live {
        true => (Code::LOCKED, "another run has the lock"),
        false => (Code::UNFINISHED, "an unfinished run owns the lock"),
    };
    let run = visible_line(&holder.run);
    let mut out = format!("error[{code}]: {words} `{name}`\n");
    out.push_str(&fact("run", &format!("{}  {}", holder.run, holder.title)));
    let driven = if refusal.live { "driven by" } else { "was driven by" };
    out.push_str(&fact("who", &format!("{driven} {}, pid {} on {}", holder.operator, holder.pid, holder.host)));
    out.push_str(&fact("since", &format!("{}{}", to_the_second(&holder.since), age(&holder.since))));
    out.push_str(&fact("state", &state(refusal)));
    out.push_str(&format!("look at it:  runbook show {run}\n"));
    if refusal.live {
        let wait = if waited { "" } else { "wait for it:  the same command with --wait-for-lock 30m\n" };
        out.push_str(wait);
    } else {
        out.push_str(&format!("go on with it:  runbook resume {run}\n"));
        out.push_str(&format!("take it back:  runbook resume --back-out {run}\n"));
        out.push_str(&format!("give it up as it is:  runbook release {run} 'WHY'{}\n", dir_option(place)));
    }
    out + &format!("see: runbook explain {code}\n")
}

/// What the run does, or how it was left.
fn state(refusal: &Refusal) -> String {
    let doing = |doing: &Doing| format!("{}{}", doing.words, age(&doing.at));
    match (refusal.live, refusal.elsewhere, &refusal.left) {
        (true, ..) => refusal.doing.as_ref().map_or("begins".into(), doing),
        (false, true, _) => "it ran on another machine, so nobody can tell here whether it still does".into(),
        (false, _, Some(left)) => left.clone(),
        (false, _, None) => {
            let last =
                refusal.doing.as_ref().map(|said| format!("; the last that was heard of it: it {}", doing(said)));
            format!("its driver died after it began to change something{}", last.unwrap_or_default())
        }
    }
}

/// For whom somebody waits.
fn waited_for(refusal: &Refusal) -> String {
    let Some(holder) = &refusal.holder else { return "another run is just taking it".into() };
    let words = format!("run {} of {} has it and {}", holder.run, holder.operator, state(refusal));
    visible_line(&words)
}

fn fact(label: &str, words: &str) -> String {
    format!("  {label:<9} {}\n", visible_line(words))
}

fn dir_option(place: &LockPlace) -> String {
    place.dir.as_ref().map_or(String::new(), |dir| format!(" --lock-dir {}", dir.display()))
}

/// ` (12m ago)`
fn age(at: &str) -> String {
    let Ok(then) = at.parse::<jiff::Timestamp>() else { return String::new() };
    let us = jiff::Timestamp::now().as_microsecond() - then.as_microsecond();
    match u64::try_from(us / 1_000_000) {
        Ok(seconds) if seconds > 0 => format!(" ({} ago)", duration_words(seconds * 1_000_000)),
        _ => String::new(),
    }
}

/// The words in the list of runs: `holding lock production since T`.
pub(crate) fn holding(home: &Home, run: RunId, place: &LockPlace) -> Option<String> {
    let holder = standing(home, place).ok()??.holder?;
    (holder.run == run.to_string())
        .then(|| format!("holding lock {} since {}", place.name, to_the_second(&holder.since)))
}

/// A run that is over may have died before it gave its lock back.
pub(crate) fn give_back_after_end(home: &Home, plan: &Plan, run: RunId) -> Result<(), CliError> {
    let Some(place) = place_of(plan) else { return Ok(()) };
    if holding(home, run, &place).is_none() {
        return Ok(());
    }
    let now = RunClock::start().now().t;
    if let Ok(mut lease) = Lease::take(home, &place, Holder::myself(&run.to_string(), "", "", &keys::host(), &now)) {
        lease.give_back(&now)?;
    }
    Ok(())
}
