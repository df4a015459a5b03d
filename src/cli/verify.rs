//! `runbook verify [RUN]`: the log is whole, signed, and says what happened.

use super::args::{Common, Output, VerifyArgs};
use super::error::CliError;
use super::runs::newest;
use crate::log::{TrustStore, Verdict};
use crate::report::exit;
use crate::store::{Home, keys, trust, verify_dir};
use std::path::{Path, PathBuf};

pub(crate) fn run(common: &Common, args: VerifyArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let store = trust_store(&home, &args)?;
    let dir = match &args.run {
        Some(path) if path.contains('/') => PathBuf::from(path),
        Some(id) => home.run_path(home.find(id)?),
        None => home.run_path(newest(&home).map_err(|_| CliError::Unverified("there is no run to verify".into()))?),
    };
    let report = verify_dir(&dir, &store, &[]).map_err(|e| CliError::Unverified(e.to_string()))?;
    let code = if report.verdict == Verdict::Complete { exit::DONE } else { exit::UNVERIFIED };
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", report.json()))?;
    } else {
        super::print(&format!("{report}\n"))?;
    }
    Ok(code)
}

fn trust_store(home: &Home, args: &VerifyArgs) -> Result<TrustStore, CliError> {
    let store = match &args.trust {
        None => home.trust()?,
        Some(path) => keys::load_trust(path)?.ok_or_else(|| missing("trust store", path))?,
    };
    let mut revoked = home.revoked()?;
    if let Some(path) = &args.revoked {
        revoked.add(trust::load_revoked(path)?.ok_or_else(|| missing("revocation list", path))?);
    }
    Ok(store.with_revoked(revoked))
}

fn missing(what: &str, path: &Path) -> CliError {
    CliError::Usage(format!("there is no {what} {}", path.display()))
}
