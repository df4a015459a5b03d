//! What others keep of a log convicts it: this machine's memory, later runs, syslog.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;

impl Lab {
    /// A run that names the one before it, as `runbook run` makes it.
    fn begin_after(&self) -> Journal {
        let (prev_run, run) = (previous_run(&self.home).unwrap(), RunDir::new_id().unwrap());
        let dir = RunDir::create(&self.home, run, PLAN, &[]).unwrap();
        let (operator, host) = (&keys::principal(), &keys::host());
        let start = RunStart { run, operator, host, plan_sha256: Sha256Sum::of(PLAN), prev_run, extra: Map::new() };
        let journal = Journal::create(&dir, self.boxed(), start, &self.clock.now()).unwrap();
        note_newest(&self.home, run);
        journal
    }

    fn verify_with(&self, dir: &Path, given: &[Given]) -> Report {
        let witnesses = Witnesses { heads: given.to_vec(), ..Witnesses::default() };
        verify_run(&self.home, dir, &self.home.trust().unwrap(), &witnesses).unwrap()
    }

    #[track_caller]
    fn says(&self, dir: &Path, verdict: Verdict, text: &str) {
        let report = self.verify_with(dir, &[]);
        assert_eq!(report.verdict, verdict, "{report}");
        assert!(report.to_string().contains(text), "expected {text:?} in:\n{report}");
    }
}

fn cut(dir: &Path, bytes: u64) {
    fs::OpenOptions::new().write(true).open(dir.join("run.jsonl")).unwrap().set_len(bytes).unwrap();
}

/// The log up to its first `lines` lines.
fn cut_to_lines(dir: &Path, lines: usize) -> u64 {
    let log = fs::read(dir.join("run.jsonl")).unwrap();
    let length: usize = log.split_inclusive(|byte| *byte == b'\n').take(lines).map(<[u8]>::len).sum();
    cut(dir, length as u64);
    length as u64
}

#[test]
fn t56_the_next_run_convicts_a_previous_one_that_was_shortened() {
    let lab = Lab::new();
    let first = lab.finished();
    let head = verify_dir(&first, &lab.home.trust().unwrap(), &[]).unwrap().head.unwrap();
    let second = lab.begin_after();
    let (id, dir) = (second.dir().run(), second.dir().path().to_path_buf());
    lab.end(second);
    lab.says(&first, Verdict::Complete, "");
    lab.says(&dir, Verdict::Complete, "");

    fs::remove_dir_all(lab.home.heads_dir()).unwrap();
    fs::remove_file(first.join("run.jsonl.sig")).unwrap();
    cut_to_lines(&first, 4);
    let known = format!("TAMPERED: the tail was cut: run {id} knows this run at {} bytes, the log ends at", head.bytes);
    lab.says(&first, Verdict::Tampered, &known);
    let name = first.file_name().unwrap().to_str().unwrap();
    lab.says(&dir, Verdict::Complete, &format!("NOTE: the previous run {name} was cut or rewritten: this log knows"));
}

#[test]
fn t56_a_previous_run_that_was_deleted_is_noted_for_it_may_have_been_pruned() {
    let lab = Lab::new();
    let first = lab.finished();
    let dir = lab.end(lab.begin_after());
    fs::remove_dir_all(&first).unwrap();
    let name = first.file_name().unwrap().to_str().unwrap();
    lab.says(&dir, Verdict::Complete, &format!("NOTE: the previous run {name} is not here, so it was not compared"));
}

#[test]
fn a_run_of_a_stranger_says_nothing_about_the_run_before_it() {
    let lab = Lab::new();
    let first = lab.finished();
    let run = RunDir::new_id().unwrap();
    let dir = RunDir::create(&lab.home, run, PLAN, &[]).unwrap();
    let id = first.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let lie = Head { segment: 1, bytes: 999_999, sha256: Sha256Sum::ZERO };
    let start = RunStart {
        run,
        operator: "mallory",
        host: "b",
        plan_sha256: Sha256Sum::of(PLAN),
        prev_run: Some((id, lie)),
        extra: Map::new(),
    };
    drop(Journal::create(&dir, Box::new(SecretKey::from_seed(&[66; 32])), start, &lab.clock.now()).unwrap());
    lab.says(&first, Verdict::Complete, "");
}

