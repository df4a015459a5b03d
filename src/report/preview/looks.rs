//! Steps that only look, in words.

use super::names::{Names, Shown};
use crate::plan::model::{Audit, Changes, Marker, MarkerSource, Scan, Template, Tree};
use crate::report::visible_line;

/// Puts together a line of templates, with what nobody knows yet.
struct Line<'a> {
    names: &'a Names<'a>,
    scope: usize,
    shown: Shown,
}

impl Line<'_> {
    fn put(&mut self, template: &Template) -> String {
        let shown = self.names.line(self.scope, template);
        self.shown.unknown.extend(shown.unknown);
        shown.text
    }
}

pub(super) fn marker(names: &Names<'_>, scope: usize, marker: &Marker) -> Shown {
    let mut line = Line { names, scope, shown: Shown { text: String::new(), unknown: Vec::new() } };
    let place = match &marker.source {
        MarkerSource::File(path) => line.put(path),
        MarkerSource::Process(process) => format!("the environment of process {}", line.put(process)),
    };
    let (name, is) = (line.put(&marker.name), line.put(&marker.is));
    line.shown.text = format!("marker: {name} is `{is}` in {place}");
    line.shown
}

pub(super) fn audit(names: &Names<'_>, scope: usize, audit: &Audit) -> Shown {
    let mut line = Line { names, scope, shown: Shown { text: String::new(), unknown: Vec::new() } };
    let objects = line.tree(&audit.objects);
    let mut claims = Vec::new();
    claims.extend(audit.count.as_ref().map(|count| format!("{} of them", line.put(count))));
    claims.extend(audit.equal.as_ref().map(|equal| format!("exactly {}", line.tree(equal))));
    match audit.all.len() {
        0 => {}
        1 => claims.push(format!("for each {}", visible_line(audit.all[0].text.trim()))),
        more => claims.push(format!("for each {more} conditions")),
    }
    line.shown.text = format!("audit {objects}: {}", claims.join(", "));
    line.shown
}

pub(super) fn changes(names: &Names<'_>, scope: usize, changes: &Changes) -> (Shown, Vec<String>) {
    let mut line = Line { names, scope, shown: Shown { text: String::new(), unknown: Vec::new() } };
    let (base, head, repo) = (line.put(&changes.base), line.put(&changes.head), line.put(&changes.repo));
    let projects: Vec<&str> = changes.projects.iter().map(|(name, _)| name.as_str()).collect();
    let isolated = if changes.isolated { ", no commit in two" } else { "" };
    let mut details = Vec::new();
    for (name, paths) in &changes.projects {
        details.push(format!("project {name}: {}", line.list(paths)));
    }
    if !changes.shared.is_empty() {
        details.push(format!("touches all: {}", line.list(&changes.shared)));
    }
    details.extend(changes.coupled.iter().map(|names| format!("together: {}", names.join(", "))));
    line.shown.text = format!("changes of {repo} from {base} to {head} in {}{isolated}", projects.join(", "));
    (line.shown, details)
}

pub(super) fn scan(names: &Names<'_>, scope: usize, scan: &Scan) -> (Shown, Vec<String>) {
    let mut line = Line { names, scope, shown: Shown { text: String::new(), unknown: Vec::new() } };
    let mut details = Vec::new();
    let allow = match scan {
        Scan::Secrets { files, allow } => {
            line.shown.text = format!("no hard-coded secret in {}", line.list(files));
            allow
        }
        Scan::Added(added) => {
            let (base, head, repo) = (line.put(&added.base), line.put(&added.head), line.put(&added.repo));
            let patterns = crate::report::plural(added.forbid.len(), "forbidden pattern");
            line.shown.text = format!("none of {patterns} in lines added to {repo} from {base} to {head}");
            details.extend(added.forbid.iter().map(|pattern| format!("forbidden: {}", visible_line(pattern))));
            for (label, patterns) in [("paths", &added.paths), ("exclude", &added.exclude)] {
                if !patterns.is_empty() {
                    details.push(format!("{label}: {}", line.list(patterns)));
                }
            }
            &added.allow
        }
    };
    details.extend(allow.iter().map(|marker| format!("allowed on lines with: {}", visible_line(marker))));
    (line.shown, details)
}

/// The conditions of an audit, for the full form.
pub(super) fn claims(audit: &Audit) -> impl Iterator<Item = String> + '_ {
    audit.all.iter().map(|condition| format!("for each: {}", visible_line(condition.text.trim())))
}

impl Line<'_> {
    fn list(&mut self, templates: &[Template]) -> String {
        templates.iter().map(|template| self.put(template)).collect::<Vec<_>>().join(", ")
    }

    fn tree(&mut self, tree: &Tree) -> String {
        match tree {
            Tree::Plain(value) => visible_line(&value.to_string()),
            Tree::Text(text) => self.put(text),
            Tree::List(items) => items.iter().map(|item| self.tree(item)).collect::<Vec<_>>().join(", "),
            Tree::Map(entries) => {
                let parts: Vec<String> =
                    entries.iter().map(|(key, value)| format!("{}: {}", visible_line(key), self.tree(value))).collect();
                format!("{{{}}}", parts.join(", "))
            }
        }
    }
}
