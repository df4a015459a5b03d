//! Builds the bytes of a log: records, and the seal that ends each batch. Does no IO and reads no clock.

use std::fmt;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::id::RunId;
use super::json;
use super::outputs;
use super::record::{ENVELOPE, FORMAT, RecordType, is_time};
use super::secret::{SecretKey, Seed};
use super::signer::{Message, SignError, Signer};
use super::sum::Sha256Sum;
use super::{Head, NAMESPACE};

/// The moment of a record: wall clock for people, monotonic clock for durations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// RFC 3339, UTC, exactly six digits of fraction and a `Z`.
    pub t: String,
    /// Microseconds since the run started (CLOCK_BOOTTIME); a smaller value than the last record's is raised to that.
    pub mono_us: u64,
}

/// What the first record of a run says.
#[derive(Debug, Clone)]
pub struct RunStart<'a> {
    /// The run.
    pub run: RunId,
    /// Who runs it, `user@host` or the name the team's trust store has.
    pub operator: &'a str,
    /// The machine it is driven from.
    pub host: &'a str,
    /// SHA-256 of the exact bytes of `plan.json`.
    pub plan_sha256: Sha256Sum,
    /// The run before this one and its last head, which this log then vouches for.
    pub prev_run: Option<(RunId, Head)>,
    /// More fields, for readers.
    pub extra: Map<String, Value>,
}

/// What the first record of a resumed run's new segment says about the file before it.
#[derive(Debug, Clone)]
pub struct RunResume<'a> {
    /// The run.
    pub run: RunId,
    /// The number of the new segment, at least 2.
    pub segment: u32,
    /// Who resumes it.
    pub operator: &'a str,
    /// The machine it is driven from now.
    pub host: &'a str,
    /// Length of the previous segment as found, torn tail included.
    pub bytes: u64,
    /// SHA-256 of the previous segment as found.
    pub sha256: Sha256Sum,
    /// How many of these bytes its last seal covers.
    pub sealed_bytes: u64,
    /// The last monotonic time that was sealed.
    pub mono_us: u64,
    /// More fields, for readers.
    pub extra: Map<String, Value>,
}

