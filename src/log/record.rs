//! One line of the log as data: the closed envelope and its open payload.

use std::fmt;

use serde_json::{Map, Value};

use super::json;
use super::sum::Sha256Sum;

/// The first record of every segment names the format; nothing inside a file is negotiated.
pub const FORMAT: &str = "runbook-log/1";

/// The fields of the envelope; a payload may not use these names.
pub(crate) const ENVELOPE: [&str; 6] = ["seq", "prev", "run", "t", "mono_us", "type"];

macro_rules! record_types {
    ($($variant:ident = $name:literal, $doc:literal;)*) => {
        /// What a record is about. Seals are not records: they only protect them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RecordType { $(#[doc = $doc] $variant,)* }

        impl RecordType {
            /// The name in the file.
            pub fn name(self) -> &'static str {
                match self { $(RecordType::$variant => $name,)* }
            }

            /// The type a name in the file stands for.
            pub fn from_name(name: &str) -> Option<RecordType> {
                match name { $($name => Some(RecordType::$variant),)* _ => None }
            }
        }
    };
}

record_types! {
    RunStart = "run.start", "The run exists: who, where, which plan. Always the first record of `run.jsonl`.";
    StepStart = "step.start", "A step is about to act; announces the next session key.";
    StepOutput = "step.output", "How far the output of a step has come.";
    StepEnd = "step.end", "What became of a step.";
    ApprovalRequest = "approval.request", "A person is asked.";
    Approval = "approval", "A person answered.";
    Anchor = "anchor", "A head of this log was left with somebody else.";
    RunResume = "run.resume", "The run goes on in a new segment. Always the first record of `run.N.jsonl`.";
    RunEnd = "run.end", "The run is over; only its seal follows.";
    Event = "event", "Any other fact; the payload field `event` names the kind.";
}

impl RecordType {
    /// The records that only the identity key seals: where somebody takes responsibility for the run.
    pub(crate) fn is_boundary(self) -> bool {
        matches!(self, RecordType::RunStart | RecordType::RunResume | RecordType::RunEnd)
    }

    /// The records that announce a new session key.
    pub(crate) fn announces_key(self) -> bool {
        matches!(self, RecordType::RunStart | RecordType::RunResume | RecordType::StepStart)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A record somebody's key vouches for.
///
/// The payload is open, but a few fields have a meaning here: `stdout`, `stderr` and `output` of step records and the
/// items of `files` of `run.start` are claims `{"file","bytes","sha256"}` about files in the run directory, which
/// `verify` checks; `checkpoint`, `decision`, `statement` and `sig` of an approval are the answer of a second person.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Which segment it stands in: 1 is `run.jsonl`, N is `run.N.jsonl`.
    pub segment: u32,
    /// Its place in the segment, counted from 0 with the seals.
    pub seq: u64,
    /// Wall clock: RFC 3339, UTC, microseconds. Self-asserted.
    pub t: String,
    /// Microseconds since the run started on a clock that also runs while the machine sleeps; never decreases.
    pub mono_us: u64,
    /// What it is about.
    pub kind: RecordType,
    /// Everything after the envelope, in the order it was written.
    pub payload: Map<String, Value>,
}

impl Record {
    /// A text field of the payload.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.payload.get(field).and_then(Value::as_str)
    }
}

/// A line as it stands in the file, before anything but its shape was checked.
pub(crate) struct Line {
    pub(crate) seq: u64,
    pub(crate) prev: String,
    pub(crate) run: String,
    pub(crate) kind: String,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Seal(Seal),
    Record { t: String, mono_us: u64, payload: Map<String, Value> },
}

/// The signature over everything before it. It has no field that a verifier does not recompute.
pub(crate) struct Seal {
    pub(crate) bytes: u64,
    pub(crate) sum: Option<Sha256Sum>,
    pub(crate) by: String,
    pub(crate) sig: String,
}

impl Line {
    /// Reads the envelope; its fields stand in one fixed order.
    pub(crate) fn parse(line: &[u8]) -> Result<Line, String> {
        let mut fields = json::parse(line)?.into_iter().peekable();
        let (seq, prev, run) = (number(&mut fields, "seq")?, text(&mut fields, "prev")?, text(&mut fields, "run")?);
        if fields.peek().is_some_and(|(key, _)| key == "type") {
            let kind = text(&mut fields, "type")?;
            if kind != "seal" {
                return Err("field 't' is missing".to_string());
            }
            let seal = Seal {
                bytes: number(&mut fields, "bytes")?,
                sum: Sha256Sum::from_hex(&text(&mut fields, "sha256")?),
                by: text(&mut fields, "by")?,
                sig: text(&mut fields, "sig")?,
            };
            return match fields.next() {
                None => Ok(Line { seq, prev, run, kind, body: Body::Seal(seal) }),
                Some((key, _)) => Err(format!("a seal has no field '{}'", key.escape_debug())),
            };
        }
        let (t, mono_us) = (text(&mut fields, "t")?, number(&mut fields, "mono_us")?);
        let kind = text(&mut fields, "type")?;
        if !is_time(&t) {
            return Err("field 't' is not a UTC time with microseconds".to_string());
        }
        let payload: Map<String, Value> = fields.collect();
        if kind == RecordType::Event.name() && !payload.get("event").is_some_and(Value::is_string) {
            return Err("an event record must say which in 'event'".to_string());
        }
        Ok(Line { seq, prev, run, kind, body: Body::Record { t, mono_us, payload } })
    }
}

/// Whether a text is a time in the form `2026-11-21T00:18:07.009248Z`, of the years 1970 to 9998 and without leap
/// seconds: every moment has one spelling.
pub(crate) fn is_time(t: &str) -> bool {
    const SHAPE: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";
    let digit = |shape: u8, byte: u8| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    let in_shape = t.len() == SHAPE.len() && SHAPE.iter().zip(t.bytes()).all(|(s, b)| digit(*s, b));
    in_shape && ("1970".."9999").contains(&&t[..4]) && &t[17..18] < "6" && t.parse::<jiff::Timestamp>().is_ok()
}

type Field = (String, Value);

fn next(fields: &mut impl Iterator<Item = Field>, name: &str) -> Result<Value, String> {
    match fields.next() {
        Some((key, value)) if key == name => Ok(value),
        Some((key, _)) => Err(format!("field '{name}' expected, found '{}'", key.escape_debug())),
        None => Err(format!("field '{name}' is missing")),
    }
}

fn number(fields: &mut impl Iterator<Item = Field>, name: &str) -> Result<u64, String> {
    next(fields, name)?.as_u64().ok_or_else(|| format!("field '{name}' is not a count"))
}

fn text(fields: &mut impl Iterator<Item = Field>, name: &str) -> Result<String, String> {
    match next(fields, name)? {
        Value::String(text) => Ok(text),
        _ => Err(format!("field '{name}' is not a text")),
    }
}
