//! Where templates and expressions stand, and what they read.

use crate::runbook::model::Text;
use crate::template::{self, EvalError, Lint, Ref};
use crate::text::Place;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Words for people, shown as they are.
    Prose,
    /// A template whose text people read.
    Title,
    /// A template.
    Template,
    /// A template that may be a whole secret.
    Carrier,
    /// An expression.
    Expression,
    /// An expression that must be true or false.
    Condition,
    /// A shell script with holes.
    Script,
}

/// What an expression sees of the result of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Results {
    Nothing,
    Process,
    Http,
    Changes,
    Scan,
}

/// What a look at changes keeps.
pub(crate) const CHANGES: &[&str] = &["projects", "legs", "shared", "commits", "files", "base", "head", "lost"];

/// What a scan keeps.
pub(crate) const SCAN: &[&str] = &["files", "lines", "commits", "allowed"];

impl Results {
    /// The names it adds.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Results::Nothing => &[],
            Results::Process => &["exit", "stdout", "stderr", "duration"],
            Results::Http => &["status", "headers", "body", "json", "duration"],
            Results::Changes => CHANGES,
            Results::Scan => SCAN,
        }
    }
}

/// One text of the runbook, read, and where in the run it is evaluated.
pub(crate) struct Use<'r> {
    pub(crate) text: &'r Text,
    /// The key it stands under.
    pub(crate) key: &'static str,
    pub(crate) role: Role,
    pub(crate) results: Results,
    /// The phase or step it belongs to.
    pub(crate) block: usize,
    /// The scope its names come from.
    pub(crate) scope: usize,
    /// When it is evaluated.
    pub(crate) time: usize,
    pub(crate) refs: Vec<Ref>,
    pub(crate) errors: Vec<EvalError>,
    pub(crate) lints: Vec<Lint>,
}

impl Use<'_> {
    /// The place of one name it reads.
    pub(crate) fn place(&self, found: &Ref) -> Place {
        self.text.place_of(found.range.clone())
    }

    /// Whether it is an expression rather than a template.
    pub(crate) fn is_expression(&self) -> bool {
        matches!(self.role, Role::Expression | Role::Condition)
    }
}

/// What a text reads, what is wrong with it, and advice.
pub(crate) fn parse(text: &str, role: Role) -> (Vec<Ref>, Vec<EvalError>, Vec<Lint>) {
    let simple = |read: Result<template::Refs, EvalError>| match read {
        Ok(refs) => (refs.all, Vec::new(), Vec::new()),
        Err(error) => (Vec::new(), vec![error], Vec::new()),
    };
    match role {
        Role::Prose => Default::default(),
        Role::Title | Role::Template | Role::Carrier => simple(template::check_text(text)),
        Role::Expression | Role::Condition => simple(template::check_expr(text)),
        Role::Script => match template::check_shell(text) {
            Ok((refs, lints)) => (refs.all, Vec::new(), lints),
            // The names are still worth checking where a place is refused.
            Err(errors) => (template::check_text(text).map(|refs| refs.all).unwrap_or_default(), errors, Vec::new()),
        },
    }
}
