//! What is fuzzed. A target takes any bytes and fails only by panicking: on its own, or because a property does not hold.
//!
//! The fuzzer and `tests/fuzz_corpus.rs` share these functions, so that everything once found stays found.

pub(crate) mod reforge;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use runbook::check::{Includes, check};
use runbook::log::{
    HashAlgorithm, PublicKey, RunId, SecretKey, Sha256Sum, Signer as _, SshSig, TrustStore, Verdict, read,
};
use runbook::runbook::{read as read_runbook, read_target, units};
use runbook::template::{self, Context};
use runbook::text::{RenderStyle, Source, render, to_json};
use serde_json::{Value, json};

type Target = fn(&[u8]);

/// Every target by name.
pub(crate) const ALL: [(&str, Target); 8] = [
    ("records", records),
    ("verdict", verdict),
    ("sshsig", sshsig),
    ("keys", keys),
    ("yaml", yaml),
    ("template", template),
    ("script", script),
    ("units", units),
];

/// The reader of logs, given segments between lines `%%`.
pub(crate) fn records(data: &[u8]) {
    let segments = reforge::split(data);
    if let Ok(log) = read(&segments) {
        assert!(!log.records.is_empty(), "a log without records was read");
        let total: usize = segments.iter().map(|segment| segment.len()).sum();
        assert!(log.records.len() + log.unsealed <= total, "more records than bytes");
    }
}

/// The verifier, given the text of a log that is chained and signed again (see [`reforge`]) so that inputs get past the
/// first hash. Whatever it says, it says it safely; and a complete log with one byte changed is not complete.
pub(crate) fn verdict(data: &[u8]) {
    let Some(mut forged) = reforge::Forged::from(data) else { return };
    let report = forged.verify();
    let screen = report.to_string();
    assert!(!screen.chars().any(|c| c.is_control() && c != '\n'), "a control character on the screen: {screen:?}");
    assert_eq!(report.json()["verdict"], report.verdict.to_string());
    if report.verdict != Verdict::Complete {
        return;
    }
    let log = read(&forged.slices()).unwrap_or_else(|e| panic!("complete, but not readable: {e}\n{screen}"));
    assert!(log.ended && log.unsealed == 0, "complete, but without its end");
    forged.change_one_byte(data);
    let changed = forged.verify();
    assert_ne!(changed.verdict, Verdict::Complete, "a changed log is complete: {changed}");
}

/// The signature codec, given armor or what is inside one: what is read is written back byte for byte.
pub(crate) fn sshsig(data: &[u8]) {
    for text in texts("SSH SIGNATURE", data) {
        let Ok(sig) = SshSig::parse(&text) else { continue };
        assert_eq!(sig.to_armor(), text, "decoded and encoded again it is another signature");
        let namespace = sig.namespace.clone();
        let by_message = sig.verify_message(&namespace, b"message");
        let by_sum = sig.verify_sum(&namespace, &Sha256Sum::of(b"message"));
        assert!(sig.hash != HashAlgorithm::Sha256 || by_message == by_sum);
        assert!(sig.verify_message("another", b"message").is_err() || namespace == "another");
    }
}

/// Keys and trust stores.
pub(crate) fn keys(data: &[u8]) {
    for text in texts("OPENSSH PRIVATE KEY", data) {
        if let Ok(secret) = SecretKey::from_openssh(&text) {
            let again = SecretKey::from_openssh(&secret.to_openssh("comment", 7)).expect("a key this program wrote");
            assert_eq!(again.public_key(), secret.public_key());
        }
        if let Ok(key) = PublicKey::parse_line(&text) {
            assert_eq!(PublicKey::parse_line(&key.to_line()), Ok(key));
        }
        let Ok(store) = TrustStore::parse(&text) else { continue };
        let key = SecretKey::from_seed(&reforge::OPERATOR).public_key();
        for t in ["2026-11-21T00:18:07.009248Z", "", "2026", "9999-99-99T99:99:99Z"] {
            let plain = store.check(&key, "log.v1@runbook", t);
            let own = store.clone().with_own_key(key.clone()).check(&key, "log.v1@runbook", t);
            assert!(plain.is_err() || own.is_ok(), "knowing the own key takes trust away");
        }
    }
}

/// The reader of runbooks and target profiles, with every check, and the drawing of what they say.
pub(crate) fn yaml(data: &[u8]) {
    let source = match Source::from_bytes("fuzz.yml", data.to_vec()) {
        Ok(source) => source,
        Err(problem) => return shown(&[*problem]),
    };
    let (book, mut problems) = read_runbook(&source);
    if let Some(book) = &book {
        problems.extend(check(book, &NoOthers));
    }
    shown(&problems);
    shown(&read_target(&source).1);
}

