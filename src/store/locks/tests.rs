//! Leases and holds on real files, and races for them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::super::tests_support::Two;
use super::line::Line;
use super::*;
use crate::log::{HoldAction, HoldHistory};

const NOW: &str = "2026-11-21T08:00:00.000000Z";

fn who(run: &str) -> Holder {
    Holder::myself(run, "Deploy", "ana@bastion", "bastion", NOW)
}

fn refusal(taken: Result<Lease, TakeError>) -> Refusal {
    match taken {
        Err(TakeError::Refused(refusal)) => *refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn words(taken: Result<Lease, TakeError>) -> String {
    match taken {
        Err(TakeError::Store(error)) => error.to_string(),
        other => panic!("no error: {other:?}"),
    }
}

/// A process that is gone: its id, and a start time that nobody has.
fn dead(run: &str) -> Holder {
    Holder { start: 1, ..who(run) }
}

fn put(two: &Two, lines: &[Line]) {
    let text: String = lines.iter().map(Line::text).collect();
    let dir = two.place().open(&two.home).unwrap();
    dir.open_file("prod", lease::LEASE).unwrap().append(&text).unwrap();
}

#[test]
fn a_lock_is_taken_once_and_given_back() {
    let two = Two::new();
    let mut lease = Lease::take(&two.home, &two.place(), who("ONE")).unwrap();
    let refused = refusal(Lease::take(&two.home, &two.place(), who("TWO")));
    assert!(refused.live);
    assert_eq!(refused.holder.unwrap().run, "ONE");
    lease.give_back(NOW).unwrap();
    let lease = Lease::take(&two.home, &two.place(), who("TWO")).unwrap();
    assert_eq!(lease.holder().over, None);
}

#[test]
fn a_thousand_starts_at_once_let_exactly_one_run() {
    let two = Two::new();
    let (gate, run, refused) = (Barrier::new(1000), AtomicUsize::new(0), AtomicUsize::new(0));
    let slowest = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..1000 {
            let (gate, run, refused, slowest, two) = (&gate, &run, &refused, &slowest, &two);
            let start = move || {
                gate.wait();
                let began = Instant::now();
                match Lease::take(&two.home, &two.place(), who(&format!("R{number}"))) {
                    Ok(lease) => {
                        run.fetch_add(1, Ordering::SeqCst);
                        // Kept until all the others have tried.
                        while run.load(Ordering::SeqCst) + refused.load(Ordering::SeqCst) < 1000 {
                            std::thread::sleep(std::time::Duration::from_millis(1));
                        }
                        drop(lease);
                    }
                    Err(TakeError::Refused(_)) => {
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                    Err(TakeError::Store(error)) => panic!("{error}"),
                }
                slowest.fetch_max(began.elapsed().as_millis() as usize, Ordering::SeqCst);
            };
            std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, start).unwrap();
        }
    });
    let (run, refused) = (run.into_inner(), refused.into_inner());
    println!("1000 starts: {run} ran, {refused} refused, the slowest after {} ms", slowest.into_inner());
    assert_eq!((run, refused), (1, 999));
}

#[test]
fn who_died_before_changing_anything_is_taken_over_at_once() {
    let boots = [dead("ONE"), Holder { boot: "another boot".into(), ..who("ONE") }];
    for gone in boots {
        let two = Two::new();
        put(&two, &[Line::Taken(gone)]);
        let began = Instant::now();
        let lease = Lease::take(&two.home, &two.place(), who("TWO")).unwrap();
        assert!(began.elapsed().as_millis() < 1000);
        let over = lease.holder().over.clone().unwrap();
        assert_eq!((over.run.as_str(), over.how.as_str()), ("ONE", "it died before it changed anything"));
    }
}

#[test]
fn who_died_after_changing_something_owns_the_lock_and_only_that_run_takes_it_again() {
    let two = Two::new();
    put(&two, &[Line::Taken(dead("ONE")), Line::Changing { run: "ONE".into() }]);
    let refused = refusal(Lease::take(&two.home, &two.place(), who("TWO")));
    assert!(!refused.live && !refused.elsewhere);
    let lease = Lease::take(&two.home, &two.place(), who("ONE")).unwrap();
    drop(lease);
    // It still owns it: what it changed before is not forgotten.
    assert!(!refusal(Lease::take(&two.home, &two.place(), who("TWO"))).live);
}

#[test]
fn the_number_of_a_process_may_come_again_without_being_the_holder() {
    let two = Two::new();
    // Process 1 is alive, but was not started then.
    let reused = Holder { pid: 1, start: 0, ..who("ONE") };
    put(&two, &[Line::Taken(reused)]);
    assert!(Lease::take(&two.home, &two.place(), who("TWO")).is_ok());
    // This one is: it is believed, although it lost its flock.
    let two = Two::new();
    let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get() as u32;
    let alive = Holder { pid: parent, start: process::start_time(parent).unwrap(), ..who("ONE") };
    put(&two, &[Line::Taken(alive)]);
    assert!(refusal(Lease::take(&two.home, &two.place(), who("TWO"))).live);
}

