//! The reference page: the schema's own sentences as Markdown.

use serde_json::{Map, Value};
use std::fmt::Write;

/// The objects of the language in reading order: name in the schema, heading.
const OBJECTS: &[(&str, &str)] = &[
    ("", "A runbook"),
    ("input", "An input"),
    ("secret_command", "`from` with a command"),
    ("phase", "A phase"),
    ("step", "A step"),
    ("http", "`http`"),
    ("file", "`file`"),
    ("activate_body", "The body of `activate`"),
    ("checkpoint", "`checkpoint`"),
    ("run", "`run`"),
    ("parallel", "`parallel`"),
    ("for_each", "`for_each`"),
    ("retry", "`retry`"),
    ("poll", "`poll`"),
    ("trend", "`trend` of a poll"),
    ("body", "The body of `undo` and `done_when`"),
    ("no_undo", "`undo` with nothing to take back"),
    ("metric", "A metric"),
    ("scrape", "`scrape`"),
    ("ratio", "`ratio`"),
    ("guards", "`guards`"),
    ("decide", "`decide`"),
    ("rule", "A row of a table"),
    ("otherwise_row", "The row `otherwise`"),
    ("no_data_row", "The row `no_data`"),
    ("cell", "A condition"),
    ("investigate", "`investigate`"),
    ("escalate", "`escalate`"),
    ("level", "A level"),
    ("extend", "`extend`"),
    ("table_hold", "`hold` of a table"),
    ("stages", "`stages`"),
    ("stage", "A stage"),
    ("share", "`share`"),
    ("promote", "`promote`"),
    ("rounds", "`rounds`"),
    ("round", "Rounds at one distance"),
    ("watch", "`watch`"),
    ("hold", "`hold`"),
    ("new_patterns", "`new_patterns`"),
    ("marker", "`marker`"),
    ("audit", "`audit`"),
    ("changes", "`changes`"),
    ("scan", "`scan`"),
    ("secrets", "`secrets`"),
    ("added", "`added`"),
    ("until", "`wait` for a mark"),
    ("anchor", "`anchor`"),
    ("window", "`window`"),
];

/// The objects of a policy, in the same way.
const POLICY_OBJECTS: &[(&str, &str)] = &[
    ("", "A policy"),
    ("policy_rule", "A rule about commands"),
    ("policy_allow", "What is allowed"),
    ("policy_wrapper", "A wrapper"),
    ("policy_requirements", "What is required"),
    ("policy_marker", "A required marker"),
    ("policy_window", "Closed times"),
];

/// The reference page of the language in Markdown, made from the JSON Schema.
///
/// A schema that is not JSON gives a page with headings only; the shipped one is checked by a test.
pub fn reference(schema_json: &str) -> String {
    let schema: Value = serde_json::from_str(schema_json).unwrap_or_default();
    let mut page = String::from("# The runbook language, version 1\n\n");
    page.push_str("Generated from `schema/runbook.schema.json` and `schema/policy.schema.json`; do not edit.\n");
    for &(name, heading) in OBJECTS {
        let object = if name.is_empty() { &schema } else { &schema["definitions"][name] };
        section(&mut page, heading, object);
        if name == "step" {
            page.push_str("\nKeys that have a meaning beside each kind, besides `id`, `title`, `note` and `when`:\n\n");
            kinds(&mut page, object, "kind", &["id", "title", "note", "when"]);
        }
        if name == "metric" {
            page.push_str("\nKeys that have a meaning beside each source, besides `title` and `baseline`:\n\n");
            kinds(&mut page, object, "source", &["title", "baseline"]);
        }
    }
    policies(&mut page);
    page
}

/// Policies have a schema of their own.
fn policies(page: &mut String) {
    let schema: Value = serde_json::from_str(super::POLICY_SCHEMA).unwrap_or_default();
    for &(name, heading) in POLICY_OBJECTS {
        section(page, heading, if name.is_empty() { &schema } else { &schema["definitions"][name] });
    }
}

fn section(page: &mut String, heading: &str, object: &Value) {
    let _ = write!(page, "\n## {heading}\n\n{}\n\n", sentence(object));
    let rules = rules(object);
    if !rules.is_empty() {
        let _ = write!(page, "{rules}\n\n");
    }
    page.push_str("| key | value | meaning |\n|---|---|---|\n");
    let required: Vec<&str> = names(&object["required"]);
    for (key, property) in properties(object) {
        let needed = if required.contains(&key.as_str()) { " **needed**" } else { "" };
        let meaning = cell(sentence(property));
        let _ = writeln!(page, "| `{key}`{needed} | {} | {meaning} |", cell(&value(property)));
    }
}

