//! The run that everything happens to: retries, a parallel group, a file, a checkpoint, a probe, an undo of it all, and
//! an `always`. Every step leaves a line in `effects` when it happens.

use std::collections::BTreeMap;

use crate::bed::Bed;

/// Ends rolled back.
pub(crate) const BOOK: &str = r#"runbook: v1
name: reference
title: Everything a run can be
on_failure: rollback
steps:
  - id: look
    effect: read
    shell: cat conf
    save: { was: stdout | trim }
  - id: first
    repeat: once
    shell: echo first >> effects; echo first said this
    undo: { shell: echo undo-first >> effects }
  - id: flaky
    repeat: safe
    retry: { attempts: 9, wait: 1ms }
    shell: echo flaky >> effects; test -e flag || { touch flag; echo not yet >&2; exit 1; }
    undo: { none: nothing to take back }
  - id: both
    parallel:
      steps:
        - id: left
          repeat: once
          shell: echo left >> effects; echo left said this
          undo: { shell: echo undo-left >> effects }
        - id: right
          repeat: once
          shell: echo right >> effects
          undo: { shell: echo undo-right >> effects }
  - id: write
    repeat: safe
    file: { path: conf, template: new }
    undo: previous
  - id: go
    checkpoint: { title: Go on? }
  - id: probed
    repeat: probe
    done_when: { shell: grep -qx probed effects }
    shell: echo probed >> effects
    undo: { shell: echo undo-probed >> effects }
  - id: fails
    repeat: once
    shell: echo fails >> effects; exit 1
    undo: { none: nothing to take back }
always:
  - id: last
    repeat: safe
    shell: echo last >> effects
"#;

/// The exit code at the end.
pub(crate) const ROLLED_BACK: i32 = 11;

/// What must have happened exactly once, whatever happened to the program.
const ONCE: [&str; 9] = [
    "first", "left", "right", "probed", "fails", "undo-first", "undo-left", "undo-right", "undo-probed",
];

pub(crate) fn bed() -> Bed {
    Bed::new(&[("a.yml", BOOK), ("conf", "old")]).with_key()
}

/// Effects that must not be repeated and were: those of one step after another.
pub(crate) fn repeated(bed: &Bed) -> Vec<String> {
    let counts = bed.counted("effects");
    let repeated = counts.iter().filter(|(name, count)| ONCE.contains(&name.as_str()) && **count > 1);
    repeated.map(|(name, count)| format!("{name} x{count}")).collect()
}

/// What is wrong with the world after the run came to its end; nothing is the aim.
pub(crate) fn wrong_at_the_end(bed: &Bed) -> Vec<String> {
    let counts: BTreeMap<String, usize> = bed.counted("effects");
    let missing = ONCE.iter().filter(|name| !counts.contains_key(**name));
    let mut wrong: Vec<String> = missing.map(|name| format!("{name} never happened")).collect();
    wrong.extend(["flaky", "last"].iter().filter(|name| !counts.contains_key(**name)).map(|n| format!("no {n}")));
    let conf = std::fs::read_to_string(bed.work("conf")).unwrap_or_default();
    if conf != "old" {
        wrong.push(format!("conf is `{conf}`, which was not put back"));
    }
    wrong
}