#[test]
fn a_run_of_another_machine_is_never_called_dead_here() {
    let two = Two::new();
    let other = Holder { boot: "another boot".into(), host: "elsewhere".into(), ..who("ONE") };
    put(&two, &[Line::Taken(other)]);
    assert!(refusal(Lease::take(&two.home, &two.place(), who("TWO"))).elsewhere);
}

#[test]
fn a_run_that_changed_nothing_owns_nothing_when_it_leaves() {
    let two = Two::new();
    drop(Lease::take(&two.home, &two.place(), who("ONE")).unwrap());
    let mut lease = Lease::take(&two.home, &two.place(), who("TWO")).unwrap();
    lease.changing().unwrap();
    lease.leave("waits for an answer", NOW).unwrap();
    let refused = refusal(Lease::take(&two.home, &two.place(), who("THREE")));
    assert_eq!(refused.left.as_deref(), Some("waits for an answer"));
}

#[test]
fn a_line_that_a_crash_cut_short_was_never_said() {
    let two = Two::new();
    put(&two, &[Line::Taken(dead("ONE")), Line::Changing { run: "ONE".into() }]);
    let path = two.home.locks_dir().join("prod.lease");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let lease = Lease::take(&two.home, &two.place(), who("TWO")).unwrap();
    assert_eq!(lease.holder().over.as_ref().unwrap().run, "ONE");
    drop(lease);
    assert!(Lease::take(&two.home, &two.place(), who("THREE")).is_ok());
}

#[test]
fn a_lease_that_nobody_understands_is_not_free() {
    let two = Two::new();
    put(&two, &[Line::Taken(dead("ONE"))]);
    let path = two.home.locks_dir().join("prod.lease");
    fs::write(&path, [fs::read(&path).unwrap(), b"nonsense\n".to_vec()].concat()).unwrap();
    let why = words(Lease::take(&two.home, &two.place(), who("TWO")));
    assert!(why.contains("cannot be understood") && why.contains("mv "), "{why}");
}

#[test]
fn a_lease_that_was_removed_stops_its_run() {
    let two = Two::new();
    let mut lease = Lease::take(&two.home, &two.place(), who("ONE")).unwrap();
    fs::remove_file(two.home.locks_dir().join("prod.lease")).unwrap();
    assert!(lease.changing().unwrap_err().to_string().contains("was removed"));
}

#[test]
fn links_fifos_and_what_others_can_write_are_refused() {
    let two = Two::new();
    let locks = two.home.locks_dir();
    fs::create_dir_all(&locks).unwrap();
    fs::set_permissions(&locks, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(two.home.state_dir(), fs::Permissions::from_mode(0o700)).unwrap();
    let lease = locks.join("prod.lease");
    let mut said = Vec::new();
    let mut attempt = || said.push(words(Lease::take(&two.home, &two.place(), who("ONE"))));
    symlink("/etc/passwd", &lease).unwrap();
    attempt();
    fs::remove_file(&lease).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &lease, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    attempt();
    fs::remove_file(&lease).unwrap();
    fs::write(&lease, "").unwrap();
    fs::set_permissions(&lease, fs::Permissions::from_mode(0o666)).unwrap();
    attempt();
    fs::remove_file(&lease).unwrap();
    fs::set_permissions(&locks, fs::Permissions::from_mode(0o777)).unwrap();
    attempt();
    fs::remove_dir(&locks).unwrap();
    symlink("/tmp", &locks).unwrap();
    attempt();
    let wanted =
        ["is a symbolic link", "is not a plain file", "is open to others", "is open to others", "not a directory"];
    for (said, wanted) in said.iter().zip(wanted) {
        assert!(said.contains(wanted), "{said}: {wanted}");
    }
}

#[test]
fn a_shared_directory_is_refused_where_strangers_can_write() {
    let two = Two::new();
    let shared = two.shared();
    let place = LockPlace { name: "prod".into(), dir: Some(shared.clone()) };
    let mode = |mode| fs::set_permissions(&shared, fs::Permissions::from_mode(mode)).unwrap();
    for (bits, why) in [(0o777, "anybody can write"), (0o1777, "anybody can write"), (0o770, "chmod +t")] {
        mode(bits);
        assert!(words(Lease::take(&two.home, &place, who("ONE"))).contains(why), "{bits:o}");
    }
    mode(0o3770);
    let lease = Lease::take(&two.home, &place, who("ONE")).unwrap();
    assert_eq!(fs::metadata(shared.join("prod.lease")).unwrap().permissions().mode() & 0o7777, 0o660);
    assert!(refusal(Lease::take(&two.home, &place, who("TWO"))).live);
    drop(lease);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&shared, Some(12345), None).unwrap();
        assert!(words(Lease::take(&two.home, &place, who("ONE"))).contains("belongs to user 12345"));
    }
    let missing = LockPlace { name: "prod".into(), dir: Some(shared.join("missing")) };
    assert!(words(Lease::take(&two.home, &missing, who("ONE"))).contains("install -d -m 3770"));
}

