//! Commands that only read: what they print for people and for programs.

use crate::support::{Ran, Test, copy_dir};
use serde_json::Value;
use snapbox::str;

const BODY: &str = "
title: Restart the service
inputs: { service: { default: web } }
on_failure: rollback
phases:
  - id: look
    title: Look first
    steps:
      - id: state
        title: State of {{ inputs.service }}
        shell: echo running; echo warning >&2
        effect: read
        save: { now: stdout }
      - id: soft
        severity: warn
        shell: exit 4
        effect: read
  - id: act
    steps:
      - id: restart
        title: Restart {{ inputs.service }}
        shell: echo restarted
        undo: { shell: echo started again }
      - id: rest
        when: steps.state.now == 'stopped'
        shell: echo never
      - id: prove
        shell: echo no such page; exit 22
        effect: read
always:
  - id: tell
    shell: echo told
";

fn a_run() -> Ran {
    Test::book(BODY).code(11).run()
}

pub(crate) fn json(test: Test) -> Value {
    let said = test.args("--output json").run().stdout;
    serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"))
}

fn has(value: &Value, keys: &[&str]) {
    let missing: Vec<&&str> = keys.iter().filter(|k| value.get(k).is_none()).collect();
    assert!(missing.is_empty(), "no {missing:?} in {value:#}");
}

