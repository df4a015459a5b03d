//! What a step gets from whoever started the run: nothing.

use crate::support::{RUNBOOK, Ran, Test, lines};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

/// Runs `a.yml` of the sandbox from a shell that first does `before`.
fn run_after(test: Test, before: &str) -> Ran {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{before}; exec setsid {RUNBOOK} run a.yml")]);
    test.surround(&mut command);
    let out = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{}: {stderr}", out.status);
    Ran { sandbox: test.sandbox.clone(), stdout: String::from_utf8_lossy(&out.stdout).into_owned(), stderr }
}

#[test]
fn no_descriptor_of_the_tool_or_of_whoever_started_it_reaches_a_step() {
    // Four steps at once: pipes, logs and output files of all of them are open in the tool.
    let step = |id: u32| format!("        - id: s{id}\n          shell: sleep 0.2; ls -l /proc/$$/fd; true\n");
    let steps: String = (0..4).map(step).collect();
    let body = format!(
        "steps:\n  - id: all\n    parallel:\n      steps:\n{steps}  - id: direct\n    exec: [ls, -l, /proc/self/fd]\n"
    );
    let before = "exec 5</etc/passwd 7<>/dev/null 9>leaked 63</etc/hostname 200</";
    let ran = run_after(Test::book(&body), before);
    for id in 0..4 {
        let seen = ran.logs(&format!("main.all.s{id}"));
        let open: Vec<&str> = seen.lines().filter_map(|line| line.split_once(" -> ").map(|(_, to)| to)).collect();
        assert_eq!(open.len(), 3, "{seen}");
        assert!(open[0] == "/dev/null" && open[1].starts_with("pipe:") && open[2].starts_with("pipe:"), "{seen}");
    }
    let seen = ran.logs("main.direct");
    let numbers: Vec<&str> =
        seen.lines().filter_map(|line| line.split(" -> ").next()?.split(' ').next_back()).collect();
    // The fourth is the directory that `ls` reads.
    assert_eq!(numbers[1..], ["0", "1", "2", "3"], "{seen}");
    assert!(!seen.contains("leaked") && !seen.contains("passwd"), "{seen}");
}

#[test]
fn signals_that_were_ignored_when_the_tool_was_started_work_in_steps() {
    let body = "steps:\n  - id: mask\n    exec: [grep, SigIgn, /proc/self/status]";
    let ran = run_after(Test::book(body), "trap '' HUP INT QUIT USR1 USR2 TERM CHLD ALRM TSTP TTIN TTOU");
    let mask = ran.logs("main.mask");
    let mask = u64::from_str_radix(mask.trim().trim_start_matches("SigIgn:\t"), 16).unwrap();
    // 32 and 33 belong to the C library, which lets nobody touch them.
    assert_eq!(mask & !(3 << 31), 0, "{mask:x}");
}

#[test]
fn files_are_private_where_the_tool_writes_and_usual_where_steps_do_whatever_the_umask_was() {
    for umask in ["000", "077"] {
        let body = "
steps:
  - id: mask
    shell: umask; touch made
  - id: write
    file: { path: conf, template: x }
    undo: previous
";
        let ran = run_after(Test::book(body), &format!("umask {umask}"));
        assert_eq!(ran.logs("main.mask"), "0022\n");
        let made = fs::metadata(ran.sandbox.work().join("made")).unwrap();
        assert_eq!(made.mode() & 0o777, 0o644);
        let mut looked_at = 0;
        let mut dirs = vec![ran.sandbox.state(), ran.sandbox.config()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap().flatten() {
                let meta = entry.metadata().unwrap();
                let public = entry.path().extension().is_some_and(|e| e == "pub");
                assert!(public || meta.mode() & 0o077 == 0, "{:o} {}", meta.mode(), entry.path().display());
                looked_at += 1;
                if meta.is_dir() {
                    dirs.push(entry.path());
                }
            }
        }
        assert!(looked_at >= 10, "{looked_at}");
    }
}

