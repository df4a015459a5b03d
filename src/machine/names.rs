//! The names templates see, and evaluation of a plan's templates with them.

use super::action::{Datum, Done};
use super::state::{InstId, State};
use crate::plan::model::{Body, Template, Tree};
use crate::template::{self, Context, EvalError};
use serde_json::{Map, Value, json};

/// A template that could not be evaluated: words that say where and why.
pub(super) type Trouble = String;

/// Evaluates the templates of one instance.
pub(super) struct Names<'a> {
    state: &'a State,
    scope: usize,
    result: Option<Map<String, Value>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(state: &'a State, id: InstId) -> Names<'a> {
        Names { state, scope: state.insts[id].scope, result: None }
    }

    pub(super) fn in_scope(state: &'a State, scope: usize) -> Names<'a> {
        Names { state, scope, result: None }
    }

    /// Adds one more name.
    pub(super) fn with(&self, name: &str, value: &Value) -> Names<'a> {
        let mut result = self.result.clone().unwrap_or_default();
        result.insert(name.to_string(), value.clone());
        Names { state: self.state, scope: self.scope, result: Some(result) }
    }

    /// Paths of the files the plan was made from.
    pub(super) fn sources(&self) -> Vec<String> {
        self.state.plan.sources.iter().map(|source| source.path.clone()).collect()
    }

    /// Adds names with their values.
    pub(super) fn with_all(&self, values: &Map<String, Value>) -> Names<'a> {
        let mut result = self.result.clone().unwrap_or_default();
        result.extend(values.clone());
        Names { state: self.state, scope: self.scope, result: Some(result) }
    }

    /// Adds what the kind of step yields: `exit`, `stdout`, `status`, `json` and so on.
    pub(super) fn with_result(mut self, done: &Done) -> Names<'a> {
        self.result = Some(result_names(done));
        self
    }

    pub(super) fn text(&self, t: &Template) -> Result<String, Trouble> {
        if is_plain(&t.text) {
            return Ok(t.text.clone());
        }
        template::text(&t.text, &self.context(&t.text)).map_err(|e| trouble(t, &e))
    }

    pub(super) fn value(&self, t: &Template) -> Result<Value, Trouble> {
        if is_plain(&t.text) {
            return Ok(Value::String(t.text.clone()));
        }
        template::value(&t.text, &self.context(&t.text)).map_err(|e| trouble(t, &e))
    }

    /// A value for an environment variable or a header: text, or one whole secret.
    pub(super) fn datum(&self, t: &Template) -> Result<Datum, Trouble> {
        let value = self.value(t)?;
        if let Some(name) = template::is_secret(&value) {
            return Ok(Datum::Secret(name.to_string()));
        }
        match value {
            Value::String(text) => Ok(Datum::Plain(text)),
            _ => self.text(t).map(Datum::Plain),
        }
    }

    pub(super) fn expr(&self, t: &Template) -> Result<Value, Trouble> {
        template::expr(&t.text, &self.context(&t.text)).map_err(|e| trouble(t, &e))
    }

    pub(super) fn condition(&self, t: &Template) -> Result<bool, Trouble> {
        template::condition(&t.text, &self.context(&t.text)).map_err(|e| trouble(t, &e))
    }

    pub(super) fn script(&self, t: &Template) -> Result<template::Script, Trouble> {
        if is_plain(&t.text) {
            return Ok(template::Script { text: t.text.clone(), values: Vec::new(), shown: t.text.clone() });
        }
        template::shell(&t.text, &self.context(&t.text)).map_err(|e| trouble(t, &e))
    }

    /// A duration in microseconds: a number of seconds, or text such as `1m30s`.
    pub(super) fn duration_us(&self, t: &Template) -> Result<u64, Trouble> {
        let value = self.value(t)?;
        let seconds = match &value {
            Value::Number(n) => n.as_f64(),
            Value::String(s) => crate::plan::units::duration_us(s).map(|us| us as f64 / 1e6).or_else(|| s.parse().ok()),
            _ => None,
        };
        match seconds {
            Some(s) if (0.0..1e12).contains(&s) => Ok((s * 1e6).round() as u64),
            _ => Err(format!("{}: `{}` is not a duration such as 30s or 5m ({})", "wait", show(&value), t.at)),
        }
    }

    pub(super) fn tree(&self, tree: &Tree) -> Result<Value, Trouble> {
        Ok(match tree {
            Tree::Plain(value) => value.clone(),
            Tree::Text(t) => {
                let value = self.value(t)?;
                if template::is_secret(&value).is_some() {
                    return Err(format!("a secret may not stand in a body; pass it through `env:` ({})", t.at));
                }
                value
            }
            Tree::List(items) => Value::Array(items.iter().map(|i| self.tree(i)).collect::<Result<_, _>>()?),
            Tree::Map(entries) => {
                let entries = entries.iter().map(|(k, v)| Ok((k.clone(), self.tree(v)?)));
                Value::Object(entries.collect::<Result<_, Trouble>>()?)
            }
        })
    }

    /// The bytes of a request body and its content type.
    pub(super) fn body(&self, body: &Body) -> Result<(String, &'static str), Trouble> {
        Ok(match body {
            Body::Text(t) => (self.text(t)?, "text/plain; charset=utf-8"),
            Body::Json(tree) => (self.tree(tree)?.to_string(), "application/json"),
            Body::Form(fields) => (self.encoded(fields)?, "application/x-www-form-urlencoded"),
        })
    }

    /// `name=value&...`, percent-encoded.
    pub(super) fn encoded(&self, fields: &[(String, Template)]) -> Result<String, Trouble> {
        let pairs = fields.iter().map(|(name, value)| Ok(format!("{}={}", encode(name), encode(&self.text(value)?))));
        Ok(pairs.collect::<Result<Vec<_>, Trouble>>()?.join("&"))
    }

    fn context(&self, text: &str) -> Context {
        let state = self.state;
        let mut context = Context::new();
        let mut vars = Map::new();
        let mut steps = Map::new();
        let mut at = Some(self.scope);
        let mut last = self.scope;
        while let Some(id) = at {
            let scope = &state.scopes[id];
            for (name, value) in &scope.vars {
                vars.entry(name.clone()).or_insert_with(|| value.clone());
            }
            for (name, value) in &scope.steps {
                // Only what the text can be asking for: a run of thousands of steps stays cheap.
                if !steps.contains_key(name) && (text.contains(name.as_str()) || text.contains("steps[")) {
                    steps.insert(name.clone(), value.clone());
                }
            }
            if let Some((name, value)) = &scope.item
                && context.get(name).is_none()
            {
                context.set(name, value.clone());
            }
            last = id;
            at = scope.parent;
        }
        context.set("inputs", Value::Object((*state.scopes[last].inputs).clone()));
        context.set("vars", Value::Object(vars));
        context.set("steps", Value::Object(steps));
        let target = state.plan.target.as_ref();
        if let Some(target) = target.filter(|_| text.contains("target")) {
            let mut values = target.values.clone();
            if let Some(map) = values.as_object_mut() {
                map.entry("name").or_insert_with(|| json!(target.name));
            }
            context.set("target", values);
        }
        context.set("run", run_names(state));
        for (name, value) in self.result.iter().flatten() {
            context.set(name, value.clone());
        }
        context
    }
}

