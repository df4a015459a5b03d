//! Tables of stages that cannot work.

use super::metrics::unknown;
use super::tables::{as_written, conditions};
use crate::check::facts::Facts;
use crate::decide;
use crate::runbook::model::{Criteria, Fill, Kind, Metric, Stage, Stages, Then, resolve_conditions};
use crate::text::{Code, Diagnostic, Place};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (block, step) in facts.steps() {
        let Kind::Stages(stages) = &step.kind else { continue };
        rows(stages, &step.place, found);
        criteria(facts, stages, found);
        if let Some(share) = &stages.share {
            found.extend(unknown(facts, &share.metric.value, &share.metric.place));
            let tolerance = as_written(&share.tolerance).map(|text| decide::Quantity::parse(&text));
            if tolerance.is_ok_and(|written| !written.is_ok_and(proves_a_share)) {
                found.push(wrong("`tolerance` needs percent points such as 2%", &share.tolerance.place));
            }
        }
        let sets = facts.uses.iter().any(|usage| {
            let inside = facts.chain(usage.block).any(|at| at == block);
            inside
                && usage
                    .refs
                    .iter()
                    .any(|read| read.path[0] == "stage" && read.path.get(1).is_some_and(|p| p == "percent"))
        });
        if !sets {
            let problem = wrong("no step reads `stage.percent`, so nothing sets the share", &step.place);
            found.push(problem.help("use it where the weight is set: `weight={{ stage.percent }}`"));
        }
    }
}

/// Whether a tolerance is one of a share: some percent points.
pub(crate) fn proves_a_share(tolerance: decide::Quantity) -> bool {
    tolerance.unit() == Some(decide::Unit::PERCENT) && tolerance.base() > 0.0
}

fn rows(stages: &Stages, place: &Place, found: &mut Vec<Diagnostic>) {
    for pair in stages.table.windows(2).filter(|pair| pair[1].percent <= pair[0].percent) {
        let message = format!("{} percent does not rise above {}", pair[1].percent, pair[0].percent);
        found.push(wrong(message, &pair[1].place).also(pair[0].place.clone(), "the stage before"));
    }
    let mut above = false;
    let mut criteria = false;
    for stage in &stages.table {
        if let (Criteria::Same(place), false) = (&stage.criteria, above) {
            let help = "write them out; `same as above` takes those of the row right above";
            found.push(wrong("there are no criteria above to be the same as", place).help(help));
        }
        above = !matches!(stage.criteria, Criteria::None);
        criteria |= above;
        if stage.wait.is_none() && !matches!(stage.criteria, Criteria::None) {
            found.push(wrong("criteria need a time to look", &stage.place).help("add `wait: 10m` to the stage"));
        }
    }
    if criteria && stages.extend.is_none() {
        let problem = wrong("nothing says what happens when criteria do not hold", place);
        found.push(problem.help("add `extend: { max: 2, then: rollback }`"));
    }
    if stages.extend.as_ref().is_some_and(|extend| extend.then == Then::Investigate) && stages.investigate.is_none() {
        let problem = wrong("`then: investigate` does not say how long and what without an answer", place);
        found.push(problem.help("add `investigate: { within: 15m, then: rollback }`"));
    }
}

/// What the shares of stages prove.
pub(super) fn proof(stages: &Stages, place: &Place, fill: &Fill<'_>) -> Vec<Diagnostic> {
    let warn = |message: String, place: &Place| Diagnostic::warning(Code::STAGE_PROVES_NOTHING, message, place.clone());
    let mut found = Vec::new();
    if let (Some(_), Some(last)) = (&stages.promote, stages.table.last().filter(|last| last.percent < 100)) {
        let message = format!("main is replaced while it has {}% of the traffic", 100 - last.percent);
        let problem = Diagnostic::warning(Code::PROMOTED_UNDER_TRAFFIC, message, last.place.clone());
        found.push(problem.help("add a last stage of 100 percent, so that nobody is on main while it is replaced"));
    }
    let unseen = |stage: &&Stage| stage.wait.is_none() && matches!(stage.criteria, Criteria::None);
    for stage in stages.table.iter().filter(unseen) {
        let message =
            format!("nobody looks at the stage of {}%: it is over as soon as the share is set", stage.percent);
        found.push(warn(message, &stage.place).help("add `wait: 10m` to the stage"));
    }
    let Some(share) = &stages.share else {
        if stages.promote.is_some() {
            let message = "nothing proves that the share is 0 before the canary is taken down".to_string();
            found.push(warn(message, place).help("add `share: { metric: share, tolerance: 2% }`"));
        }
        return found;
    };
    let tolerance = fill(&share.tolerance).ok().and_then(|text| decide::Quantity::parse(&text).ok());
    let Some(tolerance) = tolerance.filter(|t| proves_a_share(*t)) else { return found };
    for pair in stages.table.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        for (stage, other) in [(before, after), (after, before)] {
            let told_apart = decide::shares_told_apart(stage.percent, tolerance, other.percent);
            if told_apart || stage.wait.is_none() {
                continue;
            }
            let (percent, other) = (stage.percent, other.percent);
            let message = format!("{percent}% ± {tolerance} lets a share of {other}% pass, which is another stage");
            let problem = warn(message, &share.tolerance.place).also(stage.place.clone(), "the stage");
            found.push(problem.help("take less than the distance to the next stage"));
        }
    }
    found
}

fn criteria(facts: &Facts<'_>, stages: &Stages, found: &mut Vec<Diagnostic>) {
    for stage in &stages.table {
        let Criteria::All(all) = &stage.criteria else { continue };
        all.iter().for_each(|condition| conditions(facts, condition, found));
        let Ok(resolved) = resolve_conditions(all, &as_written) else { continue };
        for (problem, condition) in misfits(facts, resolved) {
            let place = all.get(condition).map_or(&stage.place, |c| &c.place);
            found.push(Diagnostic::error(Code::WRONG_UNIT, problem, place.clone()));
        }
    }
}

/// Limits of another unit than their metric's: what a table with these conditions as its row would find.
fn misfits(facts: &Facts<'_>, conditions: Vec<decide::Condition>) -> Vec<(String, usize)> {
    let all = &facts.runbook.metrics;
    let about = |metric: &Metric| Some((metric.name.clone(), metric.about(all, &as_written).ok()?));
    let metrics = all.iter().filter_map(about).collect();
    let row = decide::Row { symptom: None, conditions, for_us: None, action: decide::Ruling::Ok };
    let table = decide::Table {
        hit: decide::HitPolicy::First,
        rows: vec![row],
        otherwise: decide::Ruling::Extend,
        no_data: decide::Ruling::Extend,
        every_us: 1,
        gap_us: None,
        metrics,
    };
    table.check().into_iter().filter_map(|wrong| Some((wrong.message, wrong.condition?))).collect()
}

fn wrong(message: impl Into<String>, place: &Place) -> Diagnostic {
    Diagnostic::error(Code::STAGE_TABLE, message, place.clone())
}
