//! Where secrets come from, what becomes of them, and what is refused.

use crate::support::{Test, wait_for};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const VALUE: &str = "tr0ub4dor&3-and-more";

/// A step that writes what it was given to a file.
const USES: &str = "
steps:
  - id: uses
    shell: printf '%s' \"$IT\" > seen
    env: { IT: '{{ inputs.it }}' }
";

fn from(source: &str) -> Test {
    Test::book(&format!("inputs: {{ it: {{ type: secret, from: {source} }} }}{USES}"))
}

#[test]
fn a_private_file_is_a_source_and_a_public_one_is_refused_with_the_way_out() {
    let private = |test: Test, mode: u32| {
        let path = test.sandbox.work().join("it.txt");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        test
    };
    let ran = private(from("file:it.txt").file("it.txt", format!("{VALUE}\n")), 0o600).run();
    assert_eq!(ran.read("seen"), VALUE);
    let ran = private(from("file:it.txt").file("it.txt", VALUE), 0o644).code(2).run();
    assert!(
        ran.stderr.contains("secret `it` has no value: it.txt may be read by others: its mode is 0644"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("chmod 600 it.txt") && ran.sandbox.runs().is_empty(), "{}", ran.stderr);
}

#[test]
fn a_descriptor_is_read_once_and_no_step_inherits_it() {
    let body = "
inputs: { it: { type: secret, from: fd:5 }, unused: { type: secret, from: fd:6 } }
steps:
  - id: uses
    shell: printf '%s' \"$IT\" > seen; ls /proc/self/fd > open
    env: { IT: '{{ inputs.it }}' }
";
    let test = Test::book(body);
    let script = format!("exec 5< <(printf %s '{VALUE}') 6</dev/null; exec {} run a.yml", crate::support::RUNBOOK);
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &script]);
    test.surround(&mut command);
    let out = command.stdin(std::process::Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    assert_eq!(test.sandbox.read("seen"), VALUE);
    let open = test.sandbox.read("open");
    assert!(!open.lines().any(|fd| ["5", "6"].contains(&fd)), "{open}");
    let refused = from("fd:5").code(2).run();
    assert!(refused.stderr.contains("file descriptor 5 was not given to this program"), "{}", refused.stderr);
}

#[test]
fn a_command_gives_a_secret_and_what_it_says_is_shown_only_when_it_fails() {
    let ran =
        from(&format!("{{ command: [sh, -c, 'echo noise >&2; env > seen-env; echo \"{VALUE}\"'], env: [GIVEN] }}"));
    // The value stands in the runbook here, so it cannot be a secret.
    let said = ran.env("GIVEN", "given").env("OTHER", "other").code(2).run().stderr;
    assert!(said.contains("the value of the secret `it` stands in the plan"), "{said}");

    let source = "{ command: [sh, -c, 'echo noise >&2; env > seen-env; tr a-z n-za-m < rot13'], env: [GIVEN] }";
    let test = from(source).file("rot13", "ge0ho4qbe&3-naq-zber\n");
    let ran = test.env("GIVEN", "given").env("OTHER", "other").run();
    assert_eq!(ran.read("seen"), VALUE);
    let env = ran.read("seen-env");
    assert!(env.contains("GIVEN=given") && !env.contains("OTHER=") && !env.contains("XDG_"), "{env}");
    assert!(!ran.stderr.contains("noise") && !ran.log().contains("noise"), "{}", ran.stderr);

    let ran = from("{ command: [sh, -c, 'echo no such thing >&2; exit 4'] }").code(2).run();
    assert!(ran.stderr.contains("`sh` failed (exit 4); it said: no such thing"), "{}", ran.stderr);
    let ran = from("{ command: [no-such-program] }").code(2).run();
    assert!(ran.stderr.contains("`no-such-program` is not installed"), "{}", ran.stderr);
}

#[test]
fn password_tools_are_called_as_the_target_says() {
    let body = "
target: required
inputs:
  a: { type: secret, from: 'pass:web/db' }
  b: { type: secret, from: 'sops:conf.yml#db.password' }
  c: { type: secret, from: 'vault:kv/web#dsn' }
steps:
  - id: uses
    shell: printf '%s\\n' \"$A\" \"$B\" \"$C\" > seen
    env: { A: '{{ inputs.a }}', B: '{{ inputs.b }}', C: '{{ inputs.c }}' }
";
    let profile = "
target: v1
name: here
secret_tools:
  pass: [printf, 'pass-%s\\nuser: me\\n', '{path}']
  sops: [printf, 'sops-%s-%s\\n', '{file}', '{key}']
  vault: [printf, 'vault-%s-%s', '{path}', '{field}']
";
    let test = Test::book(body).file("targets/here.yml", profile).args("--target here");
    let ran = test.run();
    assert_eq!(ran.read("seen"), "pass-web/db\nsops-conf.yml-[\"db\"][\"password\"]\nvault-kv/web-dsn\n");
    let ran = from("'pass:web/db'").code(2).run();
    assert!(ran.stderr.contains("`pass` is not installed: not found in"), "{}", ran.stderr);
}

#[test]
fn only_secrets_that_are_used_are_resolved_and_a_plan_resolves_none() {
    let body = format!(
        "inputs:\n  it: {{ type: secret, from: env:IT }}\n  other: {{ type: secret, from: {{ command: [touch, ran] }} }}{USES}"
    );
    let ran = Test::book(&body).env("IT", VALUE).run();
    assert!(!ran.sandbox.exists("ran"));
    let ran = from("{ command: [touch, ran] }").new_args("plan a.yml").run();
    assert!(!ran.sandbox.exists("ran"));
    assert!(ran.stdout.contains("it ← command touch (secret)"), "{}", ran.stdout);
}

