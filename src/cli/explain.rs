//! `runbook explain [CODE]`

use super::args::ExplainArgs;
use super::error::CliError;
use crate::report::exit;
use crate::text::Code;

pub(crate) fn run(args: ExplainArgs) -> Result<u8, CliError> {
    let Some(wanted) = args.code else {
        let list: String = Code::all().map(|code| format!("{code}  {}\n", code.title())).collect();
        super::print(&list)?;
        return Ok(exit::DONE);
    };
    match Code::parse(&wanted) {
        Some(code) => {
            super::print(&format!("{code}: {}\n\n{}\n", code.title(), code.explanation()))?;
            Ok(exit::DONE)
        }
        None => Err(CliError::Usage(format!("there is no code `{wanted}`; `runbook explain` lists them all"))),
    }
}
