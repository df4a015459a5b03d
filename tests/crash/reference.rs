//! The run that everything happens to: retries, a parallel group, a file, a checkpoint, a probe, an undo of it all, and
//! an `always`. Every step leaves a line in `effects` when it happens.

use crate::bed::{Bed, Fault};
use crate::judge::{Aim, Judged};
use crate::trace::Call;

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

/// How it ends when everything happened as it should.
pub(crate) const AIM: Aim<'static> = Aim {
    code: 11,
    once: &["first", "left", "right", "probed", "fails", "undo-first", "undo-left", "undo-right", "undo-probed"],
    some: &["flaky", "last"],
};

pub(crate) fn bed() -> Bed {
    Bed::new(&FILES).with_key()
}

pub(crate) const FILES: [(&str, &str); 2] = [("a.yml", BOOK), ("conf", "old")];

/// Takes the run to its end and looks at the file it must have put back.
pub(crate) fn finish(bed: &Bed, judged: &mut Judged) {
    judged.finish(bed, &AIM);
    let conf = std::fs::read_to_string(bed.work("conf")).unwrap_or_default();
    if conf != "old" {
        judged.wrong.push(format!("conf is `{conf}`, which was not put back"));
    }
}

/// The calls of a run that nothing happens to.
pub(crate) fn calls(bed: &Bed, args: &[&str], fault: &Fault) -> Vec<Call> {
    let outcome = bed.call_with_person(args, fault);
    assert_eq!(outcome.code, Some(AIM.code), "{}", outcome.screen);
    let mut judged = Judged::default();
    judged.look(bed, &outcome.calls);
    finish(bed, &mut judged);
    assert_eq!(judged.wrong, Vec::<String>::new());
    outcome.calls
}
