//! File steps.

use super::cursor::{Field, Obj, Reader};
use super::step::Body;
use super::{advice, keys};
use crate::runbook::model::{File, FileChange, Kind, Step};
use crate::text::{Code, Kind as Yaml};

impl<'a> Reader<'a> {
    pub(super) fn file(&mut self, step: &Obj<'a>, field: Field<'a>) -> Option<File> {
        let obj = self.object(field, advice::object_name("file"), &[keys::FILE, keys::CHANGES].concat())?;
        let path = self.required(&obj, "path", "/etc/app.conf").and_then(|f| self.text_as(f, "a path"));
        let change = self.one_of(&obj, keys::CHANGES).and_then(|f| self.change(f));
        let mode = obj.get("mode").and_then(|f| self.mode(f));
        if let (Some(FileChange::Absent), Some(mode)) = (&change, obj.get("mode")) {
            self.error(Code::MISPLACED_KEY, "a file that shall be absent has no `mode`", mode.key);
        }
        let activate = step.get("activate").and_then(|f| self.activate(f)).map(Box::new);
        Some(File { path: path?, change: change?, mode, activate })
    }

    fn change(&mut self, field: Field<'a>) -> Option<FileChange> {
        match field.name {
            "template" => self.text_as(field, "the content of the file").map(FileChange::Template),
            "line" => self.text_as(field, "a line").map(FileChange::Line),
            "copy" => self.text_as(field, "the path of a file").map(FileChange::Copy),
            _ if matches!(field.node.kind, Yaml::Bool(true)) => Some(FileChange::Absent),
            _ => {
                let problem = self.error(Code::BAD_VALUE, "`absent` can only be `true`", field.key);
                problem.help.push("a file that shall be there has `template`, `line` or `copy`".into());
                None
            }
        }
    }

    fn mode(&mut self, field: Field<'a>) -> Option<u32> {
        let octal = |text: &str| {
            let digits = text.strip_prefix('0')?;
            let all = (3..=4).contains(&digits.len()) && digits.bytes().all(|b| (b'0'..=b'7').contains(&b));
            all.then(|| u32::from_str_radix(digits, 8).ok())?
        };
        if let Some(mode) = field.node.str().and_then(octal) {
            return Some(mode);
        }
        let message = "`mode` needs permission bits as an octal string such as \"0644\"";
        let at = if field.node.span.is_empty() {
            field.key
        } else {
            super::cursor::first_line(self.source, field.node.span)
        };
        let written = field.node.scalar().filter(|s| octal(&format!("0{s}")).is_some()).map(|s| format!("\"0{s}\""));
        let problem = self.error(Code::BAD_VALUE, message, at);
        if let Some(written) = written {
            *problem = problem.clone().fix(at, written.clone(), format!("write `{written}`"));
        }
        None
    }

    /// A script, or a body; where it stands it is a shell or exec step.
    fn activate(&mut self, field: Field<'a>) -> Option<Step> {
        if field.node.map().is_some() {
            return self.body(field, Body::Activate);
        }
        let script = self.text_as(field, "a script or { exec: [...] }")?;
        let place = script.place.clone();
        Some(super::step::script("activate", Kind::Shell(script), place))
    }
}
