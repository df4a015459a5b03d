//! 05xx: inputs, targets and plans.

use super::codes;

codes! {
501 INPUT_MISSING "an input has no value" r#"
An input without a default must be given: on the command line, in an input file, from where `from:` says, or at the
terminal when one is there.

wrong:
    runbook run deploy.yml
right:
    runbook run deploy.yml -i version=v1.2.0
"#
502 INPUT_WRONG "an input does not fit its declaration" r#"
The value is of another type, does not match the pattern, is not one of the choices, or is out of bounds. Durations and
sizes need a unit.

wrong:
    runbook run deploy.yml -i watch=5
right:
    runbook run deploy.yml -i watch=5m
"#
503 INPUT_UNKNOWN "there is no such input" r#"
A value was given for an input that the runbook does not declare. A misspelled name must not fall back to the default
in silence, so it is an error.

wrong:
    runbook run deploy.yml -i verison=v1.2.0
right:
    runbook run deploy.yml -i version=v1.2.0
"#
510 TARGET_MISSING "a target profile is needed" r#"
The runbook says `target: required`: hosts, addresses and commands come from a profile, so that the same runbook serves
every environment.

wrong:
    runbook run deploy.yml
right:
    runbook run deploy.yml --target demo
"#
511 TARGET_UNUSED "a target profile was given that is not used" r#"
The runbook says `target: none`. A profile given to it would change nothing, which is never what was meant.

wrong:
    runbook run report.yml --target demo
right:
    runbook run report.yml
"#
520 INCLUDE_UNKNOWN "the included runbook is not known when planning" r#"
A plan shows everything that may happen, so the path of an included runbook may use inputs and target values only.

wrong:
    run: { runbook: "{{ steps.pick.file }}" }
right:
    run: { runbook: "lib/{{ target.kind }}.yml" }
"#
521 INCLUDE_MISSING "the included runbook cannot be read" r#"
Paths of included runbooks are relative to the file that includes them.

wrong:
    run: { runbook: runbooks/preflight-checklist.yml }
right:
    run: { runbook: preflight-checklist.yml }
"#
522 INCLUDE_CYCLE "a runbook runs itself" r#"
A runbook may not run itself, directly or through others: the plan would have no end. The message shows the chain.

wrong:
    # in a.yml
    run: { runbook: a.yml }
right:
    # in a.yml
    run: { runbook: b.yml }
"#
523 COPY_MISSING "the file to copy cannot be read" r#"
The digest of a plan covers the files it copies, so that nobody can change them between review and run. They must be
there when planning; a path that only a step can know is checked at run time.

wrong:
    file: { path: /etc/app.conf, copy: conf/misspelled.conf }
right:
    file: { path: /etc/app.conf, copy: conf/app.conf }
"#
524 INNER_SCHEDULE "an included runbook has a schedule of its own" r#"
One anchor and one window rule a run: those of the runbook that is run. An included one with its own would either be
ignored or contradict them.

wrong:
    # in lib/drain.yml, which deploy.yml runs
    window: { allow: "Mon-Thu 02:00-05:00 UTC" }
right:
    # in deploy.yml
    window: { allow: "Mon-Thu 02:00-05:00 UTC" }
"#
525 NOT_KNOWN "this must be known when planning" r#"
Whoever reviews a plan sees its limits, times and anchor. They are written out, or made of inputs and target values.

wrong:
    if: { error_ratio: "> {{ steps.read.limit }}" }
right:
    if: { error_ratio: "> {{ target.limits.errors }}" }
"#
526 TARGET_LACKS "the target does not have what the runbook reads of it" r#"
A step that reads what its target does not have would fail when its turn comes, in the middle of the change. So it is
looked for before anything runs, by `check --target`, `plan` and `run`. What a runbook can do without stands under a
`when:` that asks, or has a default.

wrong:
    # the target has `commands: { start: [...] }` and no `stop`
    exec: "{{ target.commands.stop + [steps.colours.live] }}"
right:
    # commands: { start: [...], stop: [...] } in the target, or
    when: target.commands.stop is defined
    exec: "{{ target.commands.stop + [steps.colours.live] }}"
"#
530 LIST_WRONG "this is not a list" r#"
`for_each: { in: ... }` takes a list written in the file, an input of type list, a list of the target, or an expression
that yields a list.

wrong:
    for_each: { in: "blue", steps: [...] }
right:
    for_each: { in: [blue, green], steps: [...] }
"#
531 LIST_UNBOUNDED "a list known only at run time needs a limit" r#"
Whoever reviews the plan must know how many items it can touch at most.

wrong:
    for_each: { in: "{{ steps.find.hosts }}", steps: [...] }
right:
    for_each: { in: "{{ steps.find.hosts }}", max: 20, steps: [...] }
"#
}
