//! Policy files: the rules for every runbook that is run at a target.

use super::contract;
use super::cursor::{Field, Obj, Reader, first_line};
use super::scalars::{SLUG_RULE, is_env_name, is_slug, is_template};
use super::schedule::parse_span;
use crate::runbook::model::{
    Closed, Forbid, Forbidden, MarkerPlace, Policy, RequiredMarker, Requirements, Text, Wrapper,
};
use crate::text::{self, Code, Diagnostic, Node, Severity, Source};

const POLICY: &[&str] = &[
    "policy",
    "name",
    "title",
    "forbid",
    "allow",
    "require",
    "production",
    "markers",
    "placeholders",
    "default_passwords",
    "raw",
    "window",
];
const FORBID: &[&str] = &["commands", "verbs", "read_only", "options", "prefix", "reason", "instead"];
const ALLOW: &[&str] = &["wrappers"];
const WRAPPER: &[&str] = &["path", "sha256"];
const REQUIRE: &[&str] = &["undo", "backup", "checkpoint", "lock", "guards", "inputs", "steps", "on_failure"];
const MARKER: &[&str] = &["file", "process", "name", "is"];
const WINDOW: &[&str] = &["forbid", "zone"];

/// The keys of every object of a policy, by its name in the schema.
pub fn policy_keys() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("", POLICY),
        ("policy_rule", FORBID),
        ("policy_allow", ALLOW),
        ("policy_wrapper", WRAPPER),
        ("policy_requirements", REQUIRE),
        ("policy_marker", MARKER),
        ("policy_window", WINDOW),
    ]
}

/// Reads a policy. One with an error must not be used, and nothing may run at a target that lists it.
pub fn read_policy(source: &Source) -> (Option<Policy>, Vec<Diagnostic>) {
    let parsed = text::parse(source);
    let mut reader = Reader::new(source);
    reader.problems = parsed.diagnostics;
    let policy = parsed.root.as_ref().and_then(|root| reader.policy(root));
    let mut problems = reader.problems;
    if let Some(root) = &parsed.root {
        contract::check_policy(source, root, &mut problems);
    }
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    (policy.filter(|_| sound), problems)
}

impl<'a> Reader<'a> {
    fn policy(&mut self, root: &'a Node) -> Option<Policy> {
        let obj = self.object(Field { name: "policy", key: root.span, node: root }, "a policy", POLICY)?;
        let version = self.required(&obj, "policy", "v1");
        if let Some(field) = version.filter(|f| f.node.str() != Some("v1")) {
            let at = self.span_of(field);
            self.error(Code::VERSION, "a policy begins with `policy: v1`", at);
        }
        let name = self.required(&obj, "name", "production-guard").and_then(|f| self.string(f, "a name"));
        if let Some(name) = name.as_ref().filter(|n| !is_slug(&n.value)) {
            self.bad_name(&name.value, name.place.span, SLUG_RULE);
        }
        let wrappers = obj.get("allow").and_then(|f| self.object(f, "what is allowed", ALLOW));
        Some(Policy {
            name: name?.value,
            file: self.source.name().to_string(),
            forbid: self.elements(&obj, "forbid", Self::forbid),
            wrappers: wrappers.map(|allow| self.elements(&allow, "wrappers", Self::wrapper)).unwrap_or_default(),
            require: obj.get("require").map(|f| self.requirements(f)).unwrap_or_default(),
            production: obj.get("production").map(|f| self.requirements(f)).unwrap_or_default(),
            markers: self.elements(&obj, "markers", Self::required_marker),
            no_placeholders: self.forbids(&obj, "placeholders"),
            no_default_passwords: self.forbids(&obj, "default_passwords"),
            no_raw: self.forbids(&obj, "raw"),
            closed: obj.get("window").map(|f| self.closed(f)).unwrap_or_default(),
        })
    }

