//! Verifying a directory somebody may have prepared.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn t55_links_and_pipes_in_place_of_output_are_not_followed() {
    let lab = Lab::new();
    let dir = lab.finished();
    let file = dir.join("out/0001.stdout");
    fs::rename(&file, dir.join("same")).unwrap();
    symlink(dir.join("same"), &file).unwrap();
    lab.expect(&dir, Verdict::Tampered, "output file out/0001.stdout cannot be checked");

    fs::remove_file(&file).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    lab.expect(&dir, Verdict::Tampered, "cannot be checked: not a regular file");

    fs::remove_file(&file).unwrap();
    fs::rename(dir.join("same"), &file).unwrap();
    lab.expect(&dir, Verdict::Complete, "");
    fs::rename(dir.join("out"), dir.join("elsewhere")).unwrap();
    symlink(dir.join("elsewhere"), dir.join("out")).unwrap();
    lab.expect(&dir, Verdict::Tampered, "output file out/0001.stdout cannot be checked");
}

#[test]
fn t50_a_trust_store_in_the_run_directory_counts_for_nothing() {
    let lab = Lab::new();
    let dir = lab.finished();
    fs::copy(lab.home.config_dir().join("allowed_signers"), dir.join("allowed_signers")).unwrap();
    let report = verify_dir(&dir, &TrustStore::default(), &[]).unwrap();
    assert_eq!(report.verdict, Verdict::Untrusted, "{report}");
    let text = format!("UNTRUSTED: key {} is not in the trust store", lab.identity().public_key().fingerprint());
    assert!(report.to_string().contains(&text), "{report}");
}

#[test]
fn a_log_under_the_name_of_another_run_is_a_replay() {
    let lab = Lab::new();
    let dir = lab.finished();
    let other = dir.with_file_name(RunDir::new_id().unwrap().to_string());
    fs::rename(&dir, &other).unwrap();
    lab.expect(&other, Verdict::Tampered, "log replayed under another name");
    let copy = dir.with_file_name("evidence");
    fs::rename(&other, &copy).unwrap();
    lab.expect(&copy, Verdict::Complete, "");
}

#[test]
fn a_changed_plan_is_tampering_and_a_missing_one_is_noted() {
    let lab = Lab::new();
    let dir = lab.finished();
    fs::write(dir.join("plan.json"), "{}").unwrap();
    lab.expect(&dir, Verdict::Tampered, "the plan differs from the one this run executed");
    fs::remove_file(dir.join("plan.json")).unwrap();
    lab.expect(&dir, Verdict::Tampered, "plan.json is missing");
}

#[test]
fn a_run_that_is_being_driven_is_incomplete_and_running() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.step(&mut journal);
    let dir = journal.dir().path().to_path_buf();
    let report = lab.expect(&dir, Verdict::Incomplete, "NOTE: the run is being driven right now");
    assert!(report.running && report.to_string().starts_with("RUNNING: run "), "{report}");
    assert!(!report.to_string().contains("crash"), "{report}");
    assert_eq!((&report.json()["verdict"], &report.json()["running"]), (&json!("INCOMPLETE"), &json!(true)));
    drop(journal);
    let report = lab.expect(&dir, Verdict::Incomplete, "the log stops without run.end");
    assert!(!report.running && report.to_string().starts_with("INCOMPLETE: "), "{report}");
}

#[test]
fn a_run_that_is_tampered_with_while_it_is_driven_is_tampered_with() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.step(&mut journal);
    let dir = journal.dir().path().to_path_buf();
    fs::write(dir.join("out/0001.stdout"), "something else").unwrap();
    let report = lab.expect(&dir, Verdict::Tampered, "out/0001.stdout");
    assert!(report.to_string().starts_with("TAMPERED: "), "{report}");
}

