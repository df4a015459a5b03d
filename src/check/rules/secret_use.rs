//! What else can go wrong with secrets: all inputs at once, short ones, files with something else in them.

use super::secrets::{is_whole, secret};
use crate::check::facts::Facts;
use crate::runbook::model::{InputKind, Step, Undo};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let secrets = facts.runbook.inputs.iter().filter(|input| input.kind == InputKind::Secret);
    for input in secrets.clone().filter(|input| input.allow_short) {
        let message = format!("the secret `{}` may be so short that masking it hides ordinary text", input.name);
        let problem = Diagnostic::warning(Code::SHORT_SECRET, message, input.place.clone());
        found.push(problem.help("use a secret of 8 bytes or more, and leave `allow_short` out"));
    }
    if let Some(first) = secrets.clone().next() {
        all_inputs(facts, &first.name, found);
    }
    for usage in facts.uses.iter().filter(|usage| usage.key == "secret_files") {
        let named = usage.refs.iter().any(|read| secret(facts.runbook, &read.path).is_some());
        if !named || !is_whole(&usage.text.value) {
            let message = "only a whole secret goes into a secret file";
            let problem = Diagnostic::error(Code::SECRET_FILE_CONTENT, message, usage.text.place.clone());
            found.push(
                problem.help("write `\"{{ inputs.NAME }}\"` of a secret input; other content is for a `file:` step"),
            );
        }
    }
    for (_, step) in facts.steps() {
        let undo = step.undo.iter().filter_map(|undo| match undo {
            Undo::Step(body) => Some(&**body),
            _ => None,
        });
        undo.chain([step]).chain(step.done_when.as_deref()).for_each(|step| two_meanings(step, found));
    }
}

/// An expression that reads every input, or one whose name is computed, reads a secret too.
fn all_inputs(facts: &Facts<'_>, secret: &str, found: &mut Vec<Diagnostic>) {
    for usage in &facts.uses {
        for read in usage.refs.iter().filter(|read| read.path == ["inputs"] && !read.tested) {
            let message = format!("this may read any input, the secret `{secret}` too");
            let problem = Diagnostic::error(Code::ALL_INPUTS, message, usage.place(read));
            found.push(problem.help("name the inputs one by one: `inputs.NAME`"));
        }
    }
}

fn two_meanings(step: &Step, found: &mut Vec<Diagnostic>) {
    for (name, text) in &step.secret_files {
        if let Some((_, other)) = step.env.iter().find(|(known, _)| known == name) {
            let message = format!("`{name}` is also set under `env`");
            let problem = Diagnostic::error(Code::SECRET_FILE_NAME, message, text.place.clone());
            found.push(problem.also(other.place.clone(), "here"));
        }
    }
}
