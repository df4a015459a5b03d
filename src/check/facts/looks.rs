//! The texts of steps that only look.

use super::{Facts, Results, Role, Scope};
use crate::runbook::model::{Audit, Changes, Marker, MarkerSource, Scan, Text};

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

    pub(super) fn audit(&mut self, audit: &'r Audit, at: usize, scope: usize) {
        self.tree(&audit.objects, "in", at, scope);
        self.add_some(at, scope, "count", Role::Template, &audit.count);
        if let Some(names) = &audit.equal {
            self.tree(names, "equal", at, scope);
        }
        self.scopes.push(Scope { parent: Some(scope), item: Some(&audit.name), parts: None });
        let inner = self.scopes.len() - 1;
        self.add_some(at, inner, "key", Role::Expression, &audit.key);
        for condition in &audit.all {
            self.add(at, inner, "all", Role::Condition, Results::Nothing, condition);
        }
    }

    pub(super) fn changes(&mut self, changes: &'r Changes, at: usize, scope: usize) {
        self.add_some(at, scope, "repo", Role::Template, &changes.repo);
        self.add(at, scope, "base", Role::Template, Results::Nothing, &changes.base);
        self.add_some(at, scope, "head", Role::Template, &changes.head);
        let own = changes.projects.iter().flat_map(|(_, paths)| paths).map(|path| ("projects", path));
        for (key, path) in own.chain(changes.shared.iter().map(|path| ("shared", path))) {
            self.add(at, scope, key, Role::Template, Results::Nothing, path);
        }
    }

    pub(super) fn scan(&mut self, scan: &'r Scan, at: usize, scope: usize) {
        match scan {
            Scan::Secrets { files, .. } => self.all("files", files, at, scope),
            Scan::Added(added) => {
                self.add_some(at, scope, "repo", Role::Template, &added.repo);
                self.add(at, scope, "base", Role::Template, Results::Nothing, &added.base);
                self.add_some(at, scope, "head", Role::Template, &added.head);
                self.all("paths", &added.paths, at, scope);
                self.all("exclude", &added.exclude, at, scope);
            }
        }
    }

    fn all(&mut self, key: &'static str, texts: &'r [Text], at: usize, scope: usize) {
        texts.iter().for_each(|text| self.add(at, scope, key, Role::Template, Results::Nothing, text));
    }
}
