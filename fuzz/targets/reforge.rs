//! Logs from text somebody made up: the order, the chain and the signatures are put right where the input asks for it,
//! so that what is wrong is wrong elsewhere.

use runbook::log::{
    APPROVAL_NAMESPACE, Approval, Decision, Evidence, Head, NAMESPACE, Nonce, OutputState, Report, RunId, SecretKey,
    Segment, Sha256Sum, Signer as _, SshSig, Subject, TrustStore, verify,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Makes the key that opens every log and seals all of it.
pub(crate) const OPERATOR: [u8; 32] = [7; 32];
const APPROVER: [u8; 32] = [9; 32];
const SEPARATOR: &[u8] = b"%%\n";

// What is put right; the bits of the first byte of an input say what is not.
const ORDER: u8 = 1;
const CHAIN: u8 = 2;
const RUN: u8 = 4;
const KEYS: u8 = 8;
const SEALS: u8 = 16;
const LINKS: u8 = 32;
const APPROVALS: u8 = 64;
const FINAL: u8 = 128;

/// A run as the verifier gets it.
pub(crate) struct Forged {
    segments: Vec<(Vec<u8>, Option<String>)>,
    trust: TrustStore,
    run: RunId,
}

/// The segments of an input, which stand between lines `%%`.
pub(crate) fn split(data: &[u8]) -> Vec<&[u8]> {
    let mut segments = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
        segments.push(&rest[..at]);
        rest = &rest[at + SEPARATOR.len()..];
    }
    segments.push(rest);
    segments
}

impl Forged {
    /// The first byte says what is left wrong, the rest is the text of the segments.
    pub(crate) fn from(data: &[u8]) -> Option<Forged> {
        let (flags, text) = data.split_first()?;
        // A printable byte: '@' leaves nothing wrong.
        let right = !(flags ^ b'@');
        let (operator, approver) = (SecretKey::from_seed(&OPERATOR), SecretKey::from_seed(&APPROVER));
        let run = RunId::from_parts(1_795_000_000_000, [7; 10]);
        let (before, plan, asked) = (None, Sha256Sum::ZERO, BTreeMap::new());
        let mut smith = Smith { right, run, operator, approver, before, plan, asked };
        let mut segments: Vec<(Vec<u8>, Option<String>)> =
            (1u32..).zip(split(text)).map(|(number, segment)| (smith.segment(number, segment), None)).collect();
        if right & FINAL != 0
            && let Some((bytes, signature)) = segments.last_mut()
        {
            *signature = Some(signed(&smith.operator, NAMESPACE, bytes));
        }
        let line = |key: &SecretKey| key.public_key().to_line();
        let trust = format!(
            "alice namespaces=\"log.v1@runbook\" {}\nbob namespaces=\"approval.v1@runbook\" {}\n",
            line(&smith.operator),
            line(&smith.approver)
        );
        Some(Forged { segments, trust: TrustStore::parse(&trust).ok()?, run })
    }

    /// What the verifier says.
    pub(crate) fn verify(&self) -> Report {
        let segments: Vec<Segment<'_>> = (1u32..)
            .zip(&self.segments)
            .map(|(number, (bytes, signature))| Segment {
                number,
                bytes: Some(bytes),
                signature: signature.as_ref().map(String::as_bytes),
            })
            .collect();
        let evidence = Evidence {
            segments: &segments,
            trust: &self.trust,
            expect_run: Some(self.run),
            known_heads: &[],
            plan: None,
        };
        verify(&evidence, &mut |claim| OutputState::Found { bytes: claim.bytes, prefix: Some(claim.sha256) })
    }

    /// The segments alone.
    pub(crate) fn slices(&self) -> Vec<&[u8]> {
        self.segments.iter().map(|(bytes, _)| bytes.as_slice()).collect()
    }

    /// Changes one bit, somewhere the input chooses.
    pub(crate) fn change_one_byte(&mut self, data: &[u8]) {
        let choice = Sha256Sum::of(data).0;
        let at = usize::from_le_bytes([choice[0], choice[1], choice[2], choice[3], 0, 0, 0, 0]);
        let segment = usize::from(choice[4]) % self.segments.len();
        let bytes = &mut self.segments[segment].0;
        let at = at % bytes.len();
        bytes[at] ^= 1 << (choice[5] % 8);
    }
}

