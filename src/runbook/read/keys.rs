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
    "metrics",
    "guards",
    "anchor",
    "window",
    "lock",
];
pub(super) const INPUT: &[&str] =
    &["type", "default", "pattern", "choices", "min", "max", "from", "allow_short", "help"];
pub(super) const SECRET_COMMAND: &[&str] = &["command", "env"];
pub(super) const PHASE: &[&str] =
    &["id", "title", "goal", "estimate", "when", "at", "not_after", "guards", "steps", "checkpoint"];
/// Keys of a step beside its kind.
pub(super) const AROUND: &[&str] = &[
    "id",
    "title",
    "note",
    "when",
    "effect",
    "env",
    "secret_files",
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
    "at",
    "not_after",
    "guards",
];
/// Keys of a body (a step without id) beside its kind.
pub(super) const AROUND_BODY: &[&str] =
    &["title", "effect", "env", "secret_files", "dir", "stdin", "exit", "timeout", "retry", "expect"];
/// Keys of an `activate` body beside its kind.
pub(super) const AROUND_ACTIVATE: &[&str] = &["title", "env", "secret_files", "dir", "stdin", "exit", "timeout"];
pub(super) const NO_UNDO: &[&str] = &["none"];
pub(super) const RETRY: &[&str] = &["attempts", "wait", "factor", "max_wait"];
pub(super) const POLL: &[&str] = &["every", "max", "successes", "trend"];
pub(super) const TREND: &[&str] = &["of", "is"];
pub(super) const METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "head"];
pub(super) const HTTP: &[&str] = &["headers", "query", "body", "json", "form", "status", "follow"];
pub(super) const CHANGES: &[&str] = &["template", "line", "copy", "absent"];
pub(super) const FILE: &[&str] = &["path", "mode"];
pub(super) const CHECKPOINT: &[&str] = &["title", "show", "timeout", "roles", "phrase", "expires", "reference"];
pub(super) const WAIVER: &[&str] = &["step", "person", "reason", "until"];
pub(super) const RUN: &[&str] = &["runbook", "inputs"];
pub(super) const PARALLEL: &[&str] = &["max", "collect", "steps"];
pub(super) const FOR_EACH: &[&str] = &["in", "as", "key", "max", "parallel", "collect", "steps"];
pub(super) const GUARDS: &[&str] = &["every", "gap", "hit", "rules", "investigate", "escalate", "hold"];
pub(super) const DECIDE: &[&str] =
    &["over", "every", "gap", "hit", "rules", "investigate", "escalate", "extend", "hold"];
