//! `poll` needs something to wait for, and excludes `retry`.

use crate::check::facts::Facts;
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (_, step) in facts.steps() {
        let Some(poll) = &step.poll else { continue };
        let place = poll.every.place.clone();
        if step.expect.is_empty() {
            let problem = Diagnostic::error(Code::POLL_NEEDS_EXPECT, "`poll` has nothing to wait for", place.clone());
            found.push(problem.help("add `expect:` with the condition that ends it"));
        }
        if step.retry.is_some() {
            let message = "a step has either `poll` or `retry`";
            let problem = Diagnostic::error(Code::POLL_AND_RETRY, message, place);
            found.push(problem.help("`poll` already goes on until `expect` holds; leave `retry` out"));
        }
    }
}