/// A record that cannot be written. The log is unchanged by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError {
    /// The payload uses a name of the envelope.
    ReservedField(String),
    /// A number in the payload is not an integer.
    Float(RecordType),
    /// The line would be longer than a line may be.
    TooLong(RecordType, usize),
    /// The time is not in the one form a log uses.
    BadTime(String),
    /// This type is written by another method, or an `event` record does not name its kind.
    Misplaced(RecordType),
    /// What the record says about an output file could not be verified; the text says why.
    BadClaim(RecordType, String),
    /// The run has ended or nothing waits to be sealed.
    Closed,
    /// The identity key could not sign.
    Sign(SignError),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::ReservedField(name) => {
                write!(f, "the field name '{}' is reserved in a log record", name.escape_debug())
            }
            WriteError::Float(kind) => {
                write!(f, "a {kind} record has a number that is not an integer; write decimals as strings")
            }
            WriteError::TooLong(kind, bytes) => {
                write!(f, "a {kind} record of {bytes} bytes is too long; a line of the log holds up to 1 MiB")
            }
            WriteError::BadTime(t) => write!(f, "'{}' is not a UTC time with microseconds", t.escape_debug()),
            WriteError::Misplaced(kind) => write!(f, "a {kind} record cannot be written here or in this form"),
            WriteError::BadClaim(kind, why) => write!(f, "a {kind} record cannot be written: {why}"),
            WriteError::Closed => f.write_str("the log is closed: the run has ended or there is nothing to seal"),
            WriteError::Sign(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WriteError {}

/// Writes one segment. Records gather in a batch until `seal` hands out the bytes of the batch.
///
/// A clone is a snapshot: a driver whose write failed goes back to it.
#[derive(Clone)]
pub struct Writer {
    run: RunId,
    segment: u32,
    seq: u64,
    prev: Sha256Sum,
    hash: Sha256,
    bytes: u64,
    mono_us: u64,
    session: SecretKey,
    /// The session key the batch announces; takes over once the batch is sealed by the old one.
    announced: Option<SecretKey>,
    boundary: bool,
    ending: bool,
    batch: Vec<u8>,
    head: Head,
}

impl Writer {
    /// Begins the log of a run; the batch holds its first record. `seed` makes the first session key.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn start(start: &RunStart<'_>, at: &At, seed: &Seed) -> Result<Writer, WriteError> {
        let mut writer = Writer::empty(start.run, 1, 0, seed);
        let prev_run = start.prev_run.as_ref().map(|(run, head)| {
            json!({"run": run.to_string(), "segment": head.segment, "bytes": head.bytes, "sha256": head.sha256.to_string()})
        });
        let mut payload = writer.opening(start.operator, start.host);
        payload.insert("plan_sha256".into(), start.plan_sha256.to_string().into());
        payload.insert("prev_run".into(), prev_run.unwrap_or(Value::Null));
        writer.open(RecordType::RunStart, at, payload, &start.extra)?;
        Ok(writer)
    }

    /// Begins a new segment of an interrupted run; the batch holds its first record.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn resume(resume: &RunResume<'_>, at: &At, seed: &Seed) -> Result<Writer, WriteError> {
        let mut writer = Writer::empty(resume.run, resume.segment, resume.mono_us, seed);
        let mut payload = writer.opening(resume.operator, resume.host);
        payload.insert("segment".into(), resume.segment.into());
        payload.insert("file".into(), super::segment_file(resume.segment - 1).into());
        payload.insert("bytes".into(), resume.bytes.into());
        payload.insert("sha256".into(), resume.sha256.to_string().into());
        payload.insert("sealed_bytes".into(), resume.sealed_bytes.into());
        writer.open(RecordType::RunResume, at, payload, &resume.extra)?;
        Ok(writer)
    }

    /// Adds a record to the batch. A `step.start` goes through [`Writer::step_start`].
    ///
    /// # Errors
    /// When the record cannot be written; the batch is then unchanged.
    pub fn append(&mut self, kind: RecordType, at: &At, payload: &Map<String, Value>) -> Result<(), WriteError> {
        let names_its_kind = kind != RecordType::Event || payload.get("event").is_some_and(Value::is_string);
        if kind.announces_key() || !names_its_kind {
            return Err(WriteError::Misplaced(kind));
        }
        self.line(kind, at, payload, None)
    }

    /// Adds a `step.start` and announces the session key made from `seed`: once the batch is sealed, the old key is
    /// gone, and a step that reads this process's memory cannot rewrite what came before it.
    ///
    /// # Errors
    /// When the record cannot be written; the batch is then unchanged.
    pub fn step_start(&mut self, at: &At, payload: &Map<String, Value>, seed: &Seed) -> Result<(), WriteError> {
        let key = SecretKey::from_seed(seed);
        self.line(RecordType::StepStart, at, payload, Some(&key))?;
        self.announced = Some(key);
        Ok(())
    }

    /// Ends the batch with a seal and returns its bytes, to be written with one write. The identity key signs batches
    /// with a `run.start`, `run.resume` or `run.end`; the session key signs all others.
    ///
    /// # Errors
    /// When there is nothing to seal or the identity key cannot sign; the batch then stays as it is.
    pub fn seal(&mut self, identity: &dyn Signer) -> Result<Vec<u8>, WriteError> {
        if self.batch.is_empty() {
            return Err(WriteError::Closed);
        }
        let sum = Sha256Sum::so_far(&self.hash);
        let (by, signer): (&str, &dyn Signer) =
            if self.boundary { ("identity", identity) } else { ("session", &self.session) };
        let sig = signer.sign(&self.message(sum)).map_err(WriteError::Sign)?.to_armor();
        self.head = Head { segment: self.segment, bytes: self.bytes, sha256: sum };

        let mut line = self.prefix();
        line.extend(format!(r#","type":"seal","bytes":{},"sha256":"{sum}","by":"{by}","sig":"#, self.bytes).bytes());
        json::write_str(&sig, &mut line);
        line.extend(b"}\n");
        self.push(&line);

        self.boundary = false;
        if let Some(key) = self.announced.take() {
            self.session = key;
        }
        Ok(std::mem::take(&mut self.batch))
    }

    /// The identity key's signature over the whole finished segment: the contents of `run.jsonl.sig`.
    ///
    /// # Errors
    /// When the run has not ended or the key cannot sign.
    pub fn countersign(&self, identity: &dyn Signer) -> Result<String, WriteError> {
        if !self.ending || !self.batch.is_empty() {
            return Err(WriteError::Closed);
        }
        let sum = Sha256Sum::so_far(&self.hash);
        Ok(identity.sign(&self.message(sum)).map_err(WriteError::Sign)?.to_armor())
    }

    /// What the last seal covers; what an anchor or an approval names.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The run this log is of.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The number of the segment, from 1.
    pub fn segment(&self) -> u32 {
        self.segment
    }

    /// The length of the segment in bytes, the batch that waits included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Everything that was written so far; a signer that wants all of it finds the beginning in the file.
    fn message(&self, sum: Sha256Sum) -> Message<'_> {
        Message { namespace: NAMESPACE, sum, length: self.bytes, tail: &self.batch }
    }

    fn empty(run: RunId, segment: u32, mono_us: u64, seed: &Seed) -> Writer {
        Writer {
            run,
            segment,
            seq: 0,
            prev: Sha256Sum::ZERO,
            hash: Sha256::new(),
            bytes: 0,
            mono_us,
            session: SecretKey::from_seed(seed),
            announced: None,
            boundary: false,
            ending: false,
            batch: Vec::with_capacity(2048),
            head: Head { segment, bytes: 0, sha256: Sha256Sum::of(b"") },
        }
    }

    fn opening(&self, operator: &str, host: &str) -> Map<String, Value> {
        let mut payload = Map::new();
        payload.insert("format".into(), FORMAT.into());
        payload.insert("operator".into(), operator.into());
        payload.insert("host".into(), host.into());
        payload
    }

    fn open(
        &mut self,
        kind: RecordType,
        at: &At,
        mut payload: Map<String, Value>,
        extra: &Map<String, Value>,
    ) -> Result<(), WriteError> {
        for (key, value) in extra {
            if payload.insert(key.clone(), value.clone()).is_some() {
                return Err(WriteError::ReservedField(key.clone()));
            }
        }
        let session = self.session.clone();
        self.line(kind, at, &payload, Some(&session))
    }

    fn line(
        &mut self,
        kind: RecordType,
        at: &At,
        payload: &Map<String, Value>,
        announce: Option<&SecretKey>,
    ) -> Result<(), WriteError> {
        if self.ending {
            return Err(WriteError::Closed);
        }
        if !is_time(&at.t) {
            return Err(WriteError::BadTime(at.t.clone()));
        }
        outputs::claims(kind, payload).map_err(|why| WriteError::BadClaim(kind, why))?;
        let mono_us = at.mono_us.max(self.mono_us);
        let mut line = self.prefix();
        line.extend(format!(r#","t":"{}","mono_us":{mono_us},"type":"{kind}""#, at.t).bytes());
        for (key, value) in payload {
            if ENVELOPE.contains(&key.as_str()) || (announce.is_some() && key == "session_key") {
                return Err(WriteError::ReservedField(key.clone()));
            }
            if json::has_float(value) {
                return Err(WriteError::Float(kind));
            }
            line.push(b',');
            json::write_str(key, &mut line);
            line.push(b':');
            json::write(value, &mut line);
        }
        if let Some(key) = announce {
            line.extend(format!(r#","session_key":"{}""#, key.public_key().to_line()).bytes());
        }
        line.extend(b"}\n");
        if line.len() > json::MAX_LINE {
            return Err(WriteError::TooLong(kind, line.len()));
        }
        self.push(&line);
        self.mono_us = mono_us;
        self.boundary |= kind.is_boundary();
        self.ending |= kind == RecordType::RunEnd;
        Ok(())
    }

    fn prefix(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(768);
        line.extend(format!(r#"{{"seq":{},"prev":"{}","run":"{}""#, self.seq, self.prev, self.run).bytes());
        line
    }

    fn push(&mut self, line: &[u8]) {
        self.prev = Sha256Sum::of(line);
        self.hash.update(line);
        self.bytes += line.len() as u64;
        self.seq += 1;
        self.batch.extend(line);
    }
}
