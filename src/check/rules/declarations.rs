//! Inputs whose default, choices, bounds and pattern contradict each other.

use super::patterns::Patterns;
use crate::check::facts::Facts;
use crate::runbook::model::{Input, InputKind, Text};
use crate::runbook::units::{duration_us, size_bytes};
use crate::text::{Code, Diagnostic, Place};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let mut patterns = Patterns::default();
    let mut names = BTreeSet::new();
    for input in &facts.runbook.inputs {
        if !names.insert(&input.name) {
            found.push(wrong(format!("the input `{}` is declared twice", input.name), &input.place));
        }
        bounds(input, found);
        let pattern = pattern(input, &mut patterns, found);
        default(input, pattern.as_ref(), found);
    }
}

fn bounds(input: &Input, found: &mut Vec<Diagnostic>) {
    if !matches!(input.kind, InputKind::Int | InputKind::Number | InputKind::Duration | InputKind::Size) {
        return;
    }
    let mut read = |bound: &Option<Text>, key: &str| {
        let text = bound.as_ref()?;
        let value = number(input.kind, &Value::String(text.value.clone()));
        if value.is_none() {
            found.push(wrong(format!("`{key}` is not {}", words(input.kind)), &text.place));
        }
        value
    };
    let (min, max) = (read(&input.min, "min"), read(&input.max, "max"));
    if let (Some(min), Some(max), Some(text)) = (min, max, &input.max)
        && min > max
    {
        found.push(wrong("`max` is less than `min`", &text.place));
    }
}

fn pattern(input: &Input, patterns: &mut Patterns, found: &mut Vec<Diagnostic>) -> Option<regex::Regex> {
    let text = input.pattern.as_ref()?;
    let complain = |why: &str| wrong(format!("`pattern` is not a regular expression: {why}"), &text.place);
    patterns.compile(text, true, complain, found)
}

fn default(input: &Input, pattern: Option<&regex::Regex>, found: &mut Vec<Diagnostic>) {
    let Some(value) = &input.default else { return };
    let shown = value.as_str().map_or(value.to_string(), String::from);
    let mut complain = |why: String| found.push(wrong(format!("the default `{shown}` {why}"), &input.place));
    if !has_type(input.kind, value) {
        return complain(format!("is not {}", words(input.kind)));
    }
    if pattern.is_some_and(|p| !p.is_match(&shown)) {
        complain("does not match `pattern`".into());
    }
    if !input.choices.is_empty() && !input.choices.iter().any(|choice| choice.value == shown) {
        complain("is not among `choices`".into());
    }
    let bound = |text: &Option<Text>| text.as_ref().and_then(|t| number(input.kind, &Value::String(t.value.clone())));
    let Some(number) = number(input.kind, value) else { return };
    if bound(&input.min).is_some_and(|min| number < min) {
        complain("is less than `min`".into());
    }
    if bound(&input.max).is_some_and(|max| number > max) {
        complain("is more than `max`".into());
    }
}

fn has_type(kind: InputKind, value: &Value) -> bool {
    match kind {
        InputKind::String | InputKind::Secret => value.is_string(),
        InputKind::Bool => value.is_boolean() || matches!(value.as_str(), Some("true" | "false")),
        InputKind::List => value.is_array(),
        _ => number(kind, value).is_some(),
    }
}

/// The number a value stands for in its type's base unit.
fn number(kind: InputKind, value: &Value) -> Option<f64> {
    let text = value.as_str();
    match kind {
        InputKind::Int => match text {
            Some(text) => text.trim().parse::<i64>().ok().map(|n| n as f64),
            None => value.as_i64().map(|n| n as f64),
        },
        InputKind::Number => text.map_or(value.as_f64(), |t| t.trim().parse().ok().filter(|n: &f64| n.is_finite())),
        InputKind::Duration => text.and_then(duration_us).map(|us| us as f64),
        InputKind::Size => text.and_then(size_bytes).map(|bytes| bytes as f64),
        _ => None,
    }
}

fn words(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Int => "a whole number",
        InputKind::Number => "a number",
        InputKind::Bool => "true or false",
        InputKind::Duration => "a duration such as 30s or 5m",
        InputKind::Size => "a size such as 10 GiB",
        InputKind::List => "a list",
        InputKind::String | InputKind::Secret => "text",
    }
}

fn wrong(message: impl Into<String>, place: &Place) -> Diagnostic {
    Diagnostic::error(Code::INPUT_DECLARATION, message, place.clone())
}
