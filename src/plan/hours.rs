//! How long a plan takes from some phase on, and whether that may begin at a moment.

use super::model::{NodeId, NodeKind, Plan};
use super::window::{Refusal, refusal};
use super::{paths, window};
use crate::runbook::model::Effect;

/// Why a run may not begin now (microseconds since 1970). What stands before the phases that a window binds may begin at any
/// time; a first phase with a mark begins there.
pub fn refuses_start(plan: &Plan, now_us: i64) -> Option<Refusal> {
    let phases = phases(plan);
    let bound = paths::bound_from(plan);
    if phases.iter().take(bound).any(|phase| !plan.only_takes_baselines(*phase)) {
        return None;
    }
    let zero_us = planned_zero(plan).unwrap_or(now_us);
    let mark = phases.get(bound).and_then(|phase| plan.node(*phase).marks.at_us);
    let begins_us = mark.map_or(now_us, |mark| zero_us.saturating_add(mark)).max(now_us);
    refuses(plan, phases, begins_us, Some(zero_us))
}

/// Why the phases that are left may not begin at a moment, where T is known to be `zero_us`; all in microseconds since 1970.
pub fn refuses(plan: &Plan, left: &[NodeId], at_us: i64, zero_us: Option<i64>) -> Option<Refusal> {
    let allowed = plan.schedule.window.as_ref()?;
    let needs_us = ends(plan, left, at_us, zero_us).saturating_sub(at_us);
    refusal(allowed, at_us, u64::try_from(needs_us).unwrap_or(0).div_ceil(1_000_000))
}

/// The next moment after this one at which a closed window is open again, in microseconds since 1970; where it is open, the
/// one after it has been closed once.
pub fn opens_again(plan: &Plan, at_us: i64) -> Option<i64> {
    window::opens_again(plan.schedule.window.as_ref()?, at_us)
}

/// T as it is planned, in microseconds since 1970.
fn planned_zero(plan: &Plan) -> Option<i64> {
    let time = plan.schedule.anchor.as_ref()?.time.as_deref()?;
    time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

fn phases(plan: &Plan) -> &[NodeId] {
    match &plan.node(plan.forward).kind {
        NodeKind::Sequence(phases) => phases,
        _ => &[],
    }
}

/// When these phases are over by their estimates. Up to the last change their marks count too: what is only looked at later
/// may be after the window.
fn ends(plan: &Plan, left: &[NodeId], at_us: i64, zero_us: Option<i64>) -> i64 {
    let with_changes = left.iter().rposition(|phase| last_change(plan, *phase).0).map_or(0, |last| last + 1);
    let mut end_us = at_us;
    for (place, phase) in left.iter().enumerate() {
        let node = plan.node(*phase);
        let counts = place < with_changes;
        let mark = |offset_us: Option<i64>| Some(zero_us?.saturating_add(offset_us.filter(|_| counts)?));
        end_us = mark(node.marks.at_us).map_or(end_us, |begin_us| begin_us.max(end_us));
        end_us = end_us.saturating_add(node.estimate_s.map_or(0, |s| s.saturating_mul(1_000_000) as i64));
        end_us = mark(last_change(plan, *phase).1).map_or(end_us, |change_us| change_us.max(end_us));
    }
    end_us
}

/// Whether anything changes something here, and the latest mark after T that such a change waits for.
fn last_change(plan: &Plan, id: NodeId) -> (bool, Option<i64>) {
    let (mut so_far, mut found) = (None, (false, None));
    look_through(plan, id, &mut so_far, &mut found);
    found
}

fn look_through(plan: &Plan, id: NodeId, so_far: &mut Option<i64>, found: &mut (bool, Option<i64>)) {
    let node = plan.node(id);
    *so_far = (*so_far).max(node.marks.at_us);
    if let NodeKind::WaitUntil(until) = &node.kind {
        *so_far = (*so_far).max(Some(until.mark_us));
    }
    match paths::members(plan, id) {
        members if !members.is_empty() => members.iter().for_each(|member| look_through(plan, *member, so_far, found)),
        _ if node.effect != Effect::Read => *found = (true, found.1.max(*so_far)),
        _ => {}
    }
}
