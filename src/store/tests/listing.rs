//! The list of runs.

use super::*;

fn states(lab: &Lab) -> Vec<RunState> {
    list_runs(&lab.home, 99).unwrap().into_iter().map(|run| run.state).collect()
}

#[test]
fn a_home_without_runs_has_an_empty_list() {
    assert_eq!(list_runs(&Lab::new().home, 99).unwrap(), []);
}

#[test]
fn a_run_is_listed_with_what_its_first_record_says_and_where_it_stands() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    let run = list_runs(&lab.home, 99).unwrap().remove(0);
    assert_eq!((run.title.as_deref(), run.target.as_deref()), (Some("Deploy web"), Some("prod")));
    assert_eq!((run.run, run.operator), (journal.dir().run(), Some(keys::principal())));
    assert_eq!((run.state, run.started), (RunState::Running, run.last));
    lab.commit(&mut journal, RecordType::ApprovalRequest, json!({"checkpoint": "go"}));
    let dir = journal.dir().clone();
    drop(journal);
    assert_eq!(states(&lab), [RunState::Parked]);
    let point = ResumePoint::lock(&dir, &lab.home.trust().unwrap()).unwrap();
    let (_, journal) = point.open(lab.boxed(), "a", "b", Map::new(), &lab.clock.now()).unwrap();
    assert_eq!(states(&lab), [RunState::Running]);
    lab.end(journal);
    assert_eq!(states(&lab), [RunState::Ended("succeeded".to_string())]);
}

#[test]
fn an_unsealed_end_does_not_count() {
    let lab = Lab::new();
    let path = lab.finished().join("run.jsonl");
    let log = fs::read(&path).unwrap();
    fs::write(&path, &log[..log.len() - 5]).unwrap();
    assert_eq!(states(&lab), [RunState::Interrupted]);
}

#[test]
fn only_as_many_runs_as_asked_for_are_read_and_listed() {
    let lab = Lab::new();
    let paths = [lab.finished(), lab.finished(), lab.finished()];
    let newest = paths.iter().max().unwrap().file_name().unwrap().to_str().unwrap();
    let listed = list_runs(&lab.home, 1).unwrap();
    assert_eq!((listed.len(), listed[0].run.to_string().as_str()), (1, newest));
    assert_eq!(list_runs(&lab.home, 0).unwrap(), []);
}

#[test]
fn a_long_list_keeps_its_order() {
    let lab = Lab::new();
    let run = lab.finished();
    for _ in 0..999 {
        let copy = lab.home.run_path(RunDir::new_id().unwrap());
        fs::create_dir(&copy).unwrap();
        fs::hard_link(run.join("run.jsonl"), copy.join("run.jsonl")).unwrap();
    }
    let listed = list_runs(&lab.home, usize::MAX).unwrap();
    assert_eq!(listed.len(), 1000);
    assert!(listed.is_sorted_by(|a, b| a.run > b.run));
    assert!(listed.iter().all(|run| run.state == RunState::Ended("succeeded".to_string())));
}

#[test]
fn the_last_sealed_record_is_found_before_a_long_batch() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.commit(&mut journal, RecordType::ApprovalRequest, json!({"checkpoint": "go"}));
    let path = journal.dir().path().join("run.jsonl");
    drop(journal);
    let mut log = fs::read(&path).unwrap();
    log.resize(log.len() + 300_000, b'x');
    fs::write(&path, log).unwrap();
    assert_eq!(states(&lab), [RunState::Parked]);
}

#[test]
fn each_kind_of_damage_is_named_and_hides_no_other_run() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let lab = Lab::new();
    let mut expected = Vec::new();
    let mut damaged = |why: &str, damage: &dyn Fn(&std::path::Path)| {
        let dir = lab.finished();
        damage(&dir);
        expected.push((dir.file_name().unwrap().to_str().unwrap().to_string(), why.to_string()));
    };
    let log = |dir: &std::path::Path| dir.join("run.jsonl");
    let gone = |dir: &std::path::Path| fs::remove_file(dir.join("run.jsonl")).unwrap();
    damaged("run.jsonl is missing", &gone);
    damaged("its log has no first record", &|dir| fs::write(log(dir), [0xff; 5000]).unwrap());
    damaged("its log has no first record", &|dir| fs::write(log(dir), "").unwrap());
    damaged("nothing in its log is sealed", &|dir| fs::write(log(dir), "{}\n".repeat(9)).unwrap());
    damaged("run.jsonl is not a regular file", &|dir| {
        gone(dir);
        mknodat(CWD, log(dir), FileType::Fifo, Mode::RUSR, 0).unwrap();
    });
    damaged("run.jsonl is not a regular file", &|dir| {
        gone(dir);
        fs::create_dir(log(dir)).unwrap();
    });
    damaged("run.jsonl is a symbolic link", &|dir| {
        fs::rename(log(dir), dir.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", log(dir)).unwrap();
    });
    damaged("run.2.jsonl is not a regular file", &|dir| fs::create_dir(dir.join("run.2.jsonl")).unwrap());
    damaged("it is not a directory", &|dir| {
        fs::rename(dir, dir.with_file_name("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", dir).unwrap();
    });
    damaged("it is not a directory", &|dir| {
        fs::remove_dir_all(dir).unwrap();
        fs::write(dir, "a file").unwrap();
    });
    let good = lab.finished().file_name().unwrap().to_str().unwrap().to_string();

    let listed = list_runs(&lab.home, 99).unwrap();
    assert_eq!(listed.len(), expected.len() + 1);
    for run in listed {
        match expected.iter().find(|(id, _)| *id == run.run.to_string()) {
            Some((_, why)) => assert_eq!(run.state, RunState::Damaged(why.clone())),
            None => assert_eq!((run.run.to_string(), run.state), (good.clone(), RunState::Ended("succeeded".into()))),
        }
    }
}
