//! Building a plan: every file resolved, every input bound, every template with its place.

use super::convert::{line_of, pairs, template};
use super::gates::Around;
use super::inputs::{bound, conform};
use super::known::Known;
use super::model::*;
use super::request::{Given, Library, Request};
use crate::check::Use;
use crate::runbook::model as doc;
use crate::text::{Code, Diagnostic, Place, Source};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Resolves a runbook into a plan.
///
/// # Errors
/// All problems found, each with its place.
pub fn build(request: Request<'_>) -> Result<Plan, Vec<Diagnostic>> {
    build_judged(request).map(|judged| judged.plan)
}

/// A plan, and what can be said of its tables.
pub struct Judged {
    /// The plan.
    pub plan: Plan,
    /// What the analysis of its tables and stages found, with all limits filled in: errors, warnings and advice.
    pub findings: Vec<Diagnostic>,
}

/// Resolves a runbook into a plan and looks at its tables.
///
/// # Errors
/// All problems found, each with its place.
pub fn build_judged(request: Request<'_>) -> Result<Judged, Vec<Diagnostic>> {
    let mut builder = Builder {
        library: request.library,
        nodes: Vec::new(),
        scopes: Vec::new(),
        sources: vec![SourceDigest {
            path: request.source.name().to_string(),
            sha256: request.library.sha256(&request.source),
        }],
        secrets: Map::new(),
        metrics: Vec::new(),
        problems: Vec::new(),
        findings: Vec::new(),
        open: vec![request.source.name().to_string()],
        target: request.target.clone(),
        around: request.around,
        policies: request.policies.policies,
        called: Vec::new(),
    };
    builder.sources.extend(request.target_source);
    builder.sources.extend(request.policies.sources);
    builder.sources.extend(builder.around.waivers_source.take());
    let book = request.runbook;
    builder.check_target(&book);
    builder.bind_top_inputs(&book, &request.given);
    let at = Position { scope: 0, source: &request.source, metrics: &book.metrics };
    builder.hold_against_policies(&book, &at, request.policies.target.as_ref());
    // All else that would be found wrong may only be wrong because of what is missing here.
    if !builder.problems.is_empty() {
        return Err(builder.problems);
    }
    builder.metrics(&book, &at);
    let mut schedule = builder.schedule(&book, &at);
    builder.close_window(&mut schedule);
    let forward = builder.phases(&book, &at);
    builder.look_at_markers(forward, &book, &at);
    let always = builder.optional_steps("always", &book.always, &book, &at);
    let rollback = match &book.rollback {
        doc::Rollback::Undo => None,
        doc::Rollback::Steps(steps) => builder.optional_steps("rollback", steps, &book, &at),
    };
    if let Some(window) = &mut schedule.window {
        window.second_look = builder.second_look(&book, &at);
    }
    let lock = builder.lock(&book, &at);
    if !builder.problems.is_empty() {
        return Err(builder.problems);
    }
    let mut plan = Plan {
        format: FORMAT.into(),
        name: book.name.value.clone(),
        title: book.title.as_ref().map(|t| t.value.clone()),
        target: request.target,
        scopes: std::mem::take(&mut builder.scopes),
        nodes: std::mem::take(&mut builder.nodes),
        forward,
        always,
        rollback,
        on_failure: book.on_failure,
        secrets: std::mem::take(&mut builder.secrets),
        metrics: std::mem::take(&mut builder.metrics),
        schedule,
        waivers: Vec::new(),
        lock,
        sources: std::mem::take(&mut builder.sources),
        policies: std::mem::take(&mut builder.policies),
        called: std::mem::take(&mut builder.called),
    };
    plan.waivers = builder.waivers(&plan);
    if builder.problems.is_empty() { Ok(Judged { plan, findings: builder.findings }) } else { Err(builder.problems) }
}

