//! What is known before anything runs: inputs with values and the target. Everything else shows as unknown.

use super::model::{Binding, Scope, Target};
use crate::runbook::model as doc;
use crate::template::{self, Context};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Evaluates what can be evaluated when planning.
pub(crate) struct Known {
    context: Context,
    later: BTreeSet<String>,
}

impl Known {
    pub(crate) fn new(scope: &Scope, target: Option<&Target>) -> Known {
        let mut inputs = Map::new();
        let mut later = BTreeSet::new();
        for input in &scope.inputs {
            match &input.value {
                Binding::Known(value) => {
                    inputs.insert(input.name.clone(), value.clone());
                }
                Binding::Later { .. } => {
                    later.insert(format!("inputs.{}", input.name));
                }
            }
        }
        let mut context = Context::new();
        context.set("inputs", Value::Object(inputs));
        if let Some(target) = target {
            let mut values = target.values.clone();
            if let Some(map) = values.as_object_mut() {
                map.entry("name").or_insert_with(|| json!(target.name));
            }
            context.set("target", values);
        }
        Known { context, later }
    }

    /// Whether a template reads nothing but what is known.
    pub(crate) fn covers(&self, text: &str) -> bool {
        template::check_text(text).is_ok_and(|refs| refs.names().iter().all(|name| self.has(name)))
    }

    fn has(&self, name: &str) -> bool {
        let root = name.split('.').next().unwrap_or(name);
        matches!(root, "inputs" | "target")
            && !self.later.iter().any(|l| name == l || name.starts_with(&format!("{l}.")) || name == "inputs")
    }

    pub(crate) fn text(&self, text: &str) -> Result<String, String> {
        template::text(text, &self.context).map_err(|e| e.message)
    }

    pub(crate) fn value(&self, text: &str) -> Result<Value, String> {
        template::value(text, &self.context).map_err(|e| e.message)
    }

    pub(crate) fn tree(&self, tree: &doc::Tree) -> Result<Value, String> {
        Ok(match tree {
            doc::Tree::Plain(value) => value.clone(),
            doc::Tree::Text(text) => self.value(&text.value)?,
            doc::Tree::List(items) => Value::Array(items.iter().map(|i| self.tree(i)).collect::<Result<_, _>>()?),
            doc::Tree::Map(entries) => {
                let entries = entries.iter().map(|(k, v)| Ok((k.clone(), self.tree(v)?)));
                Value::Object(entries.collect::<Result<_, String>>()?)
            }
        })
    }

    /// A text as far as it is known: each `{{ }}` by its value, or as `‹expression›` where only a step will know it.
    /// The second part lists those expressions.
    pub(crate) fn shown(&self, text: &str) -> (String, Vec<String>) {
        self.shown_by(text, str::to_string)
    }

    /// A shell script in the same way: values stand quoted in place, as the one piece of data each of them arrives as.
    pub(crate) fn shown_script(&self, script: &str) -> (String, Vec<String>) {
        self.shown_by(script, template::quote)
    }

    fn shown_by(&self, text: &str, put: impl Fn(&str) -> String) -> (String, Vec<String>) {
        let mut out = String::new();
        let mut unknown = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let Some(len) = rest[start..].find("}}") else { break };
            let hole = &rest[start..start + len + 2];
            out.push_str(&rest[..start]);
            let value = if self.covers(hole) { self.value(hole).ok() } else { None };
            match value {
                Some(value) if template::is_secret(&value).is_some() => out.push_str("[secret]"),
                Some(Value::String(s)) => out.push_str(&put(&s)),
                Some(other) => out.push_str(&put(&other.to_string())),
                None => {
                    let expression = hole[2..hole.len() - 2].trim().trim_matches('-').trim();
                    out.push_str(&format!("‹{expression}›"));
                    unknown.push(expression.to_string());
                }
            }
            rest = &rest[start + len + 2..];
        }
        out.push_str(rest);
        (out, unknown)
    }
}