#[test]
fn a_run_passes_over_damaged_ones_when_it_looks_for_the_one_before_it() {
    let lab = Lab::new();
    assert_eq!(previous_run(&lab.home).unwrap(), None);
    let good = lab.finished();
    let head = verify_dir(&good, &lab.home.trust().unwrap(), &[]).unwrap().head.unwrap();
    let torn = lab.finished();
    fs::write(torn.join("run.jsonl"), [0xff; 5000]).unwrap();
    RunDir::create(&lab.home, RunDir::new_id().unwrap(), PLAN, &[]).unwrap();
    fs::write(lab.home.run_path(RunDir::new_id().unwrap()), "a file, not a directory").unwrap();
    let id = good.file_name().unwrap().to_str().unwrap().parse().unwrap();
    assert_eq!(previous_run(&lab.home).unwrap(), Some((id, head)));
    // What was noted may be wrong.
    for noted in [RunDir::new_id().unwrap(), id] {
        note_newest(&lab.home, noted);
        assert_eq!(previous_run(&lab.home).unwrap(), Some((id, head)));
    }
    fs::write(lab.home.state_dir().join("newest"), "no run id").unwrap();
    assert_eq!(previous_run(&lab.home).unwrap(), Some((id, head)));
}

#[test]
fn t57_verify_saw_a_longer_log_before() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.step(&mut journal);
    let (dir, head) = (journal.dir().path().to_path_buf(), journal.head());
    drop(journal);
    lab.says(&dir, Verdict::Incomplete, "the log stops without run.end");
    let left = cut_to_lines(&dir, 4);
    let last = fs::read_to_string(dir.join("run.jsonl")).unwrap().lines().last().unwrap().to_string();
    let sealed = serde_json::from_str::<Value>(&last).unwrap()["bytes"].as_u64().unwrap();
    assert!(sealed < left);
    let text =
        format!("the tail was cut: this machine knows this run at {} bytes, the log ends at {sealed}", head.bytes);
    lab.says(&dir, Verdict::Tampered, &text);
    // A shorter log is never remembered in its place, and one that is gone altogether is no less a rollback.
    lab.says(&dir, Verdict::Tampered, &text);
    cut(&dir, 0);
    lab.says(&dir, Verdict::Tampered, "the log ends at 0 bytes");
    fs::remove_file(dir.join("run.jsonl")).unwrap();
    lab.says(&dir, Verdict::Tampered, "the tail was cut: this machine knows this run at");
}

#[test]
fn t34_the_key_holder_writes_another_history_of_a_run_this_machine_remembers() {
    let lab = Lab::new();
    let dir = lab.finished();
    lab.says(&dir, Verdict::Complete, "");
    let name: RunId = dir.file_name().unwrap().to_str().unwrap().parse().unwrap();
    fs::remove_file(dir.join("run.jsonl")).unwrap();
    fs::remove_file(dir.join("run.jsonl.sig")).unwrap();
    let again = RunDir::open(&lab.home, name).unwrap();
    let start = RunStart {
        run: name,
        operator: "somebody@elsewhere",
        host: "b",
        plan_sha256: Sha256Sum::of(PLAN),
        prev_run: None,
        extra: Map::new(),
    };
    let mut journal = Journal::create(&again, lab.boxed(), start, &lab.clock.now()).unwrap();
    for step in 0..4 {
        lab.commit(&mut journal, RecordType::StepStart, json!({"step": step.to_string()}));
    }
    lab.end(journal);
    assert_eq!(verify_dir(&dir, &lab.home.trust().unwrap(), &[]).unwrap().verdict, Verdict::Complete);
    lab.says(&dir, Verdict::Tampered, "history was rewritten: this machine knows another log of ");
}

