//! The form of policies: the schema and the reader agree, and what is shipped is sound.

// The test reads its files.
#![allow(clippy::disallowed_methods)]

use runbook::runbook::model::{Forbidden, MarkerPlace};
use runbook::runbook::{POLICY_SCHEMA, policy_keys, read_policy};
use runbook::text::Source;
use serde_json::Value;
use std::collections::BTreeSet;

fn schema() -> Value {
    serde_json::from_str(POLICY_SCHEMA).unwrap()
}

fn object<'s>(schema: &'s Value, name: &str) -> &'s Value {
    let pointer = if name.is_empty() { String::new() } else { format!("/definitions/{name}") };
    schema.pointer(&pointer).unwrap_or_else(|| panic!("the schema has no `{name}`"))
}

/// The messages of what is wrong with a policy.
fn wrong(text: &str) -> Vec<String> {
    let (policy, problems) = read_policy(&Source::new("p.yml", text));
    assert_eq!(policy.is_none(), !problems.is_empty(), "a policy with an error is not used: {text}");
    problems.iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect()
}

#[test]
fn the_schema_and_the_reader_have_the_same_keys() {
    let schema = schema();
    for (name, known) in policy_keys() {
        let object = object(&schema, name);
        let in_schema: BTreeSet<&str> = object["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known.iter().copied().collect::<BTreeSet<_>>(), in_schema, "keys of `{name}`");
        assert_eq!(object["additionalProperties"], Value::Bool(false), "`{name}` is closed");
        for key in known {
            let text = object["properties"][key]["description"].as_str().unwrap_or_default();
            assert!(text.ends_with('.') && text.len() > 10, "`{name}`: `{key}` needs a description");
        }
    }
    let known: BTreeSet<&str> = policy_keys().into_iter().map(|(name, _)| name).collect();
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        assert!(definition.get("properties").is_none() || known.contains(name.as_str()), "{name}");
    }
}

#[test]
fn everything_a_policy_can_say_is_read() {
    let text = "
policy: v1
name: all
title: Everything
forbid:
  - { commands: [docker], verbs: mutating, read_only: [ps], options: [-H], reason: because, instead: that }
  - { prefix: [scp, docker run], reason: because }
allow: { wrappers: [{ path: ./deploy.sh, sha256: 'SUM' }] }
require: { undo: true, backup: [backup], checkpoint: before_change, lock: true, guards: true, inputs: [ticket], steps: [smoke], on_failure: rollback }
production: { guards: true }
markers:
  - { file: .env, name: DEPLOYMENT_ENV, is: prd }
  - { process: /run/app.pid, name: PORT, is: 8080 }
placeholders: forbid
default_passwords: forbid
raw: forbid
window: { forbid: [Fri, 'Mon-Thu 17:00-24:00'], zone: Europe/Berlin }
";
    let text = text.replace("SUM", &"0a".repeat(32));
    let (policy, problems) = read_policy(&Source::new("p.yml", text.as_str()));
    assert!(problems.is_empty(), "{problems:?}");
    let policy = policy.unwrap();
    assert_eq!(policy.forbid.iter().map(|rule| rule.line).collect::<Vec<_>>(), [6, 7]);
    let Forbidden::Commands { read_only, options, .. } = &policy.forbid[0].what else { panic!() };
    assert_eq!((read_only.join(" "), options.join(" ")), ("ps".into(), "-H".into()));
    assert_eq!(policy.forbid[1].what, Forbidden::Prefix(vec!["scp".into(), "docker run".into()]));
    assert_eq!(policy.wrappers[0].path, "./deploy.sh");
    assert!(policy.require.undo && policy.require.lock && policy.require.rollback && policy.require.checkpoint);
    assert!(policy.production.guards && !policy.production.undo);
    assert_eq!(policy.markers[1].place, MarkerPlace::Process("/run/app.pid".into()));
    assert_eq!(policy.markers[1].is, "8080");
    assert!(policy.no_placeholders && policy.no_default_passwords && policy.no_raw);
    let closed: Vec<(&str, &[u8], u16, u16)> =
        policy.closed.iter().map(|c| (c.text.as_str(), &c.days[..], c.from_min, c.to_min)).collect();
    let expected: [(&str, &[u8], u16, u16); 2] =
        [("Fri Europe/Berlin", &[4], 0, 1440), ("Mon-Thu 17:00-24:00 Europe/Berlin", &[0, 1, 2, 3], 1020, 1440)];
    assert_eq!(closed, expected);
}

#[test]
fn what_a_policy_cannot_say_is_refused_with_the_way_to_say_it() {
    let head = "policy: v1\nname: p\n";
    let cases = [
        ("policy: v2\nname: p\n", "a policy begins with `policy: v1`"),
        ("policy: v1\n", "a policy needs `name`"),
        ("forbit: [{ prefix: [scp], reason: x }]", "unknown key `forbit`; did you mean `forbid`?"),
        ("forbid: [{ prefix: [scp] }]", "a rule needs `reason`"),
        ("forbid: [{ reason: x }]", "a rule needs exactly one of: commands, prefix"),
        ("forbid: [{ prefix: [scp], commands: [docker], reason: x }]", "a rule has both"),
        ("forbid: [{ commands: [docker], verbs: mutating, reason: x }]", "`verbs: mutating` needs `read_only`"),
        ("forbid: [{ commands: [docker], read_only: [ps], reason: x }]", "`read_only` has a meaning only beside"),
        ("forbid: [{ commands: [/usr/bin/docker], reason: x }]", "is not the name of a program"),
        ("forbid: [{ prefix: [scp], verbs: any, reason: x }]", "`verbs` has no meaning beside `prefix`"),
        ("forbid: []", "`forbid` is empty"),
        ("allow: { wrappers: [{ path: x, sha256: abc }] }", "`sha256` is 64 hex digits in lower case"),
        ("require: { undo: sometimes }", "`undo` needs true or false"),
        ("require: { checkpoint: after }", "`checkpoint` cannot be `after`"),
        ("markers: [{ name: A, is: b }]", "a marker needs exactly one of: file, process"),
        ("markers: [{ file: .env, name: A-B, is: b }]", "`A-B` is not a usable name"),
        ("markers: [{ file: '{{ target.env }}', name: A, is: b }]", "a policy is data, never a template"),
        ("placeholders: forbidden", "`placeholders` cannot be `forbidden`; did you mean `forbid`?"),
        ("window: { forbid: [Fri] }", "a window needs `zone`"),
        ("window: { forbid: [Friday], zone: UTC }", "`Friday` is not a day"),
        ("window: { forbid: [Fri], zone: Mars/Base }", "there is no time zone `Mars/Base`"),
    ];
    for (text, expected) in cases {
        let whole = if text.starts_with("policy:") { text.to_owned() } else { format!("{head}{text}\n") };
        let found = wrong(&whole);
        assert!(found.iter().any(|message| message.contains(expected)), "{text}: {found:?}");
    }
}

#[test]
fn the_shipped_policies_are_sound() {
    for name in ["production-guard", "secrets"] {
        let path = format!("{}/runbooks/policies/{name}.yml", env!("CARGO_MANIFEST_DIR"));
        let (policy, problems) = read_policy(&Source::new(name, std::fs::read_to_string(path).unwrap()));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(policy.unwrap().name, name);
    }
}
