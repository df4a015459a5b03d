//! Markers in files and in live processes.

use std::process::{Child, Command, Stdio};

use runbook::machine::action::{Action, Datum, Done, Ended, MarkerAction, MarkerSource};

use super::common::{Bed, plain};

const NAME: &str = "DEPLOYMENT_ENV";

fn marker(source: MarkerSource, is: Datum) -> Action {
    Action::Marker(MarkerAction { source, name: NAME.to_owned(), is })
}

fn in_file(path: &str) -> Action {
    marker(MarkerSource::File(path.to_owned()), plain("prd"))
}

fn of_process(process: impl ToString) -> Action {
    marker(MarkerSource::Process(process.to_string()), plain("prd"))
}

/// `line:value` of each assignment, `!` where it is not equal, `?` where it is doubtful.
fn found(done: &Done) -> Vec<String> {
    let seen = done.marker.as_ref().unwrap_or_else(|| panic!("nothing was found: {done:?}"));
    let show = |one: &runbook::machine::action::Assigned| {
        let line = one.line.map(|line| format!("{line}:")).unwrap_or_default();
        let value = one.value.as_deref().unwrap_or("(hidden)");
        let mark = if one.doubt.is_some() { "?" } else { ["!", ""][usize::from(one.equal)] };
        format!("{line}{value}{mark}")
    };
    seen.found.iter().map(show).collect()
}

fn unavailable(done: &Done) -> &str {
    match &done.ended {
        Ended::Unavailable(why) => why,
        other => panic!("it was there: {other:?}"),
    }
}

/// A live process with this environment, gone at the end of the test.
struct Live(Child);