#[test]
fn an_untrusted_or_tampered_log_is_not_remembered_and_a_broken_memory_is_no_memory() {
    let lab = Lab::new();
    let dir = lab.finished();
    let run = dir.file_name().unwrap().to_str().unwrap();
    let memory = lab.home.heads_dir().join(run);
    let nobody = TrustStore::default();
    assert_eq!(verify_run(&lab.home, &dir, &nobody, &Witnesses::default()).unwrap().verdict, Verdict::Untrusted);
    assert!(!memory.exists());
    lab.says(&dir, Verdict::Complete, "");
    let line = fs::read_to_string(&memory).unwrap();
    assert!(line.starts_with(&format!("runbook head {run} 1 ")), "{line}");
    fs::write(&memory, "").unwrap();
    lab.says(&dir, Verdict::Complete, "");
    assert_eq!(fs::read_to_string(&memory).unwrap(), line);
    assert_eq!(mode(&lab.home.heads_dir()), 0o700);
}

#[test]
fn t58_the_lines_of_a_syslog_convict_a_log_that_differs_from_them() {
    let lab = Lab::new();
    let socket = lab.home.state_dir().with_file_name("log");
    let daemon = UnixDatagram::bind(&socket).unwrap();
    let mut journal = lab.begin();
    journal.tell_to(Syslog::at(&socket));
    lab.step(&mut journal);
    lab.commit(&mut journal, RecordType::RunEnd, json!({"status": "succeeded"}));
    let (run, dir) = (journal.dir().run(), journal.dir().path().to_path_buf());
    journal.finish().unwrap();

    daemon.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut lines = Vec::new();
    let mut buffer = [0; 1000];
    while let Ok(length) = daemon.recv(&mut buffer) {
        lines.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    assert_eq!(lines.len(), 4, "one line for every seal: {lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("<14>") && line.contains(&format!("runbook head {run} 1 "))));
    let given = |text: String| vec![Given { name: "syslog.txt".to_string(), text }];
    let syslog = given(lines.join("\n"));
    let report = lab.verify_with(&dir, &syslog);
    assert_eq!(report.verdict, Verdict::Complete, "{report}");
    assert!(report.to_string().contains("NOTE: 4 of 4 head(s) of syslog.txt are in this log"), "{report}");
    let report = lab.verify_with(&dir, &given("nothing of interest".to_string()));
    assert!(report.to_string().contains("NOTE: syslog.txt knows no head of this run"), "{report}");

    fs::remove_dir_all(lab.home.heads_dir()).unwrap();
    fs::remove_file(dir.join("run.jsonl.sig")).unwrap();
    cut_to_lines(&dir, 6);
    let report = lab.verify_with(&dir, &syslog);
    assert_eq!(report.verdict, Verdict::Tampered, "{report}");
    assert!(report.to_string().contains("the tail was cut: syslog.txt knows this run at "), "{report}");
}

#[test]
fn a_log_that_could_not_be_written_leaves_no_head_to_remember() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    assert_eq!(journal.durable_head(), Some(journal.head()));
    cut(journal.dir().path(), 10);
    let event = [(RecordType::Event, map(json!({"event": "looked"})))];
    journal.commit(&event, Durability::Sync, &lab.clock.now()).unwrap_err();
    assert_eq!(journal.durable_head(), None);
}

#[test]
fn a_run_that_goes_on_and_ends_while_it_is_verified_is_never_convicted() {
    let lab = Lab::new();
    for _ in 0..8 {
        let mut journal = lab.begin();
        let (run, dir) = (journal.dir().clone(), journal.dir().path().to_path_buf());
        std::thread::scope(|scope| {
            let verifiers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut report = lab.verify_with(&dir, &[]);
                        while report.verdict == Verdict::Incomplete {
                            report = lab.verify_with(&dir, &[]);
                        }
                        report
                    })
                })
                .collect();
            for step in 0..15 {
                lab.commit(&mut journal, RecordType::StepStart, json!({"step": step.to_string()}));
            }
            lab.commit(&mut journal, RecordType::RunEnd, json!({"status": "succeeded"}));
            remember_end(&lab.home, &run, &journal.durable_head().unwrap()).unwrap();
            journal.finish().unwrap();
            for verifier in verifiers {
                let report = verifier.join().unwrap();
                assert_eq!(report.verdict, Verdict::Complete, "{report}");
            }
        });
    }
}

