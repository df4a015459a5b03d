//! Conditions that are not true or false, or always one of them.

use crate::check::facts::Facts;
use crate::check::uses::{Role, Use};
use crate::runbook::model::{InputKind, Runbook};
use crate::template::{self, Context};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for usage in facts.uses.iter().filter(|u| u.role == Role::Condition && u.errors.is_empty()) {
        found.extend(constant(usage).or_else(|| bare_value(facts.runbook, usage)));
    }
}

/// A condition that reads nothing has one answer for ever.
fn constant(usage: &Use<'_>) -> Option<Diagnostic> {
    if !usage.refs.is_empty() {
        return None;
    }
    let place = usage.text.place.clone();
    Some(match template::condition(&usage.text.value, &Context::new()) {
        Ok(answer) => {
            Diagnostic::warning(Code::CONSTANT_CONDITION, format!("this condition is always {answer}"), place)
                .help("a condition reads something: `stdout`, `status`, `inputs.` or `steps.`")
        }
        Err(error) => {
            let problem = Diagnostic::error(Code::NOT_A_CONDITION, error.message.clone(), place);
            error.help.iter().fold(problem, |problem, help| problem.help(help.clone()))
        }
    })
}

/// A single name whose type is known and not boolean.
fn bare_value(book: &Runbook, usage: &Use<'_>) -> Option<Diagnostic> {
    let [read] = &usage.refs[..] else { return None };
    if usage.text.value.trim() != read.name() {
        return None;
    }
    let input = |name: &str| book.inputs.iter().find(|i| i.name == name).map(|i| i.kind);
    let (what, example) = match (read.path[0].as_str(), read.path.get(1)) {
        ("stdout" | "stderr" | "body", None) => ("text", format!("{} != ''", read.name())),
        ("exit" | "status" | "duration", None) => ("a number", format!("{} == 200", read.name())),
        ("inputs", Some(name)) => match input(name)? {
            InputKind::Bool => return None,
            InputKind::List => ("a list", format!("{} | length > 0", read.name())),
            InputKind::String => ("text", format!("{} == '...'", read.name())),
            InputKind::Secret => return None,
            _ => ("a number", format!("{} > 0", read.name())),
        },
        _ => return None,
    };
    let message = format!("a condition must be true or false, `{}` is {what}", read.name());
    Some(Diagnostic::error(Code::NOT_A_CONDITION, message, usage.place(read)).help(format!("compare it: `{example}`")))
}
