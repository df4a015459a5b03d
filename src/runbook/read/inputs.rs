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
            from: obj.get("from").and_then(|f| self.source_of(f, kind)),
            allow_short: self.flag(&obj, "allow_short"),
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
                "allow_short" if kind != InputKind::Secret => "only secrets are masked",
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

    fn source_of(&mut self, field: Field<'a>, kind: InputKind) -> Option<InputSource> {
        let secret = kind == InputKind::Secret;
        let wanted = if secret { SECRET_SOURCES } else { "`env:NAME` or `file:PATH`" };
        if secret && field.node.map().is_some() {
            return self.command_source(field);
        }
        let text = self.string(field, wanted)?;
        let at = super::cursor::first_line(self.source, field.node.span);
        match InputSource::parse(&text.value) {
            Some(source) if secret || !source.is_for_secrets() => return Some(source),
            Some(source) => {
                let message = format!("`{}` is a source of secrets, and this input is not one", source.words());
                self.error(Code::BAD_VALUE, message, at).help.push("declare it with `type: secret`".into());
                return None;
            }
            None => {}
        }
        let problem = self.error(Code::BAD_VALUE, format!("`from` needs {wanted}"), at);
        if is_env_name(&text.value) {
            let written = format!("env:{}", text.value);
            *problem = problem.clone().fix(at, written.clone(), format!("write `{written}`"));
        }
        None
    }

    fn command_source(&mut self, field: Field<'a>) -> Option<InputSource> {
        let obj = self.object(field, "a command that prints a secret", keys::SECRET_COMMAND)?;
        let command = self.required(&obj, "command", "[PROGRAM, ARGUMENT]")?;
        let argv = self.list(command, "the program and its arguments");
        let argv: Vec<String> = argv.into_iter().filter_map(|f| self.text(f)).map(|t| t.value).collect();
        let env = obj.get("env").map(|f| self.list(f, "names of environment variables")).unwrap_or_default();
        let mut names = Vec::new();
        for name in env {
            match self.string(name, "the name of an environment variable") {
                Some(text) if is_env_name(&text.value) => names.push(text.value),
                Some(text) => {
                    let message = format!("`{}` cannot be the name of an environment variable", text.value);
                    self.error(Code::BAD_VALUE, message, name.key);
                }
                None => {}
            }
        }
        if argv.first().is_some_and(String::is_empty) {
            self.error(Code::BAD_VALUE, "`command` needs a program", command.key);
            return None;
        }
        (!argv.is_empty()).then_some(InputSource::Command { argv, env: names })
    }
}

const SECRET_SOURCES: &str = "`env:NAME`, `file:PATH`, `fd:NUMBER`, `pass:PATH`, `sops:FILE#key`, `vault:PATH#field` or \
                              `{ command: [PROGRAM, ARGUMENT] }`";

fn has_order(kind: InputKind) -> bool {
    matches!(kind, InputKind::Int | InputKind::Number | InputKind::Duration | InputKind::Size)
}