pub(super) const RULE: &[&str] = &["symptom", "if", "for", "action", "within", "then"];
pub(super) const OTHERWISE: &[&str] = &["otherwise", "within", "then"];
pub(super) const NO_DATA: &[&str] = &["no_data", "within", "then"];
pub(super) const CELL: &[&str] = &[
    "slope",
    "vs_baseline",
    "vs",
    "mann_whitney",
    "trend",
    "surely",
    "in_a_row",
    "is",
    "over",
    "tolerance",
    "confidence",
];
pub(super) const INVESTIGATE: &[&str] = &["within", "then"];
pub(super) const ESCALATE: &[&str] = &["levels", "then"];
pub(super) const LEVEL: &[&str] = &["to", "within"];
pub(super) const TABLE_HOLD: &[&str] = &["max", "then"];
pub(super) const EXTEND: &[&str] = &["by", "max", "then"];
pub(super) const STAGES: &[&str] = &["table", "every", "share", "extend", "investigate", "steps", "promote"];
pub(super) const STAGE: &[&str] = &["percent", "wait", "criteria"];
pub(super) const SHARE: &[&str] = &["metric", "tolerance"];
pub(super) const PROMOTE: &[&str] = &["main", "remove"];
pub(super) const UNTIL: &[&str] = &["until"];
pub(super) const ANCHOR: &[&str] = &["time", "end_of"];
pub(super) const WINDOW: &[&str] = &["allow", "forbid", "must_end_inside", "exempt", "override"];
pub(super) const ROUNDS: &[&str] = &["times", "steps"];
pub(super) const ROUND: &[&str] = &["every", "until"];
pub(super) const WATCH_SOURCES: &[&str] = &["file", "journal", "shell"];
pub(super) const WATCH: &[&str] = &["for", "since", "must", "must_not", "new_patterns"];
pub(super) const HOLD: &[&str] = &["reason"];
pub(super) const NEW_PATTERNS: &[&str] = &["baseline", "max"];
pub(super) const CHANGED: &[&str] = &["repo", "base", "head", "projects", "shared", "coupled", "isolated"];
pub(super) const SCANS: &[&str] = &["secrets", "added"];
pub(super) const SECRETS: &[&str] = &["files", "allow"];
pub(super) const ADDED: &[&str] = &["repo", "base", "head", "paths", "exclude", "forbid", "allow"];
pub(super) const AUDIT: &[&str] = &["in", "as", "key", "count", "equal", "all"];
pub(super) const MARKER_SOURCES: &[&str] = &["file", "process"];
pub(super) const MARKER: &[&str] = &["name", "is"];
/// Where a metric's values come from.
pub(super) const SOURCES: &[&str] = &["prometheus", "scrape", "http", "shell", "latency_of", "ratio"];
/// Keys of a metric beside its source.
pub(super) const METRIC: &[&str] = &[
    "title",
    "unit",
    "quantile",
    "buckets",
    "min_samples",
    "stale_after",
    "baseline",
    "url",
    "range",
    "step",
    "reduce",
    "samples",
    "absent",
    "value",
    "effect",
    "env",
    "dir",
    "timeout",
];
pub(super) const SCRAPE: &[&str] = &["url", "series", "rate", "delta"];
pub(super) const RATIO: &[&str] = &["of", "to"];

/// The keys that have a meaning beside each source of a metric.
pub(super) const METRIC_KINDS: &[(&str, &[&str])] = &[
    (
        "prometheus",
        &[
            "title",
            "unit",
            "quantile",
            "buckets",
            "min_samples",
            "stale_after",
            "baseline",
            "url",
            "range",
            "step",
            "reduce",
            "samples",
            "absent",
            "timeout",
        ],
    ),
    (
        "scrape",
        &["title", "unit", "quantile", "buckets", "min_samples", "stale_after", "baseline", "absent", "timeout"],
    ),
    ("http", &["title", "unit", "baseline", "value", "timeout"]),
    ("shell", &["title", "unit", "baseline", "value", "effect", "env", "dir", "timeout"]),
    ("latency_of", &["title", "quantile", "reduce", "min_samples", "stale_after", "baseline"]),
    ("ratio", &["title", "min_samples", "baseline"]),
];

const PROCESS: &[&str] = &[
    "id",
    "title",
    "note",
    "when",
    "effect",
    "env",
    "secret_files",
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
    "at",
    "not_after",
];
const BLOCK: &[&str] = &["id", "title", "note", "when", "severity", "on_failure", "at", "not_after", "guards"];
const PLAIN: &[&str] = &["id", "title", "note", "when", "at", "not_after"];
const PAUSE: &[&str] = &["id", "title", "note", "when", "at", "not_after", "guards"];
const LOOK: &[&str] = &["id", "title", "note", "when", "severity", "on_failure", "at", "not_after"];
const LOOK_INTO: &[&str] =
    &["id", "title", "note", "when", "timeout", "retry", "expect", "severity", "on_failure", "at", "not_after"];
const LOOK_AGAIN: &[&str] = &["id", "title", "note", "when", "retry", "severity", "on_failure", "at", "not_after"];

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
            "at",
            "not_after",
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
            "at",
            "not_after",
        ],
    ),
    (
        "manual",
        &["id", "title", "note", "when", "effect", "severity", "on_failure", "evidence", "at", "not_after", "guards"],
    ),
    ("checkpoint", PAUSE),
    ("wait", PAUSE),
    ("set", PLAIN),
    ("run", BLOCK),
    ("parallel", BLOCK),
    ("for_each", BLOCK),
    ("decide", LOOK),
    ("stages", BLOCK),
    ("rounds", BLOCK),
    ("watch", LOOK),
    ("hold", LOOK),
    ("marker", LOOK_AGAIN),
    ("audit", LOOK),
    ("changes", LOOK_INTO),
    ("scan", LOOK_INTO),
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

