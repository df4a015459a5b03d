//! `runbook demo ...`

use super::args::DemoArgs;
use super::error::CliError;
use crate::demo::DemoCommand;
use crate::store::Home;
use std::path::PathBuf;

pub(crate) fn run(args: DemoArgs) -> Result<u8, CliError> {
    let makes_it = matches!(args.command, DemoCommand::Up { .. } | DemoCommand::Serve { .. });
    let dir = match args.dir {
        Some(dir) => dir,
        None if makes_it => own_dir()?,
        None => state_dir(&Home::from_env()?),
    };
    match crate::demo::run(args.command, &dir, &mut std::io::stdout()) {
        Ok(()) => Ok(crate::report::exit::DONE),
        Err(error) => {
            super::say(&format!("error: {error}\n"));
            Ok(crate::report::exit::FAILED)
        }
    }
}

/// The demo may be the first to need the state directory, and runs refuse one that is open to others.
fn own_dir() -> Result<PathBuf, CliError> {
    let home = Home::from_env()?;
    home.prepare()?;
    Ok(state_dir(&home))
}

/// Where the demo keeps its files unless told otherwise.
pub(crate) fn state_dir(home: &Home) -> PathBuf {
    home.state_dir().join("demo")
}