#[test]
fn every_name_has_a_safe_file_of_its_own() {
    for name in ["prod", "../../etc/passwd", ".", "..", "", "a b/c", "Ü", "a%2Fb", "db-1.example.com:5432"] {
        let file = file_name(name, "lease");
        assert!(!file.contains('/') && !file.starts_with("..") && file.is_ascii(), "{file}");
        assert_eq!(lock_of(&file, "lease").as_deref(), Some(name));
    }
    assert_eq!(lock_of("a%2fb.lease", "lease"), None);
}

#[test]
fn only_somebody_else_lifts_a_hold() {
    let two = Two::new();
    two.say("ana", HoldAction::Hold, "incident 7");
    assert_eq!(two.standing(), ["ana@bastion: incident 7"]);
    two.say("ana", HoldAction::Lift, "it is over");
    assert_eq!(two.standing().len(), 1, "nobody lifts an own hold");
    two.say("bea", HoldAction::Lift, "checked");
    assert!(two.standing().is_empty());
    let history = two.history();
    assert_eq!(history.entries.len(), 3);
    assert_eq!(history.entries[0].lifted_by, Some(2));
}

#[test]
fn a_lift_by_somebody_who_may_not_approve_lifts_nothing() {
    let two = Two::new();
    two.say("ana", HoldAction::Hold, "incident");
    two.say("eve", HoldAction::Lift, "let me");
    let history = two.history();
    assert_eq!(history.standing().count(), 1);
    assert!(history.entries[1].doubt.as_ref().unwrap().contains("is not in the trust store"));
}

#[test]
fn whatever_cannot_be_verified_holds_until_an_approver_lifts_it() {
    let path = |two: &Two| two.home.locks_dir().join("prod.holds");
    let spoilt: [fn(Vec<u8>) -> Vec<u8>; 5] = [
        |text| [b"nonsense\n".to_vec(), text].concat(),
        |text| text[..text.len() - 5].to_vec(),
        |text| String::from_utf8(text).unwrap().replace("incident", "accident").into_bytes(),
        |text| [text.clone(), text].concat(),
        |_| b"\n".to_vec(),
    ];
    for (case, spoil) in spoilt.into_iter().enumerate() {
        let two = Two::new();
        two.say("ana", HoldAction::Hold, "incident");
        fs::write(path(&two), spoil(fs::read(path(&two)).unwrap())).unwrap();
        let history = two.history();
        let doubtful = history.standing().filter(|hold| hold.doubt.is_some()).count();
        assert!(doubtful > 0, "{case}: {history:?}");
        two.say("bea", HoldAction::Lift, "looked at it");
        assert!(two.standing().is_empty(), "{case}: {:?}", two.history());
    }
    // A hold of a stranger holds as well.
    let two = Two::new();
    two.say("eve", HoldAction::Hold, "stop");
    assert_eq!(two.standing().len(), 1);
}

#[test]
fn nothing_disappears_from_the_middle_of_a_history() {
    let two = Two::new();
    two.say("ana", HoldAction::Hold, "one");
    two.say("bea", HoldAction::Lift, "fine");
    two.say("ana", HoldAction::Hold, "two");
    two.say("bea", HoldAction::Lift, "fine again");
    assert!(two.standing().is_empty());
    let path = two.home.locks_dir().join("prod.holds");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(&path, [lines[0], lines[2], lines[3]].concat()).unwrap();
    assert_eq!(two.standing().len(), 2, "{:?}", two.history());
}

#[test]
fn a_hold_of_the_run_itself_does_not_hold_it_up_and_a_watch_notices_others() {
    let two = Two::new();
    let mut watch = HoldWatch::new(&two.home, &two.place(), "ONE");
    assert_eq!(watch.look().unwrap(), None);
    two.say_for("ana", HoldAction::Hold, "isolated", Some("ONE"));
    assert_eq!(watch.look().unwrap(), None);
    two.say("bea", HoldAction::Hold, "wait");
    assert_eq!(watch.look().unwrap().unwrap().reason, "wait");
    two.say("ana", HoldAction::Lift, "done");
    assert_eq!(watch.look().unwrap(), None);
    let _: HoldHistory = two.history();
}

#[test]
fn a_lock_is_released_by_a_stated_person_and_the_next_run_knows() {
    let two = Two::new();
    put(&two, &[Line::Taken(dead("0ONE")), Line::Changing { run: "0ONE".into() }]);
    let owned = find_owned(&two.home, None, "0one").unwrap();
    release(&two.home, &owned, "rolled back by hand", &two.key()).unwrap();
    let lease = Lease::take(&two.home, &two.place(), who("TWO")).unwrap();
    let over = lease.holder().over.clone().unwrap();
    assert_eq!(over.run, "0ONE");
    assert!(over.how.contains("released by") && over.how.ends_with(": rolled back by hand"), "{}", over.how);
    assert_eq!(two.history().entries[0].action, Some(HoldAction::Release));
    // Nobody takes it away from a run that is being driven.
    let owned = find_owned(&two.home, None, "TWO").unwrap_err().to_string();
    assert!(owned.contains("too short"), "{owned}");
}
