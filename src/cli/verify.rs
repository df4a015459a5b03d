//! `runbook verify [RUN]`: the log is whole, signed, and says what happened.

use super::args::{Common, Output, VerifyArgs};
use super::error::CliError;
use super::retold::tell_again;
use super::runs::newest;
use crate::log::{TrustStore, Verdict};
use crate::report::{exit, visible};
use crate::store::{Given, Home, Witnesses, keys, plain, trust, verify_run};
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub(crate) fn run(common: &Common, args: VerifyArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let store = trust_store(&home, args.trust.as_deref(), args.revoked.as_deref())?;
    let dir = match &args.run {
        Some(run) => find_dir(&home, run)?,
        None => home.run_path(newest(&home).map_err(|_| CliError::Unverified("there is no run to verify".into()))?),
    };
    let witnesses = Witnesses {
        heads: args.heads.iter().map(|file| given(file)).collect::<Result<_, _>>()?,
        attestations: args.attestation.iter().map(|file| given(file)).collect::<Result<_, _>>()?,
        tsa_ca: args.tsa_ca.as_deref().map(|file| given(file).map(|_| file.to_path_buf())).transpose()?,
    };
    let mut report = verify_run(&home, &dir, &store, &witnesses).map_err(|e| CliError::Unverified(e.to_string()))?;
    tell_again(&mut report, &dir);
    let code = if report.verdict == Verdict::Complete { exit::DONE } else { exit::UNVERIFIED };
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", report.json()))?;
    } else {
        super::print(&format!("{}\n", visible(&report.to_string())))?;
    }
    Ok(code)
}

/// The directory of a run: an id, the beginning of one, or a path.
pub(crate) fn find_dir(home: &Home, run: &str) -> Result<PathBuf, CliError> {
    if run.contains('/') { Ok(PathBuf::from(run)) } else { Ok(home.run_path(home.find(run)?)) }
}

/// So much is read of what a person kept; a device would never end.
const MOST_GIVEN: u64 = 64 << 20;

/// A file a person kept; `-` is standard input, for `journalctl | runbook verify --heads -`.
fn given(file: &Path) -> Result<Given, CliError> {
    let read = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().take(MOST_GIVEN).read_to_end(&mut bytes).map(|_| bytes)
    } else {
        let mut bytes = Vec::new();
        std::fs::File::open(file).and_then(|file| file.take(MOST_GIVEN).read_to_end(&mut bytes)).map(|_| bytes)
    };
    let failed = |e: std::io::Error| CliError::Usage(format!("cannot read {}: {}", file.display(), plain(&e)));
    let text = read.map_err(failed)?;
    Ok(Given { name: file.display().to_string(), text: String::from_utf8_lossy(&text).into_owned() })
}

/// This user's trust store or the one in `file`, without the keys that this user or `revoked` revokes.
pub(crate) fn trust_store(
    home: &Home,
    file: Option<&Path>,
    revoked_too: Option<&Path>,
) -> Result<TrustStore, CliError> {
    let store = match file {
        None => home.trust()?,
        Some(path) => keys::load_trust(path)?.ok_or_else(|| missing("trust store", path))?,
    };
    let mut revoked = home.revoked()?;
    if let Some(path) = revoked_too {
        revoked.add(trust::load_revoked(path)?.ok_or_else(|| missing("revocation list", path))?);
    }
    Ok(store.with_revoked(revoked))
}

fn missing(what: &str, path: &Path) -> CliError {
    CliError::Usage(format!("there is no {what} {}", path.display()))
}

/// The verified report of a run that somebody is about to vouch for; only a log that is good so far will do.
pub(crate) fn good_so_far(home: &Home, dir: &Path, trust: &TrustStore) -> Result<crate::log::Report, CliError> {
    let refused = |e: crate::store::StoreError| CliError::Unverified(e.to_string());
    let mut report = verify_run(home, dir, trust, &Witnesses::default()).map_err(refused)?;
    tell_again(&mut report, dir);
    match report.verdict {
        Verdict::Complete | Verdict::Incomplete if report.head.is_some() => Ok(report),
        _ => Err(CliError::Unverified(format!("nobody should vouch for this log\n{report}"))),
    }
}
