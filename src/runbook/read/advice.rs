//! Advice for keys that are right, but somewhere else.

use super::keys;

/// Kinds of steps whose value is an object with keys of its own.
const OWNERS: [&str; 14] = [
    "http",
    "file",
    "checkpoint",
    "run",
    "parallel",
    "for_each",
    "decide",
    "stages",
    "rounds",
    "watch",
    "marker",
    "audit",
    "changes",
    "scan",
];

/// What to say about a key that `what` does not have, when it is known where it belongs.
pub(super) fn for_unknown_key(what: &str, key: &str) -> Option<String> {
    let owner = OWNERS.iter().find(|k| what == object_name(k));
    if let Some(kind) = owner {
        let words = format!("`{key}` belongs to the step: put it beside `{kind}:`, not inside");
        return keys::beside(kind).contains(&key).then_some(words);
    }
    let words = match (what, key) {
        ("a step", "name") => "a step has an `id` and, for people, a `title`",
        ("a step", "run" | "cmd" | "command" | "script" | "bash") => "a script is `shell:`, a program is `exec:`",
        ("a step", "retries") => "write `retry: { attempts: 3 }`",
        ("a step", "until") => "write `poll: { every: 10s, max: 5m }` and `expect:`",
        ("a step", "if" | "only_if") => "a condition is `when:`",
        ("a step", "assert") => "a condition on the result is `expect:`",
        ("a step", "sleep" | "pause") => "a pause is `wait:`",
        ("a step", "with_items" | "loop" | "foreach") => "a loop is `for_each: { in: [...], steps: [...] }`",
        ("a step", "register") => "values are kept with `save: { name: expression }`",
        ("a step", "ignore_errors") => "write `severity: warn`",
        ("a step" | "a phase", "not_before") => "what does not begin before a mark has `at: T+5m`",
        ("a row", "when" | "condition" | "metric") => "what a row looks at is `if: { METRIC: \"> 5%\" }`",
        ("a metric", "query" | "promql") => "a query of Prometheus is `prometheus:`",
        ("a table of guards" | "a decision", "otherwise" | "no_data") => {
            "it is a row: `- { otherwise: investigate }` under `rules:`"
        }
        ("a table of guards", "extend") => {
            "guards end nothing that they could make longer: write `hold` or `investigate`"
        }
        ("a stage", "pct" | "weight" | "share") => "the share of the traffic is `percent:`",
        ("a watch", "timeout" | "time") => "how long to watch is `for:`",
        ("an audit", "objects" | "list" | "of") => "the objects are `in:`",
        ("an audit", "expect" | "where") => "what must hold for every object is `all:`",
        ("a scan", "files") => "secrets in files are `secrets: { files: [...] }`",
        ("a scan", "forbid" | "base") => "patterns in added lines are `added: { base: ..., forbid: [...] }`",
        ("a look at changes", "from" | "since") => "the commit before is `base:`",
        ("a look at changes", "to" | "until") => "the commit after is `head:`",
        ("a marker", "value" | "equals") => "what the variable must be is `is:`",
        ("a marker", "pid" | "pidfile") => "the process is `process:`, a number or a file that holds one",
        ("a runbook", "vars") => "values are `inputs:` with a default, or a `set:` step",
        ("an input", "required") => "an input without `default` is required",
        ("an input", "description") => "words for people are `help:`",
        ("an input", "secret") => "write `type: secret`",
        ("a request", "url" | "method") => "the method is the key: `get: URL`",
        ("an undo body" | "a done_when body" | "an activate body", "id") => {
            "it has no id: it belongs to the step around it"
        }
        _ => return None,
    };
    Some(words.to_string())
}

/// What an object is called in messages.
pub(super) fn object_name(kind: &str) -> &'static str {
    match kind {
        "http" => "a request",
        "file" => "a file",
        "checkpoint" => "a checkpoint",
        "run" => "a run of another runbook",
        "parallel" => "a parallel group",
        "decide" => "a decision",
        "stages" => "a rollout in stages",
        "rounds" => "a step in rounds",
        "watch" => "a watch",
        "marker" => "a marker",
        "audit" => "an audit",
        "changes" => "a look at changes",
        "scan" => "a scan",
        _ => "a for_each group",
    }
}

/// What to say about a key that has no meaning beside a kind.
pub(super) fn for_misplaced_key(kind: &str, key: &str) -> String {
    match (kind, key) {
        ("checkpoint", "timeout") => "the time to answer stands inside: `checkpoint: { timeout: 30m }`".into(),
        ("wait" | "checkpoint" | "manual", "retry" | "poll") => {
            format!("`{kind}` happens once; poll a check before or after it")
        }
        ("parallel" | "for_each" | "run" | "stages" | "rounds", "undo") => "each step inside has its own `undo`".into(),
        (
            "parallel" | "for_each" | "run" | "stages" | "rounds",
            "effect" | "timeout" | "retry" | "poll" | "expect" | "save",
        ) => {
            format!("give `{key}` to the steps inside")
        }
        ("http", "env") => "values stand in `headers`, `query` and the body as templates".into(),
        ("http", "exit") => "the statuses that are a success are `http: { status: [...] }`".into(),
        _ => {
            let kinds = keys::kinds_with(key);
            format!("`{key}` goes with: {}", kinds.join(", "))
        }
    }
}