#[test]
fn show_tells_how_it_ended_and_what_to_do_next() {
    a_run()
        .of_run("show")
        .stdout(str![[r#"
[CLOCK]       run      book  run [RUN]  plan [PLAN]  by tester@[HOST]
[CLOCK]       phase    look                              Look first
[CLOCK] [1/5] start    look.state                        State of web
[CLOCK] [1/5] ok       look.state [TOOK]  State of web
[CLOCK] [2/5] start    look.soft
[CLOCK] [2/5] WARN     look.soft [TOOK]  exit 4
[CLOCK]       phase    act
[CLOCK] [3/5] start    act.restart                       Restart web
[CLOCK] [3/5] ok       act.restart [TOOK]  Restart web
[CLOCK] [4/5] skipped  act.rest                          not steps.state.now == 'stopped'
[CLOCK] [5/5] start    act.prove
[CLOCK] [5/5] FAILED   act.prove [TOOK]  exit 22
[CLOCK]         | no such page
[CLOCK]       BACKOUT  taking back what was done, last first: exit 22
[CLOCK]       start    act.restart~undo
[CLOCK]       ok       act.restart~undo [TOOK]
[CLOCK]       always   steps of every exit path
[CLOCK]       start    always.tell
[CLOCK]       ok       always.tell [TOOK]

 ✗ act.prove [TOOK]  exit 22 · a.yml:28
      no such page
      all of it: runbook logs [RUN] act.prove

  changed and kept  always.tell
  changed, undone   act.restart
  unknown           nothing
  next              runbook show [RUN] ·
                    runbook logs [RUN] ·
                    runbook verify [RUN]
ROLLED BACK  at act.prove · [TOOK] · 2 ok, 1 warned, 1 failed, 1 skipped, 1 backed out · exit code 11

"#]])
        .run();
}

#[test]
fn show_without_a_run_shows_the_newest() {
    let ran = a_run();
    let named = ran.of_run("show").run().stdout;
    assert_eq!(ran.then("show").run().stdout, named);
    let short = ran.sandbox.run_id()[..12].to_lowercase();
    assert_eq!(ran.then("show").arg(short).run().stdout, named);
}

#[test]
fn show_as_data() {
    let show = json(a_run().of_run("show"));
    let keys = [
        "format",
        "run",
        "ended",
        "result",
        "outcome",
        "exit_code",
        "cause",
        "took_us",
        "inputs",
        "counts",
        "changes",
        "rows",
        "decisions",
        "open_questions",
        "takeovers",
    ];
    has(&show, &keys);
    has(&show["rows"][1], &["path", "title", "kind", "effect", "verdict", "reason", "attempts", "took_us"]);
    assert_eq!((&show["result"], &show["exit_code"]), (&"rolled_back".into(), &11.into()));
}

#[test]
fn report_is_markdown_for_a_ticket() {
    a_run()
        .of_run("report")
        .stdout(str![[r#"
# Restart the service: ROLLED BACK

| | |
|---|---|
| runbook | `book` |
| run | `[RUN]` |
| plan | `[SHA256]` |
| operator | tester@&#8203;[HOST] on [HOST] |
| started | [TIME] |
| tool | 0.1.0 |
| last event | [TIME] |
| run time | [TOOK] |
| result | **ROLLED BACK** (exit code 11) |
| steps | 2 ok, 1 warned, 1 failed, 1 skipped, 1 backed out |
| cause | `act.prove`: exit 22 |

## Inputs

| input | value | from |
|---|---|---|
| `service` | `web` | default |


## Phase `look`: Look first

ok · [TOOK]

| # | step | result | took | attempts | details |
|---|---|---|---|---|---|
| 1 | `look.state` | ok | [TOOK] |  | State of web |
| 2 | `look.soft` | WARN | [TOOK] |  | exit 4 |

## Phase `act`: act

not finished · -

| # | step | result | took | attempts | details |
|---|---|---|---|---|---|
| 3 | `act.restart` | ok | [TOOK] |  | Restart web |
| 4 | `act.rest` | skipped | [TOOK] |  | not steps.state.now == 'stopped' |
| 5 | `act.prove` | **FAILED** | [TOOK] |  | exit 22 |

## Backing out

| # | step | result | took | attempts | details |
|---|---|---|---|---|---|
|  | `act.restart~undo` | ok | [TOOK] |  |  |

## On every exit path

| # | step | result | took | attempts | details |
|---|---|---|---|---|---|
|  | `always.tell` | ok | [TOOK] |  |  |

## What it changed

- Changed and kept: `always.tell`
- Changed, undone: `act.restart`
- Unknown: nothing

Last output of `act.prove`:

```text
no such page
```

"#]])
        .run();
}

#[test]
fn report_of_hostile_output_stays_a_report() {
    let body = "steps:\n  - id: bad\n    title: '```'\n    shell: printf '```\\n# not a heading | <b>\\033[2J'; exit 1";
    let said = Test::book(body).code(1).run().of_run("report").run().stdout;
    assert!(!said.contains('\u{1b}') && said.contains("not a heading"), "{said}");
}

#[test]
fn logs_prints_everything_or_one_step() {
    let ran = a_run();
    ran.of_run("logs")
        .stdout(str![[r#"
==> look.state stdout <==
running
==> look.state stderr <==
warning
==> act.restart stdout <==
restarted
==> act.prove stdout <==
no such page
==> act.restart~undo stdout <==
started again
==> always.tell stdout <==
told

"#]])
        .run();
    assert_eq!(ran.logs("look.state"), "running\nwarning\n");
    ran.of_run("logs")
        .arg("look.nothing")
        .code(2)
        .stderr(str![[r#"
error: run [RUN] has no finished step `look.nothing`

"#]])
        .run();
}

#[test]
fn runs_lists_the_newest_first() {
    let ran = a_run();
    ran.then("run a.yml").code(11).run();
    ran.then("runs")
        .stdout(str![[r#"
[RUN]  [TIME]  rolled_back     Restart the service
[RUN]  [TIME]  rolled_back     Restart the service

"#]])
        .run();
    let list = json(ran.then("runs -n 1"));
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    has(&list[0], &["run", "title", "target", "operator", "started", "last", "state"]);
}

#[test]
fn no_runs_yet() {
    Test::new()
        .args("runs")
        .stdout(str![[r#"
no runs yet; `runbook run FILE` makes one

"#]])
        .run();
    Test::new()
        .args("show")
        .code(2)
        .stderr(str![[r#"
error: there are no runs yet

"#]])
        .run();
    Test::new()
        .args("verify")
        .code(9)
        .stderr(str![[r#"
error: there is no run to verify

"#]])
        .run();
    assert_eq!(json(Test::new().args("runs")), serde_json::json!([]));
}

#[test]
fn one_damaged_run_hides_no_other() {
    let ran = a_run();
    let damaged = ran.sandbox.run_id();
    std::fs::write(ran.sandbox.runs()[0].join("run.jsonl"), b"\0\0\0garbage\n").unwrap();
    ran.then("run a.yml").code(11).run();
    let list = ran.then("runs").run().stdout;
    assert_eq!(list.lines().count(), 2);
    assert!(list.lines().any(|l| l.contains(&damaged) && l.contains("damaged")), "{list}");
    ran.then("show").arg(damaged).code(9).run();
}

#[test]
fn verify_says_what_was_verified() {
    a_run()
        .of_run("verify")
        .stdout(str![[r#"
COMPLETE: run [RUN] by tester@[HOST]: 29 records, 8 seals
NOTE: signed by this machine's own key (self-signed)

"#]])
        .run();
}

#[test]
fn verify_as_data() {
    let verdict = json(a_run().of_run("verify"));
    has(&verdict, &["verdict"]);
    assert_eq!(verdict["verdict"].as_str().map(str::to_lowercase).as_deref(), Some("complete"));
}

#[test]
fn verify_trusts_only_whom_the_given_file_names() {
    let ran = a_run();
    let trusted = ran.sandbox.config().join("allowed_signers");
    let said = ran.of_run("verify").arg("--trust").arg(trusted.to_str().unwrap()).run().stdout;
    assert!(said.starts_with("COMPLETE"), "{said}");
    let other = Test::new().args("keys").run();
    let strangers = other.sandbox.config().join("allowed_signers");
    let said = ran.of_run("verify").arg("--trust").arg(strangers.to_str().unwrap()).code(9).run().stdout;
    assert!(said.starts_with("UNTRUSTED"), "{said}");
    ran.of_run("verify").args("--trust nowhere").code(2).run();
}

#[test]
fn a_run_can_be_verified_far_from_home() {
    let ran = a_run();
    let elsewhere = Test::new();
    let copy = elsewhere.sandbox.work().join(ran.sandbox.run_id());
    copy_dir(&ran.sandbox.runs()[0], &copy);
    let trust = ran.sandbox.config().join("allowed_signers");
    let test = elsewhere.args("verify").arg(copy.to_str().unwrap()).arg("--trust").arg(trust.to_str().unwrap());
    assert!(test.run().stdout.starts_with("COMPLETE"));
}

#[test]
fn a_missing_or_changed_output_file_is_found() {
    for harm in ["remove", "change", "plan"] {
        let ran = a_run();
        let run = ran.sandbox.runs().pop().unwrap();
        match harm {
            "remove" => std::fs::remove_file(run.join("out/0001.stdout")).unwrap(),
            "change" => std::fs::write(run.join("out/0001.stdout"), "stopped\n").unwrap(),
            _ => std::fs::write(run.join("plan.json"), "{}").unwrap(),
        }
        let said = ran.of_run("verify").code(9).run().stdout;
        assert!(!said.starts_with("COMPLETE"), "{harm}: {said}");
    }
}

#[test]
fn keys_shows_what_others_need() {
    let ran = Test::new()
        .args("keys")
        .stdout(str![[r#"
[FINGERPRINT] signs as tester@[HOST]

Give this line to whoever shall trust your logs (OpenSSH allowed_signers):
tester@[HOST] namespaces="log.v1@runbook" [KEY]

"#]])
        .run();
    has(&json(ran.then("keys")), &["principal", "fingerprint", "public_key", "allowed_signers"]);
    assert_eq!(ran.then("keys").run().stdout, ran.stdout, "the key is made once");
}

#[test]
fn explain_knows_every_code() {
    Test::new()
        .args("explain RB0201")
        .stdout(str![[r#"
RB0201: unknown key

The language has no such key here. Every key has one spelling and one place; `runbook schema` prints them all.

wrong:
    - id: disk
      shel: df
right:
    - id: disk
      shell: df

"#]])
        .run();
    let all = Test::new().args("explain").run().stdout;
    assert!(all.lines().count() > 40 && all.lines().all(|l| l.starts_with("RB")));
    Test::new()
        .args("explain RB9999")
        .code(2)
        .stderr(str![[r#"
error: there is no code `RB9999`; `runbook explain` lists them all

"#]])
        .run();
}

#[test]
fn schemas_are_the_shipped_ones() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    for (args, file) in [
        ("schema", "runbook.schema.json"),
        ("schema target", "target.schema.json"),
        ("schema waivers", "waiver.schema.json"),
    ] {
        let said = Test::new().args(args).run().stdout;
        assert_eq!(said.trim(), std::fs::read_to_string(root.join(file)).unwrap().trim());
    }
}

#[test]
fn completions_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let said = Test::new().args("completions").arg(shell).run().stdout;
        assert!(said.contains("runbook") && said.contains("resume"));
    }
}

#[test]
fn check_counts_and_finds() {
    Test::book(BODY)
        .new_args("check a.yml")
        .stdout(str![[r#"
advice[RB0602]: this change has no time limit
  --> a.yml:21:13
   |
21 |       - id: restart
   |             ^^^^^^^
   |
   = help: add `timeout: 5m` or what fits
   = see: runbook explain RB0602

warning[RB0601]: this step changes something and does not say how it is taken back
  --> a.yml:25:13
   |
25 |       - id: rest
   |             ^^^^
   |
   = help: add `undo: { shell: ... }`, or say why not: `undo: { none: the reason }`
   = help: write `effect: read` if it only looks, `irreversible` if it cannot be taken back
   = see: runbook explain RB0601

advice[RB0602]: this change has no time limit
  --> a.yml:25:13
   |
25 |       - id: rest
   |             ^^^^
   |
   = help: add `timeout: 5m` or what fits
   = see: runbook explain RB0602

advice[RB0602]: this change has no time limit
  --> a.yml:32:9
   |
32 |   - id: tell
   |         ^^^^
   |
   = help: add `timeout: 5m` or what fits
   = see: runbook explain RB0602

1 warning, 3 pieces of advice in a.yml

"#]])
        .run();
    let bad = Test::book("steps: [{ id: one, shel: x }]").new_args("check a.yml").code(3);
    bad.stdout(str![[r#"
warning[RB0601]: this step changes something and does not say how it is taken back
 --> a.yml:3:15
  |
3 | steps: [{ id: one, shel: x }]
  |               ^^^
  |
  = help: add `undo: { shell: ... }`, or say why not: `undo: { none: the reason }`
  = help: write `effect: read` if it only looks, `irreversible` if it cannot be taken back
  = see: runbook explain RB0601

advice[RB0602]: this change has no time limit
 --> a.yml:3:15
  |
3 | steps: [{ id: one, shel: x }]
  |               ^^^
  |
  = help: add `timeout: 5m` or what fits
  = see: runbook explain RB0602

error[RB0201]: unknown key `shel`; did you mean `shell`?
 --> a.yml:3:20
  |
3 | steps: [{ id: one, shel: x }]
  |                    ^^^^
  |
  = see: runbook explain RB0201
help: write `shell`
  |
3 | steps: [{ id: one, shell: x }]
  |                        +

1 error, 1 warning, 1 piece of advice in a.yml

"#]])
        .run();
    let found = json(Test::book("steps: [{ id: one, shel: x }]").new_args("check a.yml").code(3));
    assert!(found.to_string().contains("RB0201"), "{found:#}");
    Test::book("steps: [{ id: one, shel: x }]")
        .new_args("check --short a.yml")
        .code(3)
        .stdout(str![[r#"
a.yml:3:15: warning[RB0601]: this step changes something and does not say how it is taken back
a.yml:3:15: advice[RB0602]: this change has no time limit
a.yml:3:20: error[RB0201]: unknown key `shel`; did you mean `shell`?

"#]])
        .run();
    Test::new().args("check nowhere.yml").code(2).run();
}

/// `bash -c SCRIPT` in the sandbox of a run, where `$0` is the program.
fn in_bash(ran: &Ran, script: &str) -> (Option<i32>, String) {
    let mut command = std::process::Command::new("bash");
    command.args(["-c", script, crate::support::RUNBOOK]);
    ran.then("").surround(&mut command);
    let out = command.output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let ran = a_run();
    let logs = format!("logs {}", ran.sandbox.run_id());
    for verb in ["explain", "show", &logs] {
        let said = in_bash(&ran, &format!("set -o pipefail; \"$0\" {verb} | head -c 1"));
        assert_eq!(said, (Some(0), String::new()), "{verb}");
    }
}

#[test]
fn a_report_that_could_not_be_written_is_not_a_success() {
    let ran = a_run();
    let [logs, approvals] = ["logs", "approvals"].map(|verb| format!("{verb} {}", ran.sandbox.run_id()));
    let verbs = [
        "show",
        "show --output json",
        &logs,
        "report",
        "runs",
        "verify",
        "plan a.yml",
        "check a.yml",
        &approvals,
        "holds",
        "keys",
        "schema",
        "explain",
        "completions bash",
    ];
    for verb in verbs {
        let (code, said) = in_bash(&ran, &format!("\"$0\" {verb} > /dev/full"));
        assert_eq!(said, "error: cannot write to standard output: no space left on device\n", "{verb}");
        assert_eq!(code, Some(2), "{verb}");
    }
    assert_eq!(in_bash(&ran, "\"$0\" --help > /dev/full").0, Some(2));
}

#[test]
fn the_words_of_every_line_stand_in_one_column() {
    let ran = Test::book(
        "
phases:
  - id: a_phase_with_a_name
    steps:
      - { id: a_step_with_a_long_name, title: §, shell: 'true', effect: read }
      - { id: number, title: §, exec: [echo, many], effect: read, severity: warn, expect: [\"stdout | int > 3\"] }
      - id: each
        for_each:
          in: [one, two, three, four, five, six, seven, eight]
          steps:
            - { id: take_back, title: §, shell: 'true', undo: { title: §, shell: 'true' } }
      - { id: down, title: §, exec: [no-such-program], effect: read }
on_failure: rollback
",
    )
    .code(11)
    .run();
    let lines: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).collect();
    let columns = lines.iter().filter_map(|line| Some(line[..line.find('§')?].chars().count()));
    let columns: Vec<usize> = columns.collect();
    assert!(columns.len() > 30, "{}", ran.stderr);
    assert!(columns.iter().all(|column| *column == columns[0]), "{columns:?}\n{}", ran.stderr);
    for long in ["UNAVAILABLE", "a_phase_with_a_name.a_step_with_a_long_name ", "[eight].take_back~undo "] {
        assert!(ran.stderr.contains(long), "{long}: {}", ran.stderr);
    }
}

/// A screen that is gone or full changes nothing about the run.
#[test]
fn a_run_does_not_depend_on_who_reads_along() {
    for streams in ["2> /dev/full", "> /dev/full 2> /dev/full", "> /dev/full --output json", "2>&-", "<&- >&- 2>&-"] {
        let ran = Test::book("steps: [{ id: one, shell: echo one | tee ran }]").new_args("check a.yml").run();
        let (code, _) = in_bash(&ran, &format!("exec setsid \"$0\" run a.yml --no-input {streams}"));
        assert_eq!(code, Some(0), "{streams}");
        assert!(ran.sandbox.exists("ran"));
        ran.verified();
    }
}
