//! What the language can say and the engine cannot execute yet: refused when planning, never ignored.
//!
//! When the engine learns one of these, its line goes.

use super::model::{Node, NodeKind, Plan};

/// Where a plan has a construct first: `file:line`.
type Find = fn(&Plan) -> Option<String>;

/// Each construct and how it is found.
const NOT_YET: &[(&str, Find)] = &[
    ("`at` and `not_after`", |plan| node(plan, |node| !node.marks.is_empty())),
    ("`wait: { until: ... }`", |plan| node(plan, |node| matches!(node.kind, NodeKind::WaitUntil(_)))),
    ("`rounds`", |plan| node(plan, |node| matches!(node.kind, NodeKind::Rounds(_)))),
    ("`anchor`", |plan| plan.schedule.anchor.as_ref().map(|_| root(plan))),
    ("`window`", |plan| plan.schedule.window.as_ref().map(|_| root(plan))),
];

/// What of this plan cannot be executed, and where each stands first.
pub(super) fn constructs(plan: &Plan) -> Vec<(&'static str, String)> {
    NOT_YET.iter().filter_map(|(name, find)| find(plan).map(|at| (*name, at))).collect()
}

fn node(plan: &Plan, has: fn(&Node) -> bool) -> Option<String> {
    plan.nodes.iter().find(|node| has(node)).map(|node| node.at.clone())
}

fn root(plan: &Plan) -> String {
    plan.node(plan.forward).at.clone()
}
