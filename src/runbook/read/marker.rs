//! Steps that look at a variable.

use super::cursor::{Field, Reader};
use super::keys;
use crate::runbook::model::{Marker, MarkerSource};

impl<'a> Reader<'a> {
    pub(super) fn marker(&mut self, field: Field<'a>) -> Option<Marker> {
        let obj = self.object(field, "a marker", &[keys::MARKER_SOURCES, keys::MARKER].concat())?;
        let source = self.one_of(&obj, keys::MARKER_SOURCES).and_then(|f| {
            Some(match f.name {
                "file" => MarkerSource::File(self.text_as(f, "the path of an environment file")?),
                _ => MarkerSource::Process(self.text_as(f, "a process id, or the path of a file that holds one")?),
            })
        });
        let name = self.required(&obj, "name", "DEPLOYMENT_ENV").and_then(|f| self.text_as(f, "a variable"));
        let is = self.required(&obj, "is", "prd").and_then(|f| self.text_as(f, "the value it must have"));
        Some(Marker { source: source?, name: name?, is: is? })
    }
}
