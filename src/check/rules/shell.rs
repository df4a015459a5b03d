//! Advice about values in scripts.

use crate::check::facts::Facts;
use crate::template::LintKind;
use crate::text::{Code, Diagnostic, Severity};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for usage in &facts.uses {
        for lint in &usage.lints {
            let (code, severity) = match lint.kind {
                LintKind::LeadingDash => (Code::LEADING_DASH, Severity::Advice),
                LintKind::Raw => (Code::RAW_VALUE, Severity::Warning),
                LintKind::CommandName => (Code::COMMAND_FROM_VALUE, Severity::Warning),
                LintKind::Eval | LintKind::NestedShell | LintKind::RemoteShell | LintKind::Arithmetic => {
                    (Code::SECOND_SHELL, Severity::Warning)
                }
            };
            let place = usage.text.place_of(lint.range.clone());
            let mut problem = Diagnostic::warning(code, lint.message.clone(), place).help(lint.help.clone());
            problem.severity = severity;
            found.push(problem);
        }
    }
}