/// What is needed or excluded between keys.
fn rules(object: &Value) -> String {
    let alternatives = |list: &Value| -> Vec<String> {
        let rows = list.as_array().into_iter().flatten();
        rows.flat_map(|row| names(&row["required"])).map(|name| format!("`{name}`")).collect()
    };
    let exactly = alternatives(&object["oneOf"]);
    let any = alternatives(&object["anyOf"]);
    match (exactly.is_empty(), any.is_empty()) {
        (false, _) => format!("Exactly one of {} is needed.", exactly.join(", ")),
        (_, false) => format!("At least one of {} is needed.", any.join(", ")),
        _ => String::new(),
    }
}

/// A table of what may stand beside each kind, from the schema's limits; `everywhere` goes without saying.
fn kinds(page: &mut String, step: &Value, what: &str, everywhere: &[&str]) {
    let kinds: Vec<&str> =
        step["oneOf"].as_array().into_iter().flatten().flat_map(|row| names(&row["required"])).collect();
    let _ = writeln!(page, "| {what} | keys |\n|---|---|");
    for kind in &kinds {
        let limits =
            step["allOf"].as_array().into_iter().flatten().find(|rule| names(&rule["if"]["required"]) == [*kind]);
        let forbidden = |key: &str| limits.is_some_and(|rule| rule["then"]["properties"][key] == Value::Bool(false));
        let keys: Vec<String> = properties(step)
            .map(|(key, _)| key)
            .filter(|key| !kinds.contains(&key.as_str()) && !everywhere.contains(&key.as_str()) && !forbidden(key))
            .map(|key| format!("`{key}`"))
            .collect();
        let _ = writeln!(page, "| `{kind}` | {} |", if keys.is_empty() { "none".into() } else { keys.join(" ") });
    }
}

/// What kind of value a property has.
fn value(property: &Value) -> String {
    if let Some(target) = property["$ref"].as_str() {
        return referred(target.rsplit('/').next().unwrap_or_default());
    }
    if let Some(words) = property["enum"].as_array() {
        let words: Vec<String> =
            words.iter().map(|w| format!("`{}`", w.as_str().map_or(w.to_string(), String::from))).collect();
        return words.join(", ");
    }
    if let Some(then) = property.get("then") {
        return alternatives(property, then);
    }
    match property["type"].as_str() {
        Some("array") => format!("list of {}", value(&property["items"])),
        Some("object") if property["additionalProperties"].is_object() => {
            format!("names, each with {}", value(&property["additionalProperties"]))
        }
        Some("string") => "text".into(),
        Some("integer") => "whole number".into(),
        Some("number") => "number".into(),
        Some("boolean") => "`true` or `false`".into(),
        _ => "anything".into(),
    }
}

/// `if` by type, `then`, `else`.
fn alternatives(property: &Value, then: &Value) -> String {
    let first = match property["if"]["type"].as_str() {
        Some("array") => match then.get("items") {
            Some(items) => format!("list of {}", value(items)),
            None => "list".into(),
        },
        _ => value(then),
    };
    let otherwise = &property["else"];
    let second = if otherwise["pattern"].is_string() { "`\"{{ expression }}\"`".into() } else { value(otherwise) };
    format!("{first}, or {second}")
}

fn referred(name: &str) -> String {
    match name {
        "text" => "text".into(),
        "duration" | "plain_duration" => "duration".into(),
        "count" => "whole number".into(),
        "change" => "duration, or `all`".into(),
        "id" => "id".into(),
        "named_texts" | "texts" => "names, each with text".into(),
        "words" => "list of text".into(),
        "steps" => "list of steps".into(),
        "mark" => "mark such as `T-30m`".into(),
        "span" => "span such as `Mon-Thu 02:00-05:00 UTC`".into(),
        "conditions" => format!("metrics, each with a limit such as `\"> 5%\"`, a list of words, or {}", link("cell")),
        "rules" | "guard_rules" => format!("list of {}", link("rule")),
        "exit_code" | "status_code" => "whole number".into(),
        "exec" => "list of text, or `\"{{ expression }}\"`".into(),
        "activate" => link("activate_body"),
        other => link(other),
    }
}

/// A link to the section of an object.
fn link(name: &str) -> String {
    let Some((_, heading)) = OBJECTS.iter().chain(POLICY_OBJECTS).find(|(object, _)| *object == name) else {
        return name.to_string();
    };
    let plain = heading.replace('`', "");
    format!("[{plain}](#{})", plain.to_lowercase().replace(' ', "-"))
}

fn sentence(object: &Value) -> &str {
    object["description"].as_str().unwrap_or_default()
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn properties(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object["properties"].as_object().into_iter().flat_map(Map::iter)
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
