//! What a step does, exactly, in words.

use super::names::{Names, Shown};
use super::{decisions, looks, short};
use crate::plan::model::{Act, Body, File, FileChange, Http, Node, NodeKind, Plan, Task, Template, Tree, Undo};
use crate::plan::units::{duration_us, duration_words};
use crate::report::visible_line;
use crate::template;

/// What a step does: the first line, further lines, and the expressions nobody knows yet.
#[derive(Default)]
pub(super) struct What {
    /// On one line.
    pub(super) brief: String,
    /// All of it, line by line; empty when the brief says it all.
    pub(super) whole: Vec<String>,
    /// Conditions and surroundings, for the full form.
    pub(super) details: Vec<String>,
    /// Unknown expressions in order.
    pub(super) unknown: Vec<String>,
}

impl What {
    fn put(&mut self, shown: Shown) -> String {
        for expression in shown.unknown {
            if !self.unknown.contains(&expression) {
                self.unknown.push(expression);
            }
        }
        shown.text
    }

    fn detail(&mut self, label: &str, shown: Shown) {
        let text = self.put(shown);
        self.details.push(format!("{label}: {text}"));
    }
}

pub(super) fn what(plan: &Plan, names: &Names<'_>, node: &Node) -> What {
    let mut what = What::default();
    let line = |t: &Template| names.line(node.scope, t);
    match &node.kind {
        NodeKind::Task(task) => {
            act(plan, names, node, task, &mut what);
            surroundings(names, node, task, &mut what);
        }
        NodeKind::Manual { words, evidence } => {
            what.brief = what.put(line(words));
            for (name, required) in evidence {
                let how = if *required { "required" } else { "optional" };
                what.details.push(format!("evidence: {} ({how})", visible_line(name)));
            }
        }
        NodeKind::Checkpoint { title, show, timeout, .. } => {
            let question = what.put(line(title));
            what.brief = match timeout {
                Some(t) => format!("{question} (no answer in {} = NO-GO)", span(&what.put(line(t)))),
                None => question,
            };
            for (label, value) in show {
                what.detail(&format!("shows {}", visible_line(label)), line(value));
            }
        }
        NodeKind::WaitUntil(until) => what.brief = format!("wait until {}", decisions::mark(until.mark_us)),
        NodeKind::Decide(decision) => what.brief = decisions::decision(decision),
        NodeKind::Baseline(wanted) => what.brief = decisions::baseline(wanted),
        NodeKind::Watch(watch) => {
            what.brief = what.put(decisions::watch(names, node.scope, watch));
        }
        NodeKind::Audit(audit) => {
            what.brief = what.put(looks::audit(names, node.scope, audit));
            what.details.extend(looks::claims(audit));
        }
        NodeKind::Wait(time) => what.brief = format!("wait {}", span(&what.put(line(time)))),
        NodeKind::Set(values) => {
            let said: Vec<String> =
                values.iter().map(|(name, e)| format!("{name} = {}", visible_line(e.text.trim()))).collect();
            what.brief = said.join(", ");
        }
        _ => {}
    }
    what
}

fn act(plan: &Plan, names: &Names<'_>, node: &Node, task: &Task, what: &mut What) {
    match &task.act {
        Act::Shell(script) => {
            let script = what.put(names.script(node.scope, script));
            let lines: Vec<&str> = script.lines().filter(|l| !l.trim().is_empty()).collect();
            let first = lines.iter().find(|l| !l.trim_start().starts_with('#')).map_or("", |l| l.trim());
            what.brief = match lines.len() {
                0 | 1 => format!("$ {first}"),
                n => format!("$ {first} … {n} lines"),
            };
            if lines.len() > 1 {
                what.whole = script.lines().map(str::to_string).collect();
            }
        }
        Act::Exec(words) => {
            let words: Vec<String> = words.iter().map(|w| word(&what.put(names.line(node.scope, w)))).collect();
            what.brief = format!("exec: {}", words.join(" "));
        }
        Act::ExecList(list) => {
            what.brief = match names.words(node.scope, list) {
                Some(words) => format!("exec: {}", words.iter().map(|w| word(w)).collect::<Vec<_>>().join(" ")),
                None => format!("exec: {}", what.put(names.line(node.scope, list))),
            };
        }
        Act::Http(http) => request(names, node, http, what),
        Act::File(file) => change(plan, names, node, file, what),
        Act::Changes(changes) => {
            let (brief, details) = looks::changes(names, node.scope, changes);
            what.brief = what.put(brief);
            what.details.extend(details);
        }
        Act::Scan(scan) => {
            let (brief, details) = looks::scan(names, node.scope, scan);
            what.brief = what.put(brief);
            what.details.extend(details);
        }
        Act::Marker(marker) => what.brief = what.put(looks::marker(names, node.scope, marker)),
        Act::Restore => what.brief = "restore previous content".into(),
        Act::Hold(reason) => {
            let lock = plan.lock.as_ref().map_or_else(String::new, |lock| format!(" {}", visible_line(&lock.name)));
            let reason = what.put(names.line(node.scope, reason));
            what.brief = format!("hold{lock} until another person lifts it: {reason}");
        }
    }
}

/// A word of a command as a shell would need it written, so that it is clear where it ends. Unknowns stay as they are.
fn word(text: &str) -> String {
    if text.contains('‹') { text.to_string() } else { template::quote(text) }
}

