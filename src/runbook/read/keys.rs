//! The keys of every object of the language. The schema has the same lists; `tests/parity.rs` compares them.

pub(super) const RUNBOOK: &[&str] = &[
    "runbook",
    "name",
    "title",
    "owner",
    "description",
    "inputs",
    "outputs",
    "target",
    "phases",
    "steps",
    "on_failure",
    "rollback",
    "always",
];
pub(super) const INPUT: &[&str] = &["type", "default", "pattern", "choices", "min", "max", "from", "help"];
pub(super) const PHASE: &[&str] = &["id", "title", "goal", "estimate", "when", "steps", "checkpoint"];
/// Keys of a step beside its kind.
pub(super) const AROUND: &[&str] = &[
    "id",
    "title",
    "note",
    "when",
    "effect",
    "env",
    "dir",
    "stdin",
    "exit",
    "timeout",
    "retry",
    "poll",
    "expect",
    "save",
    "severity",
    "on_failure",
    "undo",
    "repeat",
    "done_when",
    "activate",
    "evidence",
];
/// Keys of a body (a step without id) beside its kind.
pub(super) const AROUND_BODY: &[&str] =
    &["title", "effect", "env", "dir", "stdin", "exit", "timeout", "retry", "expect"];
/// Keys of an `activate` body beside its kind.
pub(super) const AROUND_ACTIVATE: &[&str] = &["title", "env", "dir", "stdin", "exit", "timeout"];
pub(super) const NO_UNDO: &[&str] = &["none"];
pub(super) const RETRY: &[&str] = &["attempts", "wait", "factor", "max_wait"];
pub(super) const POLL: &[&str] = &["every", "max", "successes"];
pub(super) const METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "head"];
pub(super) const HTTP: &[&str] = &["headers", "query", "body", "json", "form", "status", "follow"];
pub(super) const CHANGES: &[&str] = &["template", "line", "copy", "absent"];
pub(super) const FILE: &[&str] = &["path", "mode"];
pub(super) const CHECKPOINT: &[&str] = &["title", "show", "timeout"];
pub(super) const RUN: &[&str] = &["runbook", "inputs"];
pub(super) const PARALLEL: &[&str] = &["max", "collect", "steps"];
pub(super) const FOR_EACH: &[&str] = &["in", "as", "key", "max", "parallel", "collect", "steps"];

const PROCESS: &[&str] = &[
    "id",
    "title",
    "note",
    "when",
    "effect",
    "env",
    "dir",
    "stdin",
    "exit",
    "timeout",
    "retry",
    "poll",
    "expect",
    "save",
    "severity",
    "on_failure",
    "undo",
    "repeat",
    "done_when",
];
const BLOCK: &[&str] = &["id", "title", "note", "when", "severity", "on_failure"];
const PLAIN: &[&str] = &["id", "title", "note", "when"];

/// Each kind of step and the keys that have a meaning beside it.
pub(super) const KINDS: &[(&str, &[&str])] = &[
    ("shell", PROCESS),
    ("exec", PROCESS),
    (
        "http",
        &[
            "id",
            "title",
            "note",
            "when",
            "effect",
            "timeout",
            "retry",
            "poll",
            "expect",
            "save",
            "severity",
            "on_failure",
            "undo",
            "repeat",
            "done_when",
        ],
    ),
    (
        "file",
        &[
            "id",
            "title",
            "note",
            "when",
            "effect",
            "timeout",
            "retry",
            "severity",
            "on_failure",
            "undo",
            "repeat",
            "done_when",
            "activate",
        ],
    ),
    ("manual", &["id", "title", "note", "when", "effect", "severity", "on_failure", "evidence"]),
    ("checkpoint", PLAIN),
    ("wait", PLAIN),
    ("set", PLAIN),
    ("run", BLOCK),
    ("parallel", BLOCK),
    ("for_each", BLOCK),
];
/// Kinds a body can have.
pub(super) const BODY_KINDS: &[&str] = &["shell", "exec", "http", "file"];
/// Kinds an `activate` body can have.
pub(super) const ACTIVATE_KINDS: &[&str] = &["shell", "exec"];

/// The keys that have a meaning beside a kind; none for a word that is not a kind.
pub(super) fn beside(kind: &str) -> &'static [&'static str] {
    KINDS.iter().find(|(name, _)| *name == kind).map_or(&[], |(_, keys)| keys)
}

/// The kinds a key has a meaning beside, for advice.
pub(super) fn kinds_with(key: &str) -> Vec<&'static str> {
    KINDS.iter().filter(|(_, keys)| keys.contains(&key)).map(|(kind, _)| *kind).collect()
}

/// The keys the reader knows, by the name the schema has for the object (`""` is the runbook itself).
pub fn keys() -> Vec<(&'static str, Vec<&'static str>)> {
    let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let join = |a: &[&'static str], b: &[&'static str]| [a, b].concat();
    vec![
        ("", RUNBOOK.to_vec()),
        ("input", INPUT.to_vec()),
        ("phase", PHASE.to_vec()),
        ("step", join(AROUND, &kinds)),
        ("body", join(AROUND_BODY, BODY_KINDS)),
        ("activate_body", join(AROUND_ACTIVATE, ACTIVATE_KINDS)),
        ("no_undo", NO_UNDO.to_vec()),
        ("retry", RETRY.to_vec()),
        ("poll", POLL.to_vec()),
        ("http", join(METHODS, HTTP)),
        ("file", join(FILE, CHANGES)),
        ("checkpoint", CHECKPOINT.to_vec()),
        ("run", RUN.to_vec()),
        ("parallel", PARALLEL.to_vec()),
        ("for_each", FOR_EACH.to_vec()),
    ]
}

/// Each kind of step and the keys that have a meaning beside it.
pub fn kinds() -> &'static [(&'static str, &'static [&'static str])] {
    KINDS
}
