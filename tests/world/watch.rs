//! Logs that are really written, renamed and cut while somebody watches.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use runbook::drive::world::Cancel;
use runbook::machine::action::{Action, Done, Ended, LogPosition, WatchAction, WatchSource, Watched};

use super::common::{Bed, shell};

const SECOND: u64 = 1_000_000;

fn watch(path: &Path, for_us: u64) -> WatchAction {
    WatchAction {
        source: WatchSource::File(path.display().to_string()),
        for_us,
        since: None,
        must: Vec::new(),
        must_not: Vec::new(),
        known_in: None,
        known_in_errors: None,
    }
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Starts watching as the driver does, waits until it has begun, does something to the log, and takes the result.
fn meanwhile(bed: &mut Bed, mut wanted: WatchAction, work: impl FnOnce()) -> Done {
    bed.world.locate(&mut wanted);
    bed.start(&Action::Watch(wanted));
    std::thread::sleep(Duration::from_millis(250));
    work();
    bed.done()
}

fn seen(done: &Done) -> &Watched {
    done.watched.as_ref().expect("something was watched")
}

#[test]
fn only_lines_written_after_the_beginning_count() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "ERROR of yesterday\nhalf a li");
    let wanted = WatchAction { must: vec!["ready".into()], must_not: vec!["ERROR".into()], ..watch(&log, SECOND) };
    let done = meanwhile(&mut bed, wanted, || append(&log, "ne\nINFO ready\n"));
    assert_eq!((done.ended.clone(), done.changed), (Ended::Ok, Some(false)));
    assert_eq!((seen(&done).must[0].as_deref(), &seen(&done).must_not[0]), (Some("INFO ready"), &None));
    assert_eq!(bed.stored(done.stdout.as_ref()), b"ne\nINFO ready\n", "what was seen is kept");
}

#[test]
fn the_first_forbidden_line_ends_the_watch() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "");
    let since = Instant::now();
    let wanted = WatchAction { must_not: vec![r"(?i)\berror\b".into()], ..watch(&log, 60 * SECOND) };
    let done = meanwhile(&mut bed, wanted, || append(&log, "terrors are fine\nan Error came\n"));
    assert!(since.elapsed() < Duration::from_secs(20));
    assert_eq!(seen(&done).must_not[0].as_deref(), Some("an Error came"));
}

#[test]
fn a_log_that_is_renamed_is_read_to_its_end_and_then_in_its_next_file() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "old\n");
    let done = meanwhile(&mut bed, watch(&log, SECOND), || {
        append(&log, "before\n");
        std::fs::rename(&log, log.with_extension("log.1")).unwrap();
        append(&log.with_extension("log.1"), "late in the old\n");
        append(&log, "first in the new\n");
    });
    assert_eq!(bed.stored(done.stdout.as_ref()), b"before\nlate in the old\nfirst in the new\n");
    assert_eq!((seen(&done).lines, seen(&done).rotations), (3, 1));
}

#[test]
fn a_log_that_is_cut_is_read_from_its_beginning() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, &"old line\n".repeat(100));
    let done = meanwhile(&mut bed, watch(&log, SECOND), || {
        OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
        append(&log, "after the cut\n");
    });
    assert_eq!(bed.stored(done.stdout.as_ref()), b"after the cut\n");
    assert_eq!(seen(&done).rotations, 1);
}

#[test]
fn watching_goes_on_where_an_earlier_watch_ended_even_over_a_rotation() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "one\n");
    let first = bed.act(&Action::Watch(watch(&log, SECOND / 10)));
    let since = seen(&first).position.clone();
    append(&log, "two\n");
    std::fs::rename(&log, bed.work("app.log.1")).unwrap();
    append(&log, "three\n");
    let done = bed.act(&Action::Watch(WatchAction { since, ..watch(&log, SECOND / 10) }));
    assert_eq!(bed.stored(done.stdout.as_ref()), b"two\nthree\n");
    let gone = Some(LogPosition { inode: 1, ..LogPosition::default() });
    let lost = bed.act(&Action::Watch(WatchAction { since: gone, ..watch(&log, SECOND / 10) }));
    assert!(matches!(&lost.ended, Ended::Unavailable(why) if why.contains("lines between are lost")), "{lost:?}");
}