/// The keys that have a meaning beside a source of a metric.
pub(super) fn beside_source(source: &str) -> &'static [&'static str] {
    METRIC_KINDS.iter().find(|(name, _)| *name == source).map_or(&[], |(_, keys)| keys)
}

/// The sources of metrics a key has a meaning beside, for advice.
pub(super) fn sources_with(key: &str) -> Vec<&'static str> {
    METRIC_KINDS.iter().filter(|(_, keys)| keys.contains(&key)).map(|(source, _)| *source).collect()
}

/// The keys the reader knows, by the name the schema has for the object (`""` is the runbook itself).
pub fn keys() -> Vec<(&'static str, Vec<&'static str>)> {
    let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let join = |a: &[&'static str], b: &[&'static str]| [a, b].concat();
    vec![
        ("", RUNBOOK.to_vec()),
        ("input", INPUT.to_vec()),
        ("secret_command", SECRET_COMMAND.to_vec()),
        ("phase", PHASE.to_vec()),
        ("step", join(AROUND, &kinds)),
        ("body", join(AROUND_BODY, BODY_KINDS)),
        ("activate_body", join(AROUND_ACTIVATE, ACTIVATE_KINDS)),
        ("no_undo", NO_UNDO.to_vec()),
        ("retry", RETRY.to_vec()),
        ("poll", POLL.to_vec()),
        ("trend", TREND.to_vec()),
        ("http", join(METHODS, HTTP)),
        ("file", join(FILE, CHANGES)),
        ("checkpoint", CHECKPOINT.to_vec()),
        ("run", RUN.to_vec()),
        ("parallel", PARALLEL.to_vec()),
        ("for_each", FOR_EACH.to_vec()),
        ("guards", GUARDS.to_vec()),
        ("decide", DECIDE.to_vec()),
        ("rule", RULE.to_vec()),
        ("otherwise_row", OTHERWISE.to_vec()),
        ("no_data_row", NO_DATA.to_vec()),
        ("cell", CELL.to_vec()),
        ("investigate", INVESTIGATE.to_vec()),
        ("escalate", ESCALATE.to_vec()),
        ("level", LEVEL.to_vec()),
        ("table_hold", TABLE_HOLD.to_vec()),
        ("extend", EXTEND.to_vec()),
        ("stages", STAGES.to_vec()),
        ("stage", STAGE.to_vec()),
        ("share", SHARE.to_vec()),
        ("promote", PROMOTE.to_vec()),
        ("until", UNTIL.to_vec()),
        ("anchor", ANCHOR.to_vec()),
        ("window", WINDOW.to_vec()),
        ("rounds", ROUNDS.to_vec()),
        ("round", ROUND.to_vec()),
        ("watch", join(WATCH_SOURCES, WATCH)),
        ("new_patterns", NEW_PATTERNS.to_vec()),
        ("hold", HOLD.to_vec()),
        ("audit", AUDIT.to_vec()),
        ("changes", CHANGED.to_vec()),
        ("scan", SCANS.to_vec()),
        ("secrets", SECRETS.to_vec()),
        ("added", ADDED.to_vec()),
        ("marker", join(MARKER_SOURCES, MARKER)),
        ("metric", join(SOURCES, METRIC)),
        ("scrape", SCRAPE.to_vec()),
        ("ratio", RATIO.to_vec()),
    ]
}

/// Each kind of step and the keys that have a meaning beside it.
pub fn kinds() -> &'static [(&'static str, &'static [&'static str])] {
    KINDS
}

/// Each source of a metric and the keys that have a meaning beside it.
pub fn metric_sources() -> &'static [(&'static str, &'static [&'static str])] {
    METRIC_KINDS
}
