//! `runbook hold`, `lift`, `holds` and `release`: what people say about locks, each with their own key.

use super::args::{Common, HoldArgs, HoldsArgs, LiftArgs, Output, ReleaseArgs};
use super::error::CliError;
use super::{survivors, target};
use crate::log::{HoldAction, HoldEntry, HoldHistory, TrustStore, may_say};
use crate::plan::units::to_the_second;
use crate::report::{exit, visible_line};
use crate::store::locks::{
    LockPlace, Word, find_owned, holds_of, locks_with_history, release as release_lock, say as say_word, standing,
};
use crate::store::{Home, RunClock, SigningKey, signing_key, trust};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(crate) fn hold(common: &Common, args: HoldArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let (place, key, store) = (place(&home, &args.lock, args.lock_dir)?, key(&home)?, home.trust()?);
    authorised(HoldAction::Hold, &key, &store)?;
    let word = Word { action: HoldAction::Hold, reason: &args.reason, run: None };
    let at = say_word(&home, &place, &word, &key.principal, key.signer.as_ref())?;
    let refusal = standing(&home, &place)?;
    let name = visible_line(&place.name);
    let mut text =
        format!("{} holds {name} since {}: {}\n", key.principal, to_the_second(&at), visible_line(&args.reason));
    match refusal.as_ref().and_then(|refusal| Some((refusal.live, refusal.holder.as_ref()?))) {
        Some((true, holder)) => text.push_str(&format!(
            "run {} of {} is going; it stops before its next change\n",
            visible_line(&holder.run),
            visible_line(&holder.operator)
        )),
        Some((false, holder)) => {
            text.push_str(&format!("run {} is not over; it cannot go on now\n", visible_line(&holder.run)));
        }
        None => text.push_str(&format!("no run has this lock now in {}\n", place.open(&home)?.path().display())),
    }
    text.push_str(&format!("another person lifts it:  runbook lift '{name}' 'WHY'\n"));
    tell(common, &text, &json!({ "lock": place.name, "by": key.principal, "at": at, "reason": args.reason }))
}

pub(crate) fn lift(common: &Common, args: LiftArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let (place, key, store) = (place(&home, &args.lock, args.lock_dir)?, key(&home)?, home.trust()?);
    let name = visible_line(&place.name);
    let history = holds_of(&home, &place, &store)?;
    if history.standing().next().is_none() {
        return Err(CliError::Usage(format!("nobody holds {name}; `runbook holds` lists what is held")));
    }
    let principal = authorised(HoldAction::Lift, &key, &store)?;
    if !history.may_lift(&principal, &key.signer.public_key(), &store) {
        return Err(CliError::Usage(format!(
            "{principal} placed the hold on {name}, so another person has to lift it"
        )));
    }
    let word = Word { action: HoldAction::Lift, reason: &args.reason, run: None };
    let at = say_word(&home, &place, &word, &key.principal, key.signer.as_ref())?;
    let after = holds_of(&home, &place, &store)?;
    let left: Vec<&HoldEntry> = after.standing().collect();
    let mut text =
        format!("{} lifted {name} at {}: {}\n", key.principal, to_the_second(&at), visible_line(&args.reason));
    for hold in &left {
        text.push_str(&format!("still held by {}: {}\n", visible_line(&hold.by), visible_line(&hold.reason)));
    }
    let data =
        json!({ "lock": place.name, "by": key.principal, "at": at, "reason": args.reason, "still_held": left.len() });
    tell(common, &text, &data)
}

pub(crate) fn list(common: &Common, args: HoldsArgs) -> Result<u8, CliError> {
    let (home, store) = (Home::from_env()?, Home::from_env()?.trust()?);
    let places = match &args.lock {
        Some(lock) => vec![place(&home, lock, args.lock_dir)?],
        None => {
            let dir = args.lock_dir;
            let names = locks_with_history(&home, dir.as_deref())?;
            names.into_iter().map(|name| LockPlace { name, dir: dir.clone() }).collect()
        }
    };
    let (mut text, mut data) = (String::new(), Vec::new());
    for place in &places {
        let history = holds_of(&home, place, &store)?;
        data.push(as_data(place, &history));
        // Of one lock the whole history is shown, of all of them what stands.
        let shown = history.entries.iter().filter(|entry| args.lock.is_some() || entry.holds());
        shown.for_each(|entry| text.push_str(&row(place, entry, &history)));
    }
    if text.is_empty() {
        text.push_str("nothing is held\n");
    }
    tell(common, &text, &json!(data))
}

