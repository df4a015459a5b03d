//! Processes: results, output, time limits, cancelling, secrets.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use runbook::drive::world::{Cancel, WorldEvent, next_free_output};
use runbook::machine::action::{Action, Datum, Ended, ExecAction, ShellAction, Surroundings};
use sha2::{Digest as _, Sha256};

use super::common::{Bed, alive, exec, plain, shell, shell_around, stderr, stdout};

fn limited(script: &str, milliseconds: u64) -> Action {
    shell_around(script, Surroundings { timeout_us: Some(milliseconds * 1000), ..Surroundings::default() })
}

fn failure(ended: &Ended) -> &str {
    match ended {
        Ended::Failed(why) | Ended::Unavailable(why) => why,
        other => panic!("no failure: {other:?}"),
    }
}

#[test]
fn a_step_gives_its_exit_code_and_both_streams_with_their_hashes() {
    let mut bed = Bed::new();
    let done = bed.sh("echo out; echo err >&2; exit 3");
    assert_eq!((&done.ended, stdout(&done), stderr(&done)), (&Ended::Exit(3), "out\n", "err\n"));
    assert_eq!(done.tail, "out\nerr\n");
    assert!(done.duration_us > 100 && !done.output_held);
    let captured = done.stdout.unwrap();
    assert_eq!((captured.file.as_str(), captured.bytes), ("out/0001.stdout", 4));
    let digest: String = Sha256::digest(b"out\n").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(captured.sha256, digest);
    let mode = std::fs::metadata(bed.run_dir().join("out/0001.stdout")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(next_free_output(&bed.run_dir()).unwrap(), 2);
}

#[test]
fn a_silent_success_leaves_no_file_and_no_tail() {
    let mut bed = Bed::new();
    let done = bed.sh("true");
    assert_eq!((done.ended, done.tail.as_str()), (Ended::Exit(0), ""));
    let captured = done.stdout.unwrap();
    assert_eq!((captured.file.as_str(), captured.bytes, captured.text.as_deref()), ("", 0, Some("")));
    assert_eq!(std::fs::read_dir(bed.run_dir().join("out")).unwrap().count(), 0);
}

#[test]
fn bash_stops_at_the_first_error_also_inside_a_pipeline_and_at_unset_variables() {
    let mut bed = Bed::new();
    assert_eq!(bed.sh("false; echo not reached").ended, Ended::Exit(1));
    assert_eq!(bed.sh("exit 7 | cat; echo not reached").ended, Ended::Exit(7));
    let unset = bed.sh("echo \"$NOT_SET\"");
    assert!(unset.ended != Ended::Exit(0) && stderr(&unset).contains("NOT_SET: unbound variable"));
}

#[test]
fn a_signal_is_told_as_a_signal() {
    assert_eq!(Bed::new().sh("kill -SEGV $$").ended, Ended::Signal(11));
}

#[test]
fn values_travel_in_the_environment_byte_for_byte() {
    let mut bed = Bed::new();
    let value = "a b'\"$(id)`id`\\ \n\t ü ; rm -rf /\n";
    let action = Action::Shell(ShellAction {
        script: "printf %s \"${RB_1}\"".to_owned(),
        values: vec![("RB_1".to_owned(), value.to_owned())],
        around: Surroundings::default(),
    });
    assert_eq!(stdout(&bed.act(&action)), value);
}

#[test]
fn a_step_sees_only_the_clean_environment() {
    let mut bed = Bed::new();
    let env = vec![("GREETING".to_owned(), plain("hello"))];
    let done =
        bed.act(&shell_around("env | cut -d= -f1 | sort | xargs", Surroundings { env, ..Surroundings::default() }));
    assert_eq!(
        stdout(&done),
        "GREETING HOME LANG PATH PWD RUNBOOK_ATTEMPT RUNBOOK_IDEMPOTENCY_KEY RUNBOOK_STEP SHLVL TRACEPARENT _\n"
    );
}

#[test]
fn standard_input_is_empty_or_what_is_given_whatever_its_size() {
    let mut bed = Bed::new();
    assert_eq!(stdout(&bed.sh("wc -c")), "0\n");
    let text = "0123456789abcdef".repeat(64 * 1024);
    let around = || Surroundings { stdin: Some(plain(&text)), ..Surroundings::default() };
    assert_eq!(stdout(&bed.act(&shell_around("cat | wc -c", around()))), "1048576\n");
    let echoed = bed.act(&shell_around("cat; echo done >&2", around()));
    assert_eq!(bed.stored(echoed.stdout.as_ref()), text.as_bytes());
    assert_eq!(bed.act(&shell_around("exit 4", around())).ended, Ended::Exit(4));
}

#[test]
fn the_working_directory_is_the_start_directory_or_the_one_said() {
    let mut bed = Bed::new();
    std::fs::create_dir(bed.work("sub")).unwrap();
    assert!(stdout(&bed.sh("pwd")).ends_with("/work\n"));
    let dir = |dir: &str| Surroundings { dir: Some(dir.to_owned()), ..Surroundings::default() };
    assert!(stdout(&bed.act(&shell_around("pwd", dir("sub")))).ends_with("/work/sub\n"));
    let missing = bed.act(&shell_around("pwd", dir("nowhere")));
    assert!(failure(&missing.ended).ends_with("/work/nowhere does not exist"));
    assert_eq!(missing.changed, Some(false));
}

#[test]
fn a_program_that_is_not_installed_is_unavailable_and_changed_nothing() {
    let mut bed = Bed::new();
    let done = bed.act(&exec(&["no-such-program", "x"]));
    assert!(
        matches!(&done.ended, Ended::Unavailable(why) if why.starts_with("program `no-such-program` is not installed"))
    );
    assert_eq!(done.changed, Some(false));
    let done = bed.act(&exec(&["/etc/passwd"]));
    assert_eq!(done.ended, Ended::Failed("/etc/passwd is not executable for this user".to_owned()));
}

#[test]
fn exec_passes_arguments_as_they_are_under_the_name_that_was_written() {
    let mut bed = Bed::new();
    assert_eq!(stdout(&bed.act(&exec(&["printf", "%s|", "a b", "$HOME", "*", ""]))), "a b|$HOME|*||");
    assert!(stderr(&bed.act(&exec(&["ls", "/no/such"]))).starts_with("ls: "));
    std::fs::write(bed.work("tool"), "#!/bin/sh\necho local $1\n").unwrap();
    std::fs::set_permissions(bed.work("tool"), PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(stdout(&bed.act(&exec(&["./tool", "x"]))), "local x\n");
}

#[test]
fn a_value_that_is_too_long_for_the_environment_names_the_way_out() {
    let mut bed = Bed::new();
    let env = vec![("BIG".to_owned(), plain(&"x".repeat(128 * 1024)))];
    let done = bed.act(&shell_around("true", Surroundings { env, ..Surroundings::default() }));
    assert!(failure(&done.ended).contains("BIG is 128 KiB") && failure(&done.ended).contains("stdin"));
    let env = vec![("BIG".to_owned(), plain(&"x".repeat(128 * 1024 - "BIG=".len() - 1)))];
    assert_eq!(bed.act(&shell_around("true", Surroundings { env, ..Surroundings::default() })).ended, Ended::Exit(0));
}

#[test]
fn a_timeout_ends_the_whole_process_group() {
    let mut bed = Bed::new();
    let start = Instant::now();
    let done = bed.act(&limited("sleep 60 & echo $!; sleep 60", 200));
    assert_eq!(done.ended, Ended::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(!alive(stdout(&done).trim().parse().unwrap()));
}

#[test]
fn a_group_that_ignores_term_is_killed_after_the_grace_period() {
    let mut bed = Bed::new();
    let done = bed.act(&limited("trap '' TERM; (trap '' TERM; while :; do sleep 0.05; done) & echo $!; wait", 200));
    assert_eq!(done.ended, Ended::TimedOut);
    assert!(done.duration_us >= 450_000, "{}", done.duration_us);
    assert!(!alive(stdout(&done).trim().parse().unwrap()));
}

#[test]
fn what_is_printed_while_ending_is_kept() {
    let done = Bed::new().act(&limited("trap 'echo cleaned up; exit 9' TERM; while :; do sleep 0.02; done", 200));
    assert_eq!((&done.ended, stdout(&done)), (&Ended::TimedOut, "cleaned up\n"));
}

#[test]
fn a_daemon_that_holds_the_pipe_does_not_hold_the_step() {
    let mut bed = Bed::new();
    let start = Instant::now();
    let done = bed.sh("echo before; sleep 30 & echo $!");
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    assert_eq!(done.ended, Ended::Exit(0));
    assert!(done.output_held);
    let pid = stdout(&done).strip_prefix("before\n").unwrap().trim().to_owned();
    assert!(alive(pid.parse().unwrap()), "a daemon outlives its step");
    bed.act(&exec(&["kill", &pid]));
}

#[test]
fn the_last_words_of_a_pipeline_are_waited_for() {
    let done = Bed::new().sh("exec > >(sleep 0.3; cat); echo late");
    assert_eq!((stdout(&done), done.output_held), ("late\n", false));
}

#[test]
fn cancel_ends_what_runs_and_nothing_that_is_started_later() {
    let mut bed = Bed::new();
    bed.start(&shell("echo here; sleep 60 & wait"));
    let pid = bed.until_running(5);
    let seen = bed.world.running().remove(0);
    assert_eq!((seen.label.as_str(), seen.recent, seen.bytes), ("a step", vec!["here".to_owned()], 5));
    assert!(seen.last_output.is_some_and(|at| at >= seen.since));
    bed.world.cancel(Cancel::Term);
    let done = bed.done();
    assert_eq!((&done.ended, done.tail.as_str()), (&Ended::Cancelled, "here\n"));
    assert!(!alive(pid) && bed.world.running().is_empty());
    assert_eq!(bed.sh("echo undo").ended, Ended::Exit(0));
}

#[test]
fn cancel_with_kill_does_not_wait() {
    let mut bed = Bed::with(&[], super::common::simple_command, |setup| setup.grace = Duration::from_secs(20));
    bed.start(&shell("trap '' TERM; echo here; while :; do sleep 0.05; done"));
    bed.until_running(5);
    bed.world.cancel(Cancel::Term);
    bed.world.cancel(Cancel::Kill);
    let start = Instant::now();
    assert_eq!(bed.done().ended, Ended::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn steps_run_beside_each_other() {
    let mut bed = Bed::new();
    let start = Instant::now();
    for number in 0..20 {
        bed.start(&shell(&format!("sleep 0.3; echo {number}")));
    }
    let mut seen: Vec<u32> = (0..20).map(|_| stdout(&bed.done()).trim().parse().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn secrets_reach_the_step_and_never_the_disk() {
    let mut bed = Bed::with_secret("tr0ub4dor&3");
    let around = || Surroundings {
        env: vec![("PW".to_owned(), Datum::Secret("pw".to_owned()))],
        stdin: Some(Datum::Secret("pw".to_owned())),
        ..Surroundings::default()
    };
    let script = "test \"$PW\" = \"$(cat)\"; printf %s \"${PW:0:4}\" >&2; sleep 0.1; echo \"${PW:4}\" >&2; \
                  printf %s \"$PW\" | base64 >&2; echo \"x$PW\" | base64 >&2; exit 5";
    let done = bed.act(&shell_around(script, around()));
    assert_eq!(done.ended, Ended::Exit(5));
    let shown = String::from_utf8(bed.stored(done.stderr.as_ref())).unwrap();
    assert!(shown.starts_with("***\n***") && !shown.contains("dor") && !shown.contains("dHIwdWI0ZG9"), "{shown}");
    assert!(!done.tail.contains("tr0ub"), "{}", done.tail);
}

#[test]
fn a_capture_that_contains_a_secret_fails_the_step() {
    let mut bed = Bed::with_secret("tr0ub4dor&3");
    let env = vec![("PW".to_owned(), Datum::Secret("pw".to_owned()))];
    let done = bed.act(&shell_around("echo \"$PW\"", Surroundings { env, ..Surroundings::default() }));
    assert!(failure(&done.ended).contains("contains a secret"));
    assert_eq!(done.stdout.as_ref().unwrap().text, None);
    assert_eq!(bed.stored(done.stdout.as_ref()), b"***\n");
}

#[test]
fn a_secret_without_a_value_makes_the_step_unavailable() {
    let env = vec![("PW".to_owned(), Datum::Secret("other".to_owned()))];
    let done = Bed::new().act(&shell_around("true", Surroundings { env, ..Surroundings::default() }));
    assert_eq!(done.ended, Ended::Unavailable("secret `other` is not known to this run".to_owned()));
    assert_eq!(done.changed, Some(false));
}

#[test]
fn messages_are_masked_too() {
    let mut bed = Bed::with_secret("tr0ub4dor-3");
    let action = ExecAction { argv: vec!["tr0ub4dor-3".to_owned()], around: Surroundings::default() };
    assert!(failure(&bed.act(&Action::Exec(action)).ended).starts_with("program `***` is not installed"));
}

#[test]
fn output_that_cannot_be_stored_ends_the_step_and_is_told() {
    let mut bed = Bed::new();
    std::fs::remove_dir(bed.run_dir().join("out")).unwrap();
    bed.start(&shell("echo lost; sleep 60"));
    let mut lost = false;
    loop {
        match bed.events.blocking_recv().unwrap() {
            WorldEvent::OutputLost { .. } => lost = true,
            WorldEvent::Started { .. } => {}
            WorldEvent::Done(_, done) => {
                assert!(failure(&done.ended).starts_with("its output could not be stored"));
                break;
            }
        }
    }
    assert!(lost);
}

#[test]
fn output_of_any_length_and_kind_is_stored_whole() {
    let mut bed = Bed::new();
    let done = bed.sh("head -c 5000000 /dev/zero | tr '\\0' x; printf '\\377\\0end'");
    let captured = done.stdout.clone().unwrap();
    assert_eq!((captured.bytes, captured.text), (5_000_005, None));
    let bytes = bed.stored(done.stdout.as_ref());
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((bytes.len(), captured.sha256), (5_000_005, digest));
}
