//! The schema, the reader and the fixtures agree on what a runbook is.

// The test reads its fixtures.
#![allow(clippy::disallowed_methods)]

use runbook::check::{Includes, check};
use runbook::runbook::{SCHEMA, contract_accepts, keys, kinds, metric_sources, read, reference};
use runbook::text::{Code, RenderStyle, Severity, Source, parse, render};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn the_schema_and_the_reader_have_the_same_keys() {
    let schema = schema();
    for (name, known) in keys() {
        let pointer = if name.is_empty() { String::new() } else { format!("/definitions/{name}") };
        let object = schema.pointer(&pointer).unwrap_or_else(|| panic!("the schema has no `{name}`"));
        let properties = object["properties"].as_object().unwrap_or_else(|| panic!("`{name}` has no properties"));
        let in_schema: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(known.into_iter().collect::<BTreeSet<_>>(), in_schema, "keys of `{name}`");
        assert_eq!(object["additionalProperties"], Value::Bool(false), "`{name}` is closed");
    }
}

#[test]
fn the_reader_knows_every_object_of_the_schema() {
    let known: BTreeSet<&str> = keys().into_iter().map(|(name, _)| name).collect();
    let schema = schema();
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        assert!(definition.get("properties").is_none() || known.contains(name.as_str()), "{name}");
    }
}

