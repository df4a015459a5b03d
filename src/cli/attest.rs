//! `runbook attest RUN`: what happened, as an in-toto statement that other tools understand.

use super::args::{AttestArgs, Common};
use super::countersign::write_new;
use super::error::CliError;
use super::runs::view_of;
use super::verify::{find_dir, good_so_far};
use crate::log::{Report, Signer as _, Statement};
use crate::report::{self, View, exit};
use crate::store::{Home, RunClock, keys, subjects, trust};
use serde_json::{Map, Value, json};

pub(crate) fn run(_: &Common, args: AttestArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    // An envelope is no SSH signature, so a key from elsewhere, which only ssh-keygen reaches, cannot sign it.
    let identity = keys::load_or_create(home.config_dir())?;
    trust::refuse_revoked(home.config_dir(), &identity.key.public_key())?;
    let dir = find_dir(&home, &home.find(&args.run)?.to_string())?;
    let checked = good_so_far(&home, &dir, &home.trust()?)?;
    let (_, _, view) = view_of(Some(&args.run))?;
    let statement = Statement { subjects: subjects(&dir)?, predicate: predicate(&checked, &view) };
    let envelope = statement.sign(&identity.key);
    match args.file {
        Some(file) => {
            write_new(&file, &envelope)?;
            super::say(&format!("attested as {} in {}\n", checked.verdict, file.display()));
        }
        None => super::print(&envelope)?,
    }
    Ok(exit::DONE)
}

fn predicate(checked: &Report, view: &View) -> Map<String, Value> {
    let told = report::json(view);
    let started = &told["run"];
    let fields = json!({
        "run": checked.run.map(|run| run.to_string()),
        "verdict": checked.verdict.to_string(),
        "signer": checked.signer,
        "operator": started["operator"],
        "host": started["host"],
        "title": started["title"],
        "target": started["target"],
        "planSha256": checked.plan_sha256.map(|sum| sum.to_string()),
        "startedOn": started["started"],
        "lastOn": told["last"],
        "ended": told["ended"],
        "result": told["result"],
        "steps": told["counts"],
        "countersignedBy": checked.countersigned.iter().map(|second| second.by.as_str()).collect::<Vec<_>>(),
        "tool": concat!("runbook ", env!("CARGO_PKG_VERSION")),
        "attestedOn": RunClock::start().now().t,
    });
    fields.as_object().cloned().unwrap_or_default()
}
