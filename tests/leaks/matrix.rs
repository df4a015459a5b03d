//! The masker against every canary in every encoding, split everywhere.

use crate::canaries::{Canary, canaries};
use crate::encodings::ENCODINGS;
use crate::masking::{in_pieces, masker};
use crate::speed::ordinary_text;
use runbook::drive::world::Masker;

/// The secrets and their parts that are secrets as well: lines, and values of documents.
fn shown(canaries: &[Canary]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for Canary { name, value } in canaries {
        all.push((name.clone(), value.clone()));
        // Frames of keys and names with nothing beside them are no secrets.
        let bare = |line: &str| line.starts_with("-----") || [":", ": {", ": ["].iter().any(|end| line.ends_with(end));
        let lines = value.lines().map(str::trim).filter(|line| line.len() >= 8 && !bare(line));
        all.extend(lines.map(|line| (format!("{name}, a line"), line.to_owned())));
        if let Ok(document) = serde_json::from_str::<serde_json::Value>(value) {
            let leaves = [&document["id"], &document["key"], &document["list"][0]];
            all.extend(leaves.iter().filter_map(|leaf| Some((format!("{name}, a value"), leaf.as_str()?.to_owned()))));
        }
        for token in value.split(['"', ' ', '\n', '\'']).filter(|_| name.starts_with("yaml")) {
            if token.len() >= 16 {
                all.push((format!("{name}, a value"), token.to_owned()));
            }
        }
    }
    all
}

/// What is left of a shown secret. Letters of base64 at its ends also depend on what stands beside it, and padding tells
/// the length modulo three.
fn left_over(masked: &str) -> usize {
    let rest = masked.replace("***", "");
    let rest =
        rest.strip_prefix("begin [").and_then(|rest| rest.strip_suffix("] end\n")).expect("nothing else is masked");
    rest.chars().filter(|letter| !letter.is_whitespace() && *letter != '=').count()
}

/// What stands before and after the secret in its own base64.
fn allowed(encoding: &str) -> usize {
    match encoding {
        "base64 in the middle" => 7 + 6 + 4,
        "base64 at 76 columns" => 7 + 2,
        name if name.starts_with("base64") => 4,
        _ => 0,
    }
}

fn check(masker: &Masker, splits: impl Fn(usize) -> Vec<usize>) -> (usize, usize) {
    let canaries = canaries();
    let (mut texts, mut cases) = (0, 0);
    for (name, value) in shown(&canaries) {
        for (encoding, encode) in ENCODINGS {
            let text = format!("begin [{}] end\n", encode(&value));
            let bytes = text.as_bytes();
            let whole = in_pieces(masker, &[bytes]);
            let left = left_over(&String::from_utf8_lossy(&whole));
            assert!(
                left <= allowed(encoding),
                "{left} letters of {name} as {encoding} are left: {}",
                String::from_utf8_lossy(&whole)
            );
            for at in splits(bytes.len()) {
                assert_eq!(
                    in_pieces(masker, &[&bytes[..at], &bytes[at..]]),
                    whole,
                    "{name} as {encoding}, split at {at}"
                );
                cases += 1;
            }
            texts += 1;
        }
    }
    (texts, cases)
}

#[test]
fn no_canary_gets_through_in_any_encoding() {
    let masker = masker(&canaries());
    let (texts, splits) = check(&masker, |length| vec![length / 3, length - 8]);
    println!("{texts} texts of 40 secrets in {} encodings, {splits} splits: 0 leaks", ENCODINGS.len());
    assert!(texts >= 40 * 26);
}

#[test]
#[ignore = "takes minutes"]
fn no_canary_gets_through_however_the_stream_is_split() {
    let masker = masker(&canaries());
    let (texts, splits) = check(&masker, |length| (0..length).step_by((length / 700).max(1)).collect());
    println!("{texts} texts of 40 secrets in {} encodings, {splits} splits: 0 leaks", ENCODINGS.len());
}

#[test]
fn ordinary_text_is_left_alone() {
    let masker = masker(&canaries());
    let mut text = ordinary_text(4 << 20);
    let sources = glob(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    sources.iter().for_each(|file| text.extend_from_slice(&std::fs::read(file).unwrap()));
    let text: Vec<u8> = String::from_utf8_lossy(&text).replace('*', "+").into_bytes();
    let masked = String::from_utf8_lossy(&in_pieces(&masker, &[&text])).into_owned();
    let falsely: Vec<&str> = masked.lines().filter(|line| line.contains("***")).collect();
    println!("{} false masks in {:.1} MB of ordinary text", falsely.len(), text.len() as f64 / 1e6);
    assert!(falsely.len() * 10_000_000 <= text.len(), "{falsely:?}");
}

fn glob(dir: std::path::PathBuf) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { glob(path) } else { vec![path] }).collect()
}