#[test]
fn the_schema_and_the_reader_allow_the_same_keys_beside_each_kind() {
    let schema = schema();
    let step = &schema["definitions"]["step"];
    let all: BTreeSet<&str> = step["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let names: BTreeSet<&str> = kinds().iter().map(|(kind, _)| *kind).collect();
    for (kind, beside) in kinds() {
        let limits = step["allOf"].as_array().unwrap().iter().find(|rule| rule["if"]["required"][0] == *kind);
        let forbidden: BTreeSet<&str> =
            limits.unwrap()["then"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> =
            all.iter().copied().filter(|key| !names.contains(key) && !beside.contains(key)).collect();
        assert_eq!(forbidden, expected, "keys without meaning beside `{kind}`");
    }
}

#[test]
fn the_schema_and_the_reader_allow_the_same_keys_beside_each_source_of_a_metric() {
    let schema = schema();
    let metric = &schema["definitions"]["metric"];
    let all: BTreeSet<&str> = metric["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let names: BTreeSet<&str> = metric_sources().iter().map(|(source, _)| *source).collect();
    for (source, beside) in metric_sources() {
        let limits = metric["allOf"].as_array().unwrap().iter().find(|rule| rule["if"]["required"][0] == *source);
        let forbidden: BTreeSet<&str> =
            limits.unwrap()["then"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> =
            all.iter().copied().filter(|key| !names.contains(key) && !beside.contains(key)).collect();
        assert_eq!(forbidden, expected, "keys without meaning beside `{source}`");
    }
}

#[test]
fn every_key_of_the_schema_is_described_in_one_sentence() {
    let schema = schema();
    for (name, known) in keys() {
        let pointer = if name.is_empty() { "/properties".into() } else { format!("/definitions/{name}/properties") };
        for key in known {
            let text = schema.pointer(&pointer).unwrap()[key]["description"].as_str().unwrap_or_default();
            assert!(text.ends_with('.') && text.len() > 10, "`{name}`: `{key}` needs a description, has {text:?}");
        }
    }
}

#[test]
fn good_fixtures_are_accepted_by_the_schema_and_the_reader() {
    let files = fixtures("good");
    assert!(files.len() >= 12);
    for file in files {
        let source = load(&file);
        let problems = findings(&source);
        assert!(problems.is_empty(), "{}: {problems:?}", file.display());
        assert!(contract_accepts(&json(&source)), "the schema rejects {}", file.display());
    }
}

#[test]
fn bad_structure_is_rejected_by_the_schema_and_by_the_reader_in_its_own_words() {
    let files = fixtures("bad/structure");
    assert!(files.len() >= 90);
    for file in files {
        let source = load(&file);
        let problems = errors(&source);
        assert!(!problems.is_empty(), "the reader accepts {}", file.display());
        assert!(!problems.iter().any(|p| p.starts_with("RB0211")), "{}: {problems:?}", file.display());
        assert!(!contract_accepts(&json(&source)), "the schema accepts {}", file.display());
    }
}

#[test]
fn bad_meaning_is_accepted_by_the_schema_and_found_by_the_check() {
    let files = fixtures("bad/meaning");
    assert!(files.len() >= 90);
    for file in files {
        let source = load(&file);
        assert!(contract_accepts(&json(&source)), "the schema rejects {}", file.display());
        let expected =
            source.text().lines().next().and_then(|line| line.strip_prefix("# expect: ")).unwrap_or_default();
        let found: BTreeSet<String> = findings(&source).iter().map(|p| p[..6].to_string()).collect();
        let found: Vec<String> = found.into_iter().collect();
        assert_eq!(found.join(" "), expected, "{}: {:?}", file.display(), findings(&source));
    }
}

#[test]
fn every_code_of_the_rules_has_a_fixture() {
    let files = fixtures("bad/meaning").into_iter().chain(fixtures("bad/structure"));
    let found: BTreeSet<String> = files.flat_map(|f| findings(&load(&f))).map(|p| p[..6].to_string()).collect();
    // Contradictions of reader and schema have none by design; the others are of target profiles, of tables too large to
    // write here, and advice.
    let without = ["RB0211", "RB0215", "RB0403", "RB0602", "RB0809", "RB0811", "RB0818", "RB0820", "RB0861"];
    for code in Code::all().map(|code| code.to_string()) {
        let ours =
            ["RB02", "RB03", "RB04", "RB06", "RB08", "RB105", "RB106"].iter().any(|range| code.starts_with(range));
        assert!(!ours || found.contains(&code) || without.contains(&code.as_str()), "{code} has no fixture");
    }
}

/// `UPDATE=1 cargo test --test parity` writes them.
#[test]
fn error_screens_are_exactly_these() {
    let style = RenderStyle { color: false, short: false, width: 110 };
    for file in fixtures("screens").into_iter().filter(|f| f.extension().is_some_and(|e| e == "yml")) {
        let source = load(&file);
        let (book, mut problems) = read(&source);
        problems.extend(book.iter().flat_map(|book| check(book, &Fixtures)));
        let screen = render(&problems, style);
        let golden = file.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&golden, &screen).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&golden).unwrap_or_default(), screen, "{}", golden.display());
    }
}

/// The reader alone is as strict as the schema: whatever one value of a good file is replaced by, the schema never
/// rejects what the reader let pass.
#[test]
fn the_schema_never_has_to_speak_for_the_reader() {
    let values = ["", "x", "x y", "5", "-1", "1.5", "true", "[]", "[x]", "{}", "{ x: y }", "'{{ x }}'", "[{ x: y }]"];
    let mut read_files = 0;
    for file in fixtures("good") {
        let text = load(&file).text().to_string();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| line.contains(':')) {
            let (key, _) = line.split_once(':').unwrap();
            let changed = values.iter().map(|value| format!("{key}: {value}")).chain([String::new()]);
            for replacement in changed {
                let lines = text.lines().enumerate().map(|(n, l)| if n == at { replacement.as_str() } else { l });
                let source = Source::new("changed.yml", lines.collect::<Vec<_>>().join("\n"));
                let (book, problems) = read(&source);
                let spoken = problems.into_iter().find(|p| p.code == Code::CONTRACT);
                assert!(spoken.is_none(), "{}: {replacement}: {spoken:?}", file.display());
                // Whatever was read can also be checked, errors or not.
                book.iter().for_each(|book| drop(check(book, &Fixtures)));
                read_files += 1;
            }
        }
    }
    assert!(read_files > 1000);
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn errors(source: &Source) -> Vec<String> {
    let problems = read(source).1.into_iter().filter(|p| p.severity == Severity::Error);
    problems.map(|p| format!("{} {} at {}", p.code, p.message, p.place)).collect()
}

/// Everything but advice.
fn findings(source: &Source) -> Vec<String> {
    let (book, mut problems) = read(source);
    problems.extend(book.iter().flat_map(|book| check(book, &Fixtures)));
    let problems = problems.into_iter().filter(|p| p.severity != Severity::Advice);
    problems.map(|p| format!("{} {} at {}", p.code, p.message, p.place)).collect()
}

struct Fixtures;

impl Includes for Fixtures {
    fn load(&self, _from: &Source, path: &str) -> Result<Source, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bad/meaning");
        let text = std::fs::read_to_string(folder.join(path)).map_err(|_| format!("there is no file `{path}`"))?;
        Ok(Source::new(path, text))
    }
}

fn json(source: &Source) -> Value {
    parse(source).root.expect("fixtures are YAML").json()
}

fn load(path: &Path) -> Source {
    Source::new(path.file_name().unwrap().to_string_lossy(), std::fs::read_to_string(path).unwrap())
}

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// `UPDATE=1 cargo test --test parity` writes it.
#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let page = reference(SCHEMA);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page, "run `UPDATE=1 cargo test --test parity`");
}
