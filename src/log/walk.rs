//! Walks one segment line by line: shape, order, chain and seals. Whether its keys are to be trusted is not asked here.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::id::RunId;
use super::keys::PublicKey;
use super::record::{Body, FORMAT, Line, Record, RecordType, Seal};
use super::signer::{CheckError, LeftToVerify, Message, SignatureChecker};
use super::sshsig::SshSig;
use super::sum::Sha256Sum;
use super::{Head, NAMESPACE};

/// A segment interrupted in the middle of a write is damaged only after its last seal, and by less than this.
const MAX_DAMAGE: usize = 2 << 20;
/// A block of zero bytes this long is what a file system leaves of data that never reached the disk.
const LOST_BLOCK: usize = 16;
/// A wall clock that moved this much against the monotonic clock is worth a note.
const CLOCK_JUMP_US: i64 = 5_000_000;
const MAX_NOTES: usize = 5;

/// What a segment turned out to be.
pub(crate) struct Walk {
    pub(crate) run: Option<RunId>,
    /// The first record, if it is sealed.
    pub(crate) opening: Option<Record>,
    /// The key that sealed the first record.
    pub(crate) identity: Option<PublicKey>,
    /// One for each good seal.
    pub(crate) heads: Vec<Head>,
    /// Sealed records.
    pub(crate) records: u64,
    /// Whole records after the last seal.
    pub(crate) unsealed: usize,
    /// `run.end` is sealed.
    pub(crate) ended: bool,
    /// The time of the last sealed record.
    pub(crate) mono_us: u64,
    pub(crate) tail: Tail,
    pub(crate) notes: Vec<String>,
    /// Signatures of the identity key that nobody here could check, and why.
    pub(crate) unchecked: Option<String>,
}

/// How a segment stops.
pub(crate) enum Tail {
    /// With a whole line.
    Whole,
    /// With a line that was cut: an interrupted write.
    Torn { at: usize, bytes: usize },
    /// With lost blocks after the last seal: an interrupted write.
    Damaged { bytes: usize },
    /// With something no interrupted write leaves behind.
    Broken(String),
}

/// Walks a segment and hands every sealed record to `sink`, in order, with what its seal covers. `others` checks
/// signatures that are not Ed25519.
pub(crate) fn walk(
    bytes: &[u8],
    segment: u32,
    mono_us: u64,
    others: &dyn SignatureChecker,
    sink: &mut dyn FnMut(Record, Head),
) -> Walk {
    let mut walker = Walker::new(bytes, segment, mono_us, others, sink);
    let mut at = 0;
    let mut fault = None;
    while let Some(length) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let line = &bytes[at..=at + length];
        if let Err(message) = walker.line(line) {
            fault = Some(message);
            break;
        }
        at += line.len();
    }
    let rest = bytes.len() - at;
    let unsealed = &bytes[walker.sealed_end..];
    let tail = match fault {
        Some(_) if !walker.ended && lost_block(unsealed) => Tail::Damaged { bytes: unsealed.len() },
        Some(message) => Tail::Broken(message),
        None if rest == 0 => Tail::Whole,
        None if walker.ended => Tail::Broken(format!("{rest} bytes after the end of the run")),
        None if rest > MAX_DAMAGE => Tail::Broken(format!("record {} is longer than 1 MiB", walker.seq)),
        None => Tail::Torn { at, bytes: rest },
    };
    walker.finish(tail)
}

fn lost_block(bytes: &[u8]) -> bool {
    bytes.len() < MAX_DAMAGE && bytes.windows(LOST_BLOCK).any(|window| window.iter().all(|byte| *byte == 0))
}

struct Walker<'s> {
    bytes: &'s [u8],
    others: &'s dyn SignatureChecker,
    segment: u32,
    sink: &'s mut dyn FnMut(Record, Head),
    seq: u64,
    at: usize,
    prev: Sha256Sum,
    hash: Sha256,
    run: Option<RunId>,
    identity: Option<PublicKey>,
    session: Option<PublicKey>,
    mono_us: u64,
    /// The wall clock of the record before, and its place.
    wall: Option<(i64, u64, u64)>,
    batch: Vec<Record>,
    sealed_end: usize,
    last_seal: Option<u64>,
    ended: bool,
    walk: Walk,
}

