//! Inputs that are not declared.

use super::{did_you_mean, listed};
use crate::check::facts::Facts;
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let declared: Vec<&str> = facts.runbook.inputs.iter().map(|input| input.name.as_str()).collect();
    for usage in &facts.uses {
        for read in usage.refs.iter().filter(|r| r.path[0] == "inputs") {
            let Some(name) = read.path.get(1).filter(|name| !declared.contains(&name.as_str())) else { continue };
            let hint = did_you_mean(name, declared.iter().copied());
            let message = format!("there is no input `{name}`{hint}");
            let problem = Diagnostic::error(Code::UNKNOWN_INPUT, message, usage.place(read));
            let inputs = listed(declared.iter().copied());
            found.push(problem.help(format!("declare it under `inputs:`; declared are: {inputs}")));
        }
    }
}
