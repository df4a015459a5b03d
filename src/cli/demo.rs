//! `runbook demo ...`

use super::args::DemoArgs;
use super::error::CliError;
use crate::store::Home;
use std::path::PathBuf;

pub(crate) fn run(args: DemoArgs) -> Result<u8, CliError> {
    let dir = match args.dir {
        Some(dir) => dir,
        None => state_dir(&Home::from_env()?),
    };
    match crate::demo::run(args.command, &dir, &mut std::io::stdout()) {
        Ok(()) => Ok(crate::report::exit::DONE),
        Err(error) => {
            eprintln!("error: {error}");
            Ok(crate::report::exit::FAILED)
        }
    }
}

/// Where the demo keeps its files unless told otherwise.
pub(crate) fn state_dir(home: &Home) -> PathBuf {
    home.state_dir().join("demo")
}
