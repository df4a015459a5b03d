//! Real files in a temporary home.

mod anchors;
mod attacked;
mod journal;
mod keeping;
mod listing;
mod resuming;
mod trusting;
mod verifying;

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::*;
use crate::log::*;

pub(super) struct Lab {
    _tmp: tempfile::TempDir,
    pub(super) home: Home,
    pub(super) clock: RunClock,
}

pub(super) const OUTPUT: &[u8] = b"applied 3 migrations\n";
pub(super) const RUNBOOK: &[u8] = b"steps: []\n";
pub(super) const PLAN: &[u8] = b"{\"steps\":[]}";

impl Lab {
    pub(super) fn new() -> Lab {
        let tmp = tempfile::tempdir().unwrap();
        let home = Home::at(&tmp.path().join("state"), &tmp.path().join("config"));
        Lab { _tmp: tmp, home, clock: RunClock::start() }
    }

    pub(super) fn identity(&self) -> SecretKey {
        keys::load_or_create(self.home.config_dir()).unwrap().key
    }

    pub(super) fn boxed(&self) -> Box<dyn Signer + Send> {
        Box::new(self.identity())
    }

    pub(super) fn begin(&self) -> Journal {
        let run = RunDir::new_id().unwrap();
        let dir = RunDir::create(&self.home, run, PLAN, &[("deploy.yml", RUNBOOK)]).unwrap();
        let start = RunStart {
            run,
            operator: &keys::principal(),
            host: &keys::host(),
            plan_sha256: Sha256Sum::of(PLAN),
            prev_run: None,
            extra: map(json!({"title": "Deploy web", "target": "prod", "files": [{
                "file": "inputs/deploy.yml", "bytes": RUNBOOK.len(), "sha256": Sha256Sum::of(RUNBOOK).to_string()
            }]})),
        };
        Journal::create(&dir, self.boxed(), start, &self.clock.now()).unwrap()
    }

    pub(super) fn commit(&self, journal: &mut Journal, kind: RecordType, payload: Value) {
        journal.commit(&[(kind, map(payload))], Durability::Sync, &self.clock.now()).unwrap();
    }

    /// One step with output.
    pub(super) fn step(&self, journal: &mut Journal) {
        self.commit(journal, RecordType::StepStart, json!({"step": "migrate"}));
        fs::write(journal.dir().path().join("out/0001.stdout"), OUTPUT).unwrap();
        let sha256 = Sha256Sum::of(OUTPUT).to_string();
        let stdout = json!({"file": "out/0001.stdout", "bytes": OUTPUT.len(), "sha256": sha256});
        self.commit(journal, RecordType::StepEnd, json!({"step": "migrate", "exit": 0, "stdout": stdout}));
    }

    pub(super) fn end(&self, mut journal: Journal) -> PathBuf {
        self.commit(&mut journal, RecordType::RunEnd, json!({"status": "succeeded"}));
        let path = journal.dir().path().to_path_buf();
        journal.finish().unwrap();
        path
    }

    pub(super) fn finished(&self) -> PathBuf {
        let mut journal = self.begin();
        self.step(&mut journal);
        self.end(journal)
    }

    #[track_caller]
    pub(super) fn expect(&self, dir: &std::path::Path, verdict: Verdict, text: &str) -> Report {
        let report = verify_dir(dir, &self.home.trust().unwrap(), &[]).unwrap();
        assert_eq!(report.verdict, verdict, "{report}");
        assert!(report.to_string().contains(text), "expected {text:?} in:\n{report}");
        report
    }
}

pub(super) fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub(super) fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).unwrap().mode() & 0o777
}
