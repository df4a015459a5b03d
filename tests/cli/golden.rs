//! Runs made by earlier versions: every version verifies and shows them as they were.
//!
//! `tests/golden/N/` holds run directories and the trust store of whoever made them. They are never changed; a new set is
//! added when the format of logs or plans grows: `RUNBOOK_MAKE_GOLDEN=1 cargo test --test cli make_a_golden_set -- --ignored`.

use crate::support::{Test, copy_dir};
use snapbox::str;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The numbered sets.
fn sets() -> Vec<PathBuf> {
    let mut sets: Vec<PathBuf> = fs::read_dir(root()).unwrap().flatten().map(|e| e.path()).collect();
    sets.retain(|set| set.is_dir());
    sets.sort();
    assert!(!sets.is_empty());
    sets
}

fn runs(set: &Path) -> Vec<PathBuf> {
    let mut runs: Vec<PathBuf> = fs::read_dir(set).unwrap().flatten().map(|e| e.path()).collect();
    runs.retain(|run| run.is_dir());
    assert!(!runs.is_empty());
    runs.sort();
    runs
}

fn id_of(run: &Path) -> String {
    let log = fs::read_to_string(run.join("run.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    first["run"].as_str().expect("the first record names the run").to_string()
}

/// A set put where runs are kept.
fn at_home(set: &Path) -> Test {
    use std::os::unix::fs::PermissionsExt as _;
    let test = Test::new();
    for run in runs(set) {
        copy_dir(&run, &test.sandbox.state().join("runs").join(id_of(&run)));
    }
    for dir in [test.sandbox.state(), test.sandbox.state().join("runs")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    }
    test
}

#[test]
fn old_runs_verify() {
    for set in sets() {
        for run in runs(&set) {
            let trust = set.join("allowed_signers");
            let test =
                Test::new().args("verify").arg(run.to_str().unwrap()).arg("--trust").arg(trust.to_str().unwrap());
            let said = test.run().stdout;
            assert!(said.starts_with("COMPLETE"), "{}: {said}", run.display());
            assert!(!said.contains("NOTE"), "{said}");
        }
    }
}

#[test]
fn old_runs_are_listed_shown_and_reported() {
    for set in sets() {
        let home = at_home(&set);
        let ids: Vec<String> = runs(&set).iter().map(|run| id_of(run)).collect();
        let list = Test::again(&home.sandbox).args("runs").run().stdout;
        assert!(!list.contains("unreadable"), "{list}");
        for id in ids {
            for verb in ["show", "report", "logs"] {
                assert!(!Test::again(&home.sandbox).args(verb).arg(&id).run().stdout.is_empty());
            }
        }
    }
}

fn shown(name: &str) -> Test {
    let set = root().join("1");
    Test::again(&at_home(&set).sandbox).args("show").arg(id_of(&set.join(name)))
}

#[test]
fn the_screen_of_an_old_run_that_went_through() {
    shown("done")
        .stdout(str![[r#"
[CLOCK]         run      golden  run [RUN]  plan [PLAN]  by tester@[HOST]
[CLOCK]         phase    look                              Look
[CLOCK] [ 1/10] start    look.state                        State before v1.10
[CLOCK] [ 1/10] ok       look.state [TOOK]  State before v1.10
[CLOCK] [ 2/10] start    look.soft
[CLOCK] [ 2/10] WARN     look.soft [TOOK]  exit 4
[CLOCK] [ 3/10] skipped  look.never                        not steps.state.colour == 'green'
[CLOCK]         phase    act                               Act
[CLOCK] [ 4/10] ok       act.names
[CLOCK] [ 5/10] start    act.conf
[CLOCK] [ 5/10] ok       act.conf [TOOK]
[CLOCK] [ 6/10] start    act.each[a].one
[CLOCK] [ 6/10] ok       act.each[a].one [TOOK]
[CLOCK] [ 7/10] start    act.each[b].one
[CLOCK] [ 7/10] ok       act.each[b].one [TOOK]
[CLOCK] [ 8/10] start    act.flaky
[CLOCK] [ 8/10] again    act.flaky                         attempt 1 of 2: exit 1
[CLOCK] [ 8/10] start    act.flaky                         (attempt 2)
[CLOCK] [ 8/10] ok       act.flaky [TOOK]
[CLOCK] [ 9/10] start    act.slow
[CLOCK] [ 9/10] ok       act.slow [TOOK]
[CLOCK] [10/10] start    act.prove
[CLOCK] [10/10] ok       act.prove [TOOK]
[CLOCK]         always   steps of every exit path
[CLOCK]         start    always.tell
[CLOCK]         ok       always.tell [TOOK]

  changed and kept  act.conf, act.slow (nothing to undo), act.each[a].one, act.each[b].one
  next              runbook show [RUN] ·
                    runbook verify [RUN]
DONE [TOOK] · 8 ok, 1 warned, 1 skipped · exit code 0

"#]])
        .run();
}

#[test]
fn the_screen_of_an_old_run_that_was_killed_resumed_and_backed_out() {
    shown("resumed")
        .stdout(str![[r#"
[CLOCK]         run      golden  run [RUN]  plan [PLAN]  by tester@[HOST]
[CLOCK]         phase    look                              Look
[CLOCK] [ 1/10] start    look.state                        State before v1.10
[CLOCK] [ 1/10] ok       look.state [TOOK]  State before v1.10
[CLOCK] [ 2/10] start    look.soft
[CLOCK] [ 2/10] WARN     look.soft [TOOK]  exit 4
[CLOCK] [ 3/10] skipped  look.never                        not steps.state.colour == 'green'
[CLOCK]         phase    act                               Act
[CLOCK] [ 4/10] ok       act.names
[CLOCK] [ 5/10] start    act.conf
[CLOCK] [ 5/10] ok       act.conf [TOOK]
[CLOCK] [ 6/10] start    act.each[a].one
[CLOCK] [ 6/10] ok       act.each[a].one [TOOK]
[CLOCK] [ 7/10] start    act.each[b].one
[CLOCK] [ 7/10] ok       act.each[b].one [TOOK]
[CLOCK] [ 8/10] start    act.flaky
[CLOCK] [ 8/10] again    act.flaky                         attempt 1 of 2: exit 1
[CLOCK] [ 8/10] start    act.flaky                         (attempt 2)
[CLOCK] [ 8/10] ok       act.flaky [TOOK]
[CLOCK] [ 9/10] start    act.slow
[CLOCK]         resumed  by tester@[HOST], in doubt: act.slow
[CLOCK] [ 9/10] start    act.slow                          (attempt 2)
[CLOCK] [ 9/10] ok       act.slow [TOOK]
[CLOCK] [10/10] start    act.prove
[CLOCK] [10/10] FAILED   act.prove [TOOK]  exit 1
[CLOCK]         BACKOUT  taking back what was done, last first: exit 1
[CLOCK]         start    act.each[b].one~undo
[CLOCK]         ok       act.each[b].one~undo [TOOK]
[CLOCK]         start    act.each[a].one~undo
[CLOCK]         ok       act.each[a].one~undo [TOOK]
[CLOCK]         start    act.conf~undo                     Put the previous content back
[CLOCK]         ok       act.conf~undo [TOOK]  Put the previous content back
[CLOCK]         always   steps of every exit path
[CLOCK]         start    always.tell
[CLOCK]         ok       always.tell [TOOK]

 ✗ act.prove [TOOK]  exit 1 · a.yml:50

  changed and kept  act.slow (nothing to undo)
  changed, undone   act.conf, act.each[a].one, act.each[b].one
  unknown           nothing
  next              runbook show [RUN] ·
                    runbook logs [RUN] ·
                    runbook verify [RUN]
ROLLED BACK  at act.prove · [TOOK] · 7 ok, 1 warned, 1 failed, 1 skipped, 3 backed out · exit code 11

"#]])
        .run();
}

/// Everything a log of this version can hold that does not need a network.
const BOOK: &str = "runbook: v1
name: golden
title: A run to keep
inputs:
  version: { pattern: 'v.+', default: v1.10 }
  ratio: { type: number, default: 0.25 }
  token: { type: secret, from: env:TOKEN }
on_failure: rollback
phases:
  - id: look
    title: Look
    steps:
      - id: state
        title: State before {{ inputs.version }}
        shell: echo blue; echo a warning >&2
        effect: read
        save: { colour: stdout, half: inputs.ratio * 2 }
      - id: soft
        severity: warn
        shell: exit 4
        effect: read
      - id: never
        when: steps.state.colour == 'green'
        shell: echo never
        effect: read
  - id: act
    title: Act
    steps:
      - id: names
        set: { idle: \"'green'\" }
      - id: conf
        file: { path: conf, template: 'server {{ vars.idle }};' }
        undo: previous
      - id: each
        for_each:
          in: [a, b]
          steps:
            - id: one
              shell: echo {{ item }} with $TOKEN
              env: { TOKEN: '{{ inputs.token }}' }
              undo: { shell: 'echo not {{ item }}' }
      - id: flaky
        effect: read
        retry: { attempts: 2, wait: 10ms }
        shell: test $RUNBOOK_ATTEMPT = 2
      - id: slow
        repeat: safe
        shell: touch began; while [ -e wait ]; do sleep 0.02; done
        undo: { none: nothing to undo }
      - id: prove
        effect: read
        shell: test ! -e broken
always:
  - id: tell
    effect: read
    shell: echo {{ run.outcome }}
";

#[test]
#[ignore = "makes new files in tests/golden when RUNBOOK_MAKE_GOLDEN is set"]
fn make_a_golden_set() {
    if std::env::var_os("RUNBOOK_MAKE_GOLDEN").is_none() {
        return;
    }
    let set = root().join(format!("{}", fs::read_dir(root()).map_or(1, |sets| sets.count() + 1)));
    let test = Test::at_fixed_path().file("a.yml", BOOK).file("conf", "server blue;");
    let done = test.args("run a.yml --no-input").env("TOKEN", "a-token-nobody-sees").run();
    let mut running =
        done.then("run a.yml --no-input").file("conf", "server blue;").file("wait", "").file("broken", "");
    running = running.env("TOKEN", "a-token-nobody-sees");
    fs::remove_file(done.sandbox.work().join("began")).unwrap();
    let mut running = running.start();
    running.until("began");
    let killed = running.kill();
    fs::remove_file(killed.sandbox.work().join("wait")).unwrap();
    killed.resume().args("--no-input").env("TOKEN", "a-token-nobody-sees").code(11).run();
    let made = done.sandbox.runs();
    for (run, name) in made.iter().zip(["done", "resumed"]) {
        copy_dir(run, &set.join(name));
    }
    fs::copy(done.sandbox.config().join("allowed_signers"), set.join("allowed_signers")).unwrap();
}
