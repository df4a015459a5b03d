//! Steps that look for what may not be there.

use super::cursor::{Field, Obj, Reader};
use super::keys;
use crate::runbook::model::{AddedLines, Scan, Text};

impl<'a> Reader<'a> {
    pub(super) fn scan(&mut self, field: Field<'a>) -> Option<Scan> {
        let obj = self.object(field, "a scan", keys::SCANS)?;
        let scan = self.one_of(&obj, keys::SCANS)?;
        if scan.name == "added" { self.added(scan) } else { self.secrets(scan) }
    }

    fn secrets(&mut self, field: Field<'a>) -> Option<Scan> {
        let obj = self.object(field, "a scan for secrets", keys::SECRETS)?;
        let files = self.required(&obj, "files", "[compose.yml]").map(|f| self.texts(f, "a path or a list of paths"));
        Some(Scan::Secrets { files: files?, allow: self.some_texts(&obj, "allow") })
    }

    fn added(&mut self, field: Field<'a>) -> Option<Scan> {
        let obj = self.object(field, "a scan of added lines", keys::ADDED)?;
        let base = self.base(&obj);
        let forbid = self.required(&obj, "forbid", "[TODO]").map(|f| self.texts(f, "a list of regular expressions"));
        Some(Scan::Added(Box::new(AddedLines {
            repo: self.optional_text(&obj, "repo"),
            base: base?,
            head: self.optional_text(&obj, "head"),
            paths: self.some_texts(&obj, "paths"),
            exclude: self.some_texts(&obj, "exclude"),
            forbid: forbid?,
            allow: self.some_texts(&obj, "allow"),
        })))
    }

    fn some_texts(&mut self, obj: &Obj<'a>, key: &str) -> Vec<Text> {
        obj.get(key).map(|field| self.texts(field, "a text or a list of texts")).unwrap_or_default()
    }
}
