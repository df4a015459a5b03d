//! `runbook verify [RUN]`: the log is whole, signed, and says what happened.

use super::args::{Common, Output, VerifyArgs};
use super::error::CliError;
use super::runs::newest;
use crate::log::{TrustStore, Verdict};
use crate::report::exit;
use crate::store::{Home, keys, verify_dir};
use std::path::{Path, PathBuf};

pub(crate) fn run(common: &Common, args: VerifyArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let trust = trust_store(&home, args.trust.as_deref())?;
    let dir = match &args.run {
        Some(path) if path.contains('/') => PathBuf::from(path),
        Some(id) => home.run_path(home.find(id)?),
        None => home.run_path(newest(&home).map_err(|_| CliError::Unverified("there is no run to verify".into()))?),
    };
    let report = verify_dir(&dir, &trust, &[]).map_err(|e| CliError::Unverified(e.to_string()))?;
    let code = if report.verdict == Verdict::Complete { exit::DONE } else { exit::UNVERIFIED };
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", report.json()))?;
    } else {
        super::print(&format!("{report}\n"))?;
    }
    Ok(code)
}

fn trust_store(home: &Home, file: Option<&Path>) -> Result<TrustStore, CliError> {
    match file {
        None => Ok(home.trust()?),
        Some(path) => match keys::load_trust(path)? {
            Some(store) => Ok(store),
            None => Err(CliError::Usage(format!("there is no trust store {}", path.display()))),
        },
    }
}
