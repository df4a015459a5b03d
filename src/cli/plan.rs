//! `runbook plan FILE`: the dry run.

use super::args::{Common, Output, PlanArgs};
use super::error::CliError;
use super::prepare::prepare;
use crate::plan::Plan;
use crate::report::{self, PreviewStyle, exit};
use crate::runbook::model::Effect;
use crate::store::{Home, plain};

pub(crate) fn run(common: &Common, args: PlanArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let prepared = prepare(&args.making, &home, false)?;
    if let Some(file) = &args.out {
        let written = std::fs::write(file, &prepared.bytes);
        written.map_err(|e| CliError::Usage(format!("cannot write {}: {}", file.display(), plain(&e))))?;
    }
    if common.output == Output::Json {
        let plan = serde_json::json!({ "digest": prepared.digest, "plan": prepared.plan });
        super::print(&format!("{plan:#}\n"))?;
    } else {
        let style =
            PreviewStyle { full: args.full, findings: prepared.findings(&args.making.file), ..PreviewStyle::default() };
        super::print(&report::preview(&prepared.plan, &prepared.digest, &style))?;
        if let Some(file) = &args.out {
            let file = file.display();
            super::print(&format!(
                "saved to {file}\n  approve: runbook approve {file}\n  run:     runbook run --plan {file}\n"
            ))?;
        }
    }
    Ok(if args.detailed_exitcode && changes(&prepared.plan) { exit::CHANGES } else { exit::DONE })
}

fn changes(plan: &Plan) -> bool {
    plan.nodes.iter().any(|node| node.effect != Effect::Read)
}
