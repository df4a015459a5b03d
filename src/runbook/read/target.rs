//! Target profiles: data about where a runbook runs.

use super::cursor::{Field, Reader};
use super::scalars::{SLUG_RULE, is_env_name, is_slug};
use crate::runbook::reach::Reach;
use crate::text::{self, Code, Diagnostic, Kind, Node, Source};
use serde_json::{Map, Value};

/// A target profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its name, if written; the name of the file stands for it.
    pub name: Option<String>,
    /// Everything else in it but `target`; data, never templates.
    pub values: Value,
}

/// Reads a target profile. One with an error must not be used.
pub fn read_target(source: &Source) -> (Option<Profile>, Vec<Diagnostic>) {
    let parsed = text::parse(source);
    let mut reader = Reader::new(source);
    reader.problems = parsed.diagnostics;
    let profile = parsed.root.as_ref().and_then(|root| reader.profile(root));
    (profile, reader.problems)
}

impl<'a> Reader<'a> {
    fn profile(&mut self, root: &'a Node) -> Option<Profile> {
        let whole = Field { name: "target profile", key: root.span, node: root };
        let entries = self.open_object(whole, "a mapping of names");
        let find = |key: &str| entries.iter().copied().find(|e| e.name == key);
        let version = find("target");
        if version.and_then(|v| v.node.str()) != Some("v1") {
            let at = version.or(entries.first().copied()).map_or(root.span, |e| e.key);
            self.error(Code::VERSION, "a target profile begins with `target: v1`", at);
        }
        let name = find("name").and_then(|f| self.string(f, "a name such as `production`"));
        if let Some(name) = name.as_ref().filter(|n| !is_slug(&n.value)) {
            self.bad_name(&name.value, name.place.span, SLUG_RULE);
        }
        for entry in entries.iter().filter(|e| !is_env_name(e.name)) {
            self.bad_name(entry.name, entry.key, "templates read it as `target.NAME`: letters, digits and underscores");
        }
        find("roles").into_iter().for_each(|f| self.people(f));
        for word in ["environment", "waivers"] {
            find(word).and_then(|f| self.string(f, "text"));
        }
        if let Some(http) = find("http") {
            self.reach(http);
        }
        let values = entries.iter().filter(|e| !matches!(e.name, "target" | "name"));
        let values: Map<String, Value> = values.map(|e| (e.name.to_string(), self.data(e.node))).collect();
        Some(Profile { name: name.map(|n| n.value), values: Value::Object(values) })
    }

    /// `http: { allow: [...] }`; whatever else stands under `http` is data.
    fn reach(&mut self, http: Field<'a>) {
        let Some(allow) = http.node.get("allow") else { return };
        let items = allow.seq().unwrap_or_default();
        let texts: Vec<&str> = items.iter().filter_map(Node::scalar).collect();
        if allow.seq().is_none() || texts.len() != items.len() {
            self.error(Code::REACH, "`allow` needs a list of hosts and networks", allow.span);
            return;
        }
        if let Err((at, why)) = Reach::only(&texts) {
            self.error(Code::REACH, why, items[at].span);
        }
    }

    /// Data as JSON; a number that would lose its spelling, such as a version `1.10`, is warned about.
    fn data(&mut self, node: &'a Node) -> Value {
        match &node.kind {
            Kind::Seq(items) => items.iter().map(|item| self.data(item)).collect(),
            Kind::Map(entries) => Value::Object(entries.iter().map(|e| (e.key.clone(), self.data(&e.value))).collect()),
            Kind::Float(number) => {
                let written = node.scalar().unwrap_or_default();
                if written.ends_with('0') && !written.contains(['e', 'E']) {
                    let message = format!("`{written}` is read as the number {number}");
                    let problem = Diagnostic::warning(Code::NUMBER_SPELLING, message, self.place(node.span));
                    self.problems.push(problem.fix(
                        node.span,
                        text::quoted(written),
                        "if it is a version or a name, quote it",
                    ));
                }
                node.json()
            }
            _ => node.json(),
        }
    }
}
