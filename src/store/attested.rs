//! In-toto statements about a run: which files they are about, and whether these are still what was attested.

use std::path::Path;

use crate::log::{Attestation, NAMESPACE, Report, Sha256Sum, TrustStore, Verdict, segment_file};

use super::error::StoreError;
use super::files;
use super::run_dir::{PLAN_FILE, segments};
use super::witness::Given;

/// The files of a run that an attestation is about, with their sums: every segment, the plan, the runbook.
///
/// # Errors
/// When one of them cannot be read.
pub fn subjects(dir: &Path) -> Result<Vec<(String, Sha256Sum)>, StoreError> {
    let mut names: Vec<String> = segments(dir)?.into_iter().map(segment_file).collect();
    names.push(PLAN_FILE.to_string());
    let inputs = dir.join("inputs");
    let mut read: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(&inputs).map_err(StoreError::io("read", &inputs))? {
        let name = entry.map_err(StoreError::io("read", &inputs))?.file_name();
        read.push(format!("inputs/{}", name.to_string_lossy()));
    }
    read.sort();
    names.extend(read);
    let sum = |name: String| {
        let path = dir.join(&name);
        let sum = files::sum_file(&path)?.ok_or(StoreError::WrongKind(path, "is missing"))?;
        Ok((name, sum))
    };
    names.into_iter().map(sum).collect()
}

/// Takes in an attestation of a run: it must be signed by a key that counts for logs, and every file it names must be
/// what it was.
pub(crate) fn take_attestation(
    report: &mut Report,
    dir: &Path,
    given: &Given,
    trust: &TrustStore,
) -> Result<(), StoreError> {
    let name = given.name.escape_debug().to_string();
    let attestation = match Attestation::parse(&given.text) {
        Ok(attestation) => attestation,
        Err(why) => {
            report.find(Verdict::Tampered, format!("attestation {name}: {why}"));
            return Ok(());
        }
    };
    let said = |field: &str| attestation.statement.predicate.get(field).and_then(serde_json::Value::as_str);
    let (run, at) = (said("run").unwrap_or_default(), said("attestedOn").unwrap_or_default());
    if report.run.is_some_and(|this| this.to_string() != run) {
        report.find(Verdict::Tampered, format!("attestation {name} is about run '{}'", run.escape_debug()));
        return Ok(());
    }
    match trust.check(&attestation.key, NAMESPACE, at) {
        Ok(signer) => {
            let (who, verdict) = (signer.principal.escape_debug(), said("verdict").unwrap_or_default().escape_debug());
            report.note(format!("attested as {verdict} by {who} at {}", at.escape_debug()));
        }
        Err(why) => report.find(Verdict::Untrusted, format!("attestation {name}: {why}")),
    }
    for (file, attested) in &attestation.statement.subjects {
        let shown = file.escape_debug();
        let inside = file.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        let found = if inside { files::sum_file(&dir.join(file))? } else { None };
        match found {
            Some(found) if found == *attested => {}
            Some(found) => {
                let (is, was) = (found.short(), attested.short());
                let text = format!("{shown} is not what {name} attests: its SHA-256 is {is}.., attested is {was}..");
                report.find(Verdict::Tampered, text);
            }
            None => report.find(Verdict::Tampered, format!("{name} attests {shown}, which is missing")),
        }
    }
    let attested = |file: &String| attestation.statement.subjects.iter().any(|(name, _)| name == file);
    for file in segments(dir)?.into_iter().map(segment_file).filter(|file| !attested(file)) {
        report.note(format!("{file} was written after {name} was made"));
    }
    Ok(())
}
