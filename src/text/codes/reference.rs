//! 03xx: references, templates and expressions.

use super::codes;

codes! {
301 TEMPLATE_SYNTAX "a template or expression cannot be read" r#"
Templates have holes in double braces; `when`, `expect`, `save`, `set`, `key` and `outputs` are expressions and have no
braces.

wrong:
    when: "{{ inputs.fast }}"
right:
    when: inputs.fast
"#
302 UNKNOWN_INPUT "there is no such input" r#"
Every input is declared under `inputs:` with its type.

wrong:
    shell: echo {{ inputs.verison }}
right:
    shell: echo {{ inputs.version }}
"#
303 UNKNOWN_STEP "there is no such step" r#"
`steps.ID` names a step of this runbook by its id. Steps inside a runbook that is run are not visible; it has `outputs`.

wrong:
    when: steps.chek.result == 'pass'
right:
    when: steps.check.result == 'pass'
"#
304 STEP_NOT_YET_RUN "a step is read before it is over" r#"
Values of a step can be read after it: not in the step itself, not before it, and not beside it in a `parallel` group.

wrong:
    - id: show
      shell: echo {{ steps.find.path }}
    - id: find
      shell: ls
      save: { path: stdout }
right:
    - id: find
      shell: ls
      save: { path: stdout }
    - id: show
      shell: echo {{ steps.find.path }}
"#
305 STEP_OUT_OF_REACH "a step belongs to the items of a group" r#"
Steps of a `for_each` run once per item, so outside the group there is no single value. Inside, each item sees its own.

wrong:
    - id: each
      for_each: { in: [a, b], steps: [{ id: ask, shell: uptime, save: { load: stdout } }] }
    - id: show
      shell: echo {{ steps.ask.load }}
right:
    - id: show
      shell: echo {{ steps.each.result }}
"#
306 UNKNOWN_SAVED "a step keeps no such value" r#"
A step keeps what its `save:` names, the evidence of `manual`, the `outputs` of `run`, and `result`: how it ended.

wrong:
    save: { colour: stdout }      # steps.live.colour
    shell: echo {{ steps.live.color }}
right:
    shell: echo {{ steps.live.colour }}
"#
307 UNKNOWN_VAR "no step sets the value before" r#"
`vars.NAME` is given its value by a `set` step that comes earlier.

wrong:
    shell: echo {{ vars.idle }}
right:
    - id: choose
      set: { idle: "'green'" }
    - id: show
      shell: echo {{ vars.idle }}
"#
308 UNKNOWN_NAME "there is no such name" r#"
Templates see `inputs`, `vars`, `target`, `steps`, `run` and the item of a `for_each` around them. `expect` and `save`
also see the result of their step: `exit stdout stderr duration` of a process, `status headers body json duration` of a
request.

wrong:
    http: { get: "http://localhost" }
    expect: stdout == 'ok'
right:
    http: { get: "http://localhost" }
    expect: body == 'ok'
"#
309 UNGUARDED "a value may not be there" r#"
A step that was skipped, failed with the run going on, or was never reached leaves no values. What reads them asks first.

wrong:
    - id: probe
      when: inputs.deep
      shell: ./probe
      save: { kind: stdout }
    - id: use
      shell: echo {{ steps.probe.kind }}
right:
    - id: use
      when: steps.probe.kind is defined
      shell: echo {{ steps.probe.kind }}
"#
310 SECRET_PLACE "a secret may not stand here" r#"
A secret may only be the whole value of a variable under `env:`, of `stdin:`, of a file under `secret_files:`, of a header,
or of a secret input of a runbook that is run. Anywhere else it would be shown, logged or computed with.

wrong:
    shell: psql {{ inputs.db_url }}
right:
    shell: psql "$DB_URL"
    env: { DB_URL: "{{ inputs.db_url }}" }
"#
311 NAME_CLASH "a name hides another one" r#"
The name already means something where it would be used.

wrong:
    for_each: { in: [a, b], as: steps, steps: [...] }
right:
    for_each: { in: [a, b], as: host, steps: [...] }
"#
312 SET_TWICE "a value is set twice" r#"
`vars.NAME` is written once, so that reading it never depends on where the run stands. Conditions may choose between two
`set` steps when both have a `when`.

wrong:
    - id: first
      set: { colour: "'blue'" }
    - id: second
      set: { colour: "'green'" }
right:
    - id: first
      set: { old_colour: "'blue'" }
    - id: second
      set: { new_colour: "'green'" }
"#
314 NOT_A_CONDITION "a condition is not true or false" r#"
Only true and false decide. Text, numbers and lists are compared with something first.

wrong:
    expect: stdout
right:
    expect: stdout == 'ok'
"#
}
