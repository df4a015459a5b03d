//! `runbook schema` and `runbook completions`: what editors and shells want.

use super::args::{Cli, CompletionArgs, SchemaArgs, SchemaOf};
use super::error::CliError;
use crate::report::exit;
use clap::CommandFactory as _;

pub(crate) fn run(args: SchemaArgs) -> Result<u8, CliError> {
    super::print(match args.of {
        SchemaOf::Runbook => crate::runbook::SCHEMA,
        SchemaOf::Target => crate::runbook::TARGET_SCHEMA,
        SchemaOf::Waivers => crate::runbook::WAIVER_SCHEMA,
    })?;
    Ok(exit::DONE)
}

pub(crate) fn completions(args: CompletionArgs) -> Result<u8, CliError> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "runbook", &mut out);
    super::print(&String::from_utf8_lossy(&out))?;
    Ok(exit::DONE)
}
