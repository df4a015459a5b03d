//! The rules, one per file.

pub(super) mod analysis;
mod baselines;
mod changes;
mod clashes;
mod conditions;
mod declarations;
mod duplicate_expect;
mod evidence;
mod guards;
mod inputs;
mod locks;
mod lost_comments;
mod marker;
mod metrics;
mod names;
mod patterns;
mod outage;
mod poll;
mod probe;
mod reach;
mod runs;
mod scan;
mod schedule;
mod secret_use;
mod secrets;
mod shell;
mod stages;
mod steps;
mod syntax;
mod tables;
pub(super) mod target;
mod timeouts;
mod undo;
mod vars;
mod watch;

pub(crate) use analysis::{Use, of_runbook, of_stages, of_table};
pub(super) use locks::unlocked;
pub(crate) use schedule::{crossed, of_rounds};
pub(crate) use stages::proves_a_share;

use super::facts::Facts;
use crate::text::{Diagnostic, suggest};

/// A rule adds what it finds.
pub(super) type Rule = fn(&Facts<'_>, &mut Vec<Diagnostic>);

/// Every rule.
pub(super) const ALL: &[Rule] = &[
    syntax::check,
    shell::check,
    names::check,
    inputs::check,
    steps::check,
    vars::check,
    secrets::check,
    secret_use::check,
    clashes::check,
    conditions::check,
    declarations::check,
    runs::check,
    poll::check,
    undo::check,
    probe::check,
    timeouts::check,
    duplicate_expect::check,
    lost_comments::check,
    metrics::check,
    baselines::check,
    tables::check,
    analysis::check,
    stages::check,
    outage::check,
    schedule::check,
    watch::check,
    locks::check,
    marker::check,
    changes::check,
    scan::check,
];

/// `; did you mean ...?` when a candidate is close enough.
fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    suggest(word, candidates).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// `a, b, c`, or `none`.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
