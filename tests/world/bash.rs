//! A simple command started directly cannot be told from the same command started by bash.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;
use runbook::machine::action::{Action, Done, Ended, Surroundings};

use super::common::{Bed, never_simple, plain, shell_around, simple_command, stderr, stdout};

/// Both ways in the same directories, so that nothing but the way differs.
fn both(script: &str, around: &Surroundings, prepare: impl Fn(&Path)) -> (Done, Done) {
    let mut direct = Bed::with(&[], simple_command, |_| {});
    prepare(&direct.work(""));
    let work = direct.work("");
    let mut by_bash = Bed::with(&[], never_simple, |setup| setup.start_dir = work);
    let action: Action = shell_around(script, around.clone());
    (direct.act(&action), by_bash.act(&action))
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.split(['\n', '\0']).collect();
    lines.sort_unstable();
    lines
}

#[track_caller]
fn equal(script: &str, around: &Surroundings, prepare: impl Fn(&Path)) -> Ended {
    let (direct, by_bash) = both(script, around, prepare);
    assert_eq!(direct.ended, by_bash.ended, "{script}");
    assert_eq!(stderr(&direct), stderr(&by_bash), "{script}");
    // The order of an environment means nothing; bash's own is that of its hash table.
    assert_eq!(sorted(stdout(&direct)), sorted(stdout(&by_bash)), "{script}");
    direct.ended
}

fn script_file(dir: &Path, name: &str, text: &str, mode: u32) {
    std::fs::write(dir.join(name), text).unwrap();
    std::fs::set_permissions(dir.join(name), PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn results_and_messages_are_those_of_bash() {
    let around = Surroundings::default();
    for (script, ended) in [
        ("env", Ended::Exit(0)),
        ("/usr/bin/env", Ended::Exit(0)),
        ("env\n", Ended::Exit(0)),
        ("true", Ended::Exit(0)),
        ("false", Ended::Exit(1)),
        ("echo some words", Ended::Exit(0)),
        ("echo -n x", Ended::Exit(0)),
        ("pwd", Ended::Exit(0)),
        ("ls /no/such/file", Ended::Exit(2)),
        ("expr 1", Ended::Exit(0)),
        ("no-such-command x", Ended::Exit(127)),
        ("/no/such/command", Ended::Exit(127)),
        ("/etc/passwd", Ended::Exit(126)),
        ("/etc", Ended::Exit(126)),
        ("cd /", Ended::Exit(0)),
        ("exit 9", Ended::Exit(9)),
        ("timeout -s KILL 0.05 sleep 5", Ended::Signal(9)),
    ] {
        assert_eq!(equal(script, &around, |_| {}), ended, "{script}");
    }
}

#[test]
fn files_that_only_bash_can_interpret_are_left_to_bash() {
    let prepare = |dir: &Path| {
        script_file(dir, "headless", "echo headless $0 $1; env", 0o755);
        script_file(dir, "scripted", "#!/bin/sh\necho \"$0\" \"$1\"; env; kill -9 $$\n", 0o755);
        script_file(dir, "orphan", "#!/no/such/interpreter\n", 0o755);
        script_file(dir, "locked", "#!/bin/sh\n", 0o644);
        script_file(dir, "broken", "\x7fELF is not enough", 0o755);
    };
    for name in ["headless", "scripted", "orphan", "locked", "broken"] {
        equal(&format!("./{name} x"), &Surroundings::default(), prepare);
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let path = format!("{}:/usr/bin:/bin", dir.path().display());
        let around = Surroundings { env: vec![("PATH".to_owned(), plain(&path))], ..Surroundings::default() };
        equal(&format!("{name} x"), &around, |_| {});
        equal(&format!("{} x", dir.path().join(name).display()), &around, |_| {});
    }
    let signalled = equal("./scripted x", &Surroundings::default(), prepare);
    assert_eq!(signalled, Ended::Signal(9));
}

#[test]
fn a_directory_reached_by_a_link_has_its_real_name() {
    let around = Surroundings { dir: Some("link".to_owned()), ..Surroundings::default() };
    equal("env", &around, |dir| std::os::unix::fs::symlink("/usr/share", dir.join("link")).unwrap());
}

#[test]
fn variables_with_a_meaning_for_bash_are_left_to_bash() {
    for (name, value) in [
        ("SHLVL", "7"),
        ("PWD", "/nowhere"),
        ("OLDPWD", "/"),
        ("_", "x"),
        ("IFS", ":"),
        ("LC_ALL", "no_SUCH"),
        ("BASH_ENV", "/no/such"),
        ("SHELLOPTS", "xtrace"),
        ("PATH", "/usr/bin::/bin"),
        ("PATH", "usr/bin:/bin"),
        ("PATH", ""),
        ("UID", "5"),
        ("RANDOM", "5"),
        ("HOSTNAME", "h"),
        ("TERM", "vt100"),
        ("LC_CTYPE", "no_SUCH"),
        ("LANG", "no_SUCH"),
        ("BASH_FUNC_env%%", "() { echo caught; }"),
        ("with-dash", "x"),
        ("PS1", "$ "),
        ("PS4", "+ "),
        ("TMOUT", "1"),
        ("ENV", "/no/such"),
        ("POSIXLY_CORRECT", "1"),
    ] {
        let env = vec![(name.to_owned(), plain(value))];
        equal("env", &Surroundings { env, ..Surroundings::default() }, |_| {});
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_environment_arrives_as_through_bash(
        env in proptest::collection::btree_map("[A-Z_]{1,2}[A-Z_0-9a-z]{0,6}", "[ -~ü\n]{0,12}", 0..8)
    ) {
        let env = env.into_iter().map(|(name, value)| (name, plain(&value))).collect();
        equal("env -0", &Surroundings { env, ..Surroundings::default() }, |_| {});
    }
}