fn request(names: &Names<'_>, node: &Node, http: &Http, what: &mut What) {
    let mut url = what.put(names.line(node.scope, &http.url));
    for (i, (name, value)) in http.query.iter().enumerate() {
        let value = what.put(names.line(node.scope, value));
        url.push_str(&format!("{}{}={value}", if i == 0 { '?' } else { '&' }, visible_line(name)));
    }
    let wanted = match &http.status[..] {
        [] => "2xx".to_string(),
        list => list.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
    };
    what.brief = format!("{} {url} → {wanted}", http.method);
    for (name, value) in &http.headers {
        what.detail(&format!("header {}", visible_line(name)), names.line(node.scope, value));
    }
    match &http.body {
        None => {}
        Some(Body::Text(text)) => what.detail("body", names.line(node.scope, text)),
        Some(Body::Json(tree)) => {
            let text = tree_words(names, node, tree, what);
            what.details.push(format!("body: {text}"));
        }
        Some(Body::Form(fields)) => {
            for (name, value) in fields {
                what.detail(&format!("form {}", visible_line(name)), names.line(node.scope, value));
            }
        }
    }
}

fn tree_words(names: &Names<'_>, node: &Node, tree: &Tree, what: &mut What) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match tree {
        Tree::Plain(value) => visible_line(&value.to_string()),
        Tree::Text(text) => quoted(&what.put(names.line(node.scope, text))),
        Tree::List(items) => {
            let items: Vec<String> = items.iter().map(|item| tree_words(names, node, item, what)).collect();
            format!("[{}]", items.join(", "))
        }
        Tree::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(&visible_line(key)), tree_words(names, node, value, what)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn change(plan: &Plan, names: &Names<'_>, node: &Node, file: &File, what: &mut What) {
    let path = what.put(names.line(node.scope, &file.path));
    let done = match &file.change {
        FileChange::Content(text) => {
            let text = what.put(names.lines(node.scope, text));
            what.whole = text.lines().map(str::to_string).collect();
            format!("write, {}", crate::report::plural(what.whole.len(), "line"))
        }
        FileChange::Line(line) => format!("ensure line `{}`", what.put(names.line(node.scope, line))),
        FileChange::Copy { from, .. } => format!("copy of {}", what.put(names.line(node.scope, from))),
        FileChange::Absent => "remove".into(),
    };
    let mode = file.mode.map(|mode| format!(", mode {mode:04o}")).unwrap_or_default();
    let then = match file.activate {
        Some(activate) => {
            let then = self::what(plan, names, plan.node(activate));
            what.put(Shown { text: String::new(), unknown: then.unknown });
            format!(", then {}", then.brief)
        }
        None => String::new(),
    };
    what.brief = format!("file {path}: {done}{mode}{then}");
}

fn surroundings(names: &Names<'_>, node: &Node, task: &Task, what: &mut What) {
    let line = |t: &Template| names.line(node.scope, t);
    for (name, value) in &task.env {
        what.detail(&format!("env {}", visible_line(name)), line(value));
    }
    for (name, value) in &task.secret_files {
        what.detail(&format!("secret file in {}", visible_line(name)), line(value));
    }
    for (label, value) in [("dir", &task.dir), ("stdin", &task.stdin), ("timeout", &task.timeout)] {
        if let Some(value) = value {
            what.detail(label, line(value));
        }
    }
    if !task.exit.is_empty() {
        let codes: Vec<String> = task.exit.iter().map(i32::to_string).collect();
        what.details.push(format!("exit: {}", codes.join(", ")));
    }
    for condition in &task.expect {
        what.details.push(format!("expect: {}", visible_line(condition.text.trim())));
    }
    if let Some(trend) = task.poll.as_ref().and_then(|poll| poll.trend.as_ref()) {
        what.details.push(format!("meanwhile: {} {}", visible_line(trend.of.text.trim()), trend.is));
    }
    for (name, expression) in &task.save {
        what.details.push(format!("save: {name} = {}", visible_line(expression.text.trim())));
    }
}

/// How a step is taken back, in words; none for what changes nothing.
pub(super) fn back_out(plan: &Plan, names: &Names<'_>, task: &Task) -> String {
    match &task.undo {
        None => "no back-out".into(),
        Some(Undo::None(reason)) => format!("nothing to back out: {}", visible_line(reason)),
        Some(Undo::Task(undo)) => {
            let mut said = what(plan, names, plan.node(*undo)).brief;
            let restores = said == "restore previous content";
            let activate = match &task.act {
                Act::File(file) if restores => file.activate,
                _ => None,
            };
            if let Some(activate) = activate {
                said.push_str(&format!(", then {}", what(plan, names, plan.node(activate)).brief));
            }
            format!("back out: {said}")
        }
    }
}

/// What comes before giving up: retries and samples.
pub(super) fn patience(names: &Names<'_>, scope: usize, task: &Task) -> Option<String> {
    if let Some(poll) = &task.poll {
        let (every, max) = (names.line(scope, &poll.every).text, names.line(scope, &poll.max).text);
        return Some(format!("every {} for {}", span(&every), span(&max)));
    }
    task.retry.as_ref().map(|retry| format!("{} attempts", retry.attempts))
}

/// A duration in the short form where it is one.
fn span(text: &str) -> String {
    match duration_us(text) {
        Some(us) if us % 1_000_000 == 0 => short(us / 1_000_000),
        Some(us) => duration_words(us),
        None => text.to_string(),
    }
}
