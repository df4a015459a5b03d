//! Included runbooks: found, bound to inputs, and planned in a scope of their own.

use super::build::{Builder, Position, conforming};
use super::convert::{line_of, pairs, template};
use super::model::*;
use super::request::Unreadable;
use crate::runbook::model as doc;
use crate::text::{Code, Diagnostic};

/// Runbooks run each other at most this deep.
const DEEPEST: usize = 16;
/// No further runbook is included in a plan of so many steps and blocks.
const LARGEST: usize = 50_000;

/// The words for a baseline that would be taken of what the run itself has made.
const TOO_LATE: &str = "the baseline of a runbook that is run would be taken after the first change";

impl Builder<'_> {
    pub(super) fn include(&mut self, run: &doc::Run, step: &doc::Step, at: &Position<'_>) -> NodeKind {
        let nothing = NodeKind::Sequence(Vec::new());
        let path = match self.known(at.scope).text(&run.runbook.value) {
            Ok(path) => path,
            Err(why) => {
                let message = format!("the runbook to run must be known when planning: {why}");
                self.problem(Code::INCLUDE_UNKNOWN, &message, &run.runbook.place, "use only `inputs.` and `target.`");
                return nothing;
            }
        };
        if self.too_many(run) {
            return nothing;
        }
        let (source, book) = match self.library.runbook(at.source, &path) {
            Ok(found) => found,
            Err(Unreadable::Missing(why)) => {
                self.problem(Code::INCLUDE_MISSING, &why, &run.runbook.place, "paths are relative to this file");
                return nothing;
            }
            Err(Unreadable::Invalid(problems)) => {
                self.problems.extend(problems);
                return nothing;
            }
        };
        if self.open.iter().any(|open| open == source.name()) {
            let chain = format!("{} -> {}", self.open.join(" -> "), source.name());
            let message = format!("this runbook would run itself: {chain}");
            self.problem(Code::INCLUDE_CYCLE, &message, &run.runbook.place, "break the cycle");
            return nothing;
        }
        if !self.sources.iter().any(|s| s.path == source.name()) {
            let sha256 = self.library.sha256(&source);
            self.sources.push(SourceDigest { path: source.name().to_string(), sha256 });
        }
        let Some(inner) = self.bind_included(&book, run, step, at) else { return nothing };
        self.open.push(source.name().to_string());
        let inside = Position { scope: inner, source: &source, metrics: &book.metrics };
        self.refuse_inner_schedule(&book, &run.runbook.place);
        self.hold_commands(&book, inner);
        let changed = self.nodes.iter().any(|node| node.effect != doc::Effect::Read);
        self.metrics(&book, &inside);
        if let Some(metric) = book.metrics.iter().find(|metric| changed && metric.baseline.is_some()) {
            let message = format!("{TOO_LATE}: `{}` of `{}`", metric.name, book.name.value);
            self.problem(Code::BASELINE_TOO_LATE, &message, &run.runbook.place, "run it before the first change");
        }
        let body = self.body(&book, &inside);
        let always = self.optional_steps("always", &book.always, &book, &inside);
        self.open.pop();
        NodeKind::Run { body, always, inner, outputs: pairs(&book.outputs) }
    }

    /// Runbooks that run runbooks can grow beyond any bound. Said once, and then nothing more is included.
    fn too_many(&mut self, run: &doc::Run) -> bool {
        let deep = self.open.len() >= DEEPEST;
        if !deep && self.nodes.len() < LARGEST {
            return false;
        }
        let told = |problem: &Diagnostic| problem.code == Code::INCLUDES_TOO_MANY;
        if !self.problems.iter().any(told) {
            let message = match deep {
                true => format!("runbooks run each other deeper than {DEEPEST} levels: {}", self.open.join(" -> ")),
                false => format!("with all it includes the plan has more than {LARGEST} steps and blocks"),
            };
            let help = "put them side by side, or use `for_each`";
            self.problem(Code::INCLUDES_TOO_MANY, &message, &run.runbook.place, help);
        }
        true
    }

    /// The scope of an included runbook; none when an input is wrong, and with it whatever reads that input.
    fn bind_included(
        &mut self,
        book: &doc::Runbook,
        run: &doc::Run,
        step: &doc::Step,
        at: &Position<'_>,
    ) -> Option<usize> {
        let found_before = self.problems.len();
        let mut bindings = Vec::new();
        for input in &book.inputs {
            let written = run.inputs.iter().find(|(name, _)| *name == input.name);
            let (value, origin) = match (written, &input.default) {
                (Some((_, text)), _) => (self.bind_written(input, text, at), line_of(&text.place)),
                (None, Some(default)) => (conforming(input, default.clone()).map(Binding::Known), "default".into()),
                (None, None) => {
                    let message = format!("input `{}` of `{}` has no value", input.name, book.name.value);
                    let help = format!("add `inputs: {{ {}: ... }}`", input.name);
                    self.problem(Code::INPUT_MISSING, &message, &step.place, &help);
                    continue;
                }
            };
            match value {
                Ok(value) => bindings.push(InputBinding { name: input.name.clone(), kind: input.kind, value, origin }),
                Err(wrong) => {
                    let place = written.map_or(&step.place, |(_, text)| &text.place);
                    self.problem(Code::INPUT_WRONG, &wrong, place, "see `inputs:` of the runbook that is run");
                }
            }
        }
        for (name, text) in &run.inputs {
            if !book.inputs.iter().any(|i| i.name == *name) {
                let message = format!("`{}` has no input `{name}`", book.name.value);
                self.problem(Code::INPUT_UNKNOWN, &message, &text.place, "see `inputs:` of the runbook that is run");
            }
        }
        if self.problems.len() > found_before {
            return None;
        }
        self.scopes.push(Scope { runbook: book.name.value.clone(), inputs: bindings });
        Some(self.scopes.len() - 1)
    }

    fn bind_written(&self, input: &doc::Input, text: &doc::Text, at: &Position<'_>) -> Result<Binding, String> {
        let known = self.known(at.scope);
        if known.covers(&text.value) {
            return conforming(input, known.value(&text.value)?).map(Binding::Known);
        }
        Ok(Binding::Later {
            template: template(text),
            pattern: input.pattern.as_ref().map(|p| p.value.clone()),
            choices: input.choices.iter().map(|c| c.value.clone()).collect(),
        })
    }

    /// What an included runbook does; one that is written as plain `steps:` adds no phase to the paths.
    fn body(&mut self, book: &doc::Runbook, at: &Position<'_>) -> NodeId {
        match &book.phases[..] {
            [only] if is_plain(only) => {
                let guards = self.guards(book.guards.as_ref(), || only.steps.iter().collect(), at);
                let mut steps: Vec<NodeId> = self.baseline(book, at).into_iter().collect();
                for step in &only.steps {
                    steps.push(self.step(step, at));
                }
                let id = self.block("", &book.place, at, NodeKind::Sequence(steps));
                self.nodes[id].guards = guards;
                id
            }
            _ => self.phases(book, at),
        }
    }
}

/// Whether a phase is nothing but steps, as `steps:` alone is.
fn is_plain(phase: &doc::Phase) -> bool {
    let marked = phase.marks.at.is_some() || phase.marks.not_after.is_some();
    phase.id == "main" && phase.when.is_none() && phase.checkpoint.is_none() && phase.guards.is_none() && !marked
}