impl<'s> Walker<'s> {
    fn new(
        bytes: &'s [u8],
        segment: u32,
        mono_us: u64,
        others: &'s dyn SignatureChecker,
        sink: &'s mut dyn FnMut(Record, Head),
    ) -> Walker<'s> {
        let walk = Walk {
            run: None,
            opening: None,
            identity: None,
            heads: Vec::new(),
            records: 0,
            unsealed: 0,
            ended: false,
            mono_us,
            tail: Tail::Whole,
            notes: Vec::new(),
            unchecked: None,
        };
        Walker {
            bytes,
            others,
            segment,
            sink,
            seq: 0,
            at: 0,
            prev: Sha256Sum::ZERO,
            hash: Sha256::new(),
            run: None,
            identity: None,
            session: None,
            mono_us,
            wall: None,
            batch: Vec::new(),
            sealed_end: 0,
            last_seal: None,
            ended: false,
            walk,
        }
    }

    fn finish(self, tail: Tail) -> Walk {
        Walk {
            run: self.run,
            identity: self.identity,
            unsealed: self.batch.len(),
            ended: self.ended,
            tail,
            ..self.walk
        }
    }

    /// Takes one line with its line feed.
    fn line(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (seq, at) = (self.seq, self.at);
        if self.ended {
            return Err(format!(
                "data after the end of the run: byte {at} (record {seq}) was appended after run.end was sealed"
            ));
        }
        let malformed = |e: String| format!("record {seq} (byte {at}) is malformed: {e}");
        let line = Line::parse(&bytes[..bytes.len() - 1]).map_err(malformed)?;
        self.check_place(&line)?;
        match line.body {
            Body::Seal(seal) => self.seal(&seal, at + bytes.len())?,
            Body::Record { t, mono_us, payload } => {
                let kind = RecordType::from_name(&line.kind)
                    .ok_or_else(|| format!("record {seq} has unknown type '{}'", line.kind.escape_debug()))?;
                self.record(Record { segment: self.segment, seq, t, mono_us, kind, payload })?;
            }
        }
        self.prev = Sha256Sum::of(bytes);
        self.hash.update(bytes);
        self.at += bytes.len();
        self.seq += 1;
        Ok(())
    }

    /// The line is of this run and follows the line before it.
    fn check_place(&mut self, line: &Line) -> Result<(), String> {
        let (seq, got) = (self.seq, line.seq);
        if seq == 0 {
            let opens = matches!(&line.body, Body::Record { payload, .. } if payload.get("format").is_some_and(|f| f == FORMAT));
            let expected = if self.segment == 1 { RecordType::RunStart } else { RecordType::RunResume };
            if !opens || line.kind != expected.name() {
                return Err(format!("first record is not {expected} of format {FORMAT}"));
            }
            let run = line.run.parse::<RunId>().map_err(|e| format!("record 0 is malformed: 'run' is {e}"))?;
            self.run = Some(run);
        }
        if self.run.is_some_and(|run| line.run != run.to_string()) {
            let (found, run) = (line.run.escape_debug(), self.run.map(|run| run.to_string()).unwrap_or_default());
            return Err(format!("record {seq} belongs to run '{found}', not to '{run}': spliced from another run"));
        }
        if got > seq {
            let before = seq.checked_sub(1).map_or("nothing".to_string(), |before| format!("record {before}"));
            return Err(format!(
                "records {seq}..{} are missing (record {got} follows {before}): deletion or reordering",
                got - 1
            ));
        }
        if got < seq {
            return Err(format!("record {got} appears again/late at position {seq}: duplication or reordering"));
        }
        if Sha256Sum::from_hex(&line.prev) != Some(self.prev) {
            let (is, said) = (self.prev.short(), line.prev.chars().take(12).collect::<String>());
            return Err(match seq.checked_sub(1) {
                Some(before) => format!(
                    "record {before} was altered or replaced: its SHA-256 is {is}.. but record {seq} chains to {}..",
                    said.escape_debug()
                ),
                None => "record 0 chains to something before the beginning".to_string(),
            });
        }
        Ok(())
    }

    fn record(&mut self, record: Record) -> Result<(), String> {
        let seq = record.seq;
        if record.mono_us < self.mono_us {
            let (now, before) = (record.mono_us, self.mono_us);
            return Err(format!("monotonic clock runs backwards at record {seq} ({now} < {before})"));
        }
        if self.batch.last().is_some_and(|last| last.kind == RecordType::RunEnd) {
            return Err(format!("data after the end of the run: record {seq} follows run.end"));
        }
        if seq > 0 && matches!(record.kind, RecordType::RunStart | RecordType::RunResume) {
            return Err(format!("record {seq} is a second {}", record.kind));
        }
        self.check_wall_clock(&record)?;
        self.mono_us = record.mono_us;
        self.batch.push(record);
        Ok(())
    }

    fn check_wall_clock(&mut self, record: &Record) -> Result<(), String> {
        let seq = record.seq;
        let wall = record.t.parse::<jiff::Timestamp>().map_err(|_| format!("record {seq} has no valid time"))?;
        let wall = wall.as_microsecond();
        if let Some((wall_before, mono_before, place)) = self.wall {
            let (step, ran) = (wall - wall_before, record.mono_us.saturating_sub(mono_before) as i64);
            let moved = step.saturating_sub(ran);
            if (step < 0 || moved.abs() > CLOCK_JUMP_US) && self.walk.notes.len() < MAX_NOTES {
                let way = if moved < 0 { "back" } else { "forward" };
                let seconds = moved.unsigned_abs() as f64 / 1e6;
                self.walk.notes.push(format!(
                    "clock stepped {way} {seconds:.1}s between records {place} and {seq} (monotonic order is right)"
                ));
            }
        }
        self.wall = Some((wall, record.mono_us, seq));
        Ok(())
    }

    fn seal(&mut self, seal: &Seal, end: usize) -> Result<(), String> {
        let (seq, at) = (self.seq, self.at);
        let sum = Sha256Sum::so_far(&self.hash);
        if seal.bytes != at as u64 {
            return Err(format!("seal {seq} claims to cover {} bytes but stands at byte {at}", seal.bytes));
        }
        if seal.sum != Some(sum) {
            let since = self.last_seal.map(|seal| format!(" (record {seal})")).unwrap_or_default();
            return Err(format!(
                "seal {seq} does not match the {at} bytes before it: something after the last good seal{since} was altered"
            ));
        }
        if self.batch.is_empty() {
            return Err(format!("seal {seq} seals nothing"));
        }
        let sig = SshSig::parse(&seal.sig).map_err(|e| format!("seal {seq}: signature unreadable: {e}"))?;
        self.check_signature(&seal.by, &sig, sum)?;
        self.check_signer(&seal.by, sig.key)?;

        let head = Head { segment: self.segment, bytes: at as u64, sha256: sum };
        self.walk.heads.push(head);
        self.walk.mono_us = self.mono_us;
        self.last_seal = Some(seq);
        self.sealed_end = end;
        self.release_batch(head)
    }

    /// Only the identity key may be of a kind that others check; a session key is Ed25519.
    fn check_signature(&mut self, by: &str, sig: &SshSig, sum: Sha256Sum) -> Result<(), String> {
        let (seq, at) = (self.seq, self.at);
        let checked = if by == "identity" {
            let tail = &self.bytes[..at];
            sig.check(&Message { namespace: NAMESPACE, sum, length: at as u64, tail }, self.others)
        } else {
            sig.verify_sum(NAMESPACE, &sum).map_err(|e| CheckError::Bad(e.to_string()))
        };
        match checked {
            Ok(()) => Ok(()),
            Err(CheckError::Bad(what)) => Err(format!("seal {seq}: {what}")),
            Err(CheckError::Unchecked(why)) => {
                self.walk.unchecked.get_or_insert(format!("the signature of seal {seq} could not be checked: {why}"));
                Ok(())
            }
        }
    }

    fn check_signer(&mut self, by: &str, key: PublicKey) -> Result<(), String> {
        let seq = self.seq;
        let boundary = self.batch.iter().any(|record| record.kind.is_boundary());
        match by {
            "identity" if self.identity.as_ref().is_some_and(|identity| *identity != key) => {
                Err(format!("seal {seq}: identity key changed inside the run"))
            }
            "identity" if boundary => {
                self.identity = Some(key);
                Ok(())
            }
            "session" if !boundary && self.session.as_ref() == Some(&key) => Ok(()),
            "session" if !boundary => {
                Err(format!("seal {seq} is signed by {} which is not the current session key", key.fingerprint()))
            }
            "session" => Err(format!("seal {seq}: the start and the end of a run are sealed by the identity key")),
            _ => Err(format!("seal {seq} is not by the key that seals these records")),
        }
    }

    /// What the seal covers is authentic now: its session key takes over and its records go out.
    fn release_batch(&mut self, head: Head) -> Result<(), String> {
        for record in std::mem::take(&mut self.batch) {
            if record.kind.announces_key() {
                let exact = |line: &str| PublicKey::parse_line(line).ok().filter(|key| key.to_line() == line);
                let announced = record.text("session_key").and_then(exact).filter(PublicKey::is_ed25519);
                let key = announced.ok_or_else(|| format!("record {} announces no session key", record.seq))?;
                self.session = Some(key);
            }
            self.ended |= record.kind == RecordType::RunEnd;
            self.walk.records += 1;
            if record.seq == 0 {
                self.walk.opening = Some(record.clone());
            }
            (self.sink)(record, head);
        }
        Ok(())
    }
}

