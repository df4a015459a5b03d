//! Prose and commands that end in what YAML takes for a comment.

use crate::check::facts::Facts;
use crate::check::uses::Role;
use crate::text::{Diagnostic, lost_comment};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let source = &facts.runbook.place.source;
    let texts = facts.uses.iter().filter(|u| matches!(u.role, Role::Prose | Role::Title | Role::Script));
    found.extend(texts.filter_map(|usage| lost_comment(source, &usage.text.node)));
}
