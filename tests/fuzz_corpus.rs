//! Everything the fuzzer starts from, and everything it ever found, through the same functions.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

/// The whole corpus stays this small.
const LARGEST: u64 = 200 << 10;

fn corpus(target: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(name: &str) {
    let (_, target) = targets::ALL.into_iter().find(|(known, _)| *known == name).unwrap();
    let files = corpus(name);
    assert!(files.len() >= 5, "only {} inputs", files.len());
    for file in files {
        let input = fs::read(&file).unwrap();
        let outcome = std::panic::catch_unwind(|| target(&input));
        assert!(outcome.is_ok(), "{} fails", file.display());
    }
}

#[test]
fn records_of_the_corpus() {
    replay("records");
}

#[test]
fn verdicts_of_the_corpus() {
    replay("verdict");
}

#[test]
fn signatures_of_the_corpus() {
    replay("sshsig");
}

#[test]
fn keys_of_the_corpus() {
    replay("keys");
}

#[test]
fn runbooks_of_the_corpus() {
    replay("yaml");
}

#[test]
fn templates_of_the_corpus() {
    replay("template");
}

#[test]
fn scripts_of_the_corpus() {
    replay("script");
}

#[test]
fn units_of_the_corpus() {
    replay("units");
}

#[test]
fn every_target_is_replayed_here_and_has_a_binary_and_a_line_in_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let here = fs::read_to_string(root.join("tests/fuzz_corpus.rs")).unwrap();
    let readme = fs::read_to_string(root.join("fuzz/README.md")).unwrap();
    for (name, _) in targets::ALL {
        assert!(here.contains(&format!("replay(\"{name}\")")), "{name} is not replayed");
        assert!(root.join(format!("fuzz/fuzz_targets/{name}.rs")).is_file(), "{name} has no binary");
        assert!(readme.contains(&format!("| `{name}` |")), "{name} is not explained");
    }
}

#[test]
fn the_corpus_is_small() {
    let files = targets::ALL.into_iter().flat_map(|(name, _)| corpus(name));
    let size: u64 = files.map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(size <= LARGEST, "the corpus has {size} bytes");
}

#[test]
fn some_seeds_of_the_verifier_are_complete_logs() {
    let logs =
        corpus("verdict").into_iter().filter_map(|file| targets::reforge::Forged::from(&fs::read(file).unwrap()));
    let complete = logs.filter(|log| log.verify().verdict == runbook::log::Verdict::Complete).count();
    assert!(complete >= 5, "only {complete} inputs get to the end");
}
