//! Thousands of random runs a second: random plans, random worlds, one seed each.
//!
//! `SIM_RUNS=100000 cargo test --test simulate` plays more; a failure names its seed, and
//! `SIM_SEED=... cargo test --test simulate -- --nocapture` plays and prints that run alone.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

mod checker;
mod ends;
mod gates;
mod mutants;
mod plans;
mod rng;
mod scene;
mod tree;
mod turning;
mod verdicts;

use mutants::{Machine, Real};
use rng::Rng;
use runbook::machine::event::{Answer, Event};
use scene::{Log, Scene};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

const RUNS: u64 = 3_000;
const THREADS: u64 = 2;

/// What one seed came to.
#[derive(Default)]
struct Played {
    runs: u64,
    /// Of these, runs that went on with an edited plan.
    edited: u64,
    /// Checkpoints that were asked again because of it.
    asked_again: u64,
}

/// Plays one seed and checks it.
fn play(seed: u64, machine: &mut dyn Machine) -> (Log, Result<Played, String>) {
    let mut rng = Rng::new(seed);
    let plan = Arc::new(plans::plan(&mut rng));
    let mut choice = Rng::new(seed ^ 0xC0FFEE);
    let mut scene = Scene::new(machine, plan.clone(), rng);
    let outcome = scene.play().and_then(|()| if choice.chance(25) { scene.replays() } else { Ok(()) });
    let log = std::mem::take(&mut scene.log);
    if let Err(trouble) = checker::check(&plan, &log, outcome.is_ok()).and(outcome) {
        return (log, Err(trouble));
    }
    let prefixes: Vec<usize> = match log.len() {
        short @ ..=30 if choice.chance(20) => (1..short).collect(),
        length => vec![1 + choice.below(length - 1)],
    };
    let mut played = Played { runs: 1 + prefixes.len() as u64, ..Played::default() };
    for cut in prefixes {
        let mut again = Scene::new(machine, plan.clone(), Rng::new(seed ^ cut as u64));
        let taken = again.take_over(log[..cut].to_vec());
        let checked = checker::check(&plan, &again.log, taken.is_ok()).and(taken);
        if let Err(trouble) = checked {
            let log = std::mem::take(&mut again.log);
            return (log, Err(format!("after a crash at event {cut}: {trouble}")));
        }
        if choice.chance(50) {
            let mut other = Scene::new(machine, plan.clone(), Rng::new(seed ^ cut as u64 ^ 0xED17));
            let turned = other.turn(log[..cut].to_vec());
            let checked = turned.and_then(|edited| match edited {
                Some(edited) => {
                    (played.runs, played.edited) = (played.runs + 1, played.edited + 1);
                    played.asked_again += asked_again(&other.log);
                    checker::check(&edited, &other.log, true)
                }
                None => Ok(()),
            });
            if let Err(trouble) = checked {
                let log = std::mem::take(&mut other.log);
                return (log, Err(format!("after an edit at event {cut}: {trouble}")));
            }
        }
    }
    (log, Ok(played))
}

/// How many questions were put again after they had been answered.
fn asked_again(log: &Log) -> u64 {
    let (mut answered, mut again) = (BTreeSet::new(), 0);
    for (_, event) in log {
        match event {
            Event::Answered { path, answer: Answer::Go, .. } => _ = answered.insert(path),
            Event::Asked(asked) => again += u64::from(answered.contains(&asked.path)),
            _ => {}
        }
    }
    again
}

/// What must happen in some run, or the runs prove less than they claim.
const WANTED: [&str; 34] = [
    "asked checkpoint",
    "asked failure",
    "asked in_doubt",
    "asked manual",
    "ended done",
    "ended failed",
    "ended no_go",
    "ended rollback_failed",
    "ended rolled_back",
    "expired",
    "lapsed",
    "refused bad",
    "refused not_entitled",
    "refused operator",
    "refused phrase_needed",
    "refused red",
    "refused twice",
    "refused unsigned",
    "refused which_role",
    "refused wrong_phrase",
    "passed by phrase",
    "passed by roles",
    "passed by both",
    "signed no",
    "interrupted 2",
    "interrupted 3",
    "late",
    "on hold",
    "parked",
    "probe",
    "resumed",
    "retried",
    "undo",
    "unlocked",
];

