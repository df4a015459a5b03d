//! Steps that only look, as parts of a plan.

use super::convert::{line_of, template, tree_of};
use super::model::{AddedLines, Audit, Changes, Marker, MarkerSource, Scan, Template};
use crate::runbook::model as doc;
use crate::text::Place;

pub(super) fn marker(marker: &doc::Marker) -> Marker {
    Marker {
        source: match &marker.source {
            doc::MarkerSource::File(path) => MarkerSource::File(template(path)),
            doc::MarkerSource::Process(process) => MarkerSource::Process(template(process)),
        },
        name: template(&marker.name),
        is: template(&marker.is),
    }
}

pub(super) fn audit(audit: &doc::Audit) -> Audit {
    Audit {
        objects: tree_of(&audit.objects),
        name: audit.name.clone(),
        key: audit.key.as_ref().map(template),
        count: audit.count.as_ref().map(template),
        equal: audit.equal.as_ref().map(tree_of),
        all: audit.all.iter().map(template).collect(),
    }
}

pub(super) fn changes(changes: &doc::Changes, place: &Place) -> Changes {
    Changes {
        repo: or(&changes.repo, ".", place),
        base: template(&changes.base),
        head: or(&changes.head, "HEAD", place),
        projects: changes.projects.iter().map(|(name, paths)| (name.clone(), templates(paths))).collect(),
        shared: templates(&changes.shared),
        coupled: changes.coupled.iter().map(|names| names.iter().map(|name| name.value.clone()).collect()).collect(),
        isolated: changes.isolated,
    }
}

pub(super) fn scan(scan: &doc::Scan, place: &Place) -> Scan {
    match scan {
        doc::Scan::Secrets { files, allow } => Scan::Secrets { files: templates(files), allow: words(allow) },
        doc::Scan::Added(added) => Scan::Added(Box::new(AddedLines {
            repo: or(&added.repo, ".", place),
            base: template(&added.base),
            head: or(&added.head, "HEAD", place),
            paths: templates(&added.paths),
            exclude: templates(&added.exclude),
            forbid: words(&added.forbid),
            allow: words(&added.allow),
        })),
    }
}

fn words(texts: &[doc::Text]) -> Vec<String> {
    texts.iter().map(|text| text.value.clone()).collect()
}

fn templates(texts: &[doc::Text]) -> Vec<Template> {
    texts.iter().map(template).collect()
}

/// What is written, or what goes without saying.
fn or(text: &Option<doc::Text>, default: &str, place: &Place) -> Template {
    text.as_ref().map_or_else(|| Template { text: default.into(), at: line_of(place) }, template)
}
