//! Steps that move traffic in stages.

use super::cursor::{Field, Reader};
use super::keys;
use crate::runbook::model::{Criteria, Promote, Share, Stage, Stages};
use crate::text::Code;

/// How a row takes over the criteria of the row before.
const SAME: &str = "same as above";

impl<'a> Reader<'a> {
    pub(super) fn stages(&mut self, field: Field<'a>) -> Option<Stages> {
        let obj = self.object(field, "a rollout in stages", keys::STAGES)?;
        let table = self.required(&obj, "table", "[{ percent: 5, wait: 10m }, { percent: 100 }]");
        let table = table.map(|f| self.list(f, "a list of stages")).unwrap_or_default();
        let table = table.into_iter().filter_map(|row| self.stage(row)).collect();
        let every = self.required(&obj, "every", "10s").and_then(|f| self.duration(f));
        let share = obj.get("share").and_then(|f| self.share(f));
        let extend = obj.get("extend").and_then(|f| self.extend(f));
        let investigate = obj.get("investigate").and_then(|f| self.investigate(f));
        let steps = self.required(&obj, "steps", "[...]").map(|f| self.steps(f)).unwrap_or_default();
        let promote = obj.get("promote").and_then(|f| self.promote(f));
        Some(Stages { table, every: every?, share, extend, investigate, steps, promote })
    }

    fn stage(&mut self, field: Field<'a>) -> Option<Stage> {
        let obj = self.object(field, "a stage", keys::STAGE)?;
        let percent = self.required(&obj, "percent", "5").and_then(|f| self.int(f, 1..=100));
        let wait = obj.get("wait").and_then(|f| self.duration(f));
        let criteria = obj.get("criteria").map_or(Some(Criteria::None), |f| self.criteria(f));
        let percent = percent.and_then(|n| u32::try_from(n).ok());
        Some(Stage { percent: percent?, wait, criteria: criteria?, place: self.place(obj.at) })
    }

    fn criteria(&mut self, field: Field<'a>) -> Option<Criteria> {
        if field.node.map().is_some() {
            return Some(Criteria::All(self.cells(field)));
        }
        let at = self.span_of(field);
        match field.node.str() {
            Some(SAME) => Some(Criteria::Same(self.place(at))),
            Some(_) => {
                let message = format!("`criteria` needs a mapping of metrics, or `{SAME}`");
                let problem = self.error(Code::BAD_VALUE, message, at);
                problem.help.push("such as { error_ratio: \"< 0.1%\" }; all must hold at the end of the stage".into());
                None
            }
            None => {
                self.wrong(field, &format!("a mapping of metrics, or `{SAME}`"));
                None
            }
        }
    }

    fn share(&mut self, field: Field<'a>) -> Option<Share> {
        let obj = self.object(field, "a share", keys::SHARE)?;
        let metric = self.required(&obj, "metric", "canary_share").and_then(|f| self.reference(f));
        let tolerance = self.required(&obj, "tolerance", "2%").and_then(|f| self.string(f, "percent such as 2%"));
        Some(Share { metric: metric?, tolerance: tolerance? })
    }

    fn promote(&mut self, field: Field<'a>) -> Option<Promote> {
        let obj = self.object(field, "a promotion", keys::PROMOTE)?;
        let main = self.required(&obj, "main", "[...]").map(|f| self.steps(f)).unwrap_or_default();
        let remove = self.required(&obj, "remove", "[...]").map(|f| self.steps(f)).unwrap_or_default();
        Some(Promote { main, remove })
    }
}
