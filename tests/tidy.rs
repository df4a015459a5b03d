//! Rules about the house that the compiler does not know: who may import whom, and that the map is true.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Flat tables may be long; nothing else may.
const LONGEST_FILE: usize = 620;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The modules in the order of `src/lib.rs`: each may import those before it.
fn modules() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let names = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';').map(String::from));
    names.collect()
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// Tests of a module may do what the module may not.
fn is_test(file: &Path) -> bool {
    let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    stem.starts_with("tests") || file.strip_prefix(root()).unwrap().components().any(|c| c.as_os_str() == "tests")
}

/// The modules of this crate that a file names, tests of the file left out.
fn imported(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|l| !l.trim_start().starts_with("//"));
    let mut found = BTreeSet::new();
    for line in lines {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            found.insert(name);
        }
    }
    found
}

#[test]
fn a_module_imports_only_modules_above_it() {
    let modules = modules();
    assert!(modules.len() >= 10, "the module list was not found: {modules:?}");
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for (position, module) in modules.iter().enumerate() {
        for file in rust_files(&root().join("src").join(module)) {
            if is_test(&file) {
                continue;
            }
            looked_at += 1;
            for name in imported(&fs::read_to_string(&file).unwrap()) {
                if modules.iter().position(|m| *m == name).is_some_and(|p| p > position) {
                    wrong.push(format!("{} imports `{name}`, which is below `{module}`", file.display()));
                }
            }
        }
    }
    assert!(looked_at > 60, "only {looked_at} files were looked at");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What both need stands below them, in `leave`.
#[test]
fn accept_and_next_do_not_know_each_other() {
    let file = |name: &str| fs::read_to_string(root().join("src/machine").join(name)).unwrap();
    for (name, other) in [("accept.rs", "next"), ("next.rs", "accept")] {
        let text = file(name);
        let uses = text.lines().filter(|line| line.starts_with("use super::")).collect::<Vec<_>>();
        assert!(!uses.is_empty(), "{name}");
        let names = |line: &&&str| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == other);
        assert_eq!(uses.iter().find(names), None, "{name} uses {other}");
    }
}

#[test]
fn yaml_templates_and_snippets_each_have_one_importer() {
    let owners =
        [("granit_parser", "text"), ("annotate_snippets", "text"), ("minijinja", "template"), ("duct::", "drive")];
    for (name, owner) in owners {
        let users: BTreeSet<String> = rust_files(&root().join("src"))
            .into_iter()
            .filter(|f| {
                fs::read_to_string(f).unwrap().lines().any(|l| !l.trim_start().starts_with("//") && l.contains(name))
            })
            .map(|f| {
                f.strip_prefix(root().join("src"))
                    .unwrap()
                    .components()
                    .next()
                    .unwrap()
                    .as_os_str()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        assert_eq!(users, BTreeSet::from([owner.to_string()]), "{name}");
    }
}

#[test]
fn the_pure_half_is_not_exempt_from_the_clippy_fence() {
    for module in
        ["text", "decide", "inspect", "runbook", "template", "policy", "check", "plan", "machine", "log", "report"]
    {
        for file in rust_files(&root().join("src").join(module)) {
            if is_test(&file) {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            assert!(!code.contains("disallowed_methods"), "{} lifts the fence", file.display());
        }
    }
}

#[test]
fn the_module_map_names_every_module_and_every_directory_at_the_top() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for module in modules() {
        assert!(map.contains(&format!("\n  {module}/ ")), "ARCHITECTURE.md does not explain src/{module}/");
    }
    for named in map.lines().filter_map(|l| l.strip_prefix("  ")?.split_once("/ ")).map(|(name, _)| name) {
        if named.chars().all(|c| c.is_ascii_lowercase()) {
            assert!(root().join("src").join(named).is_dir(), "ARCHITECTURE.md names src/{named}/, which is not there");
        }
    }
}

#[test]
fn no_file_has_grown_past_reading() {
    let long: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|dir| rust_files(&root().join(dir)))
        .filter_map(|f| {
            let lines = fs::read_to_string(&f).unwrap().lines().count();
            (lines > LONGEST_FILE).then(|| format!("{}: {lines} lines", f.display()))
        })
        .collect();
    assert!(long.is_empty(), "split these by concept:\n{}", long.join("\n"));
}
