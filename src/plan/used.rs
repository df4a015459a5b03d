//! Which secrets a plan needs: those that some step names, and all of them where files are scanned for secrets.

use super::model::{Act, Binding, Node, NodeKind, Plan, Scan};
use crate::template::is_secret;
use serde_json::Value;

/// The names of the secrets that some template of the plan reads, in the order of the plan. A template that computes the
/// name of an input may mean any of them.
pub fn secrets(plan: &Plan) -> Vec<&str> {
    if plan.nodes.iter().any(looks_for_secrets) {
        return plan.secrets.keys().map(String::as_str).collect();
    }
    let mut texts = Vec::new();
    if let Ok(whole) = serde_json::to_value(plan) {
        let own = ["secrets", "scopes", "sources", "name", "title"];
        let parts = whole.as_object().into_iter().flatten().filter(|(key, _)| !own.contains(&key.as_str()));
        parts.for_each(|(_, part)| collect(part, &mut texts));
    }
    // What a runbook that is run gets as a secret input.
    let inner = plan.scopes.iter().skip(1).flat_map(|scope| &scope.inputs);
    let mut handed_on = Vec::new();
    for binding in inner {
        match &binding.value {
            Binding::Known(value) => handed_on.extend(is_secret(value).map(str::to_owned)),
            Binding::Later { template, .. } => texts.push(template.text.clone()),
        }
    }
    let used = |name: &str| handed_on.iter().any(|known| known == name) || texts.iter().any(|text| reads(text, name));
    plan.secrets.keys().map(String::as_str).filter(|name| used(name)).collect()
}

/// A scan looks for the secrets of the run as well, so it needs all of them.
fn looks_for_secrets(node: &Node) -> bool {
    let NodeKind::Task(task) = &node.kind else { return false };
    matches!(&task.act, Act::Scan(scan) if matches!(**scan, Scan::Secrets { .. }))
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains("inputs") => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(map) => map.values().for_each(|item| collect(item, texts)),
        _ => {}
    }
}

/// Whether a text reads this input, or all of them, or one that is not known before it is evaluated.
fn reads(text: &str, name: &str) -> bool {
    text.match_indices("inputs").any(|(at, word)| {
        let rest = text[at + word.len()..].trim_start();
        match rest.strip_prefix('.') {
            Some(field) => {
                let field = field.trim_start();
                let end = field.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
                let field = &field[..end.unwrap_or(field.len())];
                field == name || field.is_empty()
            }
            None => !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_'),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_where_it_stands_or_may_stand() {
        for text in ["{{ inputs.db }}", "{{inputs . db}}", "inputs['db']", "inputs[vars.x]", "inputs | tojson"] {
            assert!(reads(text, "db"), "{text}");
        }
        for text in ["{{ inputs.db_url }}", "inputs.d", "myinputs_db", "db", "inputs2.db"] {
            assert!(!reads(text, "db"), "{text}");
        }
    }
}
