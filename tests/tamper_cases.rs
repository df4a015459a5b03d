//! The list of attacks and crashes that somebody once thought of: each has a test that carries its number.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// T01–T47 attacks on a log, T50–T69 on everything around it, T70–T86 on approvals, C01–C10 crashes.
fn listed() -> Vec<String> {
    let attacks = (0..=47).chain(50..=86).map(|number| format!("t{number:02}"));
    attacks.chain((1..=10).map(|number| format!("c{number:02}"))).collect()
}

/// `t36_to_t39` carries four numbers, `c07_an_empty_file_and_c08_…` two.
fn numbers(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    let case = |word: &str| {
        let (kind, number) = (word.get(..1)?, word.get(1..3)?.parse::<u32>().ok()?);
        let suffix = word.get(3..).unwrap_or_default();
        (matches!(kind, "t" | "c") && matches!(suffix, "" | "a" | "b")).then(|| (kind.to_string(), number))
    };
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let Some((kind, last)) = case(word) else { continue };
        let first = match at.checked_sub(2).and_then(|from| case(words[from])) {
            Some((_, first)) if words[at - 1] == "to" => first,
            _ => last,
        };
        found.extend((first..=last).map(|number| format!("{kind}{number:02}")));
    }
    found.sort();
    found.dedup();
    found
}

fn tests_below(dir: &Path, found: &mut BTreeMap<String, Vec<String>>) {
    for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for (line, next) in text.lines().zip(text.lines().skip(1)) {
                let test = line.trim() == "#[test]" || line.trim().starts_with("#[allow(");
                let Some(name) = next.trim().strip_prefix("fn ").filter(|_| test) else { continue };
                let name = name.split('(').next().unwrap_or_default();
                for number in numbers(name) {
                    found.entry(number).or_default().push(name.to_string());
                }
            }
        }
    }
}

#[test]
fn every_listed_attack_and_crash_has_a_test_with_its_number() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    for dir in ["src", "tests"] {
        tests_below(&root.join(dir), &mut found);
    }
    for (number, names) in &found {
        println!("{number}  {}", names.join(", "));
    }
    let missing: Vec<String> = listed().into_iter().filter(|number| !found.contains_key(number)).collect();
    assert!(missing.is_empty(), "no test for {}", missing.join(" "));
}
