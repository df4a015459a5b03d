//! Checkpoints, and the files of waivers.

use super::cursor::{Field, Reader, first_line};
use super::keys;
use super::scalars::is_anything;
use crate::runbook::model::{Checkpoint, Text, Waiver, is_phrase, is_principal, is_role};
use crate::text::{self, Code, Diagnostic, Kind, Source};

/// Most people of one role a checkpoint can ask for.
const MOST: i64 = 100;

const ROLE_RULE: &str = "a role has lower-case letters, digits, dashes and underscores, and starts with a letter";

impl<'a> Reader<'a> {
    pub(super) fn checkpoint(&mut self, field: Field<'a>) -> Option<Checkpoint> {
        let obj = self.object(field, super::advice::object_name("checkpoint"), keys::CHECKPOINT)?;
        let title = self.required(&obj, "title", "\"Go on?\"").and_then(|f| self.text(f));
        Some(Checkpoint {
            title: title.unwrap_or_else(|| self.text_of(field.node, "")),
            show: obj.get("show").map(|f| self.named_texts(f, is_anything)).unwrap_or_default(),
            timeout: obj.get("timeout").and_then(|f| self.duration(f)),
            roles: obj.get("roles").map(|f| self.roles(f)).unwrap_or_default(),
            phrase: obj.get("phrase").and_then(|f| self.phrase(f)),
            expires: obj.get("expires").and_then(|f| self.plain_duration(f)),
            reference: obj.get("reference").and_then(|f| self.word(f, &[("required", true)])).unwrap_or(false),
            place: self.place(obj.at),
        })
    }

    fn roles(&mut self, field: Field<'a>) -> Vec<(Text, u32)> {
        let mut roles = Vec::new();
        let entries = self.open_object(field, "a mapping such as { release-manager: 1 }");
        if entries.is_empty() && field.node.map().is_some() {
            let problem = self.error(Code::EMPTY, "`roles` is empty", field.key);
            problem.help.push("name a role and how many of its people must say GO: `roles: { lead: 1 }`".into());
        }
        for entry in entries {
            let name = Text { place: self.place(entry.key), ..self.text_of(entry.node, entry.name) };
            if !is_role(entry.name) {
                self.bad_name(entry.name, entry.key, ROLE_RULE);
            } else if let Some(count) = self.int(entry, 1..=MOST) {
                roles.push((name, u32::try_from(count).unwrap_or(1)));
            }
        }
        roles
    }

    fn phrase(&mut self, field: Field<'a>) -> Option<Text> {
        let text = self.string(field, "the words to be typed")?;
        if is_phrase(&text.value) {
            return Some(text);
        }
        let at = self.span_of(field);
        let message = "`phrase` cannot be typed as it stands";
        let problem = self.error(Code::BAD_PHRASE, message, at);
        problem
            .help
            .push("it is one line of words that is the same in every run: no `{{ }}`, no space at its ends".into());
        None
    }

    /// A role of which one person must agree.
    pub(super) fn role(&mut self, field: Field<'a>) -> Option<Text> {
        let text = self.string(field, "a role such as release-manager")?;
        if is_role(&text.value) {
            return Some(text);
        }
        self.bad_name(&text.value, first_line(self.source, field.node.span), ROLE_RULE);
        None
    }

    /// Who holds which role, in a target profile.
    pub(super) fn people(&mut self, field: Field<'a>) {
        for entry in self.open_object(field, "a mapping such as { release-manager: [ana@example.com] }") {
            if !is_role(entry.name) {
                self.bad_name(entry.name, entry.key, ROLE_RULE);
            }
            for person in self.list(entry, "a list such as [ana@example.com]") {
                self.person(person);
            }
        }
    }

    fn person(&mut self, field: Field<'a>) -> Option<Text> {
        let text = self.string(field, "a name such as ana@example.com")?;
        if is_principal(&text.value) {
            return Some(text);
        }
        let at = self.span_of(field);
        let message = format!("`{}` is not a name of one person", text.value.lines().next().unwrap_or_default());
        let problem = self.error(Code::BAD_PRINCIPAL, message, at);
        problem.help.push("write it as trust stores do, in plain letters without spaces: `ana@example.com`".into());
        None
    }

    fn waiver(&mut self, field: Field<'a>) -> Option<Waiver> {
        let obj = self.object(field, "a waiver", keys::WAIVER)?;
        let step = self.required(&obj, "step", "preflight.grafana").and_then(|f| self.string(f, "the path of a step"));
        let person = self.required(&obj, "person", "ana@example.com").and_then(|f| self.person(f));
        let reason = self.required(&obj, "reason", "\"what is known about it\"");
        let reason = reason.and_then(|f| self.waiver_reason(f));
        let until = self.required(&obj, "until", "2026-12-31").and_then(|f| self.date(f));
        Some(Waiver { step: step?, person: person?, reason: reason?, until: until? })
    }

    fn waiver_reason(&mut self, field: Field<'a>) -> Option<Text> {
        let text = self.string(field, "words")?;
        if !text.value.trim().is_empty() {
            return Some(text);
        }
        self.error(Code::EMPTY, "a waiver needs a reason", field.key);
        None
    }

    fn date(&mut self, field: Field<'a>) -> Option<Text> {
        let text = self.string(field, "a day such as 2026-12-31")?;
        if text.value.len() == 10 && text.value.parse::<jiff::civil::Date>().is_ok() {
            return Some(text);
        }
        let shown = text.value.lines().next().unwrap_or_default().to_string();
        let at = self.span_of(field);
        self.error(Code::BAD_VALUE, format!("`until` needs a day such as 2026-12-31, found `{shown}`"), at);
        None
    }
}

/// Reads a file of waivers: a list. One with an error must not be used.
pub fn read_waivers(source: &Source) -> (Vec<Waiver>, Vec<Diagnostic>) {
    let parsed = text::parse(source);
    let mut reader = Reader::new(source);
    reader.problems = parsed.diagnostics;
    let Some(root) = &parsed.root else { return (Vec::new(), reader.problems) };
    let whole = Field { name: "waivers", key: root.span, node: root };
    // That nothing is waived can be said, too.
    let items = match &root.kind {
        Kind::Seq(items) if items.is_empty() => Vec::new(),
        _ => reader.list(whole, "a list of waivers"),
    };
    let waivers = items.into_iter().filter_map(|item| reader.waiver(item)).collect();
    (waivers, reader.problems)
}
