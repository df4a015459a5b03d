//! The kinds of steps; the larger ones have files of their own.

use super::cursor::{Field, Obj, Reader};
use super::keys;
use super::scalars::{is_hole, is_id};
use crate::runbook::model::{ExecArgs, Kind, Manual, Text};
use crate::text::Code;

impl<'a> Reader<'a> {
    pub(super) fn kind(&mut self, obj: &Obj<'a>, field: Field<'a>) -> Option<Kind> {
        Some(match field.name {
            "shell" => Kind::Shell(self.text_as(field, "a script")?),
            "exec" => Kind::Exec(self.exec(field)?),
            "http" => Kind::Http(Box::new(self.http(field)?)),
            "file" => Kind::File(Box::new(self.file(obj, field)?)),
            "manual" => Kind::Manual(Manual {
                words: self.text_as(field, "words that say what to do")?,
                evidence: obj.get("evidence").map(|f| self.evidence(f)).unwrap_or_default(),
            }),
            "checkpoint" => Kind::Checkpoint(self.checkpoint(field)?),
            "wait" => Kind::Wait(self.wait(field)?),
            "set" => Kind::Set(self.named_texts(field, is_id)),
            "run" => Kind::Run(self.run(field)?),
            "parallel" => Kind::Parallel(self.parallel(field)?),
            "decide" => Kind::Decide(Box::new(self.decide(field)?)),
            "stages" => Kind::Stages(Box::new(self.stages(field)?)),
            "rounds" => Kind::Rounds(Box::new(self.rounds(field)?)),
            "audit" => Kind::Audit(Box::new(self.audit(field)?)),
            "changes" => Kind::Changes(Box::new(self.changes(field)?)),
            "scan" => Kind::Scan(Box::new(self.scan(field)?)),
            "marker" => Kind::Marker(Box::new(self.marker(field)?)),
            "watch" => Kind::Watch(Box::new(self.watch(field)?)),
            "hold" => Kind::Hold(self.hold(field)?),
            _ => Kind::ForEach(Box::new(self.for_each(field)?)),
        })
    }

    fn exec(&mut self, field: Field<'a>) -> Option<ExecArgs> {
        const WANTED: &str = "a list such as [systemctl, restart, nginx], or one \"{{ expression }}\"";
        if field.node.seq().is_some() {
            let words = self.list(field, WANTED);
            return Some(ExecArgs::List(words.into_iter().filter_map(|word| self.text(word)).collect()));
        }
        let text = self.string(field, WANTED)?;
        if is_hole(&text.value) {
            return Some(ExecArgs::Expression(text));
        }
        let at = super::cursor::first_line(self.source, field.node.span);
        let words: Vec<&str> = text.value.split_whitespace().collect();
        let problem = self.error(Code::BAD_VALUE, format!("`exec` needs {WANTED}"), at);
        problem
            .help
            .push(format!("there is no shell to split words: write `exec: [{}]`, or use `shell:`", words.join(", ")));
        None
    }

    fn hold(&mut self, field: Field<'a>) -> Option<Text> {
        let obj = self.object(field, "a hold", keys::HOLD)?;
        self.required(&obj, "reason", "\"security incident, see INC-7\"")
            .and_then(|f| self.text_as(f, "words that say why"))
    }

    fn evidence(&mut self, field: Field<'a>) -> Vec<(String, bool)> {
        let mut evidence = Vec::new();
        for entry in self.open_object(field, "a mapping such as { link: required }") {
            if !is_id(entry.name) {
                self.bad_name(entry.name, entry.key, super::scalars::ID_RULE);
            } else if let Some(required) = self.word(entry, &[("required", true), ("optional", false)]) {
                evidence.push((entry.name.to_string(), required));
            }
        }
        evidence
    }
}
