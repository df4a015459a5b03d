//! Reading a file into the typed model, one file per part of the language.

mod advice;
mod audit;
mod cell;
mod changes;
mod contract;
mod cursor;
mod file;
mod gate;
mod groups;
mod http;
mod inputs;
mod keys;
mod kinds;
mod marker;
mod metric;
mod phase;
mod policy;
mod scalars;
mod scan;
mod schedule;
mod stages;
mod step;
mod table;
#[cfg(test)]
mod tests;
mod target;
mod unique;
mod watch;

use super::model::{OnFailure, Rollback, Runbook, Step, TargetUse};
use crate::text::{self, Code, Diagnostic, Node, Source};
use cursor::{Field, Obj, Reader};
use scalars::{SLUG_RULE, is_id, is_slug};

pub use contract::contract_accepts;
pub use gate::read_waivers;
pub use keys::{keys, kinds, metric_sources};
pub use policy::{policy_keys, read_policy};
pub use target::{Profile, read_target};

/// Reads a runbook and reports everything that is wrong with its form.
///
/// There can be a runbook beside errors, so that further checks can go on; one with an error must not be used.
pub fn read(source: &Source) -> (Option<Runbook>, Vec<Diagnostic>) {
    let parsed = text::parse(source);
    let mut reader = Reader::new(source);
    let Some(root) = &parsed.root else { return (None, parsed.diagnostics) };
    let runbook = reader.runbook(root);
    let mut problems = parsed.diagnostics;
    problems.append(&mut reader.problems);
    contract::check(source, root, &mut problems);
    (runbook, problems)
}

impl<'a> Reader<'a> {
    fn runbook(&mut self, root: &'a Node) -> Option<Runbook> {
        if root.map().is_none() {
            let message = format!("a runbook is a mapping of keys, found {}", root.type_name());
            let at = cursor::first_line(self.source, root.span);
            self.error(Code::NOT_A_RUNBOOK, message, at).help.push("it begins with `runbook: v1`".into());
            return None;
        }
        let whole = Field { name: "", key: root.span, node: root };
        let obj = self.object(whole, "a runbook", keys::RUNBOOK)?;
        self.version(&obj);
        let name =
            self.required(&obj, "name", "restart-web").and_then(|f| self.string(f, "a name such as `restart-web`"));
        if let Some(name) = name.as_ref().filter(|n| !is_slug(&n.value)) {
            self.bad_name(&name.value, name.place.span, SLUG_RULE);
        }
        let runbook = Runbook {
            name: name.unwrap_or_else(|| self.text_of(root, "")),
            title: self.optional_text(&obj, "title"),
            owner: self.optional_text(&obj, "owner"),
            description: self.optional_text(&obj, "description"),
            inputs: obj.get("inputs").map(|f| self.inputs(f)).unwrap_or_default(),
            outputs: obj.get("outputs").map(|f| self.named_texts(f, is_id)).unwrap_or_default(),
            target: self.target_use(&obj),
            phases: self.phases(&obj),
            on_failure: obj.get("on_failure").and_then(|f| self.word(f, ON_FAILURE)).unwrap_or(OnFailure::Stop),
            rollback: obj.get("rollback").map_or(Rollback::Undo, |f| self.rollback(f)),
            always: obj.get("always").map(|f| self.steps(f)).unwrap_or_default(),
            metrics: obj.get("metrics").map(|f| self.metrics(f)).unwrap_or_default(),
            guards: obj.get("guards").and_then(|f| self.guards(f)),
            anchor: obj.get("anchor").and_then(|f| self.anchor(f)),
            window: obj.get("window").and_then(|f| self.window(f)),
            lock: obj.get("lock").and_then(|f| self.string(f, "the name of a lock, or `none`")),
            place: self.place(obj.at),
        };
        unique::check(self, &runbook);
        Some(runbook)
    }

    fn version(&mut self, obj: &Obj<'a>) {
        let Some(field) = self.required(obj, "runbook", "v1") else { return };
        if field.node.str() != Some("v1") {
            let found = field.node.scalar().map_or(field.node.type_name().to_string(), |s| format!("`{s}`"));
            let message = format!("this tool reads runbooks of version `v1`, found {found}");
            let at = if field.node.span.is_empty() { field.key } else { field.node.span };
            self.error(Code::VERSION, message, at).help.push("write `runbook: v1`".into());
        }
    }

    fn target_use(&mut self, obj: &Obj<'a>) -> TargetUse {
        let words = [("required", TargetUse::Required), ("optional", TargetUse::Optional), ("none", TargetUse::None)];
        obj.get("target").and_then(|f| self.word(f, &words)).unwrap_or(TargetUse::Optional)
    }

    fn rollback(&mut self, field: Field<'a>) -> Rollback {
        if field.node.seq().is_some() {
            return Rollback::Steps(self.steps(field));
        }
        if field.node.str().is_some() {
            self.word(field, &[("undo", ())]);
        } else {
            self.wrong(field, "`undo` or a list of steps");
        }
        Rollback::Undo
    }

    /// A list of steps.
    fn steps(&mut self, field: Field<'a>) -> Vec<Step> {
        let items = self.list(field, "a list of steps");
        items.into_iter().filter_map(|item| self.step(item)).collect()
    }
}

const ON_FAILURE: &[(&str, OnFailure)] =
    &[("stop", OnFailure::Stop), ("ask", OnFailure::Ask), ("rollback", OnFailure::Rollback)];