#[test]
fn lines_of_a_kind_that_an_earlier_watch_did_not_see_are_named() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "10:00:00 this stood there before anybody looked\n");
    let earlier = meanwhile(&mut bed, watch(&log, SECOND), || {
        append(&log, "10:00:01 took 12 ms\n10:00:02 connected to 10.0.0.7:5432\n");
    });
    let known_in = earlier.stdout.as_ref().map(|seen| seen.file.clone());
    let done = meanwhile(&mut bed, WatchAction { known_in, ..watch(&log, SECOND) }, || {
        append(
            &log,
            "11:30:00 took 7 ms\n11:30:01 deadlock of 2\n11:30:02 connected to 10.0.0.9:5432\n11:31:00 deadlock of 3\n",
        );
    });
    assert_eq!(seen(&done).new, ["11:30:01 deadlock of 2"]);
    assert_eq!((seen(&done).known, seen(&done).new_count), (2, 1));
}

#[test]
fn more_new_kinds_of_lines_are_counted_than_shown() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "");
    let earlier = meanwhile(&mut bed, watch(&log, SECOND), || append(&log, "well\n"));
    let known_in = earlier.stdout.as_ref().map(|seen| seen.file.clone());
    let kinds: String = ('a'..='z').map(|letter| format!("{letter} failed\n")).collect();
    let done = meanwhile(&mut bed, WatchAction { known_in, ..watch(&log, SECOND) }, || append(&log, &kinds));
    assert_eq!((seen(&done).new.len(), seen(&done).new_count), (20, 26));
}

#[test]
fn an_attempt_notes_where_a_log_ended_before_it_and_a_watch_begins_there() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "before\n");
    bed.marks = vec!["app.log".into(), "later.log".into(), "/dev/null".into()];
    let done = bed.sh("echo during >> app.log; echo first > later.log");
    let noted: Vec<&str> = done.marks.iter().map(|mark| mark.path.as_str()).collect();
    assert_eq!(noted, ["app.log", "later.log"], "a device is no log");
    append(&log, "after\n");
    let from = |at: usize, path: &Path| WatchAction {
        since: Some(done.marks[at].position.clone()),
        ..watch(path, SECOND / 10)
    };
    let seen = bed.act(&Action::Watch(from(0, &log)));
    assert_eq!(bed.stored(seen.stdout.as_ref()), b"during\nafter\n");
    let seen = bed.act(&Action::Watch(from(1, &bed.work("later.log"))));
    assert_eq!(bed.stored(seen.stdout.as_ref()), b"first\n", "there was no file yet");
}

#[test]
fn a_log_that_never_comes_is_unavailable_and_one_that_comes_late_is_read() {
    let mut bed = Bed::new();
    let log = bed.work("none.log");
    let done = bed.act(&Action::Watch(watch(&log, SECOND / 5)));
    assert!(matches!(&done.ended, Ended::Unavailable(why) if why.ends_with("none.log does not exist")), "{done:?}");
    let done = meanwhile(&mut bed, watch(&log, SECOND), || append(&log, "hello\n"));
    assert_eq!((done.ended.clone(), seen(&done).lines), (Ended::Ok, 1));
}

#[test]
fn a_directory_a_device_or_a_fifo_is_no_log_and_nothing_hangs() {
    let mut bed = Bed::new();
    let fifo = bed.work("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in [fifo.as_path(), Path::new("/dev/zero"), Path::new("/tmp")] {
        let done = bed.act(&Action::Watch(watch(path, SECOND)));
        assert!(matches!(&done.ended, Ended::Failed(why) if why.contains("is not a file")), "{done:?}");
    }
}