/// `dumpable` shows in the owner of `/proc/PID/environ`: root where nobody else of the same user may look.
#[test]
fn nobody_of_the_same_user_can_read_the_memory_and_environment_of_the_tool() {
    let body = "steps:\n  - id: look\n    shell: 'stat -c %u /proc/$PPID/environ /proc/$$/environ; cat /proc/$PPID/environ'\n    exit: [0, 1]";
    let test = Test::book(body);
    let root = rustix::process::getuid().is_root();
    let program = test.sandbox.work().join("runbook");
    fs::copy(RUNBOOK, &program).unwrap();
    let mut command = match root {
        // As somebody without privileges, in a sandbox that is theirs.
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=4711", "--regid=4711", "--clear-groups", "--"]).arg(&program);
            let top = test.sandbox.work().parent().unwrap().to_path_buf();
            assert!(Command::new("chown").args(["-R", "4711:4711"]).arg(&top).status().unwrap().success());
            command
        }
        false => Command::new(&program),
    };
    command.args(["run", "a.yml"]);
    test.surround(&mut command);
    command.env("TOP_SECRET", "in-the-environment");
    let out = command.stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let run = test.sandbox.runs().pop().unwrap();
    let seen = fs::read_to_string(run.join("out/0001.stdout")).unwrap();
    let own = if root { "4711" } else { seen.lines().nth(1).unwrap() };
    assert_eq!(seen.lines().collect::<Vec<_>>(), ["0", own]);
    assert!(!seen.contains("in-the-environment"));
}

#[test]
fn a_step_has_no_terminal_even_where_the_tool_has_one() {
    let body = "
steps:
  - id: opens
    exit: 1
    shell: (true < /dev/tty) 2>/dev/null
  - id: names
    shell: echo \"$0\"; ps -o tty=,sid=,pgid=,pid= -p $$
  - id: direct
    exec: [ls, /no/such/file]
    exit: 2
  - id: gone
    exec: [no-such-program]
    severity: warn
";
    let ran = Test::book(body).at_terminal().end();
    let said = ran.logs("main.names");
    let words: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(words[..2], ["bash", "?"], "{said}");
    assert!(words[2] == words[3] && words[3] == words[4], "one session and one group of its own: {said}");
    assert!(ran.logs("main.direct").starts_with("ls: "));
    assert_eq!(ran.steps()[3], "main.gone unavailable");
}

#[test]
fn a_step_without_a_terminal_is_still_ended_with_all_it_started() {
    let body = "
steps:
  - id: hangs
    timeout: 300ms
    shell: sleep 60 & echo $! > grandchild; sleep 60
";
    let ran = Test::book(body).code(1).at_terminal().end();
    let pid = ran.read("grandchild");
    assert!(
        !fs::exists(format!("/proc/{}/exe", pid.trim())).unwrap()
            || fs::read_link(format!("/proc/{}/exe", pid.trim())).is_err()
    );
}

const HOSTILE_ENVIRONMENT: [(&str, &str); 14] = [
    ("LD_LIBRARY_PATH", "evil"),
    ("BASH_ENV", "evil.sh"),
    ("ENV", "evil.sh"),
    ("IFS", "/"),
    ("SHELLOPTS", "xtrace"),
    ("PS4", "$(touch owned)"),
    ("PYTHONPATH", "evil"),
    ("PERL5OPT", "-Mevil"),
    ("GIT_SSH_COMMAND", "touch owned"),
    ("GIT_DIR", "evil"),
    ("EDITOR", "touch owned"),
    ("PAGER", "touch owned"),
    ("SSH_AUTH_SOCK", "/tmp/agent"),
    ("BASH_FUNC_ls%%", "() { touch owned; }"),
];

