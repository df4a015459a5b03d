//! Markers that cannot tell one environment from another.

use crate::check::facts::Facts;
use crate::runbook::model::{Kind, Text};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (_, step) in facts.steps() {
        let Kind::Marker(marker) = &step.kind else { continue };
        if !is_template(&marker.name) && !is_variable(&marker.name.value) {
            let message = format!("`{}` cannot be the name of a variable", first_line(&marker.name));
            let problem = Diagnostic::error(Code::MARKER, message, marker.name.place.clone());
            found.push(problem.help("a variable has letters, digits and underscores, and does not start with a digit"));
        }
        if marker.is.value.trim().is_empty() {
            let message = "an empty value marks nothing";
            let problem = Diagnostic::error(Code::MARKER, message, marker.is.place.clone());
            found.push(problem.help("write the exact value of this environment, such as `is: prd`"));
        }
    }
}

fn is_template(text: &Text) -> bool {
    text.value.contains("{{") || text.value.contains("{%")
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn first_line(text: &Text) -> &str {
    text.value.lines().next().unwrap_or_default()
}
