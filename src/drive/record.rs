//! Events as records of the log, and back.
//!
//! The kinds an outside verifier must understand have record types of their own; every other event is an `event`
//! record that names its kind, so that later kinds do not change the format. The log has no floating-point numbers:
//! decimals stand as `{"$decimal": "0.25"}`.

use crate::log::{Decision, Record, RecordType};
use crate::machine::event::{Answer, Event, Signed};
use serde_json::{Map, Value, json};
use std::fmt;

/// A record that is no event of this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRecord {
    /// Which record, `segment/seq`.
    pub at: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for UnknownRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} of the log cannot be understood: {}", self.at, self.why)
    }
}

impl std::error::Error for UnknownRecord {}

/// Event kinds with a record type of their own.
const TYPED: [(&str, RecordType); 5] = [
    ("run_started", RecordType::RunStart),
    ("step_started", RecordType::StepStart),
    ("attempt_finished", RecordType::StepEnd),
    ("resumed", RecordType::RunResume),
    ("run_ended", RecordType::RunEnd),
];

/// Fields the first records of a segment carry for the log itself.
const OF_THE_LOG: [&str; 14] = [
    "format",
    "session_key",
    "operator",
    "host",
    "plan_sha256",
    "prev_run",
    "boot_id",
    "pid",
    "segment",
    "previous",
    "bytes",
    "sha256",
    "sealed_bytes",
    "tool_pid",
];

/// The record of an event.
pub fn encode(event: &Event) -> (RecordType, Map<String, Value>) {
    // Events are plain data: they always have a JSON form with one key, the kind.
    let value = serde_json::to_value(event).unwrap_or_default();
    let Some((kind, body)) = value.as_object().and_then(|o| o.iter().next()) else {
        return (RecordType::Event, Map::new());
    };
    let typed = TYPED.iter().find(|(name, _)| name == kind).map(|(_, record)| *record);
    let mut payload = Map::new();
    if typed.is_none() {
        payload.insert("event".into(), json!(kind));
    }
    payload.extend(without_floats(body).as_object().cloned().unwrap_or_default());
    match event {
        Event::Answered { answer, signed: Some(signed), .. } => {
            return (RecordType::Approval, approval(body, *answer, signed));
        }
        Event::AttemptFinished { .. } => lift_result(&mut payload),
        Event::RunEnded { .. } => rename(&mut payload, "outcome", "status"),
        _ => {}
    }
    (typed.unwrap_or(RecordType::Event), payload)
}

/// The event of a record of the run with this id; none for records that are about the log itself.
///
/// # Errors
/// When the record is no event of this version: it may be shown, but not continued.
pub fn decode(record: &Record, run: &str) -> Result<Option<Event>, UnknownRecord> {
    let mut body = record.payload.clone();
    let typed = TYPED.iter().find(|(_, kind)| *kind == record.kind).map(|(name, _)| name.to_string());
    let kind = match (record.kind, typed) {
        (RecordType::StepOutput | RecordType::Anchor | RecordType::ApprovalRequest, _) => return Ok(None),
        (RecordType::Approval, _) => "answered".to_string(),
        (_, Some(kind)) => kind,
        _ => match body.shift_remove("event") {
            Some(Value::String(kind)) => kind,
            _ => return Ok(None),
        },
    };
    match record.kind {
        RecordType::StepEnd => lower_result(&mut body),
        RecordType::Approval => lower_approval(&mut body),
        RecordType::RunEnd => rename(&mut body, "status", "outcome"),
        RecordType::StepStart => {
            body.shift_remove("session_key");
        }
        RecordType::RunStart => {
            body.insert("run".into(), json!(run));
        }
        RecordType::RunResume => {
            let by = body.get("operator").cloned().unwrap_or_default();
            body.retain(|key, _| !OF_THE_LOG.contains(&key.as_str()));
            body.insert("by".into(), by);
        }
        _ => {}
    }
    let value = with_floats(&json!({ kind: body }));
    let wrong =
        |e: serde_json::Error| UnknownRecord { at: format!("{}/{}", record.segment, record.seq), why: e.to_string() };
    serde_json::from_value(value).map(Some).map_err(wrong)
}