#[test]
fn a_run_verified_again_and_again_while_it_goes_on_is_running_until_it_is_complete() {
    let lab = Lab::new();
    let (sender, started) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let lab = &lab;
        scope.spawn(move || {
            for _ in 0..20 {
                let mut journal = lab.begin();
                sender.send(journal.dir().path().to_path_buf()).unwrap();
                for n in 0..20 {
                    let log = json!({"event": "x", "n": n, "long": "x".repeat(9000)});
                    lab.commit(&mut journal, RecordType::Event, log);
                }
                lab.step(&mut journal);
                lab.end(journal);
            }
        });
        for dir in started {
            let mut looks = 0;
            loop {
                let report = verify_dir(&dir, &lab.home.trust().unwrap(), &[]).unwrap();
                looks += 1;
                match report.verdict {
                    Verdict::Complete => break,
                    Verdict::Incomplete => assert!(report.running, "look {looks}: {report}"),
                    other => panic!("look {looks} said {other}: {report}"),
                }
            }
        }
    });
}

#[test]
fn files_with_almost_the_right_name_are_no_segments() {
    let lab = Lab::new();
    let dir = lab.finished();
    for name in ["run.1.jsonl", "run.02.jsonl", "run.x.jsonl", "run.jsonl.sig.tmp", "run.jsonl.bak", "run..jsonl"] {
        fs::write(dir.join(name), "x").unwrap();
    }
    lab.expect(&dir, Verdict::Complete, "");
    fs::write(dir.join("run.3.jsonl"), "x").unwrap();
    lab.expect(&dir, Verdict::Tampered, "run.2.jsonl is missing, but run.3.jsonl goes on after it");
}

#[test]
fn an_empty_directory_is_incomplete_and_no_directory_is_an_error() {
    let lab = Lab::new();
    let dir = RunDir::create(&lab.home, RunDir::new_id().unwrap(), PLAN, &[]).unwrap();
    lab.expect(dir.path(), Verdict::Incomplete, "there is no log: nothing to verify");
    let error = verify_dir(&dir.path().join("none"), &TrustStore::default(), &[]).unwrap_err().to_string();
    assert!(error.starts_with("cannot read "), "{error}");
}

#[test]
fn a_kept_head_convicts_a_cut_tail() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.step(&mut journal);
    let (dir, head) = (journal.dir().path().to_path_buf(), journal.head());
    drop(journal);
    let trust = lab.home.trust().unwrap();
    assert_eq!(verify_dir(&dir, &trust, &[head]).unwrap().verdict, Verdict::Incomplete);
    fs::OpenOptions::new().write(true).open(dir.join("run.jsonl")).unwrap().set_len(head.bytes).unwrap();
    let report = verify_dir(&dir, &trust, &[head]).unwrap();
    assert_eq!(report.verdict, Verdict::Tampered, "{report}");
    assert!(report.to_string().contains("the tail was cut: an anchor knows this run at"), "{report}");
}

#[test]
fn a_run_remembers_the_one_before_it() {
    let lab = Lab::new();
    let mut first = lab.begin();
    lab.step(&mut first);
    let (previous, path, head) = (first.dir().run(), first.dir().path().to_path_buf(), first.head());
    drop(first);
    let run = RunDir::new_id().unwrap();
    let dir = RunDir::create(&lab.home, run, PLAN, &[]).unwrap();
    let start = RunStart {
        run,
        operator: "a",
        host: "b",
        plan_sha256: Sha256Sum::of(PLAN),
        prev_run: Some((previous, head)),
        extra: Map::new(),
    };
    drop(Journal::create(&dir, lab.boxed(), start, &lab.clock.now()).unwrap());
    let said = |text: &str| lab.expect(dir.path(), Verdict::Incomplete, "").to_string().contains(text);
    assert!(!said("previous run"));
    fs::OpenOptions::new().write(true).open(path.join("run.jsonl")).unwrap().set_len(head.bytes - 1).unwrap();
    assert!(said(&format!("NOTE: the previous run {previous} was cut or rewritten")));
    fs::remove_dir_all(path).unwrap();
    assert!(said(&format!("NOTE: the previous run {previous} is not here")));
}
