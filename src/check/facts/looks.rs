//! The texts of steps that only look.

use super::{Facts, Results, Role};
use crate::runbook::model::{Marker, MarkerSource};

impl<'r> Facts<'r> {
    pub(super) fn marker(&mut self, marker: &'r Marker, at: usize, scope: usize) {
        let (key, source) = match &marker.source {
            MarkerSource::File(path) => ("file", path),
            MarkerSource::Process(process) => ("process", process),
        };
        self.add(at, scope, key, Role::Template, Results::Nothing, source);
        self.add(at, scope, "name", Role::Template, Results::Nothing, &marker.name);
        self.add(at, scope, "is", Role::Carrier, Results::Nothing, &marker.is);
    }
}
