//! Honest runs of all shapes, with the keys that sealed them, so that an attack can be given any of the keys.

use std::collections::BTreeMap;
use std::path::Path;

use runbook::log::{
    APPROVAL_NAMESPACE, Approval, At, Decision, Head, NAMESPACE, Nonce, RecordType, RunId, RunResume, RunStart,
    SecretKey, Sha256Sum, Signer as _, SshSig, Subject, Writer, read, segment_file, signature_file,
};
use serde_json::{Map, Value, json};

use crate::rng::Rng;

/// A run as files in memory, and what its judges are told besides.
#[derive(Clone)]
pub struct Run {
    pub id: RunId,
    pub files: BTreeMap<String, Vec<u8>>,
    /// For each segment, the key of each line that is a seal.
    pub keys: BTreeMap<u32, Vec<Option<SecretKey>>>,
    pub identity: SecretKey,
    pub trust: String,
    /// Keys that are not trusted any more, one per line.
    pub revoked: String,
    pub expect: Option<RunId>,
    pub heads: Vec<Head>,
    /// The file of the plan that is followed.
    pub plan: String,
}

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}
pub fn alice() -> SecretKey {
    key(1)
}
pub fn bob() -> SecretKey {
    key(2)
}
pub fn mallory() -> SecretKey {
    key(3)
}
pub fn carol() -> SecretKey {
    key(4)
}

/// The two runs everything is about; logs of one id are rivals, logs of two are splices.
pub fn run_ids() -> [RunId; 2] {
    [RunId::from_parts(1_795_219_087_009, [1; 10]), RunId::from_parts(1_795_219_087_010, [2; 10])]
}

pub fn signer_line(who: &str, options: &str, key: &SecretKey) -> String {
    format!("{who}@example.com {options} {}\n", key.public_key().to_line())
}

