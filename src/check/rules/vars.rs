//! Values of `set` steps: set once, before they are read.

use super::reach::{Unreachable, doubt, is_guarded, reach};
use super::{did_you_mean, listed};
use crate::check::facts::Facts;
use crate::check::uses::Use;
use crate::runbook::model::Kind;
use crate::template::Ref;
use crate::text::{Code, Diagnostic, Place};

/// One name a `set` step gives a value.
pub(super) struct Setter<'r> {
    pub(super) name: &'r str,
    block: usize,
    place: &'r Place,
}

/// All names that are set, in file order.
pub(super) fn setters<'r>(facts: &Facts<'r>) -> Vec<Setter<'r>> {
    let mut setters = Vec::new();
    for (block, step) in facts.steps() {
        if let Kind::Set(values) = &step.kind {
            setters.extend(values.iter().map(|(name, text)| Setter { name, block, place: &text.place }));
        }
    }
    setters
}

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let setters = setters(facts);
    set_twice(facts, &setters, found);
    for usage in &facts.uses {
        for read in usage.refs.iter().filter(|r| r.path[0] == "vars") {
            found.extend(problem(facts, &setters, usage, read));
        }
    }
}

fn set_twice(facts: &Facts<'_>, setters: &[Setter<'_>], found: &mut Vec<Diagnostic>) {
    for (at, later) in setters.iter().enumerate() {
        let first = setters[..at].iter().find(|earlier| earlier.name == later.name && may_meet(facts, earlier, later));
        if let Some(first) = first {
            let message = format!("`vars.{}` is set twice", later.name);
            let problem = Diagnostic::error(Code::SET_TWICE, message, later.place.clone());
            found.push(problem.also(first.place.clone(), "set here first").help("give the second value another name"));
        }
    }
}

/// Two setters meet when one scope is inside the other, unless conditions choose between them.
fn may_meet(facts: &Facts<'_>, a: &Setter<'_>, b: &Setter<'_>) -> bool {
    let (scope_a, scope_b) = (facts.blocks[a.block].scope, facts.blocks[b.block].scope);
    let nested = facts.scopes_from(scope_a).any(|s| s == scope_b) || facts.scopes_from(scope_b).any(|s| s == scope_a);
    let conditional = |block| facts.chain(block).any(|at| facts.blocks[at].when.is_some());
    nested && !(conditional(a.block) && conditional(b.block))
}

fn problem(facts: &Facts<'_>, setters: &[Setter<'_>], usage: &Use<'_>, read: &Ref) -> Option<Diagnostic> {
    let name = read.path.get(1)?;
    let place = usage.place(read);
    let named: Vec<&Setter<'_>> = setters.iter().filter(|setter| setter.name == name).collect();
    let Some(first) = named.first() else {
        let hint = did_you_mean(name, setters.iter().map(|s| s.name));
        let message = format!("no step sets `vars.{name}`{hint}");
        let help = format!("values set in this runbook: {}", listed(setters.iter().map(|s| s.name)));
        return Some(Diagnostic::error(Code::UNKNOWN_VAR, message, place).help(help));
    };
    let reached: Vec<&&Setter<'_>> = named.iter().filter(|s| reach(facts, s.block, usage).is_ok()).collect();
    if reached.is_empty() {
        let why = match reach(facts, first.block, usage) {
            Err(Unreachable::OtherScope) => "it is set once per item; only steps of the same item can read it",
            Err(Unreachable::Meanwhile) => "it is set at the same time",
            _ => "it is set later",
        };
        let message = format!("`vars.{name}` is not set yet here: {why}");
        return Some(Diagnostic::error(Code::UNKNOWN_VAR, message, place).also(first.place.clone(), "set here"));
    }
    // Several setters under conditions are taken to cover all cases between them.
    let [only] = reached[..] else { return None };
    let why = doubt(facts, only.block, usage, false)?;
    if read.tested || is_guarded(facts, usage, &read.path) {
        return None;
    }
    let message = format!("`vars.{name}` may not be set: {why}");
    let problem = Diagnostic::error(Code::UNGUARDED, message, place).also(only.place.clone(), "set here");
    Some(problem.help(format!("ask first: `when: vars.{name} is defined`")))
}
