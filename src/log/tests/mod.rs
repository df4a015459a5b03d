//! A small run in memory, and the tools of an attacker.

mod approvals;
mod approved;
mod countersigning;
mod crash;
mod every_byte;
mod forged;
mod keys;
mod segments;
mod shuffled;
mod signatures;
mod tamper;
mod writing;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::*;

pub(super) const OUTPUT: &[u8] = b"applied 3 migrations\nconnected to [redacted:DB_DSN]\n";
pub(super) const RUNBOOK: &[u8] = b"steps: []\n";
pub(super) const PLAN: &[u8] = b"{\"steps\":[]}";

pub(super) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}
pub(super) fn alice() -> SecretKey {
    key(1)
}
pub(super) fn bob() -> SecretKey {
    key(2)
}
pub(super) fn mallory() -> SecretKey {
    key(3)
}

pub(super) fn run_a() -> RunId {
    RunId::from_parts(1_795_219_087_009, [1; 10])
}
pub(super) fn run_b() -> RunId {
    RunId::from_parts(1_795_219_087_010, [2; 10])
}

pub(super) fn at(us: u64) -> At {
    At { t: format!("2026-11-21T00:18:{:02}.{:06}Z", us / 1_000_000, us % 1_000_000), mono_us: us }
}

pub(super) fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Alice may keep logs, Bob may approve, Mallory is unknown.
pub(super) fn trust() -> TrustStore {
    let line = |who: &str, role: &str, key: SecretKey| {
        format!("{who}@example.com namespaces=\"{role}.v1@runbook\" {}\n", key.public_key().to_line())
    };
    TrustStore::parse(&(line("alice", "log", alice()) + &line("bob", "approval", bob()))).unwrap()
}

pub(super) fn start(run: RunId) -> RunStart<'static> {
    let plan_sha256 = Sha256Sum::of(PLAN);
    let input =
        json!({"file": "inputs/deploy.yaml", "bytes": RUNBOOK.len(), "sha256": Sha256Sum::of(RUNBOOK).to_string()});
    RunStart {
        run,
        operator: "alice@example.com",
        host: "build1",
        plan_sha256,
        prev_run: None,
        extra: map(json!({"runbook": "deploy.yaml", "files": [input]})),
    }
}

/// What an approver signs for a question of this run, before a test changes it.
pub(super) fn answer(run: RunId, checkpoint: &str, decision: Decision, plan: &[u8], head: Head) -> Approval {
    let of = Subject::Question { run, checkpoint: checkpoint.to_string(), decision, head };
    Approval {
        of,
        plan_sha256: Sha256Sum::of(plan),
        role: None,
        reference: None,
        reason: None,
        time: at(2).t,
        nonce: Nonce([9; 16]),
    }
}

pub(super) fn step_end() -> Map<String, Value> {
    let sha256 = Sha256Sum::of(OUTPUT).to_string();
    map(json!({"step": "migrate-db", "exit": 0, "redactions": 1,
        "stdout": {"file": "out/0001.stdout", "bytes": OUTPUT.len(), "sha256": sha256}}))
}

/// A whole log: six records, each with its seal.
pub(super) fn log_of(run: RunId, identity: &SecretKey, salt: u8) -> (Vec<u8>, String) {
    let mut log = Vec::new();
    let mut writer = Writer::start(&start(run), &at(47), &[salt; 32]).unwrap();
    log.extend(writer.seal(identity).unwrap());
    let argv = map(json!({"step": "migrate-db", "argv": ["./migrate", "--dsn", "[secret:DB_DSN]"]}));
    writer.step_start(&at(157), &argv, &[salt + 1; 32]).unwrap();
    log.extend(writer.seal(identity).unwrap());
    for (us, kind, payload) in [
        (4_000, RecordType::StepEnd, step_end()),
        (5_000, RecordType::Anchor, map(json!({"to": "syslog"}))),
        (6_000, RecordType::Event, map(json!({"event": "RuleFired", "limit": "0.25"}))),
        (7_000, RecordType::RunEnd, map(json!({"status": "succeeded", "steps": 1}))),
    ] {
        writer.append(kind, &at(us), &payload).unwrap();
        log.extend(writer.seal(identity).unwrap());
    }
    let signature = writer.countersign(identity).unwrap();
    (log, signature)
}