#[test]
fn a_command_is_watched_until_the_time_is_over_and_then_ended() {
    let mut bed = Bed::new();
    let source = WatchSource::Command(Box::new(shell("echo ready; sleep 30; echo never")));
    let wanted = WatchAction { source, must: vec!["ready".into()], ..watch(Path::new(""), SECOND / 2) };
    let done = bed.act(&Action::Watch(wanted));
    assert_eq!((done.ended.clone(), seen(&done).must[0].as_deref(), seen(&done).lines), (Ended::Ok, Some("ready"), 1));
}

#[test]
fn what_a_script_prints_as_errors_are_lines_too_and_known_later() {
    let mut bed = Bed::new();
    let watch_script = |script: &str, earlier: Option<&Done>| {
        let file = |of: Option<&runbook::machine::action::Captured>| of.map(|seen| seen.file.clone());
        let known_in = earlier.and_then(|done| file(done.stdout.as_ref()));
        let known_in_errors = earlier.and_then(|done| file(done.stderr.as_ref()));
        let source = WatchSource::Command(Box::new(shell(script)));
        let must_not = vec!["^FATAL$".into()];
        Action::Watch(WatchAction { source, must_not, known_in, known_in_errors, ..watch(Path::new(""), SECOND / 2) })
    };
    let first = bed.act(&watch_script("echo fine; echo slow >&2; printf FATAL >&2; sleep 30", None));
    assert_eq!((seen(&first).must_not[0].as_deref(), seen(&first).lines), (Some("FATAL"), 3));
    let second = bed.act(&watch_script("echo slow; echo fine >&2; echo odd >&2; sleep 30", Some(&first)));
    assert_eq!((seen(&second).known, &seen(&second).new[..]), (3, &["odd".to_string()][..]));
}

#[test]
fn a_watch_can_be_cancelled_and_keeps_what_it_saw() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "");
    bed.start(&Action::Watch(watch(&log, 60 * SECOND)));
    std::thread::sleep(Duration::from_millis(250));
    append(&log, "one\n");
    std::thread::sleep(Duration::from_millis(250));
    bed.world.cancel(Cancel::Term);
    let done = bed.done();
    assert_eq!((done.ended.clone(), seen(&done).lines), (Ended::Cancelled, 1));
}

#[test]
fn secrets_in_a_log_are_masked_where_they_are_kept_and_shown() {
    let mut bed = Bed::with_secret("swordfish");
    let log = bed.work("app.log");
    append(&log, "");
    let wanted = WatchAction { must: vec!["login".into()], ..watch(&log, SECOND) };
    let done = meanwhile(&mut bed, wanted, || append(&log, "login with swordfish\n"));
    assert_eq!(bed.stored(done.stdout.as_ref()), b"login with ***\n");
    assert_eq!(seen(&done).must[0].as_deref(), Some("login with ***"));
}

fn cut(path: &Path) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
}

/// Where the log ends now, as an intent notes it.
fn end_of(bed: &Bed, path: &Path) -> LogPosition {
    let mut wanted = watch(path, SECOND);
    bed.world.locate(&mut wanted);
    wanted.since.expect("it can be read")
}

#[test]
fn what_is_written_late_to_a_renamed_file_is_seen_to_the_end_of_the_watch() {
    let mut bed = Bed::new();
    let (log, old) = (bed.work("app.log"), bed.work("app.log.1"));
    append(&log, "");
    let wanted = WatchAction { must_not: vec!["^ERROR late$".into()], ..watch(&log, 60 * SECOND) };
    let since = Instant::now();
    let done = meanwhile(&mut bed, wanted, || {
        std::fs::rename(&log, &old).unwrap();
        append(&log, "hello\nhalf a li");
        std::thread::sleep(Duration::from_millis(800));
        append(&old, "ERROR late\n");
    });
    assert!(since.elapsed() < Duration::from_secs(30));
    assert_eq!(seen(&done).must_not[0].as_deref(), Some("ERROR late"), "the new file's half line is not its beginning");
}

