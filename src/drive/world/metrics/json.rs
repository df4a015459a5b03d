//! A value in a JSON answer, found by keys and positions.

use serde_json::Value;

use crate::machine::action::ReadValue;

/// The value at `path` (`pool.idle`, `items[0].size`; empty is the whole answer).
pub(super) fn at(body: &[u8], path: &str) -> ReadValue {
    let answer: Value = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => return ReadValue::Unreadable(format!("the answer is not JSON: {error}")),
    };
    match find(&answer, path) {
        None | Some(Value::Null) => ReadValue::Empty,
        Some(value) => read(value),
    }
}

fn read(value: &Value) -> ReadValue {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(number) if number.is_finite() => ReadValue::Number(number),
            _ => ReadValue::NotANumber,
        },
        Value::String(text) => ReadValue::Text(super::short(text)),
        Value::Bool(flag) => ReadValue::Text(flag.to_string()),
        Value::Array(list) => ReadValue::Unreadable(format!("it is a list of {}, not a value", list.len())),
        Value::Object(_) => ReadValue::Unreadable("it is an object, not a value".into()),
        Value::Null => ReadValue::Empty,
    }
}

fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut at = value;
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        at = match part.strip_suffix(']') {
            Some(position) => at.get(position.parse::<usize>().ok()?)?,
            None => at.get(part)?,
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_keys_and_positions() {
        let body = br#"{"pool":{"idle":3,"busy":0.5},"items":[{"size":7}],"status":"ok","open":true,"none":null}"#;
        let cases = [
            ("pool.idle", ReadValue::Number(3.0)),
            ("pool.busy", ReadValue::Number(0.5)),
            ("items[0].size", ReadValue::Number(7.0)),
            ("status", ReadValue::Text("ok".into())),
            ("open", ReadValue::Text("true".into())),
            ("none", ReadValue::Empty),
            ("nope", ReadValue::Empty),
            ("items[1].size", ReadValue::Empty),
            ("pool", ReadValue::Unreadable("it is an object, not a value".into())),
        ];
        for (path, wanted) in cases {
            assert_eq!(at(body, path), wanted, "{path}");
        }
    }

    #[test]
    fn an_answer_that_is_not_json_is_unreadable() {
        assert!(matches!(at(b"<html>", "a"), ReadValue::Unreadable(why) if why.contains("not JSON")));
    }
}