/// Alice and Carol keep logs, Bob approves.
pub fn usual_trust() -> String {
    let log = format!("namespaces=\"{NAMESPACE}\"");
    signer_line("alice", &log, &alice())
        + &signer_line("carol", &log, &carol())
        + &signer_line("bob", &format!("namespaces=\"{APPROVAL_NAMESPACE}\""), &bob())
}

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub fn lines(log: &[u8]) -> Vec<Vec<u8>> {
    log.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// An honest run: finished, interrupted, resumed, with outputs and approvals.
pub fn honest(rng: &mut Rng) -> Run {
    let id = *rng.pick(&run_ids());
    let plan = if rng.one_in(2) { b"{\"steps\":[]}".to_vec() } else { b"{\"steps\":[1]}".to_vec() };
    let mut run = Run {
        id,
        files: BTreeMap::from([("plan.json".to_string(), plan), ("inputs/a.yml".to_string(), b"steps: []\n".to_vec())]),
        keys: BTreeMap::new(),
        identity: if rng.one_in(4) { carol() } else { alice() },
        trust: usual_trust(),
        revoked: String::new(),
        expect: None,
        heads: Vec::new(),
        plan: "plan.json".to_string(),
    };
    let segments = *rng.pick(&[1, 1, 1, 2, 2, 3]);
    for number in 1..=segments {
        if number > 1 && rng.one_in(3) {
            run.identity = carol();
        }
        let finished = number == segments && !rng.one_in(5);
        Segment::begin(&mut run, rng, number).write(rng, finished);
    }
    if rng.one_in(3) {
        run.expect = Some(id);
    }
    run
}

/// A run that an earlier version really made. Nobody has its keys any more.
pub fn golden(dir: &Path, signers: &Path) -> Run {
    let mut files = BTreeMap::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(at) = dirs.pop() {
        for path in std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_string();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    let first: Value = serde_json::from_slice(&lines(&files["run.jsonl"])[0]).unwrap();
    let keys = (1..9).filter(|number| files.contains_key(&segment_file(*number))).map(|number| (number, Vec::new()));
    Run {
        id: first["run"].as_str().unwrap().parse().unwrap(),
        keys: keys.collect(),
        files,
        identity: mallory(),
        trust: std::fs::read_to_string(signers).unwrap(),
        revoked: String::new(),
        expect: None,
        heads: Vec::new(),
        plan: "plan.json".to_string(),
    }
}

struct Segment<'r> {
    run: &'r mut Run,
    number: u32,
    writer: Writer,
    log: Vec<u8>,
    keys: Vec<Option<SecretKey>>,
    session: SecretKey,
    us: u64,
    nonce: u8,
}

impl Segment<'_> {
    fn begin<'r>(run: &'r mut Run, rng: &mut Rng, number: u32) -> Segment<'r> {
        let seed = rng.seed();
        let mut us = 1 + rng.next() % 1000;
        let writer = if number == 1 {
            let (file, plan) = ("inputs/a.yml", Sha256Sum::of(&run.files["plan.json"]));
            let input = &run.files[file];
            let files = json!([{"file": file, "bytes": input.len(), "sha256": Sha256Sum::of(input).to_string()}]);
            let extra = map(json!({"runbook": "a.yml", "files": files}));
            let before = Head { segment: 2, bytes: 77, sha256: Sha256Sum::of(b"before") };
            let prev_run = rng.one_in(2).then_some((run_ids()[1], before));
            let start = RunStart { run: run.id, operator: "alice", host: "h", plan_sha256: plan, prev_run, extra };
            Writer::start(&start, &at(us), &seed)
        } else {
            let extra = turn(run, rng, number);
            let before: Vec<&[u8]> = (1..number).map(|n| run.files[&segment_file(n)].as_slice()).collect();
            let sealed = read(&before).unwrap();
            let last = before[before.len() - 1];
            us = sealed.records.last().unwrap().mono_us + rng.next() % 1000;
            let resume = RunResume {
                run: run.id,
                segment: number,
                operator: "alice",
                host: "h",
                bytes: last.len() as u64,
                sha256: Sha256Sum::of(last),
                sealed_bytes: if sealed.head.segment == number - 1 { sealed.head.bytes } else { 0 },
                mono_us: us,
                extra,
            };
            Writer::resume(&resume, &at(us), &seed)
        };
        let (log, keys, session) = (Vec::new(), Vec::new(), SecretKey::from_seed(&seed));
        Segment { run, number, writer: writer.unwrap(), log, keys, session, us, nonce: 10 + 40 * number as u8 }
    }

    fn write(mut self, rng: &mut Rng, finished: bool) {
        let identity = self.run.identity.clone();
        self.seal(&identity);
        let opening = self.log.len();
        for _ in 0..rng.below(4) {
            self.batch(rng);
        }
        if finished {
            self.add(RecordType::RunEnd, json!({"status": "succeeded"}));
            self.seal(&identity);
            let signature = self.writer.countersign(&identity).unwrap();
            self.run.files.insert(signature_file(self.number), signature.into_bytes());
        } else {
            // Interrupted anywhere after the first seal; a later segment even before it.
            let least = if self.number == 1 { opening } else { 0 };
            if rng.one_in(2) {
                self.log.truncate(least + rng.below(self.log.len() - least + 1));
            }
            if rng.one_in(8) {
                self.log.extend([0; 600]);
            }
        }
        self.run.files.insert(segment_file(self.number), self.log);
        self.run.keys.insert(self.number, self.keys);
    }

    fn batch(&mut self, rng: &mut Rng) {
        let mut next = None;
        for _ in 0..1 + rng.below(3) {
            match rng.below(6) {
                0 | 1 => {
                    let seed = rng.seed();
                    let payload =
                        map(json!({"path": "a.b", "attempt": 1, "argv": ["ls", "[secret:X]", "\u{9b}é\u{2028}"]}));
                    self.us += 1;
                    self.writer.step_start(&at(self.us), &payload, &seed).unwrap();
                    self.keys.push(None);
                    next = Some(SecretKey::from_seed(&seed));
                }
                2 => self.output(rng),
                3 if self.keys.len() > 1 => return self.approval(next, rng),
                4 => self.add(RecordType::Anchor, json!({"to": "syslog", "ok": true})),
                _ => self.add(
                    RecordType::Event,
                    json!({"event": "turned", "to": null, "limit": {"$decimal": "0.25"}, "n": -3, "list": [[], {}]}),
                ),
            }
        }
        let session = self.session.clone();
        self.seal(&session);
        self.session = next.unwrap_or(session);
    }

    fn output(&mut self, rng: &mut Rng) {
        let file = format!("out/{:04}.stdout", self.run.files.len());
        let data: Vec<u8> = (0..20 + rng.below(40)).map(|_| rng.next() as u8).collect();
        let mut claim = |kind, bytes: usize| {
            let sha256 = Sha256Sum::of(&data[..bytes]).to_string();
            self.add(kind, json!({"path": "a.b", "stdout": {"file": file, "bytes": bytes, "sha256": sha256}}));
        };
        let grows = rng.one_in(2);
        if grows {
            claim(RecordType::StepOutput, rng.below(data.len()));
        }
        if !grows || rng.one_in(2) {
            claim(RecordType::StepEnd, data.len());
        }
        self.run.files.insert(file, data);
    }

    /// Ends the batch with a question; the next batches are what people say to it, now and then nothing good.
    fn approval(&mut self, next: Option<SecretKey>, rng: &mut Rng) {
        let odd = rng.one_in(8);
        let checkpoint = *rng.pick(&["go", "a.b.go"]);
        let roles = rng.one_in(2);
        if rng.one_in(3) && !roles {
            self.add(RecordType::ApprovalRequest, json!({"checkpoint": checkpoint}));
        } else {
            let mut asked = json!({"event": "asked", "path": checkpoint, "question": "checkpoint", "title": "Go?"});
            if roles {
                asked["roles"] = json!({"dba": 1});
                let people = [["bob@example.com"], ["*"], ["carol@example.com"]];
                asked["people"] = json!({"dba": people[rng.below(if odd { 3 } else { 2 })]});
            }
            for (name, value) in [("good_for_us", json!(2)), ("reference", json!(true)), ("red", json!(["a: exit 1"]))]
            {
                if odd && rng.one_in(4) {
                    asked[name] = value;
                }
            }
            self.add(RecordType::Event, asked);
        }
        let session = self.session.clone();
        self.seal(&session);
        self.session = next.unwrap_or(session);
        let head = self.writer.head();
        for _ in 0..1 + usize::from(odd && rng.one_in(2)) {
            self.answer(checkpoint, head, roles, odd, rng);
        }
        if rng.one_in(2) {
            let event = if odd { *rng.pick(&["answer_expired", "lapsed", "step_finished"]) } else { "step_finished" };
            let verdict = if odd { *rng.pick(&["pass", "fail"]) } else { "pass" };
            let over =
                json!({"event": event, "path": checkpoint, "verdict": verdict, "by": "bob@example.com", "role": "dba"});
            self.add(RecordType::Event, over);
            let session = self.session.clone();
            self.seal(&session);
        }
    }

    fn answer(&mut self, checkpoint: &str, head: Head, roles: bool, odd: bool, rng: &mut Rng) {
        let mut oddly = |one_in: usize| odd && rng.one_in(one_in);
        let (no, expired, other_role, used, stranger) = (oddly(4), oddly(3), oddly(6), oddly(4), oddly(6));
        let expires = at(if expired { 1 } else { 9_000 }).t;
        let (of, decision) = match (no, rng.below(4)) {
            (false, 0) => {
                let checkpoints = vec!["x".into(), checkpoint.into()];
                (Subject::Plan { runbook: "deploy".into(), target: None, checkpoints, expires }, Decision::Go)
            }
            _ => {
                let decision = if no { Decision::NoGo } else { Decision::Go };
                (Subject::Question { run: self.run.id, checkpoint: checkpoint.into(), decision, head }, decision)
            }
        };
        self.nonce += 1;
        let said = Approval {
            of,
            plan_sha256: Sha256Sum::of(&self.run.files[&self.run.plan]),
            role: (roles != other_role).then(|| "dba".to_string()),
            reference: rng.one_in(3).then(|| "CHG-1 \u{e9}".to_string()),
            reason: None,
            time: at(self.us).t,
            nonce: Nonce([if used { 7 } else { self.nonce }; 16]),
        };
        let text = said.to_text();
        let key = if stranger { mallory() } else { bob() };
        let sig = SshSig::sign(&key, APPROVAL_NAMESPACE, &Sha256Sum::of(text.as_bytes())).unwrap().to_armor();
        let record = json!({
            "checkpoint": checkpoint, "decision": decision.to_string(), "role": said.role, "reference": said.reference,
            "nonce": said.nonce.to_string(), "statement": text, "sig": sig,
        });
        self.add(RecordType::Approval, record);
        let session = self.session.clone();
        self.seal(&session);
    }

    fn add(&mut self, kind: RecordType, payload: Value) {
        self.us += 1;
        self.writer.append(kind, &at(self.us), &map(payload)).unwrap();
        self.keys.push(None);
    }

    fn seal(&mut self, key: &SecretKey) {
        let batch = self.writer.seal(&self.run.identity).unwrap();
        let missing = lines(&batch).len() + lines(&self.log).len() - self.keys.len() - 1;
        self.keys.extend(std::iter::repeat_n(None, missing));
        self.keys.push(Some(key.clone()));
        self.log.extend(batch);
    }
}

/// What the first record of a later segment adds: sometimes another plan, with the file it was made from.
fn turn(run: &mut Run, rng: &mut Rng, number: u32) -> Map<String, Value> {
    let mut extra = map(json!({"in_doubt": []}));
    if rng.one_in(2) {
        let (plan, input) = (format!("plan.{number}.json"), format!("inputs/{number}.0.a.yml"));
        run.files.insert(plan.clone(), format!("{{\"steps\":[{number}]}}").into_bytes());
        run.files.insert(input.clone(), format!("steps: [{number}]\n").into_bytes());
        let claim = |file: &str| {
            let bytes = &run.files[file];
            json!({"file": file, "bytes": bytes.len(), "sha256": Sha256Sum::of(bytes).to_string()})
        };
        extra.insert("changed".into(), json!({"follow": "changes", "why": "typo", "plan": claim(&plan)}));
        extra.insert("files".into(), json!([claim(&input)]));
        run.plan = plan;
    }
    extra
}

fn at(us: u64) -> At {
    At { t: format!("2026-11-21T00:18:{:02}.{:06}Z", us / 1_000_000, us % 1_000_000), mono_us: us }
}
