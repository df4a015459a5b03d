//! The policies of the target, where a plan is made: what they refuse makes no plan, what they ask for becomes part of it.

use super::build::{Builder, Position};
use super::model::*;
use crate::policy::{self, Rails, Surroundings};
use crate::runbook::model as doc;
use crate::template;
use crate::text::{Severity, Source};
use serde_json::Value;

impl Builder<'_> {
    /// Holds the runbook that is run against the policies: its commands, its inputs, the target, and what is required.
    pub(super) fn hold_against_policies(&mut self, book: &doc::Runbook, at: &Position<'_>, target: Option<&Source>) {
        if self.policies.is_empty() {
            return;
        }
        self.hold_commands(book, at.scope);
        let policies = self.policies.clone();
        let rails = self.rails(&policies);
        let library = self.library;
        let open = |path: &doc::Text| Some(library.runbook(&path.place.source, &path.value).ok()?.1);
        let mut found = policy::needs(book, &rails, &open);
        found.extend(target.into_iter().flat_map(|source| policy::check_target(&rails, source)));
        self.problems.extend(found);
        let wrong = self.scopes[at.scope].inputs.iter().filter_map(|input| match &input.value {
            Binding::Known(value) => Some((input.name.clone(), policy::check_value(&rails, &input.name, value)?)),
            Binding::Later { .. } => None,
        });
        for (name, (code, message)) in wrong.collect::<Vec<_>>() {
            let place = book.inputs.iter().find(|input| input.name == name).map_or(&book.place, |input| &input.place);
            self.problem(code, &message, place, "give the real value with `-i`");
        }
    }

    /// Holds the commands of one runbook against the policies, and notes the files they call.
    pub(super) fn hold_commands(&mut self, book: &doc::Runbook, scope: usize) {
        if self.policies.is_empty() {
            return;
        }
        let known = self.known(scope);
        let value = |text: &str| -> Option<Value> {
            let value = known.covers(text).then(|| known.value(text).ok()).flatten()?;
            template::is_secret(&value).is_none().then_some(value)
        };
        let library = self.library;
        let files = |path: &str| library.program(path);
        let policies = self.policies.clone();
        let around = Surroundings { rails: self.rails(&policies), known: &value, files: Some(&files) };
        let outcome = policy::commands(book, &around);
        self.problems.extend(outcome.problems.into_iter().filter(|problem| problem.severity == Severity::Error));
        for (path, sha256) in outcome.pinned {
            let called = SourceDigest { path, sha256 };
            if !self.called.contains(&called) {
                self.called.push(called);
            }
        }
    }

    /// Adds the times at which a policy lets nothing begin. Backing out always may.
    pub(super) fn close_window(&self, schedule: &mut Schedule) {
        let closed = self.policies.iter().flat_map(|policy| &policy.closed).map(|closed| Span {
            text: closed.text.clone(),
            days: closed.days.clone(),
            from_min: closed.from_min,
            to_min: closed.to_min,
            zone: closed.zone.clone(),
        });
        let closed: Vec<Span> = closed.collect();
        if closed.is_empty() {
            return;
        }
        let open = || Window {
            allow: Vec::new(),
            forbid: Vec::new(),
            must_end_inside: false,
            exempt: vec![doc::Exempt::Rollback, doc::Exempt::Always],
            second_look: None,
        };
        let window = schedule.window.get_or_insert_with(open);
        window.forbid.extend(closed);
        if !window.exempt.contains(&doc::Exempt::Rollback) {
            window.exempt.push(doc::Exempt::Rollback);
        }
    }

    /// Puts a phase in front of the others that looks at the markers, where anything is changed at all.
    pub(super) fn look_at_markers(&mut self, forward: NodeId, book: &doc::Runbook, at: &Position<'_>) {
        let markers: Vec<(String, doc::RequiredMarker)> = self
            .policies
            .iter()
            .flat_map(|p| p.markers.iter().map(|m| (format!("{}:{}", p.file, m.line), m.clone())))
            .collect();
        let changes = self.nodes.iter().any(|node| node.effect != doc::Effect::Read);
        if markers.is_empty() || !changes {
            return;
        }
        let steps =
            markers.into_iter().enumerate().map(|(number, (line, marker))| self.marker(number, line, marker, book, at));
        let steps: Vec<NodeId> = steps.collect();
        let taken = book.phases.iter().any(|phase| phase.id == "policy");
        let phase =
            self.block(if taken { "policy_markers" } else { "policy" }, &book.place, at, NodeKind::Sequence(steps));
        self.nodes[phase].title =
            Some(Template { text: "What the policies ask of the target".into(), at: self.nodes[phase].at.clone() });
        if let NodeKind::Sequence(phases) = &mut self.nodes[forward].kind {
            phases.insert(0, phase);
        }
    }

    fn marker(
        &mut self,
        number: usize,
        line: String,
        marker: doc::RequiredMarker,
        book: &doc::Runbook,
        at: &Position<'_>,
    ) -> NodeId {
        let template = |text: &str| Template { text: text.to_owned(), at: line.clone() };
        let (source, place) = match &marker.place {
            doc::MarkerPlace::File(path) => (MarkerSource::File(template(path)), path),
            doc::MarkerPlace::Process(path) => (MarkerSource::Process(template(path)), path),
        };
        let title = template(&format!("{} is {} in {place}", marker.name, marker.is));
        let act = Act::Marker(Box::new(Marker { source, name: template(&marker.name), is: template(&marker.is) }));
        let task = Task::of(act, doc::Repeat::Safe);
        let id = self.block(&format!("marker_{}", number + 1), &book.place, at, NodeKind::Task(Box::new(task)));
        self.nodes[id].at = line;
        self.nodes[id].title = Some(title);
        id
    }

    fn rails<'p>(&self, policies: &'p [doc::Policy]) -> Rails<'p> {
        let production = self.target.as_ref().is_some_and(Target::is_production);
        Rails { policies, production }
    }
}
