//! Steps that only look, as parts of a plan.

use super::convert::{template, tree_of};
use super::model::{Audit, Marker, MarkerSource};
use crate::runbook::model as doc;

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
