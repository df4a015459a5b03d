//! Steps that only look, as parts of a plan.

use super::convert::template;
use super::model::{Marker, MarkerSource};
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
