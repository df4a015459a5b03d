//! The JSON Schema as a second reader: a file it rejects is never let pass.

use super::cursor::first_line;
use crate::text::{Code, Diagnostic, Node, Severity, Source};
use serde_json::Value;

#[jsonschema::validator(path = "schema/runbook.schema.json")]
struct Contract;

#[jsonschema::validator(path = "schema/policy.schema.json")]
struct PolicyContract;

/// Whether the JSON Schema accepts a runbook.
pub fn contract_accepts(runbook: &Value) -> bool {
    Contract::is_valid(runbook)
}

/// Adds what the schema rejects in a file the reader found no error in: beside other errors it would only repeat them.
pub(super) fn check(source: &Source, root: &Node, problems: &mut Vec<Diagnostic>) {
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return;
    }
    let json = root.json();
    report(source, root, Contract::iter_errors(&json), problems);
}

/// The same for a policy.
pub(super) fn check_policy(source: &Source, root: &Node, problems: &mut Vec<Diagnostic>) {
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return;
    }
    let json = root.json();
    report(source, root, PolicyContract::iter_errors(&json), problems);
}

fn report<'e>(
    source: &Source,
    root: &Node,
    errors: impl Iterator<Item = jsonschema::ValidationError<'e>>,
    problems: &mut Vec<Diagnostic>,
) {
    for error in errors {
        let node = root.at(error.instance_path().as_str()).unwrap_or(root);
        // The masked form does not repeat the value, which may be long.
        let message = format!("not allowed by the schema: {}", error.masked());
        problems.push(Diagnostic::error(Code::CONTRACT, message, source.place(first_line(source, node.span))));
    }
}
