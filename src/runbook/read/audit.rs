//! Steps that hold a set of objects against what it must be.

use super::cursor::{Field, Reader};
use super::keys;
use super::scalars::is_hole;
use crate::runbook::model::{Audit, Text, Tree};
use crate::text::{Code, Kind as Yaml};

impl<'a> Reader<'a> {
    pub(super) fn audit(&mut self, field: Field<'a>) -> Option<Audit> {
        let obj = self.object(field, "an audit", keys::AUDIT)?;
        let objects = self.required(&obj, "in", "\"{{ steps.list.objects }}\"").map(|f| self.items(f));
        let claims = ["count", "equal", "all"];
        if !claims.iter().any(|claim| obj.get(claim).is_some()) {
            let problem = self.error(Code::ONE_OF, "an audit needs at least one of: count, equal, all", obj.at);
            problem.help.push("say what must be true of the objects: `all: [item.healthy]`".into());
        }
        let audit = Audit {
            objects: objects?.unwrap_or_else(|| Tree::List(Vec::new())),
            name: obj.get("as").and_then(|f| self.id(f)).unwrap_or_else(|| "item".into()),
            key: self.optional_text(&obj, "key"),
            count: obj.get("count").and_then(|f| self.count_or_hole(f)),
            equal: obj.get("equal").and_then(|f| self.items(f)),
            all: obj.get("all").map(|f| self.conditions(f)).unwrap_or_default(),
        };
        Some(audit)
    }

    fn count_or_hole(&mut self, field: Field<'a>) -> Option<Text> {
        match (&field.node.kind, field.node.str()) {
            (Yaml::Int(_), _) => self.int(field, 1..=1_000_000).and_then(|_| self.text(field)),
            (_, Some(text)) if is_hole(text) => self.text(field),
            _ => {
                self.wrong(field, "a number, or one \"{{ expression }}\" that yields it");
                None
            }
        }
    }
}
