//! Templates and expressions that cannot be read.

use crate::check::facts::Facts;
use crate::check::uses::{Role, Use};
use crate::template::{ErrorKind, EvalError};
use crate::text::{Code, Diagnostic, quoted};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for usage in &facts.uses {
        if let Some(problem) = braces_around_expression(usage) {
            found.push(problem);
            continue;
        }
        found.extend(usage.errors.iter().map(|error| diagnostic(usage, error)));
    }
}

/// `when: "{{ x }}"`: an expression needs no braces.
fn braces_around_expression(usage: &Use<'_>) -> Option<Diagnostic> {
    let value = usage.text.value.trim();
    let inner = value.strip_prefix("{{")?.strip_suffix("}}")?.trim();
    if !usage.is_expression() || inner.contains("{{") {
        return None;
    }
    let message = format!("`{}` is an expression and has no braces", usage.key);
    let place = usage.text.place.clone();
    let span = place.span;
    Some(Diagnostic::error(Code::TEMPLATE_SYNTAX, message, place).fix(span, quoted(inner), "leave the braces out"))
}

fn diagnostic(usage: &Use<'_>, error: &EvalError) -> Diagnostic {
    let code = match error.kind {
        ErrorKind::Place if usage.role == Role::Script => Code::SHELL_PLACE,
        _ => Code::TEMPLATE_SYNTAX,
    };
    let problem = Diagnostic::error(code, error.message.clone(), usage.text.place_of(error.range.clone()));
    match &error.help {
        Some(help) => problem.help(help.clone()),
        None => problem,
    }
}
