//! The list of runs.

use super::*;

fn states(lab: &Lab) -> Vec<RunState> {
    list_runs(&lab.home).unwrap().into_iter().map(|run| run.state).collect()
}

#[test]
fn a_home_without_runs_has_an_empty_list() {
    assert_eq!(list_runs(&Lab::new().home).unwrap(), []);
}

#[test]
fn a_run_is_listed_with_what_its_first_record_says_and_where_it_stands() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    let run = list_runs(&lab.home).unwrap().remove(0);
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
fn one_damaged_directory_hides_no_other() {
    let lab = Lab::new();
    let (garbage, pipe) = (lab.finished(), lab.finished());
    lab.finished();
    fs::write(garbage.join("run.jsonl"), [0xff; 5000]).unwrap();
    fs::remove_file(pipe.join("run.jsonl")).unwrap();
    let fifo = pipe.join("run.jsonl");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    fs::write(lab.home.run_path(RunDir::new_id().unwrap()), "a file, not a directory").unwrap();
    fs::create_dir(lab.home.run_path(RunDir::new_id().unwrap())).unwrap();
    let states = states(&lab);
    let unreadable = states.iter().filter(|state| matches!(state, RunState::Unreadable(_))).count();
    assert_eq!((states.len(), unreadable), (5, 4), "{states:?}");
    assert!(states.contains(&RunState::Ended("succeeded".to_string())));
}