#[test]
fn a_log_that_was_cut_between_the_mark_and_the_watch_is_read_from_its_beginning() {
    let mut bed = Bed::new();
    for after in ["ERROR at start\n".to_owned(), format!("ERROR at start\n{}", "and so on\n".repeat(100))] {
        let log = bed.work("app.log");
        append(&log, &"old line\n".repeat(20));
        let since = Some(end_of(&bed, &log));
        cut(&log);
        append(&log, &after);
        let done = bed.act(&Action::Watch(WatchAction { since, ..watch(&log, SECOND / 10) }));
        assert_eq!(String::from_utf8(bed.stored(done.stdout.as_ref())).unwrap(), after);
        assert_eq!(seen(&done).rotations, 1);
        std::fs::remove_file(&log).unwrap();
    }
}

#[test]
fn a_log_that_was_cut_and_is_longer_again_at_the_next_look_is_read_from_its_beginning() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, &"old line\n".repeat(1000));
    let after = format!("ERROR after the cut\n{}", "new line\n".repeat(5000));
    let done = meanwhile(&mut bed, watch(&log, SECOND), || std::fs::write(&log, &after).unwrap());
    assert_eq!(String::from_utf8(bed.stored(done.stdout.as_ref())).unwrap(), after);
    assert_eq!(seen(&done).rotations, 1);
}

#[test]
fn what_was_written_before_a_cut_is_found_in_the_copy() {
    let mut bed = Bed::new();
    let (log, copy) = (bed.work("app.log"), bed.work("app.log.1"));
    let copy_and_cut = |after: &str| {
        std::fs::copy(&log, &copy).unwrap();
        cut(&log);
        append(&log, after);
    };
    append(&log, "old line\n");
    let since = Some(end_of(&bed, &log));
    append(&log, "before the cut\n");
    copy_and_cut("after\n");
    let done = bed.act(&Action::Watch(WatchAction { since, ..watch(&log, SECOND / 10) }));
    assert_eq!(bed.stored(done.stdout.as_ref()), b"before the cut\nafter\n");
    let done = meanwhile(&mut bed, watch(&log, SECOND), || {
        append(&log, "ERROR in the last moment\n");
        copy_and_cut("again\n");
    });
    let mut lines: Vec<String> =
        String::from_utf8(bed.stored(done.stdout.as_ref())).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["ERROR in the last moment", "again"]);
    assert_eq!(seen(&done).rotations, 1);
}

#[test]
fn a_log_that_was_renamed_twice_while_nobody_looked_is_read_whole() {
    let rotate = |bed: &Bed, text: &str| {
        std::fs::write(bed.work("app.log.audit"), "of another log\n").unwrap();
        let [log, first, second] = ["app.log", "app.log.1", "app.log.2"].map(|name| bed.work(name));
        let _ = std::fs::rename(&first, &second);
        std::fs::rename(&log, &first).unwrap();
        // Files that come to be in the same tick of the clock cannot be told apart by their age.
        std::thread::sleep(Duration::from_millis(20));
        append(&log, text);
    };
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&bed.work("app.log.old"), "of last year\n");
    std::thread::sleep(Duration::from_millis(20));
    append(&log, "one\n");
    let since = Some(end_of(&bed, &log));
    rotate(&bed, "two\n");
    rotate(&bed, "three\n");
    let wanted = WatchAction { since, ..watch(&log, SECOND / 10) };
    let done = bed.act(&Action::Watch(wanted.clone()));
    let seen_lines = String::from_utf8(bed.stored(done.stdout.as_ref())).unwrap();
    let mut lines: Vec<&str> = seen_lines.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["three", "two"]);
    std::fs::write(bed.work("app.log.1"), b"\x1f\x8b\x08 compressed").unwrap();
    let lost = bed.act(&Action::Watch(wanted));
    assert!(matches!(&lost.ended, Ended::Unavailable(why) if why.contains("lines between are lost")), "{lost:?}");
}