/// Text templates and expressions, rendered with odd values. What cannot be checked cannot be rendered.
pub(crate) fn template(data: &[u8]) {
    let (src, value) = source_and_value(data);
    let context = world(&value);
    let rendered = template::text(&src, &context);
    match template::check_text(&src) {
        Ok(refs) => drop(refs.names()),
        Err(error) => {
            in_bounds(&src, error.range);
            assert!(rendered.is_err() || !src.contains("{{"), "checking refuses what rendering accepts");
        }
    }
    rendered.map_err(|e| in_bounds(&src, e.range)).ok();
    template::value(&src, &context).map_err(|e| in_bounds(&src, e.range)).ok();
    template::check_expr(&src).map_err(|e| in_bounds(&src, e.range)).ok();
    template::condition(&src, &context).map_err(|e| in_bounds(&src, e.range)).ok();
}

/// Shell scripts with values. A value never changes the text of a script, only what travels beside it.
pub(crate) fn script(data: &[u8]) {
    let (src, value) = source_and_value(data);
    match template::check_shell(&src) {
        Ok((_, lints)) => lints.into_iter().for_each(|lint| in_bounds(&src, lint.range)),
        Err(errors) => errors.into_iter().for_each(|error| in_bounds(&src, error.range)),
    }
    template::simple_command(&src);
    let (odd, plain) = (template::shell(&src, &world(&value)), template::shell(&src, &world("plain")));
    for error in [&odd, &plain].into_iter().filter_map(|script| script.as_ref().err()) {
        in_bounds(&src, error.range.clone());
    }
    // A branch may choose other text, and `raw` is there to write script text.
    if let (Ok(odd), Ok(plain)) = (odd, plain)
        && !src.contains("{%")
        && !src.contains("raw")
    {
        assert_eq!(without_numbers(&odd.text), without_numbers(&plain.text), "a value changed the script");
    }
}

/// Durations, sizes, identifiers, sums and times.
pub(crate) fn units(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(us) = units::duration_us(&text) {
        units::duration_words(us);
    }
    units::size_bytes(&text);
    if let Ok(id) = text.parse::<RunId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Some(sum) = Sha256Sum::from_hex(&text) {
        assert_eq!(sum.to_string(), text);
    }
    let context = world(&text);
    for filter in ["duration", "int", "float", "fromjson", "lines", "trim", "urlencode", "version"] {
        template::expr(&format!("inputs.v | {filter}"), &context).ok();
    }
}

struct NoOthers;

impl Includes for NoOthers {
    fn load(&self, from: &Source, path: &str) -> Result<Source, String> {
        // A file that includes itself is the worst of files.
        if path == "self.yml" { Ok(from.clone()) } else { Err("there is no such file".to_string()) }
    }
}

/// Draws diagnostics in every style. Nothing drawn without colours drives a terminal, and every edit fits its file.
fn shown(problems: &[runbook::text::Diagnostic]) {
    for (color, short) in [(false, false), (false, true), (true, false)] {
        let screen = render(problems, RenderStyle { color, short, width: 80 });
        let steers = |c: char| c.is_control() && c != '\n';
        assert!(color || !screen.chars().any(steers), "a control character on the screen: {screen:?}");
    }
    to_json(problems).to_string();
    for problem in problems {
        let text = problem.place.source.text();
        let span = problem.place.span.range();
        assert!(text.get(span.clone()).is_some(), "{span:?} is no place in the file: {}", problem.message);
        if let Some(fix) = &problem.fix {
            assert!(text.get(fix.span.range()).is_some(), "{:?} is no place in the file: {}", fix.span, fix.title);
        }
    }
}

/// Names a template can use, and one value from the fuzzer among them.
fn world(value: &str) -> Context {
    let mut context = Context::new();
    let parsed = serde_json::from_str(value).unwrap_or(Value::Null);
    context
        .set("inputs", json!({ "v": value, "n": 4, "on": true, "db": template::secret("db") }))
        .set("vars", json!({ "list": ["a", value], "none": null }))
        .set("target", json!({ "hosts": ["a", "b"], "colours": { "blue": { "url": "http://b" } } }))
        .set("steps", json!({ "live": { "colour": value } }))
        .set("parsed", parsed)
        .set("stdout", json!(value))
        .set("exit", json!(0));
    context
}

/// A template, and the value after the last line `%%`.
fn source_and_value(data: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(data);
    match text.rsplit_once("\n%%\n") {
        Some((src, value)) => (src.to_string(), value.to_string()),
        None => (text.to_string(), "a'b\"c $(id) `id` \\ \n%s".to_string()),
    }
}

/// The text itself, and the bytes in armor.
fn texts(label: &str, data: &[u8]) -> Vec<String> {
    let encoded = BASE64.encode(data);
    let lines: Vec<&str> = encoded.as_bytes().chunks(70).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    let armored = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    std::str::from_utf8(data).map(str::to_string).into_iter().chain([armored]).collect()
}

fn in_bounds(src: &str, range: std::ops::Range<usize>) {
    assert!(src.get(range.clone()).is_some(), "{range:?} is no place in {src:?}");
}

/// The script with every `RB_1`, `RB_2` ... called the same: values that are equal share a name.
fn without_numbers(script: &str) -> String {
    let mut parts = script.split("RB_");
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| text + "RB_" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}
