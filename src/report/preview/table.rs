//! The table of phases and steps.

use super::act::{What, back_out, patience, what};
use super::names::Names;
use super::{Counts, Page, decisions, gates, short};
use crate::plan::model::{ForEach, Items, Node, NodeId, NodeKind, Plan};
use crate::report::look::Ink;
use crate::report::{plural, visible_line, wrap};
use crate::runbook::model::{Effect, OnFailure, Severity};

/// Columns before the step's name, of the name, and of what happens on failure.
const LEAD: usize = 14;
const NAME: usize = 20;
const FAILS: usize = 22;

pub(super) fn draw(plan: &Plan, names: &Names<'_>, page: &mut Page<'_>) -> Counts {
    let mut table = Table { plan, names, page, counts: Counts::default(), times: 1 };
    let NodeKind::Sequence(phases) = &plan.node(plan.forward).kind else { return table.counts };
    for phase in phases {
        table.phase(*phase);
    }
    table.counts
}

struct Table<'a, 'p> {
    plan: &'a Plan,
    names: &'a Names<'a>,
    page: &'a mut Page<'p>,
    counts: Counts,
    /// How often the steps at hand run: once for each item of the lists around them, where those are known.
    times: usize,
}

impl Table<'_, '_> {
    fn phase(&mut self, id: NodeId) {
        let node = self.plan.node(id);
        let title = node.title.as_ref().map(|t| self.names.line(node.scope, t).text).unwrap_or_default();
        let estimate = node.estimate_s.map(|s| format!(" (est. {})", short(s))).unwrap_or_default();
        self.counts.estimate_s += node.estimate_s.unwrap_or(0);
        self.page.line("");
        let heading = self.page.style.look.paint(Ink::Strong, &format!("phase {}", visible_line(&node.id)));
        self.page.line(&format!("{heading}  {title}{estimate}"));
        if let Some(goal) = &node.goal {
            self.page.line(&format!("  goal: {}", visible_line(goal)));
        }
        self.beside(id, 2);
        let what = self.what_width();
        self.page
            .line(&format!("  {:<8}{:>2}  {:<NAME$}  {:<what$}  if it fails", "effect", "#", "step", "what exactly"));
        self.children(id, 0, None);
    }

    fn what_width(&self) -> usize {
        self.page.width().saturating_sub(LEAD + NAME + FAILS + 4).max(16)
    }

    fn children(&mut self, id: NodeId, depth: usize, around: Option<OnFailure>) {
        match &self.plan.node(id).kind {
            NodeKind::Sequence(children) | NodeKind::Parallel { children, .. } => {
                for child in children {
                    self.node(*child, depth, around);
                }
            }
            NodeKind::ForEach(each) => {
                let outside = self.times;
                if let Items::Known(values) = &each.items {
                    self.times *= values.len();
                }
                self.children(each.body, depth, around);
                self.times = outside;
            }
            NodeKind::Stages(stages) => {
                decisions::stages(stages, LEAD + 2 * depth, self.page);
                let outside = self.times;
                self.times *= stages.table.len() + usize::from(stages.promote.is_some());
                self.children(stages.body, depth, around);
                self.times = outside;
                for part in stages.promote.iter().flat_map(|promote| [promote.main, promote.remove]) {
                    self.block_row(part, depth, "after the last stage");
                    self.children(part, depth + 1, around);
                }
            }
            NodeKind::Rounds(rounds) => {
                decisions::rounds(rounds, LEAD + 2 * depth, self.page);
                let outside = self.times;
                self.times *= decisions::round_count(rounds);
                self.children(rounds.body, depth, around);
                self.times = outside;
            }
            NodeKind::Run { body, always, .. } => {
                if let NodeKind::Sequence(phases) = &self.plan.node(*body).kind {
                    for phase in phases {
                        self.node(*phase, depth, around);
                    }
                }
                if let Some(always) = always {
                    self.block_row(*always, depth, "on every exit path of it");
                    self.children(*always, depth + 1, around);
                }
            }
            _ => {}
        }
    }