#[test]
fn nothing_in_the_operators_environment_or_path_runs_or_reaches_a_step() {
    let test = Test::book("steps:\n  - id: env\n    shell: ls > /dev/null; env\n  - id: list\n    exec: [ls]");
    let evil = test.sandbox.work().join("evil");
    fs::create_dir(&evil).unwrap();
    for name in ["ls", "env", "bash", "setsid", "sh", "ssh-keygen"] {
        let path = evil.join(name);
        fs::write(&path, format!("#!/bin/sh\ntouch {}\n", test.sandbox.work().join("owned").display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!(".:{}::/usr/bin:/bin", evil.display());
    let test = test.file("evil.sh", "touch owned\n").env("PATH", &path);
    let test = HOSTILE_ENVIRONMENT.iter().fold(test, |test, (name, value)| test.env(name, value));
    // Started by its whole path: `setsid` before it would be the sandbox's.
    let mut command = Command::new(RUNBOOK);
    command.args(["run", "a.yml"]);
    test.surround(&mut command);
    let out = command.stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let ran = Ran { sandbox: test.sandbox.clone(), stdout: String::new(), stderr: String::new() };
    let env = fs::read_to_string(ran.sandbox.runs().pop().unwrap().join("out/0001.stdout")).unwrap();
    for (name, _) in HOSTILE_ENVIRONMENT {
        assert!(!env.lines().any(|line| line.starts_with(&format!("{name}="))), "{name} got through:\n{env}");
    }
    assert!(!env.contains(evil.to_str().unwrap()) && !ran.sandbox.exists("owned"));
}

#[test]
fn the_agent_reaches_a_step_only_where_the_runbook_says_so() {
    let body = "
inputs: { agent: { from: 'env:SSH_AUTH_SOCK' } }
steps:
  - id: without
    shell: echo \"${SSH_AUTH_SOCK-none}\"
  - id: with
    env: { SSH_AUTH_SOCK: '{{ inputs.agent }}' }
    shell: echo \"$SSH_AUTH_SOCK\"
";
    let ran = Test::book(body).env("SSH_AUTH_SOCK", "/tmp/agent.1").run();
    assert_eq!((ran.logs("main.without").as_str(), ran.logs("main.with").as_str()), ("none\n", "/tmp/agent.1\n"));
}

#[test]
fn a_path_that_others_could_fill_is_refused_before_anything_is_done() {
    let body = "steps:\n  - id: one\n    env: { PATH: '/usr/bin:/bin:.' }\n    shell: touch done";
    let ran = Test::book(body).code(1).run();
    assert!(ran.reason("main.one").contains("PATH of this step contains ."), "{}", ran.reason("main.one"));
    assert!(!ran.sandbox.exists("done"));
    let shared = tempfile::tempdir().unwrap();
    fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let body = format!("steps:\n  - id: one\n    env: {{ PATH: '{}:/bin' }}\n    exec: [ls]", shared.path().display());
    let ran = Test::book(&body).code(1).run();
    assert!(ran.reason("main.one").contains("can be written by everybody"), "{}", ran.reason("main.one"));
}

#[test]
fn the_log_names_the_program_that_was_started() {
    let body = "steps:\n  - id: one\n    exec: [ls]\n  - id: two\n    shell: 'true; true'";
    let log = Test::book(body).run().log();
    assert!(log.contains(r#""program":"/usr/bin/ls""#) || log.contains(r#""program":"/bin/ls""#), "{log}");
    assert!(log.contains(r#""program":"/bin/bash""#), "{log}");
}

#[test]
fn the_idempotency_key_stays_with_the_step_and_the_trace_tells_attempts_apart() {
    let body = "
steps:
  - id: pay
    retry: { attempts: 3, wait: 1ms }
    shell: echo $RUNBOOK_IDEMPOTENCY_KEY $TRACEPARENT >> trace; test $RUNBOOK_ATTEMPT = 3
  - id: other
    shell: echo $RUNBOOK_IDEMPOTENCY_KEY $TRACEPARENT >> trace
";
    let ran = Test::book(body).run();
    let told = lines(&ran, "trace");
    let pairs: Vec<(&str, &str)> = told.iter().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(pairs.len(), 4);
    assert!(pairs[0].0 == pairs[1].0 && pairs[1].0 == pairs[2].0 && pairs[2].0 != pairs[3].0, "{told:?}");
    let spans: std::collections::BTreeSet<&str> = pairs.iter().map(|(_, trace)| *trace).collect();
    let traces: std::collections::BTreeSet<&str> = pairs.iter().map(|(_, trace)| &trace[..35]).collect();
    assert_eq!((spans.len(), traces.len()), (4, 1), "{told:?}");
    let shape = regex::Regex::new("^00-[0-9a-f]{32}-[0-9a-f]{16}-01$").unwrap();
    assert!(spans.iter().all(|span| shape.is_match(span)), "{told:?}");
}
