//! What a runbook that changes anything needs.

use crate::policy::{Rails, needs};
use crate::runbook::model::{Policy, Requirements};
use crate::runbook::read;
use crate::text::Source;

/// What is missing in a runbook with this body, in production or elsewhere.
fn missing(body: &str, policy: Policy, production: bool) -> Vec<String> {
    let text = format!("runbook: v1\nname: book\n{body}\n");
    let (book, problems) = read(&Source::new("a.yml", text.as_str()));
    let book = book.unwrap_or_else(|| panic!("{problems:?}"));
    let policies = [Policy { name: "guard".into(), ..policy }];
    let rails = Rails { policies: &policies, production };
    let included = |path: &crate::runbook::model::Text| {
        let inner = format!("runbook: v1\nname: inner\n{}\n", path.value.replace(".yml", ""));
        read(&Source::new("inner.yml", inner.as_str())).0
    };
    needs(&book, &rails, &included).into_iter().map(|problem| problem.message).collect()
}

fn require(required: Requirements) -> Policy {
    Policy { require: required, ..Policy::default() }
}

const CHANGE: &str = "{ id: x, shell: touch x, undo: { shell: rm x } }";

#[test]
fn a_runbook_that_changes_nothing_needs_nothing() {
    let all = Requirements {
        undo: true,
        backup: vec!["backup".into()],
        checkpoint: true,
        lock: false,
        guards: true,
        inputs: vec!["ticket".into()],
        steps: vec!["smoke".into()],
        rollback: true,
    };
    assert_eq!(missing("steps: [{ id: x, shell: uptime, effect: read }]", require(all.clone()), true), [""; 0]);
    assert_eq!(missing(&format!("steps: [{CHANGE}]"), require(all), true).len(), 6);
}

#[test]
fn a_change_says_how_it_is_taken_back() {
    let undo = || require(Requirements { undo: true, ..Requirements::default() });
    let silent = missing("steps: [{ id: x, shell: touch x }]", undo(), false);
    assert_eq!(silent, ["policy guard needs an undo, and `x` has none"]);
    assert_eq!(missing(&format!("steps: [{CHANGE}]"), undo(), false), [""; 0]);
    assert_eq!(missing("steps: [{ id: x, shell: touch x, undo: { none: gone at once } }]", undo(), false), [""; 0]);
    let by_hand = format!("rollback: [{CHANGE}]\nsteps: [{{ id: y, shell: touch x }}]");
    assert_eq!(missing(&by_hand, undo(), false), [""; 0]);
}

#[test]
fn a_backup_and_a_checkpoint_come_before_the_first_change() {
    let both = || {
        require(Requirements {
            backup: vec!["backup".into(), "dump".into()],
            checkpoint: true,
            ..Requirements::default()
        })
    };
    let backup = "{ id: dump, shell: pg_dump x, undo: { none: only a copy } }";
    let go = "{ id: go, checkpoint: { title: go on? } }";
    assert_eq!(missing(&format!("steps: [{go}, {backup}, {CHANGE}]"), both(), false), [""; 0]);
    assert_eq!(missing(&format!("steps: [{CHANGE}, {go}, {backup}]"), both(), false).len(), 2);
    let phases = format!(
        "phases:\n  - {{ id: backup, checkpoint: {{ title: go on? }}, steps: [{{ id: l, shell: ls, effect: read }}] }}\n  - {{ id: m, steps: [{CHANGE}] }}"
    );
    assert_eq!(missing(&phases, both(), false), [""; 0]);
}

#[test]
fn what_an_included_runbook_does_counts_where_it_is_run() {
    let checkpoint = || require(Requirements { checkpoint: true, ..Requirements::default() });
    let go = "{ id: go, checkpoint: { title: go on? } }";
    let reads = "{ id: r, run: { runbook: 'steps: [{ id: l, shell: ls, effect: read }].yml' } }";
    let writes = "{ id: w, run: { runbook: 'steps: [{ id: l, shell: touch x }].yml' } }";
    assert_eq!(missing(&format!("steps: [{reads}, {go}, {CHANGE}]"), checkpoint(), false), [""; 0]);
    assert_eq!(missing(&format!("steps: [{writes}, {go}]"), checkpoint(), false).len(), 1);
}

#[test]
fn production_needs_more() {
    let policy = || Policy {
        production: Requirements { inputs: vec!["ticket".into()], ..Requirements::default() },
        ..Policy::default()
    };
    assert_eq!(missing(&format!("steps: [{CHANGE}]"), policy(), false), [""; 0]);
    assert_eq!(missing(&format!("steps: [{CHANGE}]"), policy(), true), ["policy guard needs the input `ticket`"]);
    assert_eq!(missing(&format!("inputs: {{ ticket: {{}} }}\nsteps: [{CHANGE}]"), policy(), true), [""; 0]);
}

#[test]
fn a_runbook_that_wants_no_lock_lacks_it() {
    let lock = || require(Requirements { lock: true, ..Requirements::default() });
    let without = missing(&format!("lock: none\nsteps: [{CHANGE}]"), lock(), false);
    assert_eq!(without, ["policy guard needs a lock"]);
}
