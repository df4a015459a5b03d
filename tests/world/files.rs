//! File steps: the change, what is kept of the old, putting it back.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use runbook::machine::action::{Action, Before, Done, Ended, FileAction, FileChange, RestoreAction};
use sha2::{Digest as _, Sha256};

use super::common::{Bed, shell, stderr, stdout};

fn file(path: &str, change: FileChange) -> FileAction {
    FileAction { path: path.to_owned(), change, mode: None, activate: None, keep: "config.1".to_owned() }
}

fn content(path: &str, text: &str) -> Action {
    Action::File(file(path, FileChange::Content(text.to_owned())))
}

fn restore(path: &str) -> Action {
    Action::Restore(RestoreAction { path: path.to_owned(), keep: "config.1".to_owned(), found: None, activate: None })
}

fn activated(action: FileAction, script: &str) -> Action {
    Action::File(FileAction { activate: Some(Box::new(shell(script))), ..action })
}

fn hash(text: &str) -> Option<String> {
    Some(Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn why(done: &Done) -> &str {
    match &done.ended {
        Ended::Failed(why) => why,
        other => panic!("no failure: {other:?}"),
    }
}

fn only_file_in_work(bed: &Bed, name: &str) -> bool {
    std::fs::read_dir(bed.work("")).unwrap().all(|entry| entry.unwrap().file_name() == name)
}

#[test]
fn a_file_is_replaced_with_its_mode_and_both_hashes_and_a_diff_are_told() {
    let mut bed = Bed::new();
    std::fs::write(bed.work("conf"), "one\ntwo\n").unwrap();
    std::fs::set_permissions(bed.work("conf"), PermissionsExt::from_mode(0o640)).unwrap();
    let done = bed.act(&content("conf", "one\n2\n"));
    assert_eq!((&done.ended, done.changed), (&Ended::Ok, Some(true)));
    let told = done.file.unwrap();
    assert_eq!((told.before, told.after), (hash("one\ntwo\n"), hash("one\n2\n")));
    assert!(told.diff.contains("-two\n+2\n"), "{}", told.diff);
    assert_eq!(std::fs::read_to_string(bed.work("conf")).unwrap(), "one\n2\n");
    assert_eq!(mode(&bed.work("conf")), 0o640);
    assert!(only_file_in_work(&bed, "conf"), "no temporary file stays");
}

#[test]
fn the_old_content_is_kept_for_this_user_alone() {
    let mut bed = Bed::new();
    std::fs::write(bed.work("conf"), "old").unwrap();
    bed.act(&content("conf", "new"));
    let kept = bed.run_dir().join("kept");
    assert_eq!(std::fs::read_to_string(kept.join("config.1")).unwrap(), "old");
    let note: serde_json::Value = serde_json::from_slice(&std::fs::read(kept.join("config.1.json")).unwrap()).unwrap();
    assert_eq!(note["path"], bed.work("conf").to_str().unwrap());
    assert_eq!((note["existed"].as_bool(), note["sha256"].as_str()), (Some(true), hash("old").as_deref()));
    assert_eq!(note["after"].as_str(), hash("new").as_deref());
    assert_eq!([mode(&kept), mode(&kept.join("config.1")), mode(&kept.join("config.1.json"))], [0o700, 0o600, 0o600]);
}

#[test]
fn restore_puts_back_content_and_mode() {
    let mut bed = Bed::new();
    std::fs::write(bed.work("conf"), "old").unwrap();
    std::fs::set_permissions(bed.work("conf"), PermissionsExt::from_mode(0o600)).unwrap();
    bed.act(&Action::File(FileAction { mode: Some(0o755), ..file("conf", FileChange::Content("new".to_owned())) }));
    assert_eq!(mode(&bed.work("conf")), 0o755);
    let done = bed.act(&restore("conf"));
    assert_eq!((&done.ended, done.changed), (&Ended::Ok, Some(true)));
    assert_eq!(std::fs::read_to_string(bed.work("conf")).unwrap(), "old");
    assert_eq!(mode(&bed.work("conf")), 0o600);
    let again = bed.act(&restore("conf"));
    assert_eq!((again.ended, again.changed), (Ended::Ok, Some(false)));
}

#[test]
fn restore_removes_what_was_not_there_and_brings_back_what_was_removed() {
    let mut bed = Bed::new();
    let made = bed.act(&content("fresh", "x"));
    assert_eq!((made.file.unwrap().before, mode(&bed.work("fresh"))), (None, 0o644));
    assert_eq!(bed.act(&restore("fresh")).ended, Ended::Ok);
    assert!(!bed.work("fresh").exists());

    let mut bed = Bed::new();
    std::fs::write(bed.work("flag"), "on").unwrap();
    let removed = bed.act(&Action::File(file("flag", FileChange::Absent)));
    assert_eq!((removed.changed, removed.file.unwrap().after), (Some(true), None));
    assert!(!bed.work("flag").exists());
    assert_eq!(bed.act(&restore("flag")).ended, Ended::Ok);
    assert_eq!(std::fs::read_to_string(bed.work("flag")).unwrap(), "on");
}

#[test]
fn restore_does_not_touch_what_somebody_else_changed_since() {
    let mut bed = Bed::new();
    std::fs::write(bed.work("conf"), "old").unwrap();
    bed.act(&content("conf", "new"));
    std::fs::write(bed.work("conf"), "third").unwrap();
    let done = bed.act(&restore("conf"));
    assert!(why(&done).ends_with("conf was changed by somebody else since; not touched"));
    assert_eq!((done.changed, std::fs::read_to_string(bed.work("conf")).unwrap().as_str()), (Some(false), "third"));
}

/// Whoever edits what is kept cannot use the undo to write what he wants, where he wants.
#[test]
fn restore_puts_back_only_what_the_log_says_was_found() {
    let edits: [(&str, &str, &str); 4] = [
        ("is not what the log says the step found", "\"sha256\":\"OLD\"", "\"sha256\":\"EVIL\""),
        ("has other permissions than the log says the step found", "\"mode\":416", "\"mode\":511"),
        ("belongs to another file than the log says the step changed", "/conf\"", "/other\""),
        ("is not the link that the log says the step found", "\"after\"", "\"link\":\"/etc/passwd\",\"after\""),
    ];
    for (wanted, from, to) in edits {
        let mut bed = Bed::new();
        std::fs::write(bed.work("conf"), "old").unwrap();
        std::fs::set_permissions(bed.work("conf"), PermissionsExt::from_mode(0o640)).unwrap();
        let told = bed.act(&content("conf", "new")).file.unwrap();
        let found = Some(Before { path: told.path, sha256: told.before, mode: told.before_mode });
        let sums = |text: &str| text.replace("OLD", &hash("old").unwrap()).replace("EVIL", &hash("evil").unwrap());
        let note = bed.run_dir().join("kept/config.1.json");
        let text = std::fs::read_to_string(&note).unwrap();
        assert!(text.contains(&sums(from)), "{from} in {text}");
        std::fs::write(&note, text.replace(&sums(from), &sums(to))).unwrap();
        std::fs::write(bed.run_dir().join("kept/config.1"), "evil").unwrap();
        let put_back = |found| RestoreAction { path: "conf".into(), keep: "config.1".into(), found, activate: None };
        let done = bed.act(&Action::Restore(put_back(found)));
        assert_eq!(why(&done), format!("what is kept of conf {wanted}; not touched"));
        assert_eq!(std::fs::read_to_string(bed.work("conf")).unwrap(), "new");
        assert!(only_file_in_work(&bed, "conf"));
    }
}

#[test]
fn restore_without_anything_kept_says_so() {
    let done = Bed::new().act(&restore("conf"));
    assert_eq!(why(&done), "nothing was kept of conf, so nothing can be put back");
}

#[test]
fn a_second_try_under_the_same_name_keeps_what_the_first_one_found() {
    let mut bed = Bed::new();
    std::fs::write(bed.work("conf"), "old").unwrap();
    bed.act(&content("conf", "new"));
    let again = bed.act(&content("conf", "new"));
    assert_eq!((again.ended, again.changed), (Ended::Ok, Some(false)));
    bed.act(&content("conf", "newer"));
    assert_eq!(bed.act(&restore("conf")).ended, Ended::Ok);
    assert_eq!(std::fs::read_to_string(bed.work("conf")).unwrap(), "old");
}

#[test]
fn a_file_that_is_already_right_is_not_written_but_activated() {
    let mut bed = Bed::new();
    std::fs::write(bed.work("conf"), "same").unwrap();
    let before = std::fs::metadata(bed.work("conf")).unwrap().modified().unwrap();
    let done = bed.act(&activated(file("conf", FileChange::Content("same".to_owned())), "echo activated"));
    assert_eq!((&done.ended, done.changed, stdout(&done)), (&Ended::Ok, Some(false), "activated\n"));
    assert_eq!(std::fs::metadata(bed.work("conf")).unwrap().modified().unwrap(), before);
}

#[test]
fn a_failing_activate_is_the_end_of_the_attempt_and_the_file_is_changed() {
    let mut bed = Bed::new();
    let script = "cat conf; echo broken >&2; exit 3";
    let done = bed.act(&activated(file("conf", FileChange::Content("new\n".to_owned())), script));
    assert_eq!((&done.ended, done.changed), (&Ended::Exit(3), Some(true)));
    assert_eq!((stdout(&done), stderr(&done), done.tail.as_str()), ("new\n", "broken\n", "new\nbroken\n"));
    assert_eq!(done.file.unwrap().after, hash("new\n"));
    let action = RestoreAction {
        path: "conf".to_owned(),
        keep: "config.1".to_owned(),
        found: None,
        activate: Some(Box::new(shell("test ! -e conf; echo reloaded"))),
    };
    let done = bed.act(&Action::Restore(action));
    assert_eq!((&done.ended, stdout(&done)), (&Ended::Ok, "reloaded\n"));
}

#[test]
fn a_line_is_appended_once() {
    let mut bed = Bed::new();
    let line = Action::File(file("hosts", FileChange::Line("10.0.0.1 db".to_owned())));
    std::fs::write(bed.work("hosts"), "10.0.0.1 db2").unwrap();
    assert_eq!(bed.act(&line).changed, Some(true));
    assert_eq!(std::fs::read_to_string(bed.work("hosts")).unwrap(), "10.0.0.1 db2\n10.0.0.1 db\n");
    assert_eq!(bed.act(&line).changed, Some(false));
}

#[test]
fn a_copy_is_what_was_planned_or_an_error() {
    let mut bed = Bed::new();
    std::fs::write(bed.work("from"), "artefact").unwrap();
    let copy = |sha256| Action::File(file("to", FileChange::Copy { from: "from".to_owned(), sha256 }));
    let done = bed.act(&copy(hash("another")));
    assert!(why(&done).starts_with("from is not the file that was planned"));
    assert_eq!((done.changed, bed.work("to").exists()), (Some(false), false));
    assert_eq!(bed.act(&copy(hash("artefact"))).ended, Ended::Ok);
    assert_eq!(std::fs::read_to_string(bed.work("to")).unwrap(), "artefact");
    let missing = Action::File(file("to", FileChange::Copy { from: "gone".to_owned(), sha256: None }));
    assert!(why(&bed.act(&missing)).ends_with("/gone: no such file or directory"));
}

#[test]
fn a_link_stays_and_its_target_is_replaced() {
    let mut bed = Bed::new();
    std::fs::write(bed.work("real"), "old").unwrap();
    symlink("real", bed.work("link")).unwrap();
    bed.act(&content("link", "new"));
    assert!(bed.work("link").is_symlink());
    assert_eq!(std::fs::read_to_string(bed.work("real")).unwrap(), "new");
    bed.act(&restore("link"));
    assert_eq!(std::fs::read_to_string(bed.work("real")).unwrap(), "old");
}

#[test]
fn absent_removes_a_link_and_not_its_target_and_restore_links_again() {
    let mut bed = Bed::new();
    std::fs::write(bed.work("available"), "site").unwrap();
    symlink("available", bed.work("enabled")).unwrap();
    let removed = bed.act(&Action::File(file("enabled", FileChange::Absent)));
    assert_eq!((removed.ended, removed.changed), (Ended::Ok, Some(true)));
    assert!(!bed.work("enabled").is_symlink() && bed.work("available").exists());
    assert_eq!(bed.act(&restore("enabled")).ended, Ended::Ok);
    assert_eq!(std::fs::read_link(bed.work("enabled")).unwrap(), Path::new("available"));
    assert_eq!(bed.act(&restore("enabled")).changed, Some(false));
}

#[test]
fn directories_devices_and_missing_directories_are_refused() {
    let mut bed = Bed::new();
    std::fs::create_dir(bed.work("dir")).unwrap();
    for (path, reason) in
        [("dir", "is a directory"), ("/dev/null", "is a device"), ("missing/conf", "no such file or directory")]
    {
        let done = bed.act(&content(path, "x"));
        assert!(why(&done).contains(reason), "{}", why(&done));
        assert_eq!(done.changed, Some(false));
    }
}

#[test]
fn private_files_and_files_with_a_secret_have_no_diff_in_the_log() {
    let mut bed = Bed::with_secret("tr0ub4dor&3");
    let told = |done: Done| done.file.unwrap().diff;
    assert_eq!(told(bed.act(&content("conf", "password = tr0ub4dor&3\n"))), "");
    let private = FileAction { mode: Some(0o600), ..file("key", FileChange::Content("k\n".to_owned())) };
    assert_eq!(told(bed.act(&Action::File(FileAction { keep: "2".to_owned(), ..private }))), "");
}

#[test]
fn a_long_diff_is_cut_at_a_line() {
    let mut bed = Bed::new();
    let text: String = (0..2000).map(|number| format!("line {number}\n")).collect();
    let diff = bed.act(&content("conf", &text)).file.unwrap().diff;
    assert!(diff.len() <= 8 * 1024 && diff.len() > 8000);
    assert!(diff.ends_with("\n(the diff goes on)\n"));
}
