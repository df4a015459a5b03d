//! The patterns of one runbook share a budget, or a page of them would take minutes.

use crate::runbook::model::Text;
use crate::runbook::pattern;
use crate::text::{Code, Diagnostic};
use regex::Regex;

const MOST: usize = 200;
const MOST_LARGE: usize = 10;

/// Counts patterns as they are compiled.
#[derive(Default)]
pub(super) struct Patterns {
    count: usize,
    large: usize,
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
        if self.count > MOST || self.large > MOST_LARGE {
            return None;
        }
        let compiled = match pattern::compile(&text.value, anchored) {
            Ok(compiled) => compiled,
            Err(why) => {
                // What is found to be too large took as long as what is not.
                self.large += usize::from(why.starts_with("compiled"));
                found.push(wrong(&why));
                self.over(text, found);
                return None;
            }
        };
        self.large += usize::from(compiled.is_large);
        if self.over(text, found) { None } else { Some(compiled.regex) }
    }

    fn over(&self, text: &Text, found: &mut Vec<Diagnostic>) -> bool {
        let over = self.count == MOST || self.large > MOST_LARGE;
        if over {
            let message =
                format!("at most {MOST} patterns, {MOST_LARGE} of them large, are looked at: this one is the last");
            let problem = Diagnostic::error(Code::PATTERN_TOO_LARGE, message, text.place.clone());
            found.push(problem.help("put the rest into another runbook, or make them shorter"));
        }
        over
    }
}
