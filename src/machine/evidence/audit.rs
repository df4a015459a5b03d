//! Audits: a set of objects held against what it must be. An empty set proves nothing.

use crate::machine::event::Verdict;
use crate::machine::judge::saw;
use crate::machine::names::{Names, show};
use crate::plan::model::{Audit, Template, Tree};
use serde_json::{Map, Value, json};

/// Objects that are named in one sentence; the others are counted.
const NAMED: usize = 12;

/// What passed, as values to keep, or everything that is wrong in one sentence.
pub(in crate::machine) fn weigh(names: &Names<'_>, audit: &Audit) -> Result<Map<String, Value>, (Verdict, String)> {
    let fail = |reason: String| (Verdict::Fail, reason);
    let objects = objects(names, &audit.objects).map_err(fail)?;
    if objects.is_empty() {
        return Err((Verdict::Inconclusive, "there are no objects, so nothing can be said of them".into()));
    }
    let called = called(names, audit, &objects).map_err(fail)?;
    let mut wrong = Vec::new();
    if let Some(count) = &audit.count {
        wrong.extend(miscounted(names, count, objects.len()).map_err(fail)?);
    }
    if let Some(equal) = &audit.equal {
        let wanted = wanted(names, equal).map_err(fail)?;
        if wanted.is_empty() {
            return Err((Verdict::Inconclusive, "there are no names to compare with".into()));
        }
        wrong.extend(differences(&wanted, &called));
    }
    for condition in &audit.all {
        wrong.extend(broken(names, audit, condition, &objects, &called));
    }
    if !wrong.is_empty() {
        return Err(fail(wrong.join("; ")));
    }
    Ok(Map::from_iter([("count".into(), json!(objects.len())), ("names".into(), json!(called))]))
}

/// A list; or text that holds one as JSON, whole or one object on each line, as many programs print them.
fn objects(names: &Names<'_>, tree: &Tree) -> Result<Vec<Value>, String> {
    match names.tree(tree)? {
        Value::Array(objects) => Ok(objects),
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Array(objects)) => Ok(objects),
            _ => text.lines().filter(|line| !line.trim().is_empty()).map(json_line).collect(),
        },
        other => Err(format!("`in:` needs a list, not `{}`", short(&other))),
    }
}

fn json_line(line: &str) -> Result<Value, String> {
    let wrong = || format!("`in:` is text that is no JSON: `{}`; for lines of names write `| lines`", clip(line));
    serde_json::from_str(line).map_err(|_| wrong())
}

/// What each object is called: by `key`, by itself, by its name or id, or by its position.
fn called(names: &Names<'_>, audit: &Audit, objects: &[Value]) -> Result<Vec<String>, String> {
    let own = |value: &Value, position: usize| match value {
        Value::String(_) | Value::Number(_) => show(value),
        Value::Object(map) => {
            let name = ["name", "Name", "id", "Id", "ID"].iter().find_map(|key| map.get(*key));
            name.map_or_else(|| format!("#{position}"), show)
        }
        _ => format!("#{position}"),
    };
    let name = |(at, value): (usize, &Value)| match &audit.key {
        Some(key) => names.with(&audit.name, value).expr(key).map(|name| show(&name)),
        None => Ok(own(value, at + 1)),
    };
    objects.iter().enumerate().map(name).collect()
}

fn miscounted(names: &Names<'_>, count: &Template, found: usize) -> Result<Option<String>, String> {
    let value = names.value(count)?;
    let wanted = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let wanted = wanted.ok_or_else(|| format!("`count:` needs a number, not `{}` ({})", short(&value), count.at))?;
    Ok((wanted != found as u64).then(|| format!("{found} objects, and there must be {wanted}")))
}

fn wanted(names: &Names<'_>, tree: &Tree) -> Result<Vec<String>, String> {
    match names.tree(tree)? {
        Value::Array(values) => Ok(values.iter().map(show).collect()),
        other => Err(format!("`equal:` needs a list of names, not `{}`", short(&other))),
    }
}

/// Names that are missing, that are too many, and that are there more than once.
fn differences(wanted: &[String], found: &[String]) -> Vec<String> {
    let not_in = |some: &[String], others: &[String]| -> Vec<String> {
        let mut names: Vec<String> = some.iter().filter(|name| !others.contains(name)).cloned().collect();
        names.dedup();
        names
    };
    let mut twice: Vec<String> = Vec::new();
    for (at, name) in found.iter().enumerate() {
        if found[..at].contains(name) && !twice.contains(name) {
            twice.push(name.clone());
        }
    }
    [("missing", not_in(wanted, found)), ("extra", not_in(found, wanted)), ("there more than once", twice)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {}", listed(names)))
        .collect()
}

/// The objects a condition does not hold for, each with what was found.
fn broken(
    names: &Names<'_>,
    audit: &Audit,
    condition: &Template,
    objects: &[Value],
    called: &[String],
) -> Option<String> {
    let mut failing = Vec::new();
    for (object, name) in objects.iter().zip(called) {
        let names = names.with(&audit.name, object);
        match names.condition(condition) {
            Ok(true) => {}
            Ok(false) => failing.push(format!("{}{}", clip(name), saw(&names, condition))),
            Err(trouble) => failing.push(format!("{} ({trouble})", clip(name))),
        }
    }
    (!failing.is_empty()).then(|| format!("`{}` does not hold for {}", condition.text.trim(), listed(failing)))
}

fn listed(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let names: Vec<String> = names.iter().map(|name| clip(name)).collect();
    match more {
        0 => names.join(", "),
        _ => format!("{} and {more} more", names.join(", ")),
    }
}

fn short(value: &Value) -> String {
    clip(&show(value))
}

/// Enough of a text to know it by.
fn clip(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}