#[test]
fn a_log_broken_in_the_middle_is_not_called_cut_as_well() {
    let lab = Lab::new();
    let dir = lab.finished();
    lab.says(&dir, Verdict::Complete, "");
    let log = fs::read_to_string(dir.join("run.jsonl")).unwrap();
    fs::write(dir.join("run.jsonl"), log.replace("\"step\":\"migrate\"", "\"step\":\"migrant\"")).unwrap();
    let report = lab.verify_with(&dir, &[]).to_string();
    assert!(report.contains("record 2 was altered or replaced") && !report.contains("the tail was cut"), "{report}");
}

#[test]
fn what_is_not_on_disk_yet_is_not_told() {
    let lab = Lab::new();
    let socket = lab.home.state_dir().with_file_name("log");
    let mut journal = lab.begin();
    let daemon = UnixDatagram::bind(&socket).unwrap();
    daemon.set_nonblocking(true).unwrap();
    journal.tell_to(Syslog::at(&socket));
    let mut buffer = [0; 1000];
    daemon.recv(&mut buffer).unwrap();
    let event = (RecordType::Event, map(json!({"event": "looked"})));
    journal.commit(std::slice::from_ref(&event), Durability::Defer, &lab.clock.now()).unwrap();
    daemon.recv(&mut buffer).unwrap_err();
    journal.commit(&[], Durability::Sync, &lab.clock.now()).unwrap();
    daemon.recv(&mut buffer).unwrap();
    // A daemon that does not read stops nobody.
    for _ in 0..2000 {
        journal.commit(std::slice::from_ref(&event), Durability::Defer, &lab.clock.now()).unwrap();
        Syslog::at(&socket).unwrap().tell(journal.dir().run(), &journal.head());
    }
    assert!(Syslog::at(Path::new("/nowhere/log")).is_none());
}

/// Run with `--ignored --nocapture` for the numbers.
#[test]
#[ignore = "measures; tests/run runs it"]
fn anchors_cost_next_to_nothing() {
    let lab = Lab::new();
    lab.finished();
    let runs = lab.home.runs_dir();
    for number in 0..10_000u64 {
        fs::create_dir(runs.join(RunId::from_parts(number, [7; 10]).to_string())).unwrap();
    }
    let best = |work: &mut dyn FnMut()| {
        let times = (0..20).map(|_| {
            let since = Instant::now();
            work();
            since.elapsed()
        });
        times.min().unwrap()
    };
    let searched = best(&mut || assert!(previous_run(&lab.home).unwrap().is_some()));
    note_newest(&lab.home, lab.home.run_ids().unwrap()[0]);
    let noted = best(&mut || assert!(previous_run(&lab.home).unwrap().is_some()));
    let socket = lab.home.state_dir().with_file_name("log");
    let daemon = UnixDatagram::bind(&socket).unwrap();
    let (syslog, run) = (Syslog::at(&socket).unwrap(), RunDir::new_id().unwrap());
    let head = Head { segment: 1, bytes: 4989, sha256: Sha256Sum::ZERO };
    let mut buffer = [0; 1000];
    let told = best(&mut || {
        syslog.tell(run, &head);
        daemon.recv(&mut buffer).unwrap();
    });
    let (mut quiet, mut telling) = (lab.begin(), lab.begin());
    telling.tell_to(Syslog::at(&socket));
    let event = [(RecordType::Event, map(json!({"event": "looked"})))];
    let commit = |journal: &mut Journal| {
        let mut times: Vec<Duration> = (0..101)
            .map(|_| {
                let since = Instant::now();
                journal.commit(&event, Durability::Sync, &lab.clock.now()).unwrap();
                since.elapsed()
            })
            .collect();
        times.sort();
        times[50]
    };
    std::thread::spawn(move || while daemon.recv(&mut buffer).is_ok() {});
    println!("a durable commit {:?}, told to syslog {:?}", commit(&mut quiet), commit(&mut telling));
    println!("the run before among 10001: noted {noted:?}, searched {searched:?}; a head told to syslog {told:?}");
    assert!(noted < Duration::from_millis(1) && told < Duration::from_millis(1));
}
