//! Steps that look at what changed between two commits.

use super::cursor::{Field, Obj, Reader};
use super::keys;
use crate::runbook::model::{Changes, Text};
use crate::text::Code;

impl<'a> Reader<'a> {
    pub(super) fn changes(&mut self, field: Field<'a>) -> Option<Changes> {
        let obj = self.object(field, "a look at changes", keys::CHANGED)?;
        let base = self.base(&obj);
        let projects = self.required(&obj, "projects", "{ web: web/ }").map(|f| self.projects(f)).unwrap_or_default();
        let coupled = obj.get("coupled").map(|f| self.list(f, "a list such as [[web, api]]")).unwrap_or_default();
        Some(Changes {
            repo: self.optional_text(&obj, "repo"),
            base: base?,
            head: self.optional_text(&obj, "head"),
            projects,
            shared: obj.get("shared").map(|f| self.texts(f, "a path or a list of paths")).unwrap_or_default(),
            coupled: coupled.into_iter().map(|f| self.couple(f)).collect(),
            isolated: self.flag(&obj, "isolated"),
        })
    }

    pub(super) fn base(&mut self, obj: &Obj<'a>) -> Option<Text> {
        self.required(obj, "base", "\"{{ inputs.base }}\"").and_then(|f| self.text_as(f, "a commit"))
    }

    fn projects(&mut self, field: Field<'a>) -> Vec<(String, Vec<Text>)> {
        let entries = self.open_object(field, "a mapping of projects such as { web: web/ }");
        if entries.is_empty() && field.node.map().is_some() {
            let problem = self.error(Code::EMPTY, "`projects` is empty", field.key);
            problem.help.push("name each project with its path: `{ web: web/ }`".into());
        }
        let mut projects = Vec::new();
        for entry in entries {
            if is_project(entry.name) {
                projects.push((entry.name.to_string(), self.texts(entry, "a path or a list of paths")));
            } else {
                let rule = "a project has letters, digits, dashes, underscores and dots, and starts with a letter";
                self.bad_name(entry.name, entry.key, rule);
            }
        }
        projects
    }

    fn couple(&mut self, field: Field<'a>) -> Vec<Text> {
        let names = self.list(field, "a list of projects such as [web, api]");
        if names.len() == 1 {
            self.error(Code::BAD_VALUE, "a project cannot be coupled with itself alone", field.node.span);
        }
        names.into_iter().filter_map(|name| self.text_as(name, "the name of a project")).collect()
    }

    /// One text or a list of them.
    pub(super) fn texts(&mut self, field: Field<'a>, wanted: &str) -> Vec<Text> {
        if field.node.seq().is_none() {
            return self.text_as(field, wanted).into_iter().collect();
        }
        let items = self.list(field, wanted);
        items.into_iter().filter_map(|item| self.text_as(item, wanted)).collect()
    }
}

fn is_project(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