    /// `around` is what the nearest block says about failures, if one says anything.
    fn node(&mut self, id: NodeId, depth: usize, around: Option<OnFailure>) {
        let node = self.plan.node(id);
        let words = match &node.kind {
            NodeKind::Sequence(_) => "one after the other".to_string(),
            NodeKind::Parallel { max, .. } => match max {
                Some(max) => format!("at the same time, at most {max}"),
                None => "at the same time".into(),
            },
            NodeKind::ForEach(each) => self.list_words(node, each),
            NodeKind::Run { inner, .. } => format!("runbook {}", visible_line(&self.plan.scopes[*inner].runbook)),
            NodeKind::Stages(stages) => format!("in {}", plural(stages.table.len(), "stage")),
            NodeKind::Rounds(rounds) => plural(decisions::round_count(rounds), "round"),
            _ => return self.step(id, depth, around),
        };
        self.block_row(id, depth, &words);
        self.beside(id, LEAD + 2 * (depth + 1));
        self.children(id, depth + 1, node.on_failure.or(around));
    }

    fn list_words(&self, node: &Node, each: &ForEach) -> String {
        let parallel = if each.parallel > 1 { format!(", {} at a time", each.parallel) } else { String::new() };
        let name = visible_line(&each.name);
        match &each.items {
            Items::Known(values) => {
                let values: Vec<String> = values
                    .iter()
                    .map(|v| visible_line(&v.as_str().map(str::to_string).unwrap_or_else(|| v.to_string())))
                    .collect();
                format!("for each {name} of {} ({}){parallel}", values.len(), values.join(", "))
            }
            Items::Later(list) => {
                let max = each.max.map(|max| format!(", at most {max}")).unwrap_or_default();
                format!("for each {name} of {}{max}{parallel}", self.names.line(node.scope, list).text)
            }
        }
    }

    fn block_row(&mut self, id: NodeId, depth: usize, words: &str) {
        let name = format!("{}{}", "  ".repeat(depth), visible_line(&self.plan.node(id).id));
        let name = self.page.style.look.cell(&name, NAME);
        self.page.line(&format!("{}{name}  {words}", " ".repeat(LEAD)));
    }

    fn step(&mut self, id: NodeId, depth: usize, around: Option<OnFailure>) {
        let node = self.plan.node(id);
        let said = what(self.plan, self.names, node);
        let irreversible = node.effect == Effect::Irreversible;
        let effect = self.count(node);
        let number = self.names.number(id).map(|n| n.to_string()).unwrap_or_default();
        let look = self.page.style.look;
        let name = look.cell(&format!("{}{}", "  ".repeat(depth), visible_line(&node.id)), NAME);
        let fails = self.consequence(node, around);
        let mut brief = wrap(&said.brief, self.what_width());
        if !self.page.style.full && brief.len() > 2 {
            brief[1].push_str(if look.symbols { " …" } else { " ..." });
            brief.truncate(2);
        }
        for (i, part) in brief.iter().enumerate() {
            let part =
                if self.page.style.full { pad(part, self.what_width()) } else { look.cell(part, self.what_width()) };
            if i == 0 {
                let mark = if irreversible { look.paint(Ink::Bad, "!") } else { " ".into() };
                self.page.line(&format!("{mark} {effect:<8}{number:>2}  {name}  {part}  {fails}"));
            } else {
                self.page.line(&format!("{}{part}", " ".repeat(LEAD + NAME + 2)));
            }
        }
        self.under(id, &said);
    }

