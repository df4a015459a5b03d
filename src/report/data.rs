//! The run as JSON, for programs. Fields are only ever added.

use super::answers::{Decision, Given};
use super::exit::exit_code;
use super::rows::{Ending, Row, Standing};
use super::tables::Judged;
use super::view::View;
use super::words::{ending_words, time_words};
use crate::machine::Timestamp;
use crate::plan::model::Binding;
use serde_json::{Map, Value, json};

/// Format name of the JSON report.
const FORMAT: &str = "runbook-report/1";

/// The report as one JSON object.
pub fn json(view: &View) -> Value {
    let run = view.run();
    let counts = view.counts();
    let changes = view.changes();
    let pairs = |list: &[(String, String)]| -> Vec<Value> {
        list.iter().map(|(path, why)| json!({ "step": path, "why": some(why) })).collect()
    };
    json!({
        "format": FORMAT,
        "run": run,
        "ended": view.ending() != Ending::Open,
        "result": ending_words(view.ending()).to_lowercase().replace(' ', "_"),
        "outcome": view.state().outcome,
        "parked": view.state().parked,
        "exit_code": exit_code(view.ending()),
        "cause": view.cause(),
        "lock": view.state().lock,
        "on_hold": view.state().on_hold,
        "last": time_words(view.last()),
        "took_us": view.took_us(),
        "inputs": inputs(view),
        "counts": {
            "total": counts.total, "ok": counts.ok, "warned": counts.warned, "waived": counts.waived, "failed": counts.failed,
            "skipped": counts.skipped, "undone": counts.undone, "undo_failed": counts.undo_failed,
            "missed": counts.missed,
        },
        "changes": {
            "kept": pairs(&changes.kept), "undone": pairs(&changes.undone), "unknown": pairs(&changes.unknown),
        },
        "rows": view.rows().iter().map(row).collect::<Vec<_>>(),
        "decisions": view.decisions().iter().map(decision).collect::<Vec<_>>(),
        "tables": view.tables().iter().map(Judged::json).collect::<Vec<_>>(),
        "waivers": view.plan().waivers.iter().map(|waiver| {
            let used: Vec<String> = view.rows().iter().map(|row| row.path.clone()).filter(|path| waiver.names(path) && view.is_waived(path)).collect();
            json!({ "step": waiver.step, "person": waiver.person, "reason": waiver.reason, "until": waiver.until, "used": used })
        }).collect::<Vec<_>>(),
        "open_questions": view.open_questions(),
        "missed": view.missed().iter().map(|missed| {
            json!({ "path": missed.path, "due_wall_us": missed.due_wall_us, "late_us": missed.late_us })
        }).collect::<Vec<_>>(),
        "takeovers": view.takeovers().iter().map(|t| {
            json!({ "by": t.by, "time": time_words(t.at), "in_doubt": t.in_doubt, "changed": t.changed, "override_window": t.override_window })
        }).collect::<Vec<_>>(),
    })
}

fn inputs(view: &View) -> Map<String, Value> {
    let bindings = view.plan().scopes.first().map(|scope| scope.inputs.as_slice()).unwrap_or_default();
    let known = bindings.iter().filter_map(|input| match &input.value {
        Binding::Known(value) => Some((input.name.clone(), json!({ "value": value, "origin": input.origin }))),
        Binding::Later { .. } => None,
    });
    known.collect()
}

fn row(row: &Row) -> Value {
    json!({
        "path": row.path,
        "title": row.title,
        "kind": format!("{:?}", row.kind).to_lowercase(),
        "part": format!("{:?}", row.part).to_lowercase(),
        "number": row.number,
        "at": row.at,
        "effect": row.effect,
        "standing": standing(row.standing),
        "verdict": row.verdict,
        "reason": row.reason,
        "attempts": row.attempts,
        "output_held": row.output_held,
        "began": row.began.map(time_words),
        "ended": row.ended.map(time_words),
        "took_us": row.took_us(),
        "tail": some(&row.tail),
    })
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::NotReached => "not_reached",
        Standing::Running => "running",
        Standing::Pausing => "pausing",
        Standing::Asking => "asking",
        Standing::InDoubt => "in_doubt",
        Standing::Finished => "finished",
    }
}

fn decision(decision: &Decision) -> Value {
    let time = |at: Timestamp| time_words(at);
    json!({
        "step": decision.asked.path,
        "question": decision.asked.question,
        "title": decision.asked.title,
        "shown": decision.asked.evidence,
        "asked": time(decision.at),
        "settled": decision.settled,
        "answer": decision.given.as_ref().map(|given| given.answer),
        "by": decision.given.as_ref().map(|given| given.by.as_str()),
        "reason": decision.given.as_ref().and_then(|given| given.reason.as_deref()),
        "evidence": decision.given.as_ref().map(|given| &given.evidence),
        "answered": decision.given.as_ref().map(|given| time(given.at)),
        "roles": decision.asked.roles,
        "red": decision.asked.red,
        "answers": decision.answers.iter().map(given).collect::<Vec<_>>(),
        "refused": decision.refused.iter().map(|refused| {
            json!({ "by": refused.by, "why": refused.why, "words": refused.why.to_string(), "time": time(refused.at) })
        }).collect::<Vec<_>>(),
    })
}

fn given(given: &Given) -> Value {
    json!({
        "answer": given.answer,
        "by": given.by,
        "role": given.role,
        "reason": given.reason,
        "reference": given.reference,
        "key": given.key,
        "lapsed": given.lapsed,
        "time": time_words(given.at),
    })
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}
