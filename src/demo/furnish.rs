//! The files of a fresh demo, and how they are put back.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::DemoError;
use super::fault::RELEASES;
use super::paths::Paths;
use super::ports::{Addresses, loopback};

/// Puts what a fresh demo needs where it is missing; touches nothing that is there.
pub(super) fn furnish(paths: &Paths, ports: Addresses) -> Result<(), DemoError> {
    for (version, note) in RELEASES {
        let release = paths.releases().join(version);
        fs::create_dir_all(&release).map_err(|error| DemoError::file("create", &release, error))?;
        write(&release.join("VERSION"), &format!("{version}\n"))?;
        write(&release.join("NOTES"), &format!("{note}\n"))?;
    }
    if !paths.deploy_token().exists() {
        write_private(&paths.deploy_token(), &format!("{}\n", fresh_token()?))?;
    }
    if !paths.upstream().exists() {
        write(&paths.upstream(), &initial_upstream(ports))?;
    }
    Ok(())
}

/// Puts the runbook's files back to how a fresh demo has them.
pub(super) fn renew_files(paths: &Paths, ports: Addresses) -> Result<(), DemoError> {
    let upstream = paths.upstream();
    // A read-only file left by a fault is replaced as a whole.
    for path in [&upstream, &paths.maintenance_flag()] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(DemoError::file("remove", path, error));
            }
            _ => {}
        }
    }
    write(&upstream, &initial_upstream(ports))
}

fn initial_upstream(ports: Addresses) -> String {
    let (blue, green) = (loopback(ports.blue), loopback(ports.green));
    format!(
        "# Owned by runbooks. `runbook demo reload` makes a change effective.\n\
         upstream app {{\n    server {blue};    # blue\n    # server {green};  # green\n}}\n"
    )
}

fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    fs::write(path, text).map_err(|error| DemoError::file("write", path, error))
}

fn write_private(path: &Path, text: &str) -> Result<(), DemoError> {
    let create = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        io::Write::write_all(&mut file, text.as_bytes())
    };
    create().map_err(|error| DemoError::file("write", path, error))
}

pub(super) fn fresh_token() -> Result<String, DemoError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| DemoError::system("make a token", io::Error::other(error.to_string())))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
