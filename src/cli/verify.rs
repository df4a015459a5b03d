//! `runbook verify [RUN]`: the log is whole, signed, and says what happened.

use super::args::{Common, Output, VerifyArgs};
use super::error::CliError;
use super::runs::newest;
use crate::log::{TrustStore, Verdict};
use crate::report::exit;
use crate::store::{Given, Home, keys, plain, verify_run};
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub(crate) fn run(common: &Common, args: VerifyArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let trust = trust_store(&home, args.trust.as_deref())?;
    let dir = match &args.run {
        Some(path) if path.contains('/') => PathBuf::from(path),
        Some(id) => home.run_path(home.find(id)?),
        None => home.run_path(newest(&home).map_err(|_| CliError::Unverified("there is no run to verify".into()))?),
    };
    let given = args.heads.iter().map(|file| given(file)).collect::<Result<Vec<_>, _>>()?;
    let report = verify_run(&home, &dir, &trust, &given).map_err(|e| CliError::Unverified(e.to_string()))?;
    let code = if report.verdict == Verdict::Complete { exit::DONE } else { exit::UNVERIFIED };
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", report.json()))?;
    } else {
        super::print(&format!("{report}\n"))?;
    }
    Ok(code)
}

/// A file a person kept; `-` is standard input, for `journalctl | runbook verify --heads -`.
fn given(file: &Path) -> Result<Given, CliError> {
    let read = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    let failed = |e: &std::io::Error| CliError::Usage(format!("cannot read {}: {}", file.display(), plain(e)));
    let text = read.map_err(|e| failed(&e))?;
    Ok(Given { name: file.display().to_string(), text: String::from_utf8_lossy(&text).into_owned() })
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
