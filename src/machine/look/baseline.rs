//! What metrics are before the first change.

use super::{look_time, next_us, samples};
use crate::decide::{self, Because, Measured, Missing, Ruling, Sample};
use crate::machine::event::{Event, Verdict};
use crate::machine::judge::failed;
use crate::machine::state::{InstId, State, Timestamp};
use crate::plan::model::{Baseline, NodeKind};
use serde_json::{Map, json};

pub(super) fn names(wanted: &Baseline) -> Vec<&str> {
    wanted.metrics.iter().map(|(name, _)| name.as_str()).collect()
}

/// The fewest looks that a baseline is made of.
const FEWEST_LOOKS: usize = 3;

/// One look: what every metric is now.
pub(super) fn looked(state: &State, id: InstId, wanted: &Baseline, now: Timestamp) -> Event {
    let inst = &state.insts[id];
    let at_us = now.wall_us.max(0) as u64;
    let samples = samples::of(
        state,
        id,
        wanted.metrics.iter().map(|(name, _)| name.as_str()),
        &look_time(state, id, at_us, Some(now.run_us)),
    );
    let missing: Vec<String> = samples.iter().filter_map(|(name, sample)| without_number(name, sample)).collect();
    let goes_on = inst.poll_until_us.is_some_and(|until| now.run_us < until);
    let (ruling, cause, because) = match missing[..] {
        [] => (Ruling::Ok, Because::Row(0), "every metric has a number".to_string()),
        _ => (Ruling::Inconclusive, Because::NoData, missing.join("; ")),
    };
    let again_us = goes_on.then(|| next_us(inst, wanted.every_us, now));
    let run_us = Some(now.run_us);
    Event::Looked { path: inst.path.clone(), at_us, samples, ruling, cause, because, again_us, run_us }
}

/// The end of looking: every metric needs something to be compared with.
pub(super) fn over(state: &State, id: InstId, wanted: &Baseline) -> Event {
    let mut saved = Map::new();
    let mut without = Vec::new();
    for (name, found) in taken(state, id, wanted) {
        match found {
            Ok(baseline) => drop(saved.insert(name, json!(baseline.value))),
            Err(why) => without.push(format!("{name}: {why}")),
        }
    }
    if !without.is_empty() {
        let reason = format!("no baseline to compare with later: {}", without.join("; "));
        return failed(state, id, Verdict::Inconclusive, reason);
    }
    Event::StepFinished { path: state.insts[id].path.clone(), verdict: Verdict::Pass, reason: None, then: None, saved }
}

/// From now on tables of the runbook can compare with what was found.
pub(in crate::machine) fn keep(state: &mut State, id: InstId) {
    let NodeKind::Baseline(wanted) = &state.node_of(id).kind else { return };
    let found: Vec<_> = taken(state, id, wanted).collect();
    let scope = state.insts[id].scope;
    for (name, baseline) in found {
        if let Ok(baseline) = baseline {
            state.scopes[scope].baselines.insert(name, baseline);
        }
    }
}

/// Of each metric, the samples of its own time (looks are never exactly `every` apart); those with too little behind them
/// are none. Or why there is no baseline, in words.
fn taken<'a>(
    state: &'a State,
    id: InstId,
    wanted: &'a Baseline,
) -> impl Iterator<Item = (String, Result<decide::Baseline, String>)> + 'a {
    let looks = &state.insts[id].lookout.taken;
    wanted.metrics.iter().map(move |(name, over_us)| {
        let end_us = looks.iter().map(|(at_us, _)| *at_us).max().unwrap_or(0);
        // Looks are never exactly as far apart as they should be: the first is one of them also where it came early.
        let back_us = over_us.saturating_add(wanted.every_us / 2);
        let of_its_time = looks.iter().filter(move |(at_us, _)| at_us.saturating_add(back_us) >= end_us);
        let of_metric = of_its_time.filter_map(move |(_, look)| look.get(name));
        let need = samples::metric_of(state, id, name).and_then(|metric| metric.min_samples).unwrap_or(0);
        let enough = |sample: &&Sample| match sample.value {
            Measured::Number { evidence, .. } => evidence.unwrap_or(0) >= need,
            _ => false,
        };
        let found = match (of_metric.clone().filter(enough).count(), of_metric.clone().count()) {
            // One good look among many bad ones says what it was once, and nothing of what is usual.
            (good, all) if good >= FEWEST_LOOKS && 2 * good >= all => {
                decide::Baseline::from_samples(of_metric.clone().filter(enough)).map_err(|why| why.to_string())
            }
            (0, _) => Err(newest_trouble(of_metric, need, Missing::Empty).to_string()),
            (good, all) => Err(format!("{good} of {all} looks found it; it takes half of them, and {FEWEST_LOOKS}")),
        };
        (name.clone(), found)
    })
}

/// Why the newest sample is of no use: says more than that there was none.
fn newest_trouble<'a>(samples: impl Iterator<Item = &'a Sample>, need: u64, nothing: Missing) -> Missing {
    match samples.last().map(|sample| &sample.value) {
        Some(Measured::NoData(why)) => why.clone(),
        Some(Measured::Number { evidence, .. }) => Missing::TooFew { have: evidence.unwrap_or(0), need },
        Some(Measured::Text(_)) => Missing::WrongKind,
        None => nothing,
    }
}

fn without_number(name: &str, sample: &Sample) -> Option<String> {
    match &sample.value {
        Measured::Number { .. } => None,
        Measured::Text(_) => Some(format!("{name}: {}", Missing::WrongKind)),
        Measured::NoData(why) => Some(format!("{name}: {why}")),
    }
}
