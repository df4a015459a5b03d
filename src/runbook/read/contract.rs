//! The JSON Schema as a second reader: what it rejects and the first one did not see is an error too.

use super::cursor::first_line;
use crate::text::{Code, Diagnostic, Node, Severity, Source, Span};
use serde_json::Value;

#[jsonschema::validator(path = "schema/runbook.schema.json")]
struct Contract;

/// Whether the JSON Schema accepts a runbook.
pub fn contract_accepts(runbook: &Value) -> bool {
    Contract::is_valid(runbook)
}

/// Adds what the schema rejects at places where no error is known yet.
pub(super) fn check(source: &Source, root: &Node, problems: &mut Vec<Diagnostic>) {
    let json = root.json();
    let known: Vec<Span> = problems.iter().filter(|p| p.severity == Severity::Error).map(|p| p.place.span).collect();
    for error in Contract::iter_errors(&json) {
        let pointer = error.instance_path().as_str().to_string();
        let key = root.key_at(&pointer).unwrap_or(root.span);
        let value = root.at(&pointer).map_or(root.span, |node| node.span);
        if known.iter().any(|span| touches(*span, key) || touches(*span, value)) {
            continue;
        }
        // The masked form does not repeat the value, which may be long.
        let message = format!("not allowed by the schema: {}", error.masked());
        let at = if value.is_empty() { key } else { first_line(source, value) };
        problems.push(Diagnostic::error(Code::CONTRACT, message, source.place(at)));
    }
}

fn touches(a: Span, b: Span) -> bool {
    a == b || (a.start < b.end && b.start < a.end) || (a.is_empty() && a.start >= b.start && a.start <= b.end)
}
