//! What a runbook reads of its target is looked for before anything runs.

use crate::support::Test;
use snapbox::str;

const TARGET: &str = "target: v1\nname: t\ncommands: { start: [touch, ran], stopp: ['true'] }\nhosts: [a, b]\n";

fn at_target(steps: &str) -> Test {
    Test::book(&format!("target: required\nsteps:\n{steps}")).file("targets/t.yml", TARGET)
}

#[test]
fn a_name_that_is_missing_in_the_last_step_refuses_the_run_before_the_first() {
    let steps = "
  - { id: start, exec: '{{ target.commands.start }}', timeout: 1m, undo: { none: it stays } }
  - { id: stop, exec: '{{ target.commands.stop }}', timeout: 1m, undo: { none: it stays } }
";
    for verb in ["run", "plan", "check"] {
        let ran = at_target(steps).new_args(&format!("{verb} a.yml -t t")).code(3).run();
        assert!(!ran.sandbox.exists("ran"), "{verb}");
    }
    at_target(steps)
        .new_args("plan a.yml -t t")
        .code(3)
        .stderr(str![[r#"
error[RB0526]: the target t has no `commands.stop`; did you mean `stopp`?
 --> a.yml:7:27
  |
7 |   - { id: stop, exec: '{{ target.commands.stop }}', timeout: 1m, undo: { ...
  |                           ^^^^^^^^^^^^^^^^^^^^
  |
  = help: add it to the file of the target, or ask first: `when: target.commands.stop is defined`
  = see: runbook explain RB0526

1 error in a.yml

"#]])
        .run();
}

#[test]
fn a_whole_branch_that_is_missing_is_one_problem() {
    let steps = "
  - { id: one, shell: 'echo {{ target.limits.a }} {{ target.limits.b.c }}', effect: read, timeout: 1m }
  - { id: two, shell: 'echo {{ target.limits.a }} {{ target.deep }}', effect: read, timeout: 1m }
";
    let ran = at_target(steps).new_args("check a.yml -t t").code(3).run();
    assert!(ran.stdout.contains("read are: limits.a, limits.b.c"), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("RB0526]").count(), 2, "{}", ran.stdout);
}

#[test]
fn what_somebody_asks_for_may_be_missing() {
    let inner = "runbook: v1\nname: inner\ntarget: required\nsteps:
  - { id: told, shell: 'echo {{ target.tell }}', effect: read, timeout: 1m }
";
    let steps = "
  - { id: asked, when: target.tell is defined, shell: 'echo {{ target.tell }}', effect: read, timeout: 1m }
  - { id: given, shell: \"echo {{ target.tell | default('nobody') }}\", effect: read, timeout: 1m }
  - { id: chosen, shell: \"echo {{ target.tell if target.tell is defined else 'nobody' }}\", effect: read, timeout: 1m }
  - { id: inside, when: target.tell is defined, run: { runbook: inner.yml } }
  - { id: named, shell: 'echo {{ target.name }} {{ target.hosts[1] }}', effect: read, timeout: 1m }
";
    at_target(steps).file("inner.yml", inner).args("-t t").run();
    let unasked = "\n  - { id: inside, run: { runbook: inner.yml } }\n";
    let ran = at_target(unasked).file("inner.yml", inner).args("-t t").code(3).run();
    assert!(ran.stderr.contains("the target t has no `tell`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--> inner.yml:5:"), "{}", ran.stderr);
}
