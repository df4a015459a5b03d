//! Phases.

use super::cursor::{Field, Obj, Reader};
use super::keys;
use crate::runbook::model::{Marks, Phase};
use crate::text::Code;

/// Phase ids that are the names of other parts of a run.
const RESERVED: [&str; 2] = ["always", "rollback"];

impl<'a> Reader<'a> {
    /// The phases; `steps:` alone is one phase named `main`.
    pub(super) fn phases(&mut self, obj: &Obj<'a>) -> Vec<Phase> {
        let Some(field) = self.one_of(obj, &["phases", "steps"]) else { return Vec::new() };
        if field.name == "steps" {
            let steps = self.steps(field);
            return vec![Phase {
                id: "main".into(),
                title: None,
                goal: None,
                estimate: None,
                when: None,
                marks: Marks::default(),
                guards: None,
                steps,
                checkpoint: None,
                place: self.place(field.key),
            }];
        }
        let items = self.list(field, "a list of phases");
        items.into_iter().filter_map(|item| self.phase(item)).collect()
    }

    fn phase(&mut self, field: Field<'a>) -> Option<Phase> {
        let obj = self.object(field, "a phase", keys::PHASE)?;
        let id = self.required(&obj, "id", "preflight");
        if obj.get("steps").is_none() && obj.get("checkpoint").is_none() {
            let problem = self.error(Code::EMPTY, "the phase has no steps", obj.at);
            problem.help.push("add `steps:` or a `checkpoint:`".into());
        }
        let name = id.and_then(|id| self.id(id)).unwrap_or_default();
        if let (Some(id), true) = (id, RESERVED.contains(&name.as_str())) {
            let problem = self.error(Code::BAD_NAME, format!("a phase cannot be called `{name}`"), id.node.span);
            problem.help.push("that is the name of another part of a run".into());
        }
        Some(Phase {
            id: name,
            title: self.optional_text(&obj, "title"),
            goal: self.optional_text(&obj, "goal"),
            estimate: obj.get("estimate").and_then(|f| self.plain_duration(f)),
            when: self.optional_text(&obj, "when"),
            marks: self.marks(&obj),
            guards: obj.get("guards").and_then(|f| self.guards(f)),
            steps: obj.get("steps").map(|f| self.steps(f)).unwrap_or_default(),
            checkpoint: obj.get("checkpoint").and_then(|f| self.checkpoint(f)),
            place: self.place(id.map_or(obj.at, |id| id.node.span)),
        })
    }
}