    /// Lines below a step: its condition, how it is taken back, what is not known, and in the full form all of it.
    fn under(&mut self, id: NodeId, said: &What) {
        let node = self.plan.node(id);
        let indent = LEAD + NAME + 2;
        self.beside(id, indent);
        if let NodeKind::Decide(decision) = &node.kind {
            decisions::rows(self.names, node.scope, decision, 4, self.page);
        }
        if let NodeKind::Checkpoint { gate, .. } = &node.kind {
            for line in wrap(&gates::takes(gate), self.page.width() - indent).iter().filter(|line| !line.is_empty()) {
                self.page.line(&format!("{}{line}", " ".repeat(indent)));
            }
        }
        if let NodeKind::Watch(watch) = &node.kind {
            decisions::patterns(watch, indent, self.page);
        }
        if let (NodeKind::Task(task), true) = (&node.kind, node.effect != Effect::Read) {
            let back = back_out(self.plan, self.names, task);
            for line in wrap(&back, self.page.width() - indent) {
                self.page.line(&format!("{}{line}", " ".repeat(indent)));
            }
        }
        for expression in &said.unknown {
            let line = self.names.until(node.scope, expression);
            self.page.line(&format!("{}{line}", " ".repeat(indent)));
        }
        if self.page.style.full {
            self.page.line(&format!("{}at {}", " ".repeat(indent), visible_line(&node.at)));
            for line in &said.details {
                self.page.line(&format!("{}{line}", " ".repeat(indent)));
            }
            for line in &said.whole {
                self.page.line(&format!("{}| {line}", " ".repeat(LEAD)));
            }
        }
    }

    /// When it runs at all, when it may begin, and what is watched meanwhile.
    fn beside(&mut self, id: NodeId, indent: usize) {
        let node = self.plan.node(id);
        self.condition(node, indent);
        if let Some(marks) = decisions::marks(&node.marks) {
            self.page.line(&format!("{}{marks}", " ".repeat(indent)));
        }
        if let Some(guards) = self.plan.guards(id) {
            decisions::guards(self.names, node.scope, &visible_line(&node.id), guards, self.page);
        }
    }

    fn condition(&mut self, node: &Node, indent: usize) {
        if let Some(when) = &node.when {
            self.page.line(&format!("{}only if {}", " ".repeat(indent), visible_line(when.text.trim())));
        }
    }

    fn count(&mut self, node: &Node) -> &'static str {
        let (counts, n) = (&mut self.counts, self.times);
        match (&node.kind, node.effect) {
            (NodeKind::Manual { .. } | NodeKind::Checkpoint { .. }, _) => {
                counts.ask += n;
                "ask"
            }
            (NodeKind::Wait(_) | NodeKind::WaitUntil(_), _) => {
                counts.wait += n;
                "wait"
            }
            (NodeKind::Set(_), _) => {
                counts.set += n;
                "set"
            }
            (_, Effect::Read) => {
                counts.read += n;
                "read"
            }
            (_, effect) => {
                counts.change += n;
                if effect == Effect::Irreversible {
                    counts.irreversible += n;
                }
                "change"
            }
        }
    }

    /// What a failure of this step leads to, in the words of the nearest rule.
    fn consequence(&self, node: &Node, around: Option<OnFailure>) -> String {
        let no = matches!(node.kind, NodeKind::Checkpoint { .. } | NodeKind::Manual { .. });
        let then = match (node.severity, node.on_failure, around) {
            // A person's no goes to the runbook's own rule, not to the step's.
            _ if no && self.plan.on_failure == OnFailure::Rollback => "NO-GO: back out",
            _ if no => "NO-GO: stop",
            (Severity::Warn, _, _) => "warn, go on",
            (_, Some(policy), _) => words(policy),
            (_, None, Some(OnFailure::Continue)) => "leave the group",
            (_, None, Some(policy)) => words(policy),
            (_, None, None) => words(self.plan.on_failure),
        };
        let first = match &node.kind {
            NodeKind::Task(task) => patience(self.names, node.scope, task),
            _ => None,
        };
        match first {
            Some(first) => format!("{first}, {then}"),
            None => then.to_string(),
        }
    }
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(crate::report::look::columns(text))))
}

pub(super) fn words(policy: OnFailure) -> &'static str {
    match policy {
        OnFailure::Stop => "stop",
        OnFailure::Ask => "ask",
        OnFailure::Rollback => "back out",
        OnFailure::Continue => "go on",
    }
}