/// A signed answer under the names that a verifier looks for.
fn approval(answered: &Value, answer: Answer, signed: &Signed) -> Map<String, Value> {
    let decision = if answer == Answer::Go { Decision::Go } else { Decision::NoGo };
    let mut payload = without_floats(answered).as_object().cloned().unwrap_or_default();
    payload.retain(|name, _| !["path", "answer", "signed"].contains(&name.as_str()));
    let path = answered.get("path").cloned().unwrap_or_default();
    let mut record =
        Map::from_iter([("checkpoint".to_string(), path), ("decision".into(), json!(decision.to_string()))]);
    record.append(&mut payload);
    for (name, value) in
        [("key", &signed.key), ("nonce", &signed.nonce), ("statement", &signed.statement), ("sig", &signed.sig)]
    {
        record.insert(name.into(), json!(value));
    }
    record
}

fn lower_approval(body: &mut Map<String, Value>) {
    rename(body, "checkpoint", "path");
    let go = body.shift_remove("decision") == Some(json!(Decision::Go.to_string()));
    body.insert("answer".into(), json!(if go { Answer::Go } else { Answer::NoGo }));
    let signed = ["key", "nonce", "statement", "sig"];
    let signed: Map<String, Value> =
        signed.into_iter().filter_map(|name| Some((name.to_string(), body.shift_remove(name)?))).collect();
    body.insert("signed".into(), Value::Object(signed));
}

fn rename(payload: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = payload.shift_remove(from) {
        payload.insert(to.into(), value);
    }
}

/// Puts the streams of a result where `jq` and `sha256sum` users look for them, and leaves empty ones out.
fn lift_result(payload: &mut Map<String, Value>) {
    let Some(Value::Object(done)) = payload.shift_remove("done") else { return };
    for (name, value) in done {
        let empty = matches!(name.as_str(), "stdout" | "stderr") && value["bytes"] == 0;
        if !empty {
            payload.insert(name, value);
        }
    }
}

fn lower_result(body: &mut Map<String, Value>) {
    let (path, attempt) = (body.shift_remove("path"), body.shift_remove("attempt"));
    let done = std::mem::take(body);
    body.extend([
        ("path".to_string(), path.unwrap_or_default()),
        ("attempt".to_string(), attempt.unwrap_or_default()),
        ("done".to_string(), Value::Object(done)),
    ]);
}

fn without_floats(value: &Value) -> Value {
    match value {
        Value::Number(n) if n.is_f64() => json!({ "$decimal": n.to_string() }),
        Value::Array(items) => Value::Array(items.iter().map(without_floats).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), without_floats(v))).collect()),
        other => other.clone(),
    }
}