fn run_names(state: &State) -> Value {
    let Some(started) = &state.started else { return json!({}) };
    let outcome = match &state.halt {
        None => "done",
        Some((cause, _)) => match cause.kind {
            super::event::CauseKind::NoGo => "no_go",
            super::event::CauseKind::Interrupt => "interrupted",
            super::event::CauseKind::Failure => "failed",
            super::event::CauseKind::Rule => "ruled",
        },
    };
    json!({
        "id": started.run, "name": started.runbook, "operator": started.operator, "host": started.host,
        "started": started.started, "outcome": outcome,
    })
}

fn result_names(done: &Done) -> Map<String, Value> {
    let mut names = Map::new();
    names.insert("duration".into(), json!(done.duration_us as f64 / 1e6));
    let text = |c: &Option<super::action::Captured>| match c {
        None => Some(String::new()),
        Some(c) if c.bytes == 0 => Some(String::new()),
        Some(c) => c.text.clone(),
    };
    let stdout = text(&done.stdout);
    if let super::action::Ended::Exit(code) = done.ended {
        names.insert("exit".into(), json!(code));
    }
    if let Some(answer) = &done.http {
        names.insert("status".into(), json!(answer.status));
        let headers = answer.headers.iter().map(|(k, v)| (k.clone(), json!(v)));
        names.insert("headers".into(), Value::Object(headers.collect()));
        if let Some(body) = &stdout {
            if let Ok(json) = serde_json::from_str::<Value>(body) {
                names.insert("json".into(), json);
            }
            names.insert("body".into(), json!(body));
        }
    } else {
        if let Some(out) = &stdout {
            names.insert("stdout".into(), json!(out.trim()));
        }
        if let Some(err) = text(&done.stderr) {
            names.insert("stderr".into(), json!(err.trim()));
        }
    }
    names
}

fn is_plain(text: &str) -> bool {
    !text.contains('{') || !["{{", "{%", "{##"].iter().any(|begin| text.contains(begin))
}

fn trouble(t: &Template, e: &EvalError) -> Trouble {
    let help = e.help.as_ref().map(|h| format!("; {h}")).unwrap_or_default();
    format!("{}{help} ({})", e.message, t.at)
}

/// A value as people read it.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