/// What happened in a run.
fn kinds(log: &Log) -> BTreeSet<String> {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_string();
    let kinds = log.iter().filter_map(|(_, event)| {
        Some(match event {
            Event::Asked(asked) => format!("asked {}", word(serde_json::to_value(asked.question).ok()?)),
            Event::RunEnded { outcome } => format!("ended {}", word(serde_json::to_value(outcome).ok()?)),
            Event::AnswerExpired { .. } => "expired".into(),
            Event::Lapsed { .. } => "lapsed".into(),
            Event::Refused { why, .. } => match serde_json::to_value(why).ok()? {
                serde_json::Value::Object(why) => format!("refused {}", why.keys().next()?),
                why => format!("refused {}", word(why)),
            },
            Event::Answered { answer: Answer::NoGo, signed: Some(_), .. } => "signed no".into(),
            Event::StepFinished { reason: Some(reason), .. } if reason.starts_with("GO: ") => {
                let how = match (reason.contains("the phrase by"), reason.contains('(')) {
                    (true, true) => "both",
                    (true, false) => "phrase",
                    _ => "roles",
                };
                format!("passed by {how}")
            }
            Event::Interrupted { stage } => format!("interrupted {stage}"),
            Event::LateResult { .. } => "late".into(),
            Event::OnHold(_) => "on hold".into(),
            Event::Unlocked { .. } => "unlocked".into(),
            Event::Parked { .. } => "parked".into(),
            Event::Resumed { .. } => "resumed".into(),
            Event::AttemptScheduled { .. } => "retried".into(),
            Event::StepStarted(step) if step.path.ends_with("~undo") => "undo".into(),
            Event::StepStarted(step) if step.path.ends_with("~probe") => "probe".into(),
            _ => return None,
        })
    });
    kinds.collect()
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_run_keeps_every_promise() {
    if let Some(seed) = from_env("SIM_SEED") {
        let (log, result) = play(seed, &mut Real);
        log.iter().for_each(|(at, event)| println!("{:>12} {}", at.run_us, serde_json::to_string(event).unwrap()));
        return assert_eq!(result.err(), None, "seed {seed}");
    }
    let seeds = from_env("SIM_RUNS").unwrap_or(RUNS);
    let began = Instant::now();
    let (runs, events) = (AtomicU64::new(0), AtomicU64::new(0));
    let (edited, again) = (AtomicU64::new(0), AtomicU64::new(0));
    let wrong = Mutex::new(Vec::new());
    let seen = Mutex::new(BTreeMap::new());
    std::thread::scope(|threads| {
        for thread in 0..THREADS {
            let (runs, events, wrong, seen) = (&runs, &events, &wrong, &seen);
            let (edited, again) = (&edited, &again);
            threads.spawn(move || {
                for seed in (thread..seeds).step_by(THREADS as usize) {
                    let (log, result) = play(seed, &mut Real);
                    events.fetch_add(log.len() as u64, Ordering::Relaxed);
                    let mut seen = seen.lock().unwrap();
                    kinds(&log).into_iter().for_each(|kind| *seen.entry(kind).or_insert(0) += 1);
                    drop(seen);
                    match result {
                        Ok(played) => {
                            runs.fetch_add(played.runs, Ordering::Relaxed);
                            edited.fetch_add(played.edited, Ordering::Relaxed);
                            again.fetch_add(played.asked_again, Ordering::Relaxed);
                        }
                        Err(trouble) => {
                            let mut wrong = wrong.lock().unwrap();
                            wrong.push(format!(
                                "{trouble}\n  SIM_SEED={seed} cargo test --test simulate -- --nocapture"
                            ));
                            if wrong.len() >= 10 {
                                return;
                            }
                        }
                    }
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    println!("seen: {}", seen.iter().map(|(what, n)| format!("{what} {n}")).collect::<Vec<_>>().join(", "));
    let (runs, events, took) = (runs.into_inner(), events.into_inner(), began.elapsed().as_secs_f64());
    let rate = runs as f64 / took;
    println!("seeds 0..{seeds}: {runs} runs, {events} events, {took:.1} s, {rate:.0} runs per second");
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let missing = WANTED.iter().filter(|what| !seen.contains_key(**what)).collect::<Vec<_>>();
    let (edited, again) = (edited.into_inner(), again.into_inner());
    println!("of these {edited} with an edited plan; checkpoints asked again: {again}");
    assert!(edited > 100 && again > 10 || seeds < RUNS, "{edited} runs were edited, {again} checkpoints asked again");
    assert!(missing.is_empty() || seeds < RUNS, "nothing of this happened in any run: {missing:?}");
    println!("one seed again: SIM_SEED=0 cargo test --test simulate -- --nocapture");
}

#[test]
fn the_same_seed_makes_the_same_log() {
    for seed in 0..300 {
        let text = |log: Log| log.iter().map(|(_, e)| serde_json::to_string(e).unwrap()).collect::<Vec<_>>().join("\n");
        let (first, _) = play(seed, &mut Real);
        let (second, _) = play(seed, &mut Real);
        assert_eq!(text(first), text(second), "seed {seed}");
    }
}

#[test]
fn every_broken_machine_is_caught() {
    let seeds = from_env("SIM_RUNS").unwrap_or(RUNS);
    let mut missed = Vec::new();
    for mutant in mutants::all() {
        let name = mutant.name();
        let caught = (0..seeds).find_map(|seed| {
            let mut machine = mutants::Mutant::new(mutant);
            play(seed, &mut machine).1.err().map(|trouble| (seed, trouble))
        });
        match caught {
            Some((seed, trouble)) => println!("{name}: seed {seed}: {}", trouble.lines().next().unwrap_or_default()),
            None => missed.push(name),
        }
    }
    assert!(missed.is_empty(), "no check noticed: {missed:?}");
}
