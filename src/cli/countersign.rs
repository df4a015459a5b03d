//! `runbook countersign RUN`: a second person vouches for how far a log goes.

use super::args::{Common, CountersignArgs, Output};
use super::error::CliError;
use super::verify::{find_dir, good_so_far, trust_store};
use crate::log::{APPROVAL_NAMESPACE, CountersignStatement, Countersignature, head_line};
use crate::report::exit;
use crate::store::{Home, RunClock, plain, put_countersignature, signing_key, trust};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

pub(crate) fn run(common: &Common, args: CountersignArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let identity = signing_key(home.config_dir(), super::say)?;
    let dir = find_dir(&home, &args.run)?;
    let trust = trust_store(&home, args.trust.as_deref(), None)?;
    let report = good_so_far(&home, &dir, &trust)?;
    let key = identity.signer.public_key();
    trust::refuse_revoked(home.config_dir(), &key)?;
    report.refuse_driver(&key, &identity.principal, &trust).map_err(|who| {
        CliError::Usage(format!("a countersignature takes a second person; this key is that of {who}"))
    })?;
    // `good_so_far` gives only reports that have both.
    let (Some(run), Some(head)) = (report.run, report.head) else { return Ok(exit::UNVERIFIED) };
    let (by, at) = (identity.principal.clone(), RunClock::start().now().t);
    let statement = CountersignStatement { run, head, by, at, note: args.note.unwrap_or_default() };
    let signed =
        Countersignature::sign(statement, identity.signer.as_ref()).map_err(|e| CliError::Usage(e.to_string()))?;
    let file = match args.export {
        Some(file) => {
            write_new(&file, &signed.to_text())?;
            file
        }
        None => put_countersignature(&dir, &signed).map_err(|e| CliError::Usage(e.to_string()))?,
    };
    let line = head_line(run, &head);
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", json!({ "head": line, "by": identity.principal, "file": file })))?;
    } else {
        super::print(&format!(
            "{line}\ncountersigned by {} in {}\n\nIt counts for whoever has this line in their allowed_signers:\n\
             {} namespaces=\"{APPROVAL_NAMESPACE}\" {}\n",
            identity.principal,
            file.display(),
            identity.principal,
            key.to_line(),
        ))?;
    }
    Ok(exit::DONE)
}

/// Writes a file that must not be there yet.
pub(crate) fn write_new(file: &Path, text: &str) -> Result<(), CliError> {
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| CliError::Usage(format!("cannot write {}: {}", file.display(), plain(&e))))
}