struct Smith {
    right: u8,
    run: RunId,
    operator: SecretKey,
    approver: SecretKey,
    /// The segment before, and how much of it its last seal covers.
    before: Option<(Vec<u8>, u64)>,
    /// `plan_sha256` of the first record.
    plan: Sha256Sum,
    /// Checkpoints that were asked about, with the head at which they were.
    asked: BTreeMap<String, Option<Head>>,
}

impl Smith {
    fn segment(&mut self, number: u32, text: &[u8]) -> Vec<u8> {
        let (mut out, mut sealed) = (Vec::new(), 0);
        let mut prev = Sha256Sum::ZERO;
        for (seq, line) in (0u64..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
            let line = match serde_json::from_slice::<Map<String, Value>>(line) {
                Ok(mut fields) if line.ends_with(b"\n") => {
                    self.set(ORDER, &mut fields, "seq", seq);
                    self.set(CHAIN, &mut fields, "prev", prev.to_string());
                    self.set(RUN, &mut fields, "run", self.run.to_string());
                    self.set(KEYS, &mut fields, "session_key", self.operator.public_key().to_line());
                    if is(&fields, "seal") {
                        sealed = out.len() as u64;
                        self.seal(number, &mut fields, &out);
                    } else {
                        self.record(&mut fields);
                    }
                    let mut line = serde_json::to_vec(&fields).unwrap_or_default();
                    line.push(b'\n');
                    line
                }
                _ => line.to_vec(),
            };
            prev = Sha256Sum::of(&line);
            out.extend(line);
        }
        self.before = Some((out.clone(), sealed));
        out
    }

    fn seal(&mut self, segment: u32, fields: &mut Map<String, Value>, before: &[u8]) {
        let head = Head { segment, bytes: before.len() as u64, sha256: Sha256Sum::of(before) };
        self.set(SEALS, fields, "bytes", head.bytes);
        self.set(SEALS, fields, "sha256", head.sha256.to_string());
        self.set(SEALS, fields, "sig", signed(&self.operator, NAMESPACE, before));
        for asked in self.asked.values_mut() {
            asked.get_or_insert(head);
        }
    }

    fn record(&mut self, fields: &mut Map<String, Value>) {
        let checkpoint = text(fields, "checkpoint").to_string();
        if is(fields, "run.start") {
            self.plan = Sha256Sum::from_hex(text(fields, "plan_sha256")).unwrap_or(Sha256Sum::ZERO);
        } else if is(fields, "approval.request") {
            self.asked.insert(checkpoint, None);
        } else if is(fields, "event") && text(fields, "event") == "asked" {
            self.asked.insert(text(fields, "path").to_string(), None);
        } else if is(fields, "run.resume")
            && let Some((bytes, sealed)) = &self.before
        {
            self.set(LINKS, fields, "bytes", bytes.len());
            self.set(LINKS, fields, "sha256", Sha256Sum::of(bytes).to_string());
            self.set(LINKS, fields, "sealed_bytes", *sealed);
        } else if is(fields, "approval")
            && let Some(Some(head)) = self.asked.get(&checkpoint).copied()
        {
            let decision = Decision::from_word(text(fields, "decision")).unwrap_or(Decision::Go);
            let said = |name| Some(text(fields, name).to_string()).filter(|value| !value.is_empty());
            let statement = Approval {
                of: Subject::Question { run: self.run, checkpoint, decision, head },
                plan_sha256: self.plan,
                role: said("role"),
                reference: said("reference"),
                reason: said("reason"),
                time: text(fields, "t").to_string(),
                // Of its own as long as nobody asks the same twice.
                nonce: Nonce(std::array::from_fn(|at| head.sha256.0[at])),
            };
            let statement = statement.to_text();
            self.set(APPROVALS, fields, "sig", signed(&self.approver, APPROVAL_NAMESPACE, statement.as_bytes()));
            self.set(APPROVALS, fields, "statement", statement);
        }
    }

    /// Puts right what a line has; what it lacks it goes on lacking.
    fn set(&self, what: u8, fields: &mut Map<String, Value>, field: &str, value: impl Into<Value>) {
        if let (true, Some(slot)) = (self.right & what != 0, fields.get_mut(field)) {
            *slot = value.into();
        }
    }
}

fn is(fields: &Map<String, Value>, kind: &str) -> bool {
    text(fields, "type") == kind
}

fn text<'a>(fields: &'a Map<String, Value>, field: &str) -> &'a str {
    fields.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn signed(key: &SecretKey, namespace: &str, message: &[u8]) -> String {
    // A key in memory always signs.
    SshSig::sign(key, namespace, &Sha256Sum::of(message)).map(|sig| sig.to_armor()).unwrap_or_default()
}
