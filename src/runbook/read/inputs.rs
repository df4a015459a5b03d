//! Declared inputs.

use super::cursor::{Field, Obj, Reader};
use super::keys;
use super::scalars::{ID_RULE, is_env_name, is_id};
use crate::runbook::model::{Input, InputKind, InputSource, Text};
use crate::text::{Code, Kind, Node};
use serde_json::Value;

const KINDS: &[(&str, InputKind)] = &[
    ("string", InputKind::String),
    ("int", InputKind::Int),
    ("number", InputKind::Number),
    ("bool", InputKind::Bool),
    ("duration", InputKind::Duration),
    ("size", InputKind::Size),
    ("list", InputKind::List),
    ("secret", InputKind::Secret),
];

impl<'a> Reader<'a> {
    pub(super) fn inputs(&mut self, field: Field<'a>) -> Vec<Input> {
        let entries = self.open_object(field, "a mapping of input names");
        entries.into_iter().filter_map(|entry| self.input(entry)).collect()
    }

    fn input(&mut self, field: Field<'a>) -> Option<Input> {
        if !is_id(field.name) {
            self.bad_name(field.name, field.key, ID_RULE);
        }
        let obj = self.object(field, "an input", keys::INPUT)?;
        let kind = obj.get("type").and_then(|f| self.word(f, KINDS)).unwrap_or(InputKind::String);
        self.refuse_meaningless(&obj, kind);
        let choices = obj.get("choices").map(|f| self.list(f, "the allowed values")).unwrap_or_default();
        Some(Input {
            name: field.name.to_string(),
            kind,
            default: obj.get("default").and_then(|f| self.default_value(f, kind)),
            pattern: self.optional_text(&obj, "pattern"),
            choices: choices.into_iter().filter_map(|choice| self.text(choice)).collect(),
            min: self.optional_text(&obj, "min"),
            max: self.optional_text(&obj, "max"),
            from: obj.get("from").and_then(|f| self.source_of(f)),
            help: self.optional_text(&obj, "help"),
            place: self.place(field.key),
        })
    }

    fn refuse_meaningless(&mut self, obj: &Obj<'a>, kind: InputKind) {
        let word = KINDS.iter().find(|(_, k)| *k == kind).map_or("", |(word, _)| word);
        for field in &obj.fields {
            let advice = match field.name {
                "default" | "choices" if kind == InputKind::Secret => {
                    "a secret is never written down: use `from: env:NAME`"
                }
                "pattern" if kind != InputKind::String => "patterns are for type `string`",
                "min" | "max" if !has_order(kind) => "bounds are for int, number, duration and size",
                _ => continue,
            };
            let message = format!("`{}` has no meaning for an input of type `{word}`", field.name);
            self.error(Code::MISPLACED_KEY, message, field.key).help.push(advice.into());
        }
    }

    /// The default as written; text stays text, numbers and booleans of other types are values.
    fn default_value(&mut self, field: Field<'a>, kind: InputKind) -> Option<Value> {
        if kind == InputKind::List && field.node.seq().is_none() {
            self.wrong(field, "a list");
            return None;
        }
        if let Some(items) = field.node.seq() {
            if kind != InputKind::List {
                self.wrong(field, "a single value");
                return None;
            }
            return items.iter().map(|item| self.default_item(Field { node: item, ..field })).collect();
        }
        let text: Text = self.text(field)?;
        Some(match kind {
            InputKind::Int | InputKind::Number | InputKind::Bool => field.node.json(),
            _ => Value::String(text.value),
        })
    }

    fn default_item(&mut self, field: Field<'a>) -> Option<Value> {
        match &field.node.kind {
            Kind::Map(_) => Some(field.node.json()),
            Kind::Null | Kind::Seq(_) => {
                self.wrong(field, "a list of texts or of mappings");
                None
            }
            _ => Some(Value::String(Node::scalar(field.node).unwrap_or_default().to_string())),
        }
    }

    fn source_of(&mut self, field: Field<'a>) -> Option<InputSource> {
        const WANTED: &str = "`env:NAME` or `file:PATH`";
        let text = self.string(field, WANTED)?;
        match text.value.split_once(':') {
            Some(("env", name)) if is_env_name(name) => return Some(InputSource::Env(name.to_string())),
            Some(("file", path)) if !path.is_empty() && !path.contains('\n') => {
                return Some(InputSource::File(path.to_string()));
            }
            _ => {}
        }
        let at = super::cursor::first_line(self.source, field.node.span);
        let problem = self.error(Code::BAD_VALUE, format!("`from` needs {WANTED}"), at);
        if is_env_name(&text.value) {
            let written = format!("env:{}", text.value);
            *problem = problem.clone().fix(at, written.clone(), format!("write `{written}`"));
        }
        None
    }
}

fn has_order(kind: InputKind) -> bool {
    matches!(kind, InputKind::Int | InputKind::Number | InputKind::Duration | InputKind::Size)
}