/// One verification, with everything as it should be until a test changes it.
pub(super) struct Check {
    pub(super) segments: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) trust: TrustStore,
    pub(super) expect_run: Option<RunId>,
    pub(super) known_heads: Vec<Head>,
    pub(super) plan: Vec<u8>,
}

impl Check {
    pub(super) fn new() -> Check {
        let (log, signature) = log_of(run_a(), &alice(), 10);
        Check {
            segments: vec![(log, Some(signature.into_bytes()))],
            files: BTreeMap::from([
                ("out/0001.stdout".to_string(), OUTPUT.to_vec()),
                ("inputs/deploy.yaml".to_string(), RUNBOOK.to_vec()),
            ]),
            trust: trust(),
            expect_run: None,
            known_heads: Vec::new(),
            plan: PLAN.to_vec(),
        }
    }

    pub(super) fn lines(&self) -> Vec<Vec<u8>> {
        lines(&self.segments[0].0)
    }

    pub(super) fn log(mut self, bytes: Vec<u8>) -> Check {
        self.segments[0].0 = bytes;
        self
    }

    pub(super) fn signature(mut self, signature: Option<String>) -> Check {
        self.segments[0].1 = signature.map(String::into_bytes);
        self
    }

    pub(super) fn verify(&self) -> Report {
        let segments: Vec<Segment<'_>> = (1..)
            .zip(&self.segments)
            .map(|(number, (bytes, signature))| Segment { number, bytes: Some(bytes), signature: signature.as_deref() })
            .collect();
        self.verify_segments(&segments)
    }

    pub(super) fn verify_segments(&self, segments: &[Segment<'_>]) -> Report {
        let evidence = Evidence {
            segments,
            trust: &self.trust,
            expect_run: self.expect_run,
            known_heads: &self.known_heads,
            plan: Some(&self.plan),
        };
        verify(&evidence, &mut |claim| match self.files.get(&claim.file) {
            None => OutputState::Missing,
            Some(data) => OutputState::Found {
                bytes: data.len() as u64,
                prefix: data.get(..claim.bytes as usize).map(Sha256Sum::of),
            },
        })
    }

    #[track_caller]
    pub(super) fn expect(&self, verdict: Verdict, text: &str) {
        let report = self.verify();
        assert_eq!(report.verdict, verdict, "{report}");
        assert!(report.to_string().contains(text), "expected {text:?} in:\n{report}");
    }
}

pub(super) fn lines(log: &[u8]) -> Vec<Vec<u8>> {
    log.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

pub(super) fn replace(line: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(line.clone()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    *line = text.replacen(from, to, 1).into_bytes();
}

pub(super) fn value(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap()
}

/// Recomputes the chain from a line on: what an attacker without keys can do.
pub(super) fn rechain(lines: &mut [Vec<u8>], from: usize) {
    for index in from.max(1)..lines.len() {
        let prev = Sha256Sum::of(&lines[index - 1]).to_string();
        let old = value(&lines[index])["prev"].as_str().unwrap().to_string();
        replace(&mut lines[index], &old, &prev);
    }
}

/// Recomputes chain and seals from a line on: what an attacker with some key can do.
pub(super) fn reseal(lines: &mut [Vec<u8>], from: usize, key: &SecretKey) {
    for index in from..lines.len() {
        rechain(&mut lines[..=index], index);
        let mut seal = value(&lines[index]);
        if seal["type"] == "seal" {
            let before = lines[..index].concat();
            let sum = Sha256Sum::of(&before);
            seal["bytes"] = before.len().into();
            seal["sha256"] = sum.to_string().into();
            seal["sig"] = SshSig::sign(key, NAMESPACE, &sum).unwrap().to_armor().into();
            lines[index] = format!("{seal}\n").into_bytes();
        }
    }
}
