//! Two verifiers written from one document must agree about every log, however it was mangled.
//!
//! The second is `tests/second_verifier.py`. A disagreement prints the number of its case, from which it can be made again:
//! `SECOND_OPINION_CASE=4711 cargo test --test second_opinion -- --ignored`. `SECOND_OPINION_FIRST=1000000` tries other cases.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]
#![allow(missing_docs, unreachable_pub, reason = "a test program has no readers of its interface")]

mod attacks;
mod python;
mod rng;
mod runs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use runbook::log::{
    Evidence, OutputState, RevokedKeys, Segment, Sha256Sum, TrustStore, segment_file, signature_file, verify,
};
use runbook::store::verify_dir;

use attacks::ATTACKS;
use python::{Python, bundle, script};
use rng::Rng;
use runs::{Run, golden, honest};

const CASES: u64 = 25_000;
/// Honest runs to begin with: few enough that both verifiers remember signatures they have checked before.
const RUNS: usize = 300;

/// The first verifier's opinion, and its reasons.
fn first_opinion(run: &Run) -> (String, String) {
    let Ok(trust) = TrustStore::parse(&run.trust) else { return ("NO TRUST STORE".to_string(), String::new()) };
    let Ok(revoked) = RevokedKeys::parse(run.revoked.as_bytes()) else {
        return ("NO TRUST STORE".to_string(), String::new());
    };
    let trust = trust.with_revoked(revoked);
    let file = |name: String| run.files.get(&name).map(Vec::as_slice);
    let segments: Vec<Segment<'_>> = (1..10)
        .map(|number| Segment { number, bytes: file(segment_file(number)), signature: file(signature_file(number)) })
        .filter(|segment| segment.bytes.is_some() || segment.signature.is_some())
        .collect();
    let plan = file("plan.json".to_string());
    let evidence =
        Evidence { segments: &segments, trust: &trust, expect_run: run.expect, known_heads: &run.heads, plan };
    let report = verify(&evidence, &mut |claim| match run.files.get(&claim.file) {
        None => OutputState::Missing,
        Some(data) => OutputState::Found {
            bytes: data.len() as u64,
            prefix: usize::try_from(claim.bytes).ok().and_then(|end| data.get(..end)).map(Sha256Sum::of),
        },
    });
    (report.verdict.to_string(), report.to_string())
}

/// The run of a case, and the name of what was done to it.
fn case(number: u64, runs: &[Run]) -> (Run, &'static str) {
    let mut rng = Rng::new(number);
    let (mut run, other) = (rng.pick(runs).clone(), rng.pick(runs));
    let (name, attack) = ATTACKS[number as usize % ATTACKS.len()];
    attack(&mut run, other, &mut rng);
    (run, name)
}

#[test]
#[ignore = "needs python3 and libcrypto; tests/run runs it"]
fn both_verifiers_agree_about_tens_of_thousands_of_mangled_logs() {
    let said = |name: &str| std::env::var(name).ok().map(|case| case.parse::<u64>().expect("a number"));
    let (only, first) = (said("SECOND_OPINION_CASE"), said("SECOND_OPINION_FIRST").unwrap_or(0));
    let numbers: Vec<u64> = only.map_or_else(|| (first..first + CASES).collect(), |case| vec![case]);
    let mut runs: Vec<Run> = (0..RUNS).map(|seed| honest(&mut Rng::new(seed as u64))).collect();
    runs.extend(golden_runs().iter().map(|(run, signers)| golden(run, signers)));
    let mut python = Python::start();
    let mut firsts = Vec::new();
    for number in &numbers {
        let (run, name) = case(*number, &runs);
        python.ask(&run);
        firsts.push((*number, name, first_opinion(&run)));
    }
    let seconds = python.answers();
    assert_eq!(seconds.len(), firsts.len(), "the second verifier did not answer everything");

    let mut counts: BTreeMap<(&str, String), u32> = BTreeMap::new();
    let mut disagreements = Vec::new();
    for ((number, name, (verdict, why)), second) in firsts.into_iter().zip(seconds) {
        if second.split('\t').next() != Some(&verdict) {
            disagreements.push(format!("case {number} ({name}):\n  first:  {why}\n  second: {second}"));
        }
        *counts.entry((name, verdict)).or_default() += 1;
    }
    println!("{} logs, {} disagreements", numbers.len(), disagreements.len());
    for ((name, verdict), count) in &counts {
        println!("{count:7}  {name}: {verdict}");
    }
    if only.is_some() {
        let dir = std::env::temp_dir().join(format!("second-opinion-{}", numbers[0]));
        std::fs::write(&dir, bundle(&case(numbers[0], &runs).0)).unwrap();
        println!("the bundle is in {}", dir.display());
    }
    let shown = disagreements.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(disagreements.is_empty(), "{} disagreements:\n{shown}", disagreements.len());
}

/// The run directories in `tests/golden`, each with the trust store beside it.
fn golden_runs() -> Vec<(PathBuf, PathBuf)> {
    let dirs = |path: &Path| -> Vec<PathBuf> {
        let mut dirs: Vec<PathBuf> = std::fs::read_dir(path).unwrap().flatten().map(|entry| entry.path()).collect();
        dirs.retain(|path| path.is_dir());
        dirs.sort();
        dirs
    };
    let sets = dirs(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"));
    let runs = sets.iter().flat_map(|set| dirs(set).into_iter().map(|run| (run, set.join("allowed_signers"))));
    runs.collect()
}

#[test]
#[ignore = "needs python3 and libcrypto; tests/run runs it"]
fn both_verifiers_accept_the_golden_logs() {
    let runs = golden_runs();
    assert!(runs.len() >= 2);
    for (run, signers) in runs {
        let trust = TrustStore::parse(&std::fs::read_to_string(&signers).unwrap()).unwrap();
        let output = Command::new("python3").arg(script()).args([&run, &signers]).output().unwrap();
        let second = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = verify_dir(&run, &trust, &[]).unwrap().verdict.to_string();
        assert_eq!((first.as_str(), second.trim()), ("COMPLETE", "COMPLETE"), "{}", run.display());
        assert_eq!(output.status.code(), Some(0));
    }
}
