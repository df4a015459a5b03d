//! Input values against their declarations.

use super::units::{duration_us, size_bytes};
use crate::runbook::model::InputKind;
use crate::template;
use serde_json::{Value, json};

/// A value made to fit a declared type, or words that say why it does not.
///
/// Text is turned into the declared type (`"5m"` of a duration becomes 300 seconds); what is already of the type passes.
pub fn conform(
    name: &str,
    kind: InputKind,
    pattern: Option<&str>,
    choices: &[String],
    value: Value,
) -> Result<Value, String> {
    let value =
        typed(kind, value).map_err(|(value, wanted)| format!("input `{name}` needs {wanted}, not `{value}`"))?;
    let text = match &value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    if let Some(pattern) = pattern {
        let anchored = crate::runbook::pattern::compile(pattern, true);
        if !anchored
            .map_err(|e| format!("input `{name}`: its pattern cannot be used: {}", e.why))?
            .regex
            .is_match(&text)
        {
            return Err(format!("input `{name}`: `{text}` does not match the pattern `{pattern}`"));
        }
    }
    if !choices.is_empty() && !choices.contains(&text) {
        return Err(format!("input `{name}`: `{text}` is not one of {}", choices.join(", ")));
    }
    Ok(value)
}

/// The number a bound such as `min: 5m` stands for in the unit of the type; none when it is not one.
pub fn bound(kind: InputKind, text: &str) -> Option<f64> {
    match typed(kind, Value::String(text.to_string())) {
        Ok(Value::Number(n)) => n.as_f64(),
        _ => None,
    }
}

fn typed(kind: InputKind, value: Value) -> Result<Value, (String, &'static str)> {
    let shown = match &value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    let no = |wanted| Err((shown.clone(), wanted));
    match (kind, &value) {
        (InputKind::Secret, _) if template::is_secret(&value).is_some() => Ok(value),
        (_, _) if template::is_secret(&value).is_some() => no("a value that is not a secret"),
        (InputKind::Secret, _) => no("a secret"),
        (InputKind::String, Value::String(_)) => Ok(value),
        (InputKind::String, Value::Number(_) | Value::Bool(_)) => Ok(json!(shown)),
        (InputKind::String, _) => no("text"),
        (InputKind::Int, Value::Number(n)) if n.is_i64() => Ok(value),
        (InputKind::Int, Value::String(s)) => {
            s.trim().parse::<i64>().map(|i| json!(i)).or_else(|_| no("a whole number"))
        }
        (InputKind::Int, _) => no("a whole number"),
        (InputKind::Number, Value::Number(_)) => Ok(value),
        (InputKind::Number, Value::String(s)) => {
            let number = s.trim().parse::<f64>().ok().filter(|n| n.is_finite());
            number.map(|n| json!(n)).map_or_else(|| no("a number"), Ok)
        }
        (InputKind::Number, _) => no("a number"),
        (InputKind::Bool, Value::Bool(_)) => Ok(value),
        (InputKind::Bool, Value::String(s)) if s == "true" || s == "false" => Ok(json!(s == "true")),
        (InputKind::Bool, _) => no("true or false"),
        (InputKind::Duration, Value::Number(_)) => Ok(value),
        (InputKind::Duration, Value::String(s)) => {
            duration_us(s).map(seconds).map_or_else(|| no("a duration such as 30s or 5m"), Ok)
        }
        (InputKind::Duration, _) => no("a duration such as 30s or 5m"),
        (InputKind::Size, Value::Number(_)) => Ok(value),
        (InputKind::Size, Value::String(s)) => {
            size_bytes(s).map(|b| json!(b)).map_or_else(|| no("a size such as 10 GiB"), Ok)
        }
        (InputKind::Size, _) => no("a size such as 10 GiB"),
        (InputKind::List, Value::Array(_)) => Ok(value),
        // What JSON can hold and a comma cannot separate: `-i stages='[{"percent": 5}]'`.
        (InputKind::List, Value::String(s)) if s.trim_start().starts_with('[') => match serde_json::from_str(s) {
            Ok(list @ Value::Array(_)) => Ok(list),
            _ => no("a list: a, b, c or JSON such as [1, 2]"),
        },
        (InputKind::List, Value::String(s)) => {
            let words = s.split(',').map(|w| json!(w.trim())).filter(|w| w != "");
            Ok(Value::Array(words.collect()))
        }
        (InputKind::List, _) => no("a list"),
    }
}

/// Whole seconds stay whole numbers.
fn seconds(us: u64) -> Value {
    if us.is_multiple_of(1_000_000) { json!(us / 1_000_000) } else { json!(us as f64 / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Value, String> {
        conform("stages", InputKind::List, None, &[], json!(text))
    }

    #[test]
    fn a_list_is_words_or_json() {
        assert_eq!(list("a, b,,c"), Ok(json!(["a", "b", "c"])));
        assert_eq!(list(r#" [{"percent": 5}, {"percent": 50}]"#), Ok(json!([{"percent": 5}, {"percent": 50}])));
        assert!(list(r#"[{"percent": 5}"#).is_err_and(|words| words.contains("JSON")));
    }
}
