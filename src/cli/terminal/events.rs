//! Output for programs: one JSON object per line. The first names the format; fields are only ever added.

use crate::machine::Timestamp;
use crate::machine::event::Event;
use crate::report::time_words;
use serde_json::{Map, Value, json};

/// Format of the stream. A larger number after the slash would be another format.
const FORMAT: &str = "runbook-events/1";

/// The first line.
pub(super) fn version() -> String {
    line(json!({ "type": "version", "format": FORMAT, "tool": env!("CARGO_PKG_VERSION") }))
}

/// An event: its kind as `type`, its time, the run time in microseconds, and its own fields beside them.
pub(super) fn event(event: &Event, now: Timestamp) -> String {
    // Every event is a map with its kind as the only key.
    let whole = serde_json::to_value(event).unwrap_or_default();
    let (kind, fields) = match whole {
        Value::Object(map) => map.into_iter().next().unwrap_or_default(),
        _ => Default::default(),
    };
    let mut object = Map::new();
    object.insert("type".into(), kind.into());
    object.insert("time".into(), time_words(now).into());
    object.insert("run_us".into(), now.run_us.into());
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    line(Value::Object(object))
}

/// The last line: the exit code, and why the driver left if it had to.
pub(super) fn closed(code: u8, trouble: Option<&str>) -> String {
    line(json!({ "type": "closed", "exit_code": code, "trouble": trouble }))
}

fn line(value: Value) -> String {
    format!("{value}\n")
}