impl Live {
    fn with(env: &[(&str, &str)]) -> Live {
        let mut command = Command::new("/bin/sleep");
        command.arg("30").env_clear().envs(env.iter().copied()).stdout(Stdio::null());
        Live(command.spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_file_tells_every_assignment_of_the_name_and_of_no_other() {
    let mut bed = Bed::new();
    let text =
        "SECRET=hunter2\r\nX_DEPLOYMENT_ENV=prd\r\nexport DEPLOYMENT_ENV=\"dev\"\r\nDEPLOYMENT_ENV=prd # now\r\n";
    std::fs::write(bed.work(".env"), text).unwrap();
    let done = bed.act(&in_file(".env"));
    assert_eq!((&done.ended, done.changed), (&Ended::Ok, Some(false)));
    assert_eq!(found(&done), ["3:dev!", "4:prd"]);
    let kept = String::from_utf8(bed.stored(done.stdout.as_ref())).unwrap();
    assert_eq!(kept, ".env:3: DEPLOYMENT_ENV=dev\n.env:4: DEPLOYMENT_ENV=prd\n");
    assert!(!format!("{done:?}").contains("hunter2") && !format!("{done:?}").contains("X_DEPLOYMENT"));
}

#[test]
fn values_that_only_look_alike_are_not_equal() {
    let mut bed = Bed::new();
    for (text, wanted) in [
        ("DEPLOYMENT_ENV=prd2", "1:prd2!"),
        ("DEPLOYMENT_ENV=PRD", "1:PRD!"),
        ("DEPLOYMENT_ENV='prd '", "1:prd !"),
        ("DEPLOYMENT_ENV=\"prd\"uction", "1:\"prd\"uction!"),
        ("DEPLOYMENT_ENV=${STAGE:-prd}", "1:${STAGE:-prd}?"),
        ("DEPLOYMENT_ENV", "1:?"),
    ] {
        std::fs::write(bed.work(".env"), text).unwrap();
        assert_eq!(found(&bed.act(&in_file(".env"))), [wanted], "{text}");
    }
}

#[test]
fn a_file_that_is_not_there_or_no_file_is_unavailable() {
    let mut bed = Bed::new();
    assert_eq!(unavailable(&bed.act(&in_file("none.env"))), "none.env does not exist");
    std::fs::create_dir(bed.work("dir.env")).unwrap();
    assert_eq!(unavailable(&bed.act(&in_file("dir.env"))), "dir.env cannot be read: it is not a file");
    let fifo = bed.work("pipe.env");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(unavailable(&bed.act(&in_file("pipe.env"))), "pipe.env cannot be read: it is not a file");
}

#[test]
fn a_quote_that_is_never_closed_leaves_nothing_to_rely_on() {
    let mut bed = Bed::new();
    std::fs::write(bed.work(".env"), "DEPLOYMENT_ENV=prd\nMOTD=\"hello\n").unwrap();
    let broken = bed.act(&in_file(".env")).marker.unwrap().broken;
    assert_eq!(broken.as_deref(), Some("the quote that begins on line 2 is never closed"));
}

#[test]
fn a_variable_that_is_set_again_and_again_is_no_marker() {
    let mut bed = Bed::new();
    std::fs::write(bed.work(".env"), "DEPLOYMENT_ENV=prd\n".repeat(5000)).unwrap();
    let seen = bed.act(&in_file(".env")).marker.unwrap();
    assert_eq!((seen.found.len(), seen.broken.as_deref()), (0, Some("it is set 5000 times")));
}

#[test]
fn a_live_process_tells_the_environment_it_was_started_with() {
    let mut bed = Bed::new();
    let live = Live::with(&[("DEPLOYMENT_ENV", "dev"), ("X_DEPLOYMENT_ENV", "prd"), ("PASSWORD", "hunter2")]);
    let done = bed.act(&of_process(live.pid()));
    assert_eq!(found(&done), ["dev!"]);
    let place = done.marker.as_ref().unwrap().place.clone();
    assert_eq!(place, format!("the environment of process {} (sleep)", live.pid()));
    assert!(!format!("{done:?}").contains("hunter2"));
}

#[test]
fn a_pid_file_names_the_process() {
    let mut bed = Bed::new();
    let live = Live::with(&[("DEPLOYMENT_ENV", "prd")]);
    std::fs::write(bed.work("app.pid"), format!("{}\n/var/lib/app\n", live.pid())).unwrap();
    assert_eq!(found(&bed.act(&of_process("app.pid"))), ["prd"]);
    std::fs::write(bed.work("app.pid"), "starting\n").unwrap();
    assert_eq!(unavailable(&bed.act(&of_process("app.pid"))), "app.pid does not hold a process id");
    assert_eq!(unavailable(&bed.act(&of_process("none.pid"))), "none.pid does not exist");
}

#[test]
fn a_process_that_is_gone_or_only_not_yet_buried_is_unavailable() {
    let mut bed = Bed::new();
    let mut gone = Live::with(&[("DEPLOYMENT_ENV", "prd")]);
    gone.0.kill().unwrap();
    // Nobody has waited for it: it is a zombie.
    let zombie = || std::fs::read_to_string(format!("/proc/{}/stat", gone.pid())).unwrap().contains(") Z ");
    while !zombie() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let wanted = format!("process {} does not run", gone.pid());
    assert_eq!(unavailable(&bed.act(&of_process(gone.pid()))), wanted);
    gone.0.wait().unwrap();
    assert_eq!(unavailable(&bed.act(&of_process(gone.pid()))), wanted);
}

#[test]
fn a_secret_is_compared_and_never_told() {
    let mut bed = Bed::with_secret("correct horse battery");
    let wanted = marker(MarkerSource::File(".env".to_owned()), Datum::Secret("pw".to_owned()));
    std::fs::write(bed.work(".env"), "DEPLOYMENT_ENV='correct horse battery'\n").unwrap();
    let done = bed.act(&wanted);
    assert_eq!(found(&done), ["1:(hidden)"]);
    std::fs::write(bed.work(".env"), "DEPLOYMENT_ENV=old-password\n").unwrap();
    let done = bed.act(&wanted);
    assert_eq!(found(&done), ["1:(hidden)!"]);
    assert!(!format!("{done:?}").contains("old-password"));
    let kept = String::from_utf8(bed.stored(done.stdout.as_ref())).unwrap();
    assert_eq!(kept, ".env:1: DEPLOYMENT_ENV is set to another value\n");
}

#[test]
fn a_long_value_is_masked_before_it_is_cut() {
    let mut bed = Bed::with_secret("correct horse battery");
    let wanted = marker(MarkerSource::File(".env".to_owned()), Datum::Plain("prd".to_owned()));
    let value = format!("{}correct horse battery", "x".repeat(188));
    std::fs::write(bed.work(".env"), format!("DEPLOYMENT_ENV='{value}'\n")).unwrap();
    let done = bed.act(&wanted);
    assert!(!format!("{done:?}").contains("correct"), "{done:?}");
}
