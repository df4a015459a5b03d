//! Steps that only look, in words.

use super::names::{Names, Shown};
use crate::plan::model::{Marker, MarkerSource, Template};

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
