//! The dry run: shows what a run would do, touches nothing, and names the same plan every time.

use crate::support::{RUNBOOK, Ran, Test, files_below};
use std::path::Path;
use std::process::Command;

const BODY: &str = "
inputs: { version: { default: v1 } }
steps:
  - id: look
    shell: cat version
    effect: read
    save: { now: stdout }
  - id: change
    when: steps.look.now != inputs.version
    shell: touch ran; echo {{ inputs.version }} > version
  - id: inner
    run: { runbook: inner.yml }
";
const INNER: &str = "runbook: v1\nname: inner\nsteps: [{ id: x, shell: touch inner-ran }]\n";

fn planned(args: &str) -> Test {
    Test::book(BODY)
        .file("inner.yml", INNER)
        .file("targets/t.yml", "target: v1\nname: t\nurl: http://127.0.0.1:1/\n")
        .new_args("plan a.yml -t t")
        .args(args)
}

fn digest(ran: &Ran) -> String {
    let line = ran.stdout.lines().find_map(|l| l.strip_prefix("digest ")).expect("a digest is shown");
    assert_eq!(line.len(), 64);
    line.to_string()
}

#[test]
fn plan_and_dry_run_are_the_same() {
    let plan = planned("").run();
    let dry = plan.then("run a.yml -t t --dry-run").run();
    assert_eq!(plan.stdout, dry.stdout);
    let plan = plan.then("plan a.yml -t t --output json").run();
    let dry = plan.then("run a.yml -t t --dry-run --output json").run();
    assert_eq!(plan.stdout, dry.stdout);
}

#[test]
fn nothing_is_run_and_nothing_is_written() {
    let test = planned("");
    let root = test.sandbox.work().parent().unwrap().to_path_buf();
    let before = files_below(&root);
    let ran = test.run();
    assert_eq!(files_below(&root), before);
    assert!(!ran.sandbox.exists("ran") && !ran.sandbox.state().exists() && !ran.sandbox.config().exists());
}

#[test]
fn the_same_is_the_same_plan_and_anything_else_is_another() {
    let first = planned("").run();
    let digest_of = |args: &str| digest(&first.then("plan a.yml -t t").args(args).run());
    let same = digest(&first);
    assert_eq!(digest_of(""), same);
    assert_eq!(digest_of("--full"), same);
    assert_ne!(digest_of("-i version=v2"), same);
    for (file, text) in [
        ("inner.yml", INNER.replace("touch", "echo")),
        ("targets/t.yml", "target: v1\nname: t\nurl: http://127.0.0.1:2/\n".into()),
        ("a.yml", format!("runbook: v1\nname: book\n{}\n", BODY.trim().replace("touch ran", "touch run"))),
    ] {
        let before = first.read(file);
        first.sandbox.write(file, text);
        assert_ne!(digest_of(""), same, "{file} changed");
        first.sandbox.write(file, before);
        assert_eq!(digest_of(""), same, "{file} is as it was");
    }
}

#[test]
fn the_run_names_the_digest_that_was_planned() {
    let plan = Test::book("steps: [{ id: one, shell: 'true' }]").new_args("plan a.yml").run();
    let run = plan.then("run a.yml").run();
    assert_eq!(run.show()["run"]["plan_sha256"], digest(&plan));
}

#[test]
fn the_exit_code_tells_whether_there_are_changes_only_when_asked() {
    planned("").run();
    planned("--detailed-exitcode").code(10).run();
    let reads = "steps: [{ id: look, shell: cat x, effect: read }]";
    Test::book(reads).new_args("plan a.yml --detailed-exitcode").run();
}

#[test]
fn the_plan_as_data_has_the_digest_and_every_step() {
    let ran = planned("--output json").run();
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(plan["digest"].as_str().map(str::len), Some(64));
    let text = plan["plan"].to_string();
    assert!(["look", "change", "inner"].iter().all(|id| text.contains(&format!("\"id\":\"{id}\""))));
}

