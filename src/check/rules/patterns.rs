//! The patterns of one runbook share a budget, or a page of them would take minutes.

use crate::runbook::model::Text;
use crate::runbook::pattern;
use crate::text::{Code, Diagnostic};
use regex::Regex;

const MOST: usize = 200;
/// In MiB, of all that are not ordinary.
const MOST_LARGE: usize = 32;

/// Counts patterns as they are compiled.
#[derive(Default)]
pub(super) struct Patterns {
    count: usize,
    large: usize,
    told: bool,
}

impl Patterns {
    /// The compiled pattern. None where it is wrong, which `wrong` makes a diagnostic of, and beyond the budget, which is
    /// said once.
    pub(super) fn compile(
        &mut self,
        text: &Text,
        anchored: bool,
        wrong: impl FnOnce(&str) -> Diagnostic,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Regex> {
        self.count += 1;
        if self.count > MOST || self.large >= MOST_LARGE {
            found.extend(self.beyond(text));
            return None;
        }
        match pattern::compile(&text.value, anchored) {
            Ok(compiled) => {
                self.large += compiled.cost;
                Some(compiled.regex)
            }
            Err(unusable) => {
                self.large += unusable.cost;
                found.push(wrong(&unusable.why));
                None
            }
        }
    }

    fn beyond(&mut self, text: &Text) -> Option<Diagnostic> {
        let first = !std::mem::replace(&mut self.told, true);
        first.then(|| {
            let message = format!("at most {MOST} patterns, of {MOST_LARGE} MiB together, are looked at");
            let problem = Diagnostic::error(Code::PATTERN_TOO_LARGE, message, text.place.clone());
            problem.label("not this one and none below").help("put the rest into another runbook, or make them shorter")
        })
    }
}