/// The sealed records of a whole run.
#[derive(Debug)]
pub struct SealedLog {
    /// The run.
    pub run: RunId,
    /// All sealed records of all segments, in order.
    pub records: Vec<Record>,
    /// The last head.
    pub head: Head,
    /// The key that opened the last segment; only it may sign the finished log.
    pub identity: PublicKey,
    /// `run.end` is among them.
    pub ended: bool,
    /// Whole records after the last seal of the last segment; nobody vouches for them.
    pub unsealed: usize,
}

/// A log that cannot be read as far as its last seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// Nothing in it is sealed.
    NothingSealed,
    /// It was altered, or the disk is corrupt; the text says where.
    Broken(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::NothingSealed => f.write_str("the log has no sealed record"),
            ReadError::Broken(what) => write!(f, "the log was altered or the disk is corrupt: {what}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads the sealed records of a run from its segments, in order, for resuming or showing it. Checks the chain and all
/// Ed25519 signatures, but not those of other kinds, not whose keys they are and not the files beside the log: that is
/// `verify`.
///
/// # Errors
/// When nothing is sealed, or a segment is damaged in a way no interrupted write explains.
pub fn read(segments: &[&[u8]]) -> Result<SealedLog, ReadError> {
    let mut records = Vec::new();
    let mut last: Option<(RunId, Walk)> = None;
    let mut mono_us = 0;
    for (number, bytes) in (1u32..).zip(segments) {
        let walk = walk(bytes, number, mono_us, &LeftToVerify, &mut |record, _| records.push(record));
        if let Tail::Broken(what) = &walk.tail {
            return Err(ReadError::Broken(format!("{}: {what}", super::segment_file(number))));
        }
        mono_us = walk.mono_us;
        match (walk.run, &last) {
            (Some(run), Some((first, _))) if run != *first => {
                return Err(ReadError::Broken(format!("{} is of another run", super::segment_file(number))));
            }
            (Some(run), _) if walk.opening.is_some() => last = Some((run, walk)),
            // A segment whose first record never got its seal says nothing.
            _ => {}
        }
    }
    let (run, walk) = last.ok_or(ReadError::NothingSealed)?;
    let head = *walk.heads.last().ok_or(ReadError::NothingSealed)?;
    let identity = walk.identity.ok_or(ReadError::NothingSealed)?;
    Ok(SealedLog { run, records, head, identity, ended: walk.ended, unsealed: walk.unsealed })
}
