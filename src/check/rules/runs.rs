//! Runbooks that are run by this one: readable, without cycles, with the inputs they declare.

use super::{did_you_mean, listed};
use crate::check::facts::Facts;
use crate::check::included::{DEEPEST, Included};
use crate::runbook::model::{Kind, Run, Runbook, Step};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (block, step) in facts.steps() {
        let (Kind::Run(run), Some(included)) = (&step.kind, facts.included.get(&block)) else { continue };
        let place = run.runbook.place.clone();
        match included {
            Included::Missing(why) => {
                let problem = Diagnostic::error(Code::INCLUDE_MISSING, why.clone(), place);
                found.push(problem.help("paths are relative to the file they stand in"));
            }
            Included::Broken => {
                let message = format!("`{}` has errors of its own", run.runbook.value);
                let problem = Diagnostic::error(Code::INCLUDE_MISSING, message, place);
                found.push(problem.help(format!("see `runbook check {}`", run.runbook.value)));
            }
            Included::Cycle(chain) => {
                let message = format!("this runbook would run itself: {}", chain.join(" -> "));
                found.push(Diagnostic::error(Code::INCLUDE_CYCLE, message, place).help("break the cycle"));
            }
            Included::TooDeep(chain) => {
                let message = format!("runbooks run each other deeper than {DEEPEST} levels: {}", chain.join(" -> "));
                found.push(Diagnostic::error(Code::INCLUDES_TOO_MANY, message, place).help("put them side by side"));
            }
            Included::Sound(book) => inputs(step, run, book, found),
        }
    }
}

fn inputs(step: &Step, run: &Run, book: &Runbook, found: &mut Vec<Diagnostic>) {
    let declared: Vec<&str> = book.inputs.iter().map(|input| input.name.as_str()).collect();
    for (name, text) in run.inputs.iter().filter(|(name, _)| !declared.contains(&name.as_str())) {
        let hint = did_you_mean(name, declared.iter().copied());
        let message = format!("`{}` has no input `{name}`{hint}", book.name.value);
        let problem = Diagnostic::error(Code::INPUT_UNKNOWN, message, text.place.clone());
        found.push(problem.help(format!("its inputs are: {}", listed(declared.iter().copied()))));
    }
    let needed = book.inputs.iter().filter(|input| input.default.is_none());
    for input in needed.filter(|input| !run.inputs.iter().any(|(name, _)| *name == input.name)) {
        let message = format!("`{}` needs the input `{}`", book.name.value, input.name);
        let problem = Diagnostic::error(Code::INPUT_MISSING, message, step.place.clone());
        let problem = problem.also(input.place.clone(), "declared without a default");
        found.push(problem.help(format!("add `inputs: {{ {}: ... }}`", input.name)));
    }
}
