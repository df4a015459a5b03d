//! What goes wrong before anything runs is told in words that say what to do.

use crate::support::{RUNBOOK, Test, book};
use snapbox::str;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

pub(crate) const FINE: &str = "steps: [{ id: one, shell: touch ran }]";

#[test]
fn a_file_that_is_not_there() {
    Test::new()
        .args("run nope.yml")
        .code(2)
        .stderr(str![[r#"
error: cannot read nope.yml: there is no such file

"#]])
        .run();
}

#[test]
fn a_directory_instead_of_a_file() {
    Test::book(FINE)
        .new_args("run .")
        .code(2)
        .stderr(str![[r#"
error: cannot read .: it is a directory

"#]])
        .run();
}

#[test]
fn a_fifo_does_not_hang() {
    let test = Test::new().args("run pipe").code(2).stderr(str![[r#"
error: cannot read pipe: it is not a regular file

"#]]);
    assert!(Command::new("mkfifo").arg(test.sandbox.work().join("pipe")).status().unwrap().success());
    test.run();
}

#[test]
fn a_device_without_an_end_is_not_read() {
    Test::new()
        .args("run /dev/zero")
        .code(2)
        .stderr(str![[r#"
error: cannot read /dev/zero: it is not a regular file

"#]])
        .run();
}

#[test]
fn a_file_of_many_megabytes() {
    Test::new()
        .file("big.yml", vec![b'#'; 2 << 20])
        .args("run big.yml")
        .code(2)
        .stderr(str![[r#"
error: big.yml is larger than 1 MiB, which no runbook is

"#]])
        .run();
}

#[test]
fn bytes_that_are_no_text() {
    Test::new()
        .file("a.yml", b"runbook: v1\nname: \xff\xfe\n")
        .args("run a.yml")
        .code(3)
        .stderr(str![[r#"
error[RB0120]: byte 0xFF is not UTF-8 text
 --> a.yml:2:7
  |
2 | name: ��
  |       ^
  |
  = help: save the file as UTF-8
  = see: runbook explain RB0120

1 error in a.yml

"#]])
        .run();
}

#[test]
fn an_empty_file() {
    Test::new()
        .file("a.yml", "")
        .args("run a.yml")
        .code(3)
        .stderr(str![[r#"
error[RB0115]: the file holds nothing but blank lines and comments
 --> a.yml:1:1
  |
1 |
  | ^
  |
  = help: a runbook begins with `runbook: v1`
  = see: runbook explain RB0115

1 error in a.yml

"#]])
        .run();
}

#[test]
fn an_unknown_command() {
    Test::new()
        .args("rnu a.yml")
        .code(2)
        .stderr(str![[r#"
error: unrecognized subcommand 'rnu'

  tip: a similar subcommand exists: 'runs'

Usage: runbook [OPTIONS] <COMMAND>

For more information, try '--help'.

"#]])
        .run();
}

#[test]
fn an_unknown_option() {
    Test::book(FINE)
        .args("--dry-rnu")
        .code(2)
        .stderr(str![[r#"
error: unexpected argument '--dry-rnu' found

  tip: a similar argument exists: '--dry-run'

Usage: runbook run --dry-run <FILE>

For more information, try '--help'.

"#]])
        .run();
}

#[test]
fn an_unknown_key() {
    Test::book("steps:\n  - id: one\n    title: One\n    shel: 'true'")
        .code(3)
        .stderr(str![[r#"
error[RB0201]: unknown key `shel`; did you mean `shell`?
 --> a.yml:6:5
  |
6 |     shel: 'true'
  |     ^^^^
  |
  = see: runbook explain RB0201
help: write `shell`
  |
6 |     shell: 'true'
  |         +

1 error in a.yml

"#]])
        .run();
}

#[test]
fn several_problems_at_once() {
    let body = "
inputs: { n: { type: integer } }
steps:
  - id: One
    shell: 'true'
  - id: two
    shell: 'true'
    http: { get: http://x }
  - id: two
    wait: 5 minutes
    path: {{ x }}
";
    Test::book(body).code(3).stderr(str![[r#"
error[RB0204]: `type` cannot be `integer`
 --> a.yml:3:22
  |
3 | inputs: { n: { type: integer } }
  |                      ^^^^^^^
  |
  = help: it is one of: string, int, number, bool, duration, size, list, secret
  = see: runbook explain RB0204

error[RB0205]: `One` is not a usable name
 --> a.yml:5:9
  |
5 |   - id: One
  |         ^^^
  |
  = help: a name has lower-case letters, digits and underscores, and starts with a letter
  = see: runbook explain RB0205
help: write `one`
  |
5 -   - id: One
5 +   - id: one
  |

error[RB0207]: a step has both `shell` and `http`
 --> a.yml:9:5
  |
8 |     shell: 'true'
  |     ----- the first one
9 |     http: { get: http://x }
  |     ^^^^
  |
  = help: keep one of: shell, exec, http, file, manual, checkpoint, wait, set, run, parallel, for_each, decide, stages, rounds, watch, hold, marker, audit, changes, scan
  = see: runbook explain RB0207

error[RB0209]: `wait` needs a duration such as [TOOK] or 5m, found `5 minutes`
  --> a.yml:11:11
   |
11 |     wait: 5 minutes
   |           ^^^^^^^^^
   |
   = help: units are us, ms, s, m (or min), h and d, as in `1h30m`
   = see: runbook explain RB0209

error[RB0201]: unknown key `path` in a step
  --> a.yml:12:5
   |
12 |     path: {{ x }}
   |     ^^^^
   |
   = help: known keys: id, title, note, when, effect, env, secret_files, dir, stdin, exit, timeout, retry, poll, expect, save, severity, on_failure, undo, repeat, done_when, activate, evidence, at, not_after, guards, shell, exec, http, file, manual, checkpoint, wait, set, run, parallel, for_each, decide, stages, rounds, watch, hold, marker, audit, changes, scan
   = see: runbook explain RB0201

error[RB0103]: a value with `{{` needs quotes here
  --> a.yml:12:11
   |
12 |     path: {{ x }}
   |           ^^^^^^^ YAML reads `{` as the start of a mapping
   |
   = see: runbook explain RB0103
help: quote the value
   |
12 -     path: {{ x }}
12 +     path: "{{ x }}"
   |

6 errors in a.yml

"#]]).run();
}

#[test]
fn a_template_without_quotes_between_brackets() {
    Test::book("steps: [{ id: one, shell: echo {{ inputs.a }} and {{ inputs.b }} x, effect: read }]")
        .code(3)
        .stderr(str![[r#"
error[RB0103]: a value with `{{` needs quotes here
 --> a.yml:3:27
  |
3 | ...ne, shell: echo {{ inputs.a }} and {{ inputs.b }} x, effect: read }]
  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ YAML reads `{` as the start of a mapping
  |
  = see: runbook explain RB0103
help: quote the value
  |
3 - steps: [{ id: one, shell: echo {{ inputs.a }} and {{ inputs.b }} x, effect: read }]
3 + steps: [{ id: one, shell: "echo {{ inputs.a }} and {{ inputs.b }} x", effect: read }]
  |

error[RB0302]: there is no input `a`
 --> a.yml:3:35
  |
3 | steps: [{ id: one, shell: echo {{ inputs.a }} and {{ inputs.b }} x, effec...
  |                                   ^^^^^^^^
  |
  = help: declare it under `inputs:`; declared are: none
  = see: runbook explain RB0302

error[RB0302]: there is no input `b`
 --> a.yml:3:54
  |
3 | steps: [{ id: one, shell: echo {{ inputs.a }} and {{ inputs.b }} x, effec...
  |                                                      ^^^^^^^^
  |
  = help: declare it under `inputs:`; declared are: none
  = see: runbook explain RB0302

3 errors in a.yml

"#]])
        .run();
}

#[test]
fn runbooks_that_include_each_other() {
    let other =
        |name: &str, of: &str| format!("runbook: v1\nname: {name}\nsteps: [{{ id: x, run: {{ runbook: {of} }} }}]\n");
    Test::book("steps: [{ id: one, run: { runbook: lib/b.yml } }]")
        .file("lib/b.yml", other("b", "c.yml"))
        .file("lib/c.yml", other("c", "../a.yml"))
        .code(3)
        .stderr(str![[r#"
error[RB0522]: this runbook would run itself: a.yml -> lib/b.yml -> lib/c.yml -> a.yml
 --> a.yml:3:36
  |
3 | steps: [{ id: one, run: { runbook: lib/b.yml } }]
  |                                    ^^^^^^^^^
  |
  = help: break the cycle
  = see: runbook explain RB0522

1 error in a.yml

"#]])
        .run();
}

#[test]
fn an_included_runbook_that_is_not_there() {
    Test::book("steps: [{ id: one, run: { runbook: lib/b.yml } }]")
        .code(3)
        .stderr(str![[r#"
error[RB0521]: cannot read lib/b.yml: there is no such file
 --> a.yml:3:36
  |
3 | steps: [{ id: one, run: { runbook: lib/b.yml } }]
  |                                    ^^^^^^^^^
  |
  = help: paths are relative to the file they stand in
  = see: runbook explain RB0521

1 error in a.yml

"#]])
        .run();
}

#[test]
fn an_unknown_target() {
    Test::book(&format!("target: required\n{FINE}"))
        .file("targets/production.yml", "target: v1\n")
        .args("--target producton")
        .code(2)
        .stderr(str![[r#"
error: there is no target `producton` (looked for targets/producton.yml); did you mean `production`?

"#]])
        .run();
}

#[test]
fn a_target_that_is_missing_and_one_that_is_not_wanted() {
    Test::book(&format!("target: required\n{FINE}"))
        .code(3)
        .stderr(str![[r#"
error[RB0510]: this runbook needs a target profile
 --> a.yml:1:1
  |
1 | runbook: v1
  | ^^^^^^^
  |
  = help: give one with `--target NAME`; profiles are files such as targets/NAME.yml
  = see: runbook explain RB0510

1 error in a.yml

"#]])
        .run();
    Test::book(&format!("target: none\n{FINE}"))
        .file("targets/t.yml", "target: v1\n")
        .args("-t t")
        .code(3)
        .stderr(str![[r#"
error[RB0511]: this runbook uses no target, but `t` was given
 --> a.yml:1:1
  |
1 | runbook: v1
  | ^^^^^^^
  |
  = help: leave `--target` out
  = see: runbook explain RB0511

1 error in a.yml

"#]])
        .run();
}

#[test]
fn no_run_has_this_id() {
    for verb in ["show", "resume", "logs", "verify", "report"] {
        let ran = Test::new().args(verb).arg("0000").code(2).run();
        assert_eq!(ran.stderr, "error: no run begins with '0000'\n", "{verb}");
    }
}

#[test]
fn a_file_in_place_of_the_state_directory() {
    let test = Test::book(FINE).code(8).stderr(str![[r#"
error: [DIR]/state/runbook is not a directory

"#]]);
    fs::write(test.sandbox.state(), "in the way").unwrap();
    assert!(!test.run().sandbox.exists("ran"));
}

#[test]
fn a_state_directory_that_others_can_enter() {
    let test = Test::book(FINE).code(8).stderr(str![[r#"
error: [DIR]/state/runbook is open to others (mode 755); run: chmod 700 [DIR]/state/runbook

"#]]);
    fs::create_dir(test.sandbox.state()).unwrap();
    fs::set_permissions(test.sandbox.state(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(!test.run().sandbox.exists("ran"));
}

#[test]
fn a_key_that_others_can_read() {
    let ran = Test::book(FINE).run();
    let key = ran.sandbox.config().join("id_ed25519");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    ran.then("run a.yml")
        .code(8)
        .stderr(str![[r#"
error: [DIR]/config/runbook/id_ed25519 is open to others (mode 644); run: chmod 600 [DIR]/config/runbook/id_ed25519

"#]])
        .run();
}

#[test]
fn no_home_at_all() {
    let test = Test::book(FINE).without_env("HOME").without_env("XDG_STATE_HOME").without_env("XDG_CONFIG_HOME");
    test.code(2)
        .stderr(str![[r#"
error: no place for runbook's files: set HOME or XDG_STATE_HOME to an absolute path

"#]])
        .run();
}

/// Root may enter everything, so root becomes somebody else for this.
#[test]
fn a_state_directory_that_may_not_be_written() {
    let test = Test::book(FINE);
    let dir = test.sandbox.work().parent().unwrap().to_path_buf();
    let mut command = Command::new(RUNBOOK);
    if rustix::process::getuid().is_root() {
        for open in [dir.clone(), dir.join("work"), dir.join("home")] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o1777)).unwrap();
        }
        // The program may lie where nobody else may go.
        let program = dir.join("runbook");
        fs::copy(RUNBOOK, &program).unwrap();
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    } else {
        fs::set_permissions(dir.join("state"), fs::Permissions::from_mode(0o500)).unwrap();
    }
    command.args(["run", "a.yml"]);
    test.surround(&mut command);
    let out = command.output().unwrap();
    let said = test.sandbox.scrub(&String::from_utf8_lossy(&out.stderr));
    assert_eq!(said, "error: cannot create [DIR]/state/runbook: permission denied\n");
    assert_eq!(out.status.code(), Some(8));
    assert!(!test.sandbox.exists("ran"));
}

#[test]
fn a_port_where_nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let body = format!("steps: [{{ id: ask, http: {{ get: 'http://127.0.0.1:{port}/' }} }}]");
    let reason = Test::book(&body).code(1).run().reason("main.ask");
    assert_eq!(reason, format!("GET http://127.0.0.1:{port}/: connection refused"));
}

#[test]
fn a_server_that_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let body = format!("steps: [{{ id: ask, http: {{ get: 'http://127.0.0.1:{port}/' }}, timeout: 200ms }}]");
    let reason = Test::book(&body).code(1).run().reason("main.ask");
    assert!(reason.starts_with("timed out after 20"), "{reason}");
}

#[test]
fn a_host_name_that_does_not_exist() {
    let body = "steps: [{ id: ask, http: { get: 'http://no-such-host.invalid/' }, timeout: 5s }]";
    let reason = Test::book(body).code(1).run().reason("main.ask");
    assert!(reason.contains("no-such-host.invalid"), "{reason}");
}

#[test]
fn the_runbook_may_be_a_link_and_lie_elsewhere() {
    let test = Test::new().file("real/a.yml", book(FINE)).args("run link.yml");
    symlink("real/a.yml", test.sandbox.work().join("link.yml")).unwrap();
    assert!(test.run().sandbox.exists("ran"));
}

#[test]
fn nothing_is_left_behind_by_a_runbook_with_errors() {
    let ran = Test::book("steps: [{ id: one, shel: 'true' }]").code(3).run();
    assert!(ran.sandbox.runs().is_empty());
}
