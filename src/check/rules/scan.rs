//! Scans that could find nothing, or everything.

use super::changes::revision;
use crate::check::facts::Facts;
use crate::runbook::model::{Kind, Scan, Text};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (_, step) in facts.steps() {
        let Kind::Scan(scan) = &step.kind else { continue };
        let allow = match &**scan {
            Scan::Secrets { allow, .. } => allow,
            Scan::Added(added) => {
                found.extend([Some(&added.base), added.head.as_ref()].into_iter().flatten().filter_map(revision));
                found.extend(added.forbid.iter().filter_map(pattern));
                &added.allow
            }
        };
        found.extend(allow.iter().filter(|text| text.value.trim().len() < 3).map(everywhere));
    }
}

fn pattern(text: &Text) -> Option<Diagnostic> {
    match regex::bytes::Regex::new(&text.value) {
        Err(error) => {
            let all = error.to_string();
            let reason = all.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
            Some(wrong(format!("this is not a regular expression: {reason}"), text))
        }
        Ok(regex) if regex.is_match(b"") => {
            let problem = wrong("this pattern matches every line".into(), text);
            Some(problem.help("write what tells a good line from a bad one"))
        }
        Ok(_) => None,
    }
}

fn everywhere(text: &Text) -> Diagnostic {
    let problem = wrong("so short a text stands on lines that nobody wanted to allow".into(), text);
    problem.help("write a marker that is used for nothing else, such as `scan:allow`")
}

fn wrong(message: String, text: &Text) -> Diagnostic {
    Diagnostic::error(Code::SCAN, message, text.place.clone())
}
