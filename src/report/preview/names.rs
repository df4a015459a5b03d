//! Templates as far as they are known, and the step that will know the rest.

use crate::machine::State;
use crate::plan::known::Known;
use crate::plan::model::{Binding, NodeId, NodeKind, Plan, Template};
use crate::report::outline::outline;
use crate::report::rows::Part;
use crate::report::{visible, visible_line};
use crate::template;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) struct Names<'a> {
    plan: &'a Plan,
    known: Vec<Known>,
    /// Position of a node among the steps going forward; of a block, that of its first step.
    numbers: HashMap<NodeId, usize>,
    /// The scope around an included runbook's scope.
    outer: HashMap<usize, usize>,
}

/// A text for the screen and the expressions in it that nobody knows yet.
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) unknown: Vec<String>,
}

impl<'a> Names<'a> {
    pub(super) fn of(plan: &'a Plan) -> Names<'a> {
        let known = plan.scopes.iter().map(|scope| Known::new(scope, plan.target.as_ref())).collect();
        let includes = plan.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Run { inner, .. } => Some((*inner, node.scope)),
            _ => None,
        });
        Names { plan, known, numbers: numbers(plan), outer: includes.collect() }
    }

    pub(super) fn plan(&self) -> &'a Plan {
        self.plan
    }

    pub(super) fn number(&self, node: NodeId) -> Option<usize> {
        self.numbers.get(&node).copied()
    }

    /// A template on one line.
    pub(super) fn line(&self, scope: usize, template: &Template) -> Shown {
        let (text, unknown) = self.known[scope].shown(&template.text);
        Shown { text: visible_line(&text), unknown }
    }

    /// The words of a list that is known.
    pub(super) fn words(&self, scope: usize, list: &Template) -> Option<Vec<String>> {
        let known = &self.known[scope];
        let value = known.covers(&list.text).then(|| known.value(&list.text).ok()).flatten()?;
        value.as_array()?.iter().map(|word| word.as_str().map(visible_line)).collect()
    }

    /// A template with its lines.
    pub(super) fn lines(&self, scope: usize, template: &Template) -> Shown {
        let (text, unknown) = self.known[scope].shown(template.text.trim_end());
        Shown { text: visible(&text), unknown }
    }

    /// A script with its lines, values quoted in place.
    pub(super) fn script(&self, scope: usize, template: &Template) -> Shown {
        let (text, unknown) = self.known[scope].shown_script(template.text.trim_end());
        Shown { text: visible(&text), unknown }
    }

    /// `‹steps.live.colour› unknown until step 2`, or why no step can be named.
    pub(super) fn until(&self, scope: usize, expression: &str) -> String {
        let shown = visible_line(expression);
        match self.step_that_knows(scope, expression, 0) {
            Some(n) => format!("‹{shown}› unknown until step {n}"),
            None if reads(expression, "stage") => format!("‹{shown}› is different for each stage"),
            None if reads(expression, "round") => format!("‹{shown}› is different for each round"),
            None if reads(expression, "item") => format!("‹{shown}› is different for each item"),
            None => format!("‹{shown}› is only known when it runs"),
        }
    }

    /// The last of the steps an expression reads from. Inputs of an included runbook lead to the runbook around it.
    fn step_that_knows(&self, scope: usize, expression: &str, depth: usize) -> Option<usize> {
        let refs = template::check_text(&format!("{{{{ {expression} }}}}")).ok()?;
        let found = refs.all.iter().filter_map(|name| {
            let (root, second) = (name.path.first()?.as_str(), name.path.get(1)?.as_str());
            match root {
                "steps" => self.find(scope, |id, _| id == second),
                "vars" => self.find(scope, |_, kind| sets(kind, second)),
                "inputs" if depth < 16 => {
                    let input = self.plan.scopes[scope].inputs.iter().find(|i| i.name == second)?;
                    let Binding::Later { template, .. } = &input.value else { return None };
                    let inner = template.text.trim().trim_start_matches("{{").trim_end_matches("}}");
                    self.step_that_knows(*self.outer.get(&scope)?, inner, depth + 1)
                }
                _ => None,
            }
        });
        found.max()
    }

    fn find(&self, scope: usize, wanted: impl Fn(&str, &NodeKind) -> bool) -> Option<usize> {
        let nodes = self.plan.nodes.iter().enumerate();
        let mut found = nodes.filter(|(_, node)| node.scope == scope && wanted(&node.id, &node.kind));
        found.find_map(|(id, _)| self.number(id))
    }
}

fn sets(kind: &NodeKind, name: &str) -> bool {
    matches!(kind, NodeKind::Set(values) if values.iter().any(|(n, _)| n == name))
}

fn reads(expression: &str, root: &str) -> bool {
    template::check_text(&format!("{{{{ {expression} }}}}")).is_ok_and(|refs| refs.roots().contains(root))
}

/// The same numbers a run shows: of a list with known items, the first item's.
fn numbers(plan: &Plan) -> HashMap<NodeId, usize> {
    let state = State::new(Arc::new(plan.clone()));
    let mut numbers = HashMap::new();
    let mut last = 0;
    for spot in outline(&state).iter().filter(|spot| spot.part == Part::Forward) {
        if spot.kind.is_step() {
            last += 1;
            numbers.entry(spot.node).or_insert(last);
        } else {
            numbers.entry(spot.node).or_insert(last + 1);
        }
    }
    numbers
}
