//! The dry run's screen: what a plan will do, before anything is done.
//!
//! Values that only a step will know stand as `‹steps.live.colour›`, with the step that will tell.

mod act;
mod decisions;
mod gates;
mod looks;
mod names;
mod paths;
mod table;

use super::look::Look;
use super::summary::wrap;
use super::visible::visible_line;
use crate::plan::model::{Binding, InputBinding, Plan};
use crate::plan::units::duration_words;
use crate::template;
use crate::text::Code;
pub use decisions::sample_sizes;
use names::Names;
use serde_json::Value;

/// How the preview is drawn.
#[derive(Debug, Clone)]
pub struct PreviewStyle {
    /// Width, symbols and colours.
    pub look: Look,
    /// Whole scripts, environments and conditions.
    pub full: bool,
    /// Said after the counts: what `check` found, for example `2 warnings (runbook check FILE)`.
    pub findings: Option<String>,
}

impl Default for PreviewStyle {
    /// The short form at 100 columns, without colours.
    fn default() -> PreviewStyle {
        PreviewStyle { look: Look::plain(100), full: false, findings: None }
    }
}

/// The preview of a plan named by `digest` (hex).
pub fn preview(plan: &Plan, digest: &str, style: &PreviewStyle) -> String {
    let names = Names::of(plan);
    let mut page = Page { lines: Vec::new(), style };
    head(plan, &mut page);
    decisions::metrics(plan, &names, &mut page);
    if let Some(guards) = plan.guards(plan.forward) {
        page.line("");
        decisions::guards(&names, 0, "the whole run", guards, &mut page);
    }
    let counts = table::draw(plan, &names, &mut page);
    given(plan, &mut page);
    paths::draw(plan, &names, &mut page);
    page.line("");
    for finding in style.findings.iter().flat_map(|findings| findings.lines()) {
        page.line(&format!("  {}", visible_line(finding)));
    }
    let counts = Counts { waived: plan.waivers.len(), ..counts };
    page.line(&counts.line(&style.look));
    page.line(&format!("digest {digest}"));
    page.lines.join("\n") + "\n"
}

/// The lines so far. Every line is safe to print and, unless whole texts were asked for, as wide as the page at most.
pub(super) struct Page<'a> {
    lines: Vec<String>,
    pub(super) style: &'a PreviewStyle,
}

impl Page<'_> {
    pub(super) fn line(&mut self, text: &str) {
        let text = text.trim_end();
        self.lines.push(if self.style.full { text.to_string() } else { self.style.look.fit(text, self.width()) });
    }

    pub(super) fn width(&self) -> usize {
        self.style.look.width.max(60)
    }

    /// `label` and text that is wrapped beside it.
    pub(super) fn labelled(&mut self, label: &str, text: &str) {
        for (i, line) in wrap(text, self.width() - 12).iter().enumerate() {
            self.line(&format!("  {:<9} {line}", if i == 0 { label } else { "" }));
        }
    }
}

fn head(plan: &Plan, page: &mut Page<'_>) {
    let target = plan.target.as_ref().map(|t| format!(" → {}", visible_line(&t.name))).unwrap_or_default();
    let name = visible_line(&plan.name);
    page.line(&format!("Plan for {name}{target}     nothing was executed: 0 processes, 0 connections"));
    if let Some(title) = &plan.title {
        page.line(&format!("  {}", visible_line(title)));
    }
}

/// Inputs with their origins, and the target.
fn given(plan: &Plan, page: &mut Page<'_>) {
    page.line("");
    let inputs = plan.scopes.first().map(|scope| scope.inputs.as_slice()).unwrap_or_default();
    let dot = page.style.look.dot();
    let said: Vec<String> = inputs.iter().map(|input| bound(input, page.style.full)).collect();
    if !said.is_empty() {
        page.labelled("inputs", &said.join(dot));
    }
    let files: Vec<String> = plan.sources.iter().map(|s| visible_line(&s.path)).collect();
    if let Some(target) = &plan.target {
        page.labelled("target", &visible_line(&target.name));
    }
    if let Some(anchor) = &plan.schedule.anchor {
        page.labelled("anchor", &decisions::anchor(anchor));
    }
    if let Some(window) = &plan.schedule.window {
        page.labelled("window", &decisions::window(window));
    }
    if let Some(takes) = gates::override_takes(plan) {
        page.labelled("override", &format!("with --override-window, and then: {takes}"));
    }
    for waiver in &plan.waivers {
        page.labelled("waived", &gates::waived(waiver));
    }
    match &plan.lock {
        Some(lock) => {
            let dir = lock.dir.as_ref().map(|dir| format!(" in {}", visible_line(dir))).unwrap_or_default();
            page.labelled("lock", &format!("{}{dir}", visible_line(&lock.name)));
        }
        None if plan.is_unlocked_in_production() => {
            page.labelled("lock", &format!("none, and the target is production ({})", Code::UNLOCKED));
        }
        None => {}
    }
    page.labelled("files", &files.join(dot));
}

fn bound(input: &InputBinding, full: bool) -> String {
    let origin = visible_line(&input.origin);
    let value = match &input.value {
        Binding::Known(value) if template::is_secret(value).is_some() => {
            return format!("{} ← {origin} (secret)", input.name);
        }
        Binding::Known(Value::String(value)) => value.clone(),
        Binding::Known(value) => value.to_string(),
        Binding::Later { template, .. } => template.text.clone(),
    };
    let value = visible_line(&value);
    let value = if full || value.chars().count() <= 60 { value } else { Look::plain(60).fit(&value, 60) };
    format!("{}={value} ← {origin}", input.name)
}

/// What the steps of a plan do, counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) read: usize,
    pub(super) change: usize,
    pub(super) irreversible: usize,
    pub(super) ask: usize,
    pub(super) wait: usize,
    pub(super) set: usize,
    /// Waivers for steps of it.
    pub(super) waived: usize,
    pub(super) estimate_s: u64,
}

impl Counts {
    fn line(&self, look: &Look) -> String {
        let mut parts = vec![format!("{} read", self.read)];
        let irreversible = match self.irreversible {
            0 => String::new(),
            n => format!(" ({n} irreversible)"),
        };
        parts.push(format!("{} change{irreversible}", self.change));
        for (n, word) in [(self.ask, "ask"), (self.wait, "wait"), (self.set, "set"), (self.waived, "waived")] {
            if n > 0 {
                parts.push(format!("{n} {word}"));
            }
        }
        let estimate = match self.estimate_s {
            0 => String::new(),
            s => format!("{}est. {}", look.dot(), short(s)),
        };
        format!("Plan: {}{estimate}", parts.join(", "))
    }
}

/// Seconds as people estimate them: `45s`, `15m`, `1h 30m`.
pub(super) fn short(seconds: u64) -> String {
    match (seconds, seconds % 60) {
        (60..=3599, 0) => format!("{}m", seconds / 60),
        _ => duration_words(seconds * 1_000_000),
    }
}