#[test]
fn what_a_log_became_before_the_watch_ended_is_read_however_short_it_is() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "old\n");
    let since = Some(end_of(&bed, &log));
    append(&log, "before\n");
    std::fs::rename(&log, bed.work("app.log.1")).unwrap();
    append(&log, "FATAL\n");
    let wanted = WatchAction { since, must_not: vec!["FATAL".into()], ..watch(&log, 1) };
    let done = bed.act(&Action::Watch(wanted));
    assert_eq!(seen(&done).must_not[0].as_deref(), Some("FATAL"));
}

#[test]
fn a_place_in_a_log_is_noted_without_the_secrets_before_it() {
    let log = |bed: &Bed, text: &str| {
        append(&bed.work("app.log"), text);
        end_of(bed, &bed.work("app.log")).before
    };
    let (with, without) = (Bed::with_secret("swordfish"), Bed::new());
    assert_eq!(log(&with, "pw swordfish\n"), log(&without, "pw ***\n"));
    assert!(log(&with, "more\n").is_some());
}

#[test]
fn a_forbidden_word_at_the_end_of_a_long_line_is_found() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "");
    let wanted = WatchAction { must_not: vec!["ERROR".into()], ..watch(&log, 60 * SECOND) };
    let done = meanwhile(&mut bed, wanted, || append(&log, &format!("{} ERROR\n", "x".repeat(200_000))));
    assert!(seen(&done).must_not[0].is_some());
}

#[test]
fn a_line_without_an_end_is_not_taken_for_seen() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "");
    let wanted = WatchAction { must_not: vec!["ERROR".into()], ..watch(&log, 2 * SECOND) };
    let done = meanwhile(&mut bed, wanted, || append(&log, &format!("{} ERROR", "x".repeat(3 << 20))));
    assert_eq!((seen(&done).lines, seen(&done).too_long, &seen(&done).must_not[0]), (1, 1, &None));
}

/// Runs while somebody writes as fast as he can.
fn beside_a_flood(log: &Path, look: impl FnOnce() -> Done) -> Done {
    let over = std::sync::atomic::AtomicBool::new(false);
    let piece = "GET /items/17 took 12 ms\n".repeat(2000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A disk has an end.
            for _ in 0..8000 {
                if over.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                append(log, &piece);
            }
        });
        let done = look();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        done
    })
}

#[test]
fn a_watch_ends_in_time_however_much_is_written() {
    let mut bed = Bed::new();
    let log = bed.work("app.log");
    append(&log, "");
    let since = Instant::now();
    let done = beside_a_flood(&log, || bed.act(&Action::Watch(watch(&log, SECOND))));
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    assert!(seen(&done).lines > 0);
    assert_eq!(done.ended, Ended::Ok);
}

#[test]
fn a_command_that_floods_is_ended_in_time() {
    let mut bed = Bed::new();
    let source = WatchSource::Command(Box::new(shell("yes | cat")));
    let since = Instant::now();
    let done = bed.act(&Action::Watch(WatchAction { source, ..watch(Path::new(""), SECOND) }));
    assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
    assert_eq!(done.ended, Ended::Ok);
    assert!(seen(&done).lines > 1000);
}

#[test]
fn long_lines_of_numbers_are_compared_in_time() {
    let mut bed = Bed::new();
    let log = bed.work("table.csv");
    append(&log, "");
    let rows = |first: u32| -> String {
        (first..first + 300).map(|row| format!("{}\n", format!("{row}.5,").repeat(16 * 1024 / 6))).collect()
    };
    let earlier = meanwhile(&mut bed, watch(&log, SECOND), || append(&log, &rows(100)));
    let known_in = earlier.stdout.as_ref().map(|seen| seen.file.clone());
    let since = Instant::now();
    let done = meanwhile(&mut bed, WatchAction { known_in, ..watch(&log, SECOND) }, || append(&log, &rows(500)));
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    assert_eq!((seen(&done).lines, seen(&done).known, seen(&done).new_count, seen(&done).unread), (300, 1, 0, 0));
}
