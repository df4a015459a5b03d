//! Traffic in stages: each stage becomes a sequence of the steps that set the share and the look that ends it.

use super::build::{Builder, Position};
use super::convert::{line_of, template};
use super::model::*;
use crate::check;
use crate::decide::{self, Condition, HitPolicy, Quantity, Row, Ruling, Table};
use crate::runbook::model as doc;
use crate::text::{Code, Place};
use std::collections::BTreeMap;

/// Id of what ends a stage: no step of a runbook can have it.
const END: &str = "end-of-stage";

/// What every stage of a table shares.
struct Common<'a> {
    every_us: u64,
    share: Option<&'a Share>,
    extend: Option<&'a Extend>,
    metrics: BTreeMap<String, decide::Metric>,
}

impl Builder<'_> {
    pub(super) fn stages(&mut self, stages: &doc::Stages, place: &Place, at: &Position<'_>) -> NodeKind {
        let share = stages.share.as_ref().and_then(|share| self.share(share, at));
        let extend = stages.extend.as_ref().map(|e| self.extend(e, stages.investigate.as_ref(), at));
        let every_us = self.us(&stages.every, at).unwrap_or(0);
        let fill = self.filler(at);
        self.findings.extend(check::of_stages(stages, place, at.metrics, &fill));
        let about = at.metrics.iter().map(|metric| Ok((metric.name.clone(), metric.about(at.metrics, &fill)?)));
        let about = about.collect::<Result<_, doc::CellProblem>>();
        let metrics = self.reported(about).unwrap_or_default();
        let mut common = Common { every_us, share: share.as_ref(), extend: extend.as_ref(), metrics };
        let body = self.sequence("stage", &stages.steps, place, at);
        let mut table: Vec<Stage> = Vec::new();
        for stage in &stages.table {
            let criteria = match &stage.criteria {
                doc::Criteria::None => Vec::new(),
                doc::Criteria::Same(_) => table.last().map(|above| above.criteria.clone()).unwrap_or_default(),
                doc::Criteria::All(conditions) => {
                    let resolved = doc::resolve_conditions(conditions, &self.filler(at));
                    self.reported(resolved).unwrap_or_default()
                }
            };
            let noted = doc::note_windows(&mut common.metrics, &criteria, at.metrics, &self.filler(at));
            self.reported(noted);
            let wait_us = stage.wait.as_ref().and_then(|wait| self.us(wait, at));
            let node = self.stage(stage, &criteria, wait_us, body, &common, at);
            table.push(Stage { percent: stage.percent, wait_us, criteria, node, at: line_of(&stage.place) });
        }
        let promote = stages.promote.as_ref().map(|promote| Promote {
            main: self.sequence("main", &promote.main, place, at),
            back: self.back(table.iter().find_map(|stage| stage.wait_us), body, &common, place, at),
            remove: self.sequence("remove", &promote.remove, place, at),
        });
        NodeKind::Stages(Box::new(Stages { table, every_us, share, extend, body, promote }))
    }

    fn stage(
        &mut self,
        stage: &doc::Stage,
        criteria: &[Condition],
        wait_us: Option<u64>,
        body: NodeId,
        common: &Common<'_>,
        at: &Position<'_>,
    ) -> NodeId {
        let end = match (&stage.wait, wait_us) {
            (Some(wait), Some(_)) if criteria.is_empty() && common.share.is_none() => {
                Some(NodeKind::Wait(template(wait)))
            }
            (_, Some(over_us)) => self.look(criteria, stage.percent, over_us, common, &stage.place),
            // Without a time there is nothing to look at.
            (_, None) => None,
        };
        self.ending(end, body, &stage.place, at)
    }

    /// The share back to 0, proved like that of a stage: what goes down next must not have traffic any more. As the
    /// metric may lag, it is looked at for as long as the first stage that has a time.
    fn back(
        &mut self,
        wait_us: Option<u64>,
        body: NodeId,
        common: &Common<'_>,
        place: &Place,
        at: &Position<'_>,
    ) -> NodeId {
        let over_us = wait_us.unwrap_or(common.every_us);
        let end = common.share.and_then(|_| self.look(&[], 0, over_us, common, place));
        self.ending(end, body, place, at)
    }

    fn ending(&mut self, end: Option<NodeKind>, body: NodeId, place: &Place, at: &Position<'_>) -> NodeId {
        let mut members = match &self.nodes[body].kind {
            NodeKind::Sequence(members) => members.clone(),
            _ => vec![body],
        };
        members.extend(end.map(|end| self.block(END, place, at, end)));
        self.block("stage", place, at, NodeKind::Sequence(members))
    }

    /// The look that ends a stage: everything must hold at its end; what does not, or cannot be told, is looked at
    /// longer as `extend` says. What is bad enough to go back at once is for guards to say.
    fn look(
        &mut self,
        criteria: &[Condition],
        percent: u32,
        over_us: u64,
        common: &Common<'_>,
        place: &Place,
    ) -> Option<NodeKind> {
        let mut conditions: Vec<Condition> = Vec::new();
        if let Some(share) = common.share {
            conditions.push(self.near(share, percent, place)?);
        }
        conditions.extend_from_slice(criteria);
        let row = Row { symptom: None, conditions, for_us: None, action: Ruling::Ok };
        let mut table = Table {
            hit: HitPolicy::First,
            rows: vec![row],
            otherwise: Ruling::Extend,
            no_data: Ruling::Extend,
            every_us: common.every_us,
            gap_us: None,
            metrics: common.metrics.clone(),
        };
        let named: Vec<String> = table.metric_names().into_iter().map(str::to_owned).collect();
        table.metrics.retain(|name, _| named.contains(name));
        for wrong in table.check() {
            self.problem(Code::WRONG_UNIT, &wrong.message, place, "see the stage shown here");
        }
        let nothing = || Behind { at: line_of(place), ask: None };
        Some(NodeKind::Decide(Box::new(Decision {
            table,
            over_us: Some(over_us),
            rows: vec![nothing()],
            otherwise: nothing(),
            no_data: nothing(),
            escalate: None,
            extend: common.extend.cloned(),
            hold: None,
            at: line_of(place),
        })))
    }

    fn near(&mut self, share: &Share, percent: u32, place: &Place) -> Option<Condition> {
        match decide::share_near(percent, share.tolerance) {
            Ok(cell) => Some(Condition { metric: share.metric.clone(), cell }),
            Err(wrong) => {
                self.problem(Code::STAGE_TABLE, &wrong.message, place, "see the tolerance of the share");
                None
            }
        }
    }

    fn share(&mut self, share: &doc::Share, at: &Position<'_>) -> Option<Share> {
        let text = self.filler(at)(&share.tolerance);
        let percent = |text: String| match Quantity::parse(&text) {
            Ok(tolerance) if check::proves_a_share(tolerance) => Ok(tolerance),
            Ok(_) => Err(format!("`{text}` is no tolerance of a share: it needs percent points")),
            Err(wrong) => Err(wrong.message),
        };
        match text.and_then(percent) {
            Ok(tolerance) => Some(Share { metric: share.metric.value.clone(), tolerance }),
            Err(wrong) => {
                self.problem(Code::STAGE_TABLE, &wrong, &share.tolerance.place, "such as `2%`");
                None
            }
        }
    }
}