    /// The elements of a list under a key, where there is one.
    fn elements<T>(&mut self, obj: &Obj<'a>, key: &str, read: fn(&mut Self, Field<'a>) -> Option<T>) -> Vec<T> {
        let Some(field) = obj.get(key) else { return Vec::new() };
        let items = self.list(field, "a list of mappings");
        items.into_iter().filter_map(|item| read(self, item)).collect()
    }

    fn line(&self, at: text::Span) -> usize {
        self.source.line_col(at.start).0
    }

    fn forbid(&mut self, field: Field<'a>) -> Option<Forbid> {
        let obj = self.object(field, "a rule", FORBID)?;
        let reason = self.required(&obj, "reason", "only the wrapper loads the environment");
        let reason = reason.and_then(|f| self.string(f, "words that say why"));
        let instead = obj.get("instead").and_then(|f| self.string(f, "words that say what to do"));
        let what = self.one_of(&obj, &["commands", "prefix"])?;
        let what = match what.name {
            "prefix" => {
                for key in ["verbs", "read_only", "options"] {
                    if let Some(extra) = obj.get(key) {
                        let message = format!("`{key}` has no meaning beside `prefix`");
                        self.error(Code::BAD_VALUE, message, extra.key);
                    }
                }
                Forbidden::Prefix(self.words(what))
            }
            _ => self.commands(&obj, what),
        };
        Some(Forbid { line: self.line(obj.at), what, reason: reason?.value, instead: instead.map(|t| t.value) })
    }

    fn commands(&mut self, obj: &Obj<'a>, field: Field<'a>) -> Forbidden {
        let commands = self.words(field);
        let any = obj.get("verbs").and_then(|f| self.word(f, &[("mutating", false), ("any", true)])).unwrap_or(true);
        let read_only = obj.get("read_only").map(|f| self.words(f)).unwrap_or_default();
        if !any && read_only.is_empty() {
            let problem = self.error(Code::MISSING_KEY, "`verbs: mutating` needs `read_only`", obj.at);
            problem.help.push("list the verbs that only look: `read_only: [ps, logs, inspect]`".into());
        }
        if any && let Some(extra) = obj.get("read_only") {
            let problem =
                self.error(Code::BAD_VALUE, "`read_only` has a meaning only beside `verbs: mutating`", extra.key);
            problem.help.push("write `verbs: mutating`, or leave the list out".into());
        }
        if let Some(path) = commands.iter().find(|c| c.contains(['/', ' ']) || c.is_empty()) {
            let message = format!("`{path}` is not the name of a program");
            let problem = self.error(Code::BAD_VALUE, message, field.key);
            problem
                .help
                .push("a name has no directory and no verb: any path to it is meant; for words use `prefix`".into());
        }
        let options = obj.get("options").map(|f| self.words(f)).unwrap_or_default();
        Forbidden::Commands { commands, read_only, options }
    }

    fn wrapper(&mut self, field: Field<'a>) -> Option<Wrapper> {
        let obj = self.object(field, "a wrapper", WRAPPER)?;
        let path = self.required(&obj, "path", "/srv/app/deploy_prd.sh").and_then(|f| self.string(f, "a path"));
        let sha256 = self.required(&obj, "sha256", "(64 hex digits)").and_then(|f| self.string(f, "64 hex digits"));
        if let Some(sum) = sha256.as_ref().filter(|s| s.value.len() != 64 || !s.value.bytes().all(is_lower_hex)) {
            let problem = self.error(Code::BAD_VALUE, "`sha256` is 64 hex digits in lower case", sum.place.span);
            problem.help.push("`sha256sum FILE` prints it".into());
        }
        Some(Wrapper { line: self.line(obj.at), path: path?.value, sha256: sha256?.value })
    }

    fn requirements(&mut self, field: Field<'a>) -> Requirements {
        let Some(obj) = self.object(field, "what is required", REQUIRE) else { return Requirements::default() };
        let words = |reader: &mut Self, key: &str| obj.get(key).map(|f| reader.words(f)).unwrap_or_default();
        Requirements {
            undo: self.flag(&obj, "undo"),
            backup: words(self, "backup"),
            checkpoint: obj.get("checkpoint").and_then(|f| self.word(f, &[("before_change", true)])).unwrap_or(false),
            lock: self.flag(&obj, "lock"),
            guards: self.flag(&obj, "guards"),
            inputs: words(self, "inputs"),
            steps: words(self, "steps"),
            rollback: obj.get("on_failure").and_then(|f| self.word(f, &[("rollback", true)])).unwrap_or(false),
        }
    }

    fn required_marker(&mut self, field: Field<'a>) -> Option<RequiredMarker> {
        let obj = self.object(field, "a marker", MARKER)?;
        let place = self.one_of(&obj, &["file", "process"])?;
        let path = self.string(place, "a path");
        let name = self.required(&obj, "name", "DEPLOYMENT_ENV").and_then(|f| self.string(f, "the name of a variable"));
        if let Some(name) = name.as_ref().filter(|n| !is_env_name(&n.value)) {
            self.bad_name(&name.value, name.place.span, "a variable has letters, digits and underscores");
        }
        let is = self.required(&obj, "is", "prd").and_then(|f| self.text(f));
        for text in path.iter().chain(&is).filter(|text| is_template(&text.value)) {
            let problem = self.error(Code::BAD_VALUE, "a policy is data, never a template", text.place.span);
            problem.help.push("write the value itself".into());
        }
        let path = path?.value;
        let place = if place.name == "file" { MarkerPlace::File(path) } else { MarkerPlace::Process(path) };
        Some(RequiredMarker { line: self.line(obj.at), place, name: name?.value, is: is?.value })
    }

    /// `KEY: forbid`.
    fn forbids(&mut self, obj: &Obj<'a>, key: &str) -> bool {
        obj.get(key).and_then(|f| self.word(f, &[("forbid", true), ("allow", false)])).unwrap_or(false)
    }

    fn closed(&mut self, field: Field<'a>) -> Vec<Closed> {
        let Some(obj) = self.object(field, "a window", WINDOW) else { return Vec::new() };
        let zone = self.required(&obj, "zone", "Europe/Berlin").and_then(|f| self.string(f, "the name of a time zone"));
        let spans =
            self.required(&obj, "forbid", "[Fri]").map(|f| self.list(f, "a list such as [Fri]")).unwrap_or_default();
        let Some(zone) = zone else { return Vec::new() };
        spans.into_iter().filter_map(|item| self.closed_span(item, &zone)).collect()
    }

    fn closed_span(&mut self, item: Field<'a>, zone: &Text) -> Option<Closed> {
        let text = self.string(item, "days and times such as `Fri` or `Mon-Thu 17:00-24:00`")?;
        let whole = format!("{} {}", text.value, zone.value);
        match parse_span(&whole) {
            Ok((days, from_min, to_min, zone)) => Some(Closed { text: whole, days, from_min, to_min, zone }),
            Err(why) => {
                let at = first_line(self.source, item.node.span);
                let problem = self.error(Code::BAD_WINDOW, format!("`forbid`: {why}"), at);
                problem
                    .help
                    .push("write days and times here, and the zone under `zone`: `forbid: [Fri], zone: UTC`".into());
                None
            }
        }
    }

    /// A list of strings.
    fn words(&mut self, field: Field<'a>) -> Vec<String> {
        let items = self.list(field, "a list of words");
        items.into_iter().filter_map(|item| self.string(item, "text")).map(|text| text.value).collect()
    }
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}