pub(crate) fn release(common: &Common, args: ReleaseArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let (key, store) = (key(&home)?, home.trust()?);
    authorised(HoldAction::Release, &key, &store)?;
    let shared = match args.lock_dir {
        Some(dir) => Some(dir),
        None => shared_dir_of(&home, &args.run),
    };
    let owned = find_owned(&home, shared.as_deref(), &args.run)?;
    survivors::refuse_any(&owned.run)?;
    release_lock(&home, &owned, &args.reason, &key)?;
    let name = visible_line(&owned.place.name);
    let text = format!(
        "{} took the lock {name} away from run {}: {}\nwhat that run has changed stays as it is\n",
        key.principal,
        visible_line(&owned.run),
        visible_line(&args.reason)
    );
    tell(
        common,
        &text,
        &json!({ "lock": owned.place.name, "run": owned.run, "by": key.principal, "reason": args.reason }),
    )
}

fn tell(common: &Common, text: &str, data: &Value) -> Result<u8, CliError> {
    match common.output {
        Output::Text => super::print(text)?,
        Output::Json => super::print(&format!("{data:#}\n"))?,
    }
    Ok(exit::DONE)
}

/// The lock that is meant: its target profile, where there is one, says where it is.
fn place(home: &Home, lock: &str, dir: Option<PathBuf>) -> Result<LockPlace, CliError> {
    if dir.is_some() {
        return Ok(LockPlace { name: lock.to_string(), dir });
    }
    let profile = target::load(lock, Path::new(""), home).ok().map(|loaded| loaded.target);
    let dir = profile.as_ref().and_then(|target| target.values["lock_dir"].as_str()).map(PathBuf::from);
    let name = profile.map_or_else(|| lock.to_string(), |target| target.name);
    Ok(LockPlace { name, dir })
}

/// The shared directory that the plan of a run of this user names.
fn shared_dir_of(home: &Home, run: &str) -> Option<PathBuf> {
    let dir = crate::store::RunDir::open(home, home.find(run).ok()?).ok()?;
    let plan: Value = serde_json::from_slice(&dir.plan().ok()?).ok()?;
    plan["lock"]["dir"].as_str().map(PathBuf::from)
}

fn key(home: &Home) -> Result<SigningKey, CliError> {
    let key = signing_key(home.config_dir(), super::say)?;
    trust::refuse_revoked(home.config_dir(), &key.signer.public_key())?;
    Ok(key)
}

/// The name under which a key may say this.
fn authorised(action: HoldAction, key: &SigningKey, store: &TrustStore) -> Result<String, CliError> {
    let now = RunClock::start().now().t;
    may_say(action, &key.signer.public_key(), &now, store).map_err(|why| {
        let word = action.word();
        CliError::Usage(format!(
            "nobody would believe this {word}: {why}; whoever may {word} is written down with `runbook keys trust {} KEYFILE \
             --role both`",
            key.principal
        ))
    })
}

fn row(place: &LockPlace, entry: &HoldEntry, history: &HoldHistory) -> String {
    let word = entry.action.map_or("held?", HoldAction::word);
    let run = entry.run.as_ref().map_or(String::new(), |run| format!(" (run {run})"));
    let doubt = entry.doubt.as_ref().map_or(String::new(), |why| format!("; doubtful: {why}"));
    let lifted = entry.lifted_by.map(|by| &history.entries[by]);
    let lifted = lifted.map_or(String::new(), |by| format!("; lifted by {} at {}", by.by, to_the_second(&by.at)));
    let at = to_the_second(&entry.at);
    let line = format!("{}  {word}  {at}  {}{run}: {}{lifted}{doubt}", place.name, entry.by, entry.reason);
    format!("{}\n", visible_line(&line))
}

fn as_data(place: &LockPlace, history: &HoldHistory) -> Value {
    let entry = |entry: &HoldEntry| {
        json!({
            "action": entry.action.map(HoldAction::word), "by": entry.by, "at": entry.at, "reason": entry.reason,
            "run": entry.run, "key": entry.fingerprint, "doubt": entry.doubt, "stands": entry.holds(),
            "lifted_by": entry.lifted_by.map(|by| &history.entries[by].by),
        })
    };
    json!({
        "lock": place.name, "dir": place.dir, "held": history.standing().next().is_some(),
        "history": history.entries.iter().map(entry).collect::<Vec<_>>(),
    })
}