#[test]
fn the_screen_says_what_exactly_and_what_is_not_known_yet() {
    planned("")
        .stdout(snapbox::str![[r#"
Plan for book → t     nothing was executed: 0 processes, 0 connections

phase main
  effect   #  step                  what exactly                              if it fails
  read     1  look                  $ cat version                             stop
  change   2  change                $ touch ran; echo v1 > version            stop
                                    only if steps.look.now != inputs.version
                                    no back-out
              inner                 runbook inner
  change   3    x                   $ touch inner-ran                         stop
                                    no back-out

  inputs    version=v1 ← default
  target    t
  lock      t
  files     a.yml · targets/t.yml · inner.yml
  fails     stop (unless the step's row says otherwise); NO-GO: stop, keep what was done
  not taken back:
             2  change                no back-out
             3  x                     no back-out

  1 warning RB0601: runbook check a.yml
Plan: 1 read, 2 change
digest [SHA256]

"#]])
        .run();
}

#[test]
fn all_of_it_is_shown_on_demand() {
    planned("--full")
        .stdout(snapbox::str![[r#"
Plan for book → t     nothing was executed: 0 processes, 0 connections

phase main
  effect   #  step                  what exactly                              if it fails
  read     1  look                  $ cat version                             stop
                                    at a.yml:5
                                    save: now = stdout
  change   2  change                $ touch ran; echo v1 > version            stop
                                    only if steps.look.now != inputs.version
                                    no back-out
                                    at a.yml:9
              inner                 runbook inner
  change   3    x                   $ touch inner-ran                         stop
                                    no back-out
                                    at inner.yml:3

  inputs    version=v1 ← default
  target    t
  lock      t
  files     a.yml · targets/t.yml · inner.yml
  fails     stop (unless the step's row says otherwise); NO-GO: stop, keep what was done
  not taken back:
             2  change                no back-out
             3  x                     no back-out

  1 warning RB0601: runbook check a.yml
Plan: 1 read, 2 change
digest [SHA256]

"#]])
        .run();
}

/// What a runbook needs beside its target.
fn needed(file: &Path) -> &'static [&'static str] {
    match file.file_name().and_then(|name| name.to_str()) {
        Some("rollback.yml") => &["-i", "reason=a test of the plan"],
        Some("monorepo-gates.yml") => &["-i", "base=v1"],
        _ => &[],
    }
}

/// The demo has no repository: the gates of one are planned at a target that has.
const SHOP: &str = "target: v1
environment: staging
repo: .
commands: { test: [./test] }
env_file: .env
compose_file: compose.yml
";

/// The target at which a shipped runbook is planned.
fn target(file: &Path, test: &Test) -> String {
    if !file.ends_with("monorepo-gates.yml") {
        return "demo".into();
    }
    test.sandbox.write("shop.yml", SHOP);
    test.sandbox.work().join("shop.yml").display().to_string()
}

fn shipped() -> Vec<std::path::PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let entries = std::fs::read_dir(dir).unwrap().flatten().map(|e| e.path());
    let mut found: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == "yml")).collect();
    found.sort();
    found
}

#[test]
fn the_shipped_runbooks_can_be_planned_by_a_newcomer() {
    for file in shipped() {
        let plan = Test::new().args("plan").arg(file.to_str().unwrap());
        let at = target(&file, &plan);
        let plan = plan.args("--target").arg(at);
        let plan = needed(&file).iter().fold(plan, |plan, arg| plan.arg(*arg)).run();
        assert!(plan.stdout.contains("0 processes, 0 connections"), "{}", plan.stdout);
        assert!(!plan.sandbox.config().exists());
    }
}

#[test]
#[ignore = "needs strace; tests/run runs it"]
fn planning_starts_no_process_and_opens_no_socket() {
    let mut looked_at = 0;
    for file in shipped() {
        let test = Test::new();
        let trace = test.sandbox.work().join("trace");
        let mut command = Command::new("strace");
        command.args(["-f", "-e", "trace=process,network,file", "-o"]).arg(&trace);
        let at = target(&file, &test);
        command.args([RUNBOOK, "plan", file.to_str().unwrap(), "--target", &at]).args(needed(&file));
        test.surround(&mut command);
        assert!(command.output().unwrap().status.success());
        let trace = std::fs::read_to_string(trace).unwrap();
        // The first call is the program's own start; what a thread is made with is no process.
        let calls = trace.lines().skip(1).map(|l| l.split_once(' ').map_or(l, |(_, call)| call.trim_start()));
        for call in calls {
            let name = call.split('(').next().unwrap_or_default();
            let process = ["execve", "execveat", "fork", "vfork"].contains(&name)
                || (name.starts_with("clone") && !call.contains("CLONE_THREAD"));
            let network = ["socket", "connect", "bind", "sendto", "sendmsg", "listen"].contains(&name);
            let makes =
                ["mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "symlink", "link"];
            let writes = name.starts_with("open")
                && (call.contains("O_WRONLY") || call.contains("O_RDWR") || call.contains("O_CREAT"));
            assert!(!process && !network && !makes.contains(&name) && !writes, "{}: {call}", file.display());
            looked_at += 1;
        }
    }
    assert!(looked_at > 50, "the trace is empty");
}