fn with_floats(value: &Value) -> Value {
    match value {
        Value::Object(map) => match (map.len(), map.get("$decimal").and_then(Value::as_str)) {
            (1, Some(text)) => text.parse::<f64>().map_or_else(|_| value.clone(), |n| json!(n)),
            _ => Value::Object(map.iter().map(|(k, v)| (k.clone(), with_floats(v))).collect()),
        },
        Value::Array(items) => Value::Array(items.iter().map(with_floats).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::action::{Captured, Done, Ended, HttpAnswer};
    use crate::machine::event::{Answer, Asked, Question, Refusal, Signed, Verdict};
    use std::collections::BTreeMap;

    fn record(event: &Event) -> Record {
        let (kind, payload) = encode(event);
        Record { segment: 1, seq: 7, t: "2026-11-21T00:00:00.000000Z".into(), mono_us: 5, kind, payload }
    }

    fn events() -> Vec<Event> {
        let captured =
            |bytes| Captured { file: "out/0001.stdout".into(), bytes, sha256: "ab".into(), text: Some("x".into()) };
        let done = Done {
            ended: Ended::Exit(3),
            duration_us: 12,
            stdout: Some(captured(4)),
            http: Some(HttpAnswer {
                status: 200,
                headers: vec![("x-color".into(), "blue".into())],
                url: "http://a".into(),
            }),
            tail: "oops".into(),
            ..Done::default()
        };
        vec![
            Event::BlockStarted {
                path: "a".into(),
                items: Some(vec![("k".into(), json!({"p": 0.5, "n": 3}))]),
                inputs: None,
            },
            Event::AttemptFinished { path: "a.b".into(), attempt: 2, done: Box::new(done) },
            Event::StepFinished {
                path: "a.b".into(),
                verdict: Verdict::Pass,
                reason: None,
                then: None,
                saved: Map::from_iter([("ratio".to_string(), json!([0.25, "0.25", 1]))]),
            },
            Event::Asked(Box::new(Asked {
                evidence: vec![("x".into(), "1".into())],
                expires_wall_us: Some(-1),
                ..Asked::new("a.go".into(), Question::Checkpoint, "Go?".into())
            })),
            Event::Asked(Box::new(Asked {
                roles: BTreeMap::from([("lead".to_string(), 2)]),
                people: BTreeMap::from([("lead".to_string(), vec!["ana".to_string(), "li".to_string()])]),
                phrase: Some("deploy fully".into()),
                good_for_us: Some(60_000_000),
                reference: true,
                red: vec!["p.a: exit 1".into()],
                ..Asked::new("a.go".into(), Question::Checkpoint, "Go?".into())
            })),
            Event::Answered {
                path: "a.go".into(),
                answer: Answer::Go,
                by: "li".into(),
                reason: None,
                evidence: Map::new(),
                role: Some("lead".into()),
                reference: Some("CHG-1".into()),
                given_us: Some(7),
                signed: Some(Signed {
                    key: "SHA256:x".into(),
                    statement: "words\n".into(),
                    sig: "armor\n".into(),
                    nonce: "00ff".into(),
                }),
            },
            Event::Refused { path: "a.go".into(), by: "ana".into(), why: Refusal::WrongPhrase },
            Event::Refused { path: "a.go".into(), by: "ana".into(), why: Refusal::Red(vec!["p.a: exit 1".into()]) },
            Event::Lapsed { path: "a.go".into(), by: "li".into(), role: Some("lead".into()) },
            Event::Answered {
                path: "a.go".into(),
                answer: Answer::Go,
                by: "ana".into(),
                reason: None,
                evidence: Map::new(),
                role: None,
                reference: None,
                given_us: None,
                signed: None,
            },
            Event::Interrupted { stage: 2 },
            Event::Anchored { path: "a".into(), at_wall_us: -3 },
            Event::Held { path: "a".into(), due_wall_us: 1 },
            Event::Missed { path: "a[1]".into(), due_wall_us: 1, late_us: 2 },
            Event::Parked { reason: crate::machine::event::Parking::Until(7) },
            Event::RunEnded { outcome: crate::machine::event::Outcome::RolledBack },
        ]
    }

    #[test]
    fn every_event_survives_the_log_and_no_record_holds_a_float() {
        for event in events() {
            let record = record(&event);
            assert!(!format!("{:?}", record.payload).contains("0.25)"), "{:?}", record.payload);
            assert_eq!(decode(&record, "r").unwrap().unwrap(), event);
        }
    }

    #[test]
    fn an_empty_stream_is_left_out_of_the_record_of_a_result() {
        let done = Done { stdout: Some(Captured::default()), ..Done::default() };
        let record = record(&Event::AttemptFinished { path: "a".into(), attempt: 1, done: Box::new(done) });
        assert!(!record.payload.contains_key("stdout"));
    }

    #[test]
    fn an_event_of_a_later_version_is_named_when_it_cannot_be_understood() {
        let mut unknown = record(&Event::Interrupted { stage: 1 });
        unknown.payload.insert("event".into(), json!("teleported"));
        let error = decode(&unknown, "r").unwrap_err().to_string();
        assert!(
            error.starts_with("record 1/7 of the log cannot be understood: unknown variant `teleported`"),
            "{error}"
        );
    }
}