pub(super) struct Builder<'a> {
    pub(super) library: &'a dyn Library,
    pub(super) nodes: Vec<Node>,
    pub(super) scopes: Vec<Scope>,
    pub(super) sources: Vec<SourceDigest>,
    pub(super) secrets: Map<String, Value>,
    pub(super) metrics: Vec<Metric>,
    pub(super) problems: Vec<Diagnostic>,
    /// What is said of tables and stages.
    pub(super) findings: Vec<Diagnostic>,
    /// Files being included, outermost first.
    pub(super) open: Vec<String>,
    pub(super) target: Option<Target>,
    pub(super) around: Around,
    pub(super) policies: Vec<doc::Policy>,
    /// Files that commands call.
    pub(super) called: Vec<SourceDigest>,
}

/// Where the builder stands: the scope of templates, the file paths are relative to, the metrics tables name.
pub(super) struct Position<'a> {
    pub(super) scope: usize,
    pub(super) source: &'a Source,
    pub(super) metrics: &'a [doc::Metric],
}

impl Builder<'_> {
    fn check_target(&mut self, book: &doc::Runbook) {
        match (book.target, &self.target) {
            (doc::TargetUse::Required, None) => self.problem(
                Code::TARGET_MISSING,
                "this runbook needs a target profile",
                &book.place,
                "give one with `--target NAME`; profiles are files such as targets/NAME.yml",
            ),
            (doc::TargetUse::None, Some(target)) => {
                let message = format!("this runbook uses no target, but `{}` was given", target.name);
                self.problem(Code::TARGET_UNUSED, &message, &book.place, "leave `--target` out");
            }
            _ => {}
        }
    }

    fn bind_top_inputs(&mut self, book: &doc::Runbook, given: &BTreeMap<String, Given>) {
        let mut bindings = Vec::new();
        for input in &book.inputs {
            let (value, origin) = match (given.get(&input.name), &input.default) {
                (Some(given), _) => (given.value.clone(), given.origin.clone()),
                (None, Some(default)) => (default.clone(), "default".to_string()),
                (None, None) => {
                    let message = format!("input `{}` has no value", input.name);
                    let help = format!("give it with `-i {}=VALUE`", input.name);
                    self.problem(Code::INPUT_MISSING, &message, &input.place, &help);
                    continue;
                }
            };
            if input.kind == doc::InputKind::Secret {
                self.secrets.insert(input.name.clone(), secret_source(input, &origin));
            }
            match conforming(input, value) {
                Ok(value) => bindings.push(InputBinding {
                    name: input.name.clone(),
                    kind: input.kind,
                    value: Binding::Known(value),
                    origin,
                }),
                Err(wrong) => self.problem(Code::INPUT_WRONG, &wrong, &input.place, "see the declaration shown here"),
            }
        }
        for (name, value) in given.iter().filter(|(n, _)| !book.inputs.iter().any(|i| i.name == **n)) {
            let names: Vec<&str> = book.inputs.iter().map(|i| i.name.as_str()).collect();
            let hint = match crate::text::suggest(name, names.iter().copied()) {
                Some(near) => format!("; did you mean `{near}`?"),
                None if names.is_empty() => "; it has none".to_string(),
                None => format!("; it has: {}", names.join(", ")),
            };
            let message = format!("this runbook has no input `{name}` ({}){hint}", value.origin);
            self.problem(Code::INPUT_UNKNOWN, &message, &book.place, "remove it or declare it under `inputs:`");
        }
        self.scopes.push(Scope { runbook: book.name.value.clone(), inputs: bindings });
    }

    pub(super) fn phases(&mut self, book: &doc::Runbook, at: &Position<'_>) -> NodeId {
        let guards = self.guards(book.guards.as_ref(), || book.phases.iter().flat_map(|p| &p.steps).collect(), at);
        let mut phases: Vec<NodeId> = self.baseline(book, at).into_iter().collect();
        for phase in &book.phases {
            phases.push(self.phase(phase, at));
        }
        let id = self.block("", &book.place, at, NodeKind::Sequence(phases));
        self.nodes[id].guards = guards;
        id
    }

    fn phase(&mut self, phase: &doc::Phase, at: &Position<'_>) -> NodeId {
        let mut children: Vec<NodeId> = phase.steps.iter().map(|step| self.step(step, at)).collect();
        if let Some(checkpoint) = &phase.checkpoint {
            let kind = self.checkpoint(checkpoint);
            children.push(self.block("checkpoint", &checkpoint.place, at, kind));
        }
        let id = self.block(&phase.id, &phase.place, at, NodeKind::Sequence(children));
        let guards = self.guards(phase.guards.as_ref(), || phase.steps.iter().collect(), at);
        let estimate = phase.estimate.as_ref().and_then(|e| super::units::duration_us(&e.value));
        let marks = self.marks(&phase.marks, at);
        let node = &mut self.nodes[id];
        node.title = phase.title.as_ref().map(template);
        node.when = phase.when.as_ref().map(template);
        node.goal = phase.goal.as_ref().map(|g| g.value.clone());
        node.estimate_s = estimate.map(|us| us / 1_000_000);
        node.marks = marks;
        node.guards = guards;
        id
    }

    pub(super) fn optional_steps(
        &mut self,
        id: &str,
        steps: &[doc::Step],
        book: &doc::Runbook,
        at: &Position<'_>,
    ) -> Option<NodeId> {
        if steps.is_empty() {
            return None;
        }
        let children = steps.iter().map(|step| self.step(step, at)).collect();
        Some(self.block(id, &book.place, at, NodeKind::Sequence(children)))
    }

    pub(super) fn block(&mut self, id: &str, place: &Place, at: &Position<'_>, kind: NodeKind) -> NodeId {
        self.nodes.push(Node {
            id: id.to_string(),
            title: None,
            note: None,
            at: line_of(place),
            scope: at.scope,
            when: None,
            effect: doc::Effect::Read,
            severity: doc::Severity::Fail,
            on_failure: None,
            estimate_s: None,
            goal: None,
            marks: Marks::default(),
            guards: None,
            kind,
        });
        self.nodes.len() - 1
    }

    pub(super) fn step(&mut self, step: &doc::Step, at: &Position<'_>) -> NodeId {
        let guards = self.guards(step.guards.as_ref(), || vec![step], at);
        let kind = self.kind(step, at);
        let id = self.block(&step.id, &step.place, at, kind);
        let marks = self.marks(&step.marks, at);
        let node = &mut self.nodes[id];
        node.title = step.title.as_ref().map(template);
        node.note = step.note.as_ref().map(|n| n.value.clone());
        node.when = step.when.as_ref().map(template);
        node.effect = step.effect;
        node.severity = step.severity;
        node.on_failure = step.on_failure;
        node.marks = marks;
        node.guards = guards;
        id
    }

    fn kind(&mut self, step: &doc::Step, at: &Position<'_>) -> NodeKind {
        match &step.kind {
            doc::Kind::Shell(_)
            | doc::Kind::Exec(_)
            | doc::Kind::Http(_)
            | doc::Kind::File(_)
            | doc::Kind::Hold(_)
            | doc::Kind::Marker(_)
            | doc::Kind::Changes(_)
            | doc::Kind::Scan(_) => NodeKind::Task(Box::new(self.task(step, at))),
            doc::Kind::Manual(m) => NodeKind::Manual { words: template(&m.words), evidence: m.evidence.clone() },
            doc::Kind::Checkpoint(c) => self.checkpoint(c),
            doc::Kind::Wait(doc::Wait::For(t)) => NodeKind::Wait(template(t)),
            doc::Kind::Wait(doc::Wait::Until(mark)) => NodeKind::WaitUntil(self.until(mark, at)),
            // A table without `otherwise` or `no_data`, or with limits that are wrong, is a problem that was reported.
            doc::Kind::Decide(table) => self
                .decision(table, Use::Decision, at)
                .map_or(NodeKind::Sequence(Vec::new()), |decision| NodeKind::Decide(Box::new(decision))),
            doc::Kind::Stages(stages) => self.stages(stages, &step.place, at),
            doc::Kind::Rounds(rounds) => self.rounds(rounds, &step.place, at),
            doc::Kind::Watch(watch) => self.watch(watch, at),
            doc::Kind::Audit(audit) => NodeKind::Audit(Box::new(super::looks::audit(audit))),
            doc::Kind::Set(values) => NodeKind::Set(pairs(values)),
            doc::Kind::Run(run) => self.include(run, step, at),
            doc::Kind::Parallel(p) => {
                let children = p.steps.iter().map(|s| self.step(s, at)).collect();
                NodeKind::Parallel { children, max: p.max, collect: p.collect }
            }
            doc::Kind::ForEach(each) => self.for_each(each, step, at),
        }
    }

    fn for_each(&mut self, each: &doc::ForEach, step: &doc::Step, at: &Position<'_>) -> NodeKind {
        let steps = each.steps.iter().map(|s| self.step(s, at)).collect();
        let body = self.block("item", &step.place, at, NodeKind::Sequence(steps));
        let items = match self.items(&each.items, at) {
            Ok(items) => items,
            Err(wrong) => {
                self.problem(Code::LIST_WRONG, &wrong, &step.place, "write a list or an expression that yields one");
                Items::Known(Vec::new())
            }
        };
        if matches!(items, Items::Later(_)) && each.max.is_none() {
            let message = "a list that is only known at run time needs `max:`";
            self.problem(Code::LIST_UNBOUNDED, message, &step.place, "add `max: 20` or what fits");
        }
        NodeKind::ForEach(Box::new(ForEach {
            items,
            name: each.name.clone(),
            key: each.key.as_ref().map(template),
            max: each.max,
            parallel: each.parallel,
            collect: each.collect,
            body,
        }))
    }

    fn items(&self, items: &doc::Tree, at: &Position<'_>) -> Result<Items, String> {
        let known = self.known(at.scope);
        match items {
            doc::Tree::Text(text) if !known.covers(&text.value) => Ok(Items::Later(template(text))),
            doc::Tree::Text(text) => match known.value(&text.value) {
                Ok(Value::Array(values)) => Ok(Items::Known(values)),
                Ok(other) => Err(format!("`in:` needs a list, not `{other}`")),
                // A target that does not have it may be guarded by `when:`; if not, the run says so.
                Err(_) => Ok(Items::Later(template(text))),
            },
            tree => match known.tree(tree)? {
                Value::Array(values) => Ok(Items::Known(values)),
                other => Err(format!("`in:` needs a list, not `{other}`")),
            },
        }
    }

    pub(super) fn known(&self, scope: usize) -> Known {
        Known::new(&self.scopes[scope], self.target.as_ref())
    }

    pub(super) fn problem(&mut self, code: Code, message: &str, place: &Place, help: &str) {
        self.problems.push(Diagnostic::error(code, message, place.clone()).help(help));
    }
}

pub(super) fn conforming(input: &doc::Input, value: Value) -> Result<Value, String> {
    let choices: Vec<String> = input.choices.iter().map(|c| c.value.clone()).collect();
    let pattern = input.pattern.as_ref().map(|p| p.value.as_str());
    let value = conform(&input.name, input.kind, pattern, &choices, value)?;
    if let Some(number) = value.as_f64() {
        let limit = |text: &Option<doc::Text>| text.as_ref().and_then(|t| bound(input.kind, &t.value));
        if let Some(min) = limit(&input.min).filter(|min| number < *min) {
            return Err(format!("input `{}`: {number} is less than the least value {min}", input.name));
        }
        if let Some(max) = limit(&input.max).filter(|max| number > *max) {
            return Err(format!("input `{}`: {number} is more than the greatest value {max}", input.name));
        }
    }
    Ok(value)
}

/// Where a secret comes from; one that may be short says so.
fn secret_source(input: &doc::Input, origin: &str) -> Value {
    let from = input.from.as_ref().map_or_else(|| json!(origin), doc::InputSource::reference);
    if input.allow_short { json!({ "from": from, "allow_short": true }) } else { from }
}