#[test]
fn a_secret_file_is_private_and_gone_after_its_step() {
    let body = "
inputs: { it: { type: secret, from: env:IT } }
steps:
  - id: uses
    shell: |
      cp \"$KEY_FILE\" seen; stat -c %a \"$KEY_FILE\" > mode; echo \"$KEY_FILE\" > path
      env | grep -c tr0ub > count || true
    secret_files: { KEY_FILE: '{{ inputs.it }}' }
  - id: later
    shell: test ! -e \"$(cat path)\"
";
    let ran = Test::book(body).env("IT", VALUE).run();
    assert_eq!((ran.read("seen").as_str(), ran.read("mode").trim(), ran.read("count").trim()), (VALUE, "600", "0"));
}

#[test]
fn a_secret_file_that_a_killed_tool_left_is_removed_by_the_next() {
    let body = "
inputs: { it: { type: secret, from: env:IT } }
steps:
  - id: uses
    shell: echo \"$KEY_FILE\" > path.tmp; mv path.tmp path; test -e again || sleep 60
    repeat: safe
    secret_files: { KEY_FILE: '{{ inputs.it }}' }
";
    let mut running = Test::book(body).env("IT", VALUE).start();
    running.until("path");
    let path = running.sandbox().read("path").trim().to_owned();
    let pid = running.pid();
    let group = children(pid);
    let ran = running.kill();
    for pid in &group {
        let _ = rustix::process::kill_process_group(*pid, rustix::process::Signal::KILL);
    }
    assert!(fs::exists(&path).unwrap(), "nobody could have removed it");
    ran.sandbox.write("again", "");
    wait_for("the step is gone", || group.iter().all(|pid| rustix::process::test_kill_process_group(*pid).is_err()));
    ran.resume().env("IT", VALUE).run();
    assert!(!fs::exists(&path).unwrap());
}

fn children(pid: u32) -> Vec<rustix::process::Pid> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let lists = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?))
        .collect()
}

#[test]
fn a_secret_may_be_the_standard_input() {
    let body = "
inputs: { it: { type: secret, from: env:IT } }
steps:
  - { id: uses, exec: [tee, seen], stdin: '{{ inputs.it }}' }
";
    let ran = Test::book(body).env("IT", VALUE).run();
    assert_eq!((ran.read("seen").as_str(), ran.logs("main.uses").contains("tr0ub")), (VALUE, false));
    assert!(!ran.log().contains("tr0ub") && ran.log().contains("secret"), "{}", ran.log());
}

#[test]
fn no_other_step_has_it_in_its_environment_or_arguments() {
    let body = "
inputs: { it: { type: secret, from: env:IT } }
steps:
  - id: both
    parallel:
      steps:
        - id: uses
          shell: touch up; while [ ! -e looked ]; do sleep 0.02; done
          env: { IT: '{{ inputs.it }}' }
        - id: other
          shell: |
            while [ ! -e up ]; do sleep 0.02; done
            cat /proc/$$/environ > environ; ps -eo args > arguments; touch looked
  - id: after
    shell: cat /proc/$$/environ >> environ
";
    let ran = Test::book(body).env("IT", VALUE).run();
    let (environ, arguments) = (ran.read("environ"), ran.read("arguments"));
    assert!(environ.matches("RUNBOOK_STEP=").count() == 2 && arguments.contains("runbook"), "{environ} {arguments}");
    assert!(!environ.contains(VALUE) && !arguments.contains(VALUE));
}

#[test]
fn short_secrets_are_refused_unless_the_runbook_says_so_and_weak_ones_are_pointed_out() {
    let ran = from("env:IT").env("IT", "s3cr3t!").code(2).run();
    assert!(
        ran.stderr.contains("secret `it` is shorter than 8 bytes") && ran.stderr.contains("allow_short"),
        "{}",
        ran.stderr
    );
    let ran = from("env:IT, allow_short: true").env("IT", "s3cr3t!").run();
    assert_eq!(ran.read("seen"), "s3cr3t!");
    let ran = from("env:IT").env("IT", "production").run();
    assert!(ran.stderr.contains("warning: the secret `it` is weak"), "{}", ran.stderr);
}

#[test]
fn a_secret_that_was_written_down_is_refused() {
    let test = from("env:IT").env("IT", VALUE);
    let text = test.sandbox.read("a.yml").replace("steps:", &format!("# the old one was {VALUE}\nsteps:"));
    let ran = test.file("a.yml", text).code(2).run();
    assert!(ran.stderr.contains("the value of the secret `it` stands in a.yml"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(VALUE) && ran.sandbox.runs().is_empty());
}

#[test]
fn a_capture_may_not_contain_a_secret_in_any_form() {
    for shown in ["printf %s \"$IT\" | base64", "printf %s \"x$IT\" | base64 -w4", "printf %s \"$IT\" | od -An -tx1"] {
        let body = format!(
            "inputs: {{ it: {{ type: secret, from: env:IT }} }}\nsteps:\n  - id: leaks\n    shell: '{shown}'\n    env: {{ IT: \
             '{{{{ inputs.it }}}}' }}\n    save: {{ text: stdout }}\n"
        );
        let ran = Test::book(&body).env("IT", VALUE).code(1).run();
        assert!(ran.reason("main.leaks").contains("contains a secret"), "{shown}: {}", ran.reason("main.leaks"));
    }
}
