//! Values that do not fit their inputs.

use crate::bad_input::FINE;
use crate::support::{Test, book};
use snapbox::str;

#[test]
fn an_unknown_input() {
    Test::book(&format!("inputs: {{ version: {{ default: v1 }} }}\n{FINE}"))
        .args("-i vresion=v2")
        .code(3)
        .stderr(str![[r#"
error[RB0503]: this runbook has no input `vresion` (-i); did you mean `version`?
 --> a.yml:1:1
  |
1 | runbook: v1
  | ^^^^^^^
  |
  = help: remove it or declare it under `inputs:`
  = see: runbook explain RB0503

1 error in a.yml

"#]])
        .run();
}

#[test]
fn an_unknown_input_in_a_file() {
    Test::book(&format!("inputs: {{ version: {{ default: v1 }} }}\n{FINE}"))
        .file("in.yml", "# values\nvresion: v2\n")
        .args("--inputs in.yml")
        .code(3)
        .stderr(str![[r#"
error[RB0503]: this runbook has no input `vresion` (in.yml:2); did you mean `version`?
 --> a.yml:1:1
  |
1 | runbook: v1
  | ^^^^^^^
  |
  = help: remove it or declare it under `inputs:`
  = see: runbook explain RB0503

1 error in a.yml

"#]])
        .run();
}

#[test]
fn an_input_of_the_wrong_type() {
    Test::book(&format!("inputs: {{ count: {{ type: int }} }}\n{FINE}"))
        .args("-i count=many")
        .code(3)
        .stderr(str![[r#"
error[RB0502]: input `count` needs a whole number, not `many`
 --> a.yml:3:11
  |
3 | inputs: { count: { type: int } }
  |           ^^^^^
  |
  = help: see the declaration shown here
  = see: runbook explain RB0502

1 error in a.yml

"#]])
        .run();
}

#[test]
fn an_input_that_does_not_match_its_pattern() {
    Test::book(&format!("inputs: {{ version: {{ pattern: 'v\\d+' }} }}\n{FINE}"))
        .args("-i version=v1x")
        .code(3)
        .stderr(str![[r#"
error[RB0502]: input `version`: `v1x` does not match the pattern `v\d+`
 --> a.yml:3:11
  |
3 | inputs: { version: { pattern: 'v\d+' } }
  |           ^^^^^^^
  |
  = help: see the declaration shown here
  = see: runbook explain RB0502

1 error in a.yml

"#]])
        .run();
}

#[test]
fn an_input_without_a_name() {
    Test::book(FINE)
        .args("-i v1")
        .code(2)
        .stderr(str![[r#"
error: `-i v1` needs the form NAME=VALUE, such as `-i version=v1.2.0`

"#]])
        .run();
}

#[test]
fn a_needed_input_is_not_asked_for_without_a_terminal() {
    let ran = Test::book(&format!("inputs: {{ version: {{ help: Release to deploy }} }}\n{FINE}"))
        .stdin("v1\n")
        .code(3)
        .stderr(str![[r#"
error[RB0501]: input `version` has no value
 --> a.yml:3:11
  |
3 | inputs: { version: { help: Release to deploy } }
  |           ^^^^^^^
  |
  = help: give it with `-i version=VALUE`
  = see: runbook explain RB0501

1 error in a.yml

"#]])
        .run();
    assert!(!ran.sandbox.exists("ran"));
}

#[test]
fn what_follows_from_a_missing_input_is_not_told_beside_it() {
    let test = Test::book(
        "lock: \"db-{{ inputs.n }}\"\ninputs: { n: { type: int }, book: { default: inner.yml } }\nsteps:\n\
         - { id: given, run: { runbook: inner.yml, inputs: { v: \"{{ inputs.n }}\" } } }\n\
         - { id: named, run: { runbook: \"{{ inputs.book }}\" } }",
    )
    .file(
        "inner.yml",
        book(
            "inputs: { v: { type: int } }\nsteps:\n- { id: look, effect: read, shell: 'true' }\n\
              - { id: deeper, run: { runbook: 'x{{ inputs.v }}.yml' } }",
        ),
    );
    let codes = |stderr: &str| -> Vec<String> {
        stderr.lines().filter(|line| line.starts_with("error[")).map(str::to_string).collect()
    };
    let top = Test::again(&test.sandbox).args("plan a.yml").code(3).run();
    assert_eq!(codes(&top.stderr), ["error[RB0501]: input `n` has no value"]);
    let inner = top.then("plan a.yml -i n=x").code(3).run();
    assert_eq!(codes(&inner.stderr), ["error[RB0502]: input `n` needs a whole number, not `x`"]);
    let inner = top.then("plan a.yml -i n=1").code(3).run();
    let missing =
        ["error[RB0501]: input `v` of `book` has no value", "error[RB0521]: cannot read x1.yml: there is no such file"];
    assert_eq!(codes(&inner.stderr), missing);
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let ran = Test::book(&format!("inputs: {{ token: {{ type: secret }} }}\n{FINE}"))
        .args("-i token=hunter2-hunter2")
        .code(2)
        .stderr(str![[r#"
error: the secret `token` may not be given on the command line or in an input file, where others can read it; declare `from: env:NAME` or `from: file:PATH`

"#]])
        .run();
    assert!(!ran.stderr.contains("hunter2") && ran.all_files().is_empty());
}
