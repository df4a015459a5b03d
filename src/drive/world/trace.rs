//! What lets others recognise an attempt: a key for requests that must not be made twice, and its place in a trace. Both
//! follow from the run, the step and the attempt, so that they are the same wherever they are computed.

use sha2::{Digest as _, Sha256};

use super::AttemptId;
use super::forms::hex;
use crate::log::RunId;

/// The same for all attempts at a step of a run, other for any other step or run: 32 hexadecimal digits.
pub(super) fn idempotency_key(run: &str, path: &str) -> String {
    hex(&digest(&["idempotency key", run, path])[..16])
}

/// The W3C header of this attempt: the trace is the run, the span is the attempt, always sampled.
/// <https://www.w3.org/TR/trace-context/>
pub(super) fn traceparent(run: &str, id: &AttemptId) -> String {
    let trace = match run.parse::<RunId>() {
        Ok(run) => format!("{:032x}", run.bits()),
        Err(_) => hex(&digest(&["trace", run])[..16]),
    };
    format!("00-{trace}-{}-01", hex(&digest(&["span", run, &id.path, &id.attempt.to_string()])[..8]))
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length, so that no two lists of parts run into the same text.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, attempt: u32) -> AttemptId {
        AttemptId { path: path.to_owned(), attempt }
    }

    #[test]
    fn the_key_is_that_of_the_step_not_of_the_attempt() {
        let key = idempotency_key("RUN1", "web.pay");
        assert_eq!(key.len(), 32);
        assert_eq!(key, idempotency_key("RUN1", "web.pay"));
        for other in [("RUN2", "web.pay"), ("RUN1", "web.pay~undo"), ("RUN1w", "eb.pay")] {
            assert_ne!(key, idempotency_key(other.0, other.1));
        }
    }

    #[test]
    fn the_trace_is_the_run_and_every_attempt_is_a_span_of_its_own() {
        let run = RunId::from_parts(1_795_000_000_000, [7; 10]);
        let header = traceparent(&run.to_string(), &at("web.pay", 1));
        let parts: Vec<&str> = header.split('-').collect();
        assert_eq!((parts[0], parts[1], parts[3]), ("00", format!("{:032x}", run.bits()).as_str(), "01"));
        assert_eq!((parts[2].len(), header.len()), (16, 55));
        assert_ne!(header, traceparent(&run.to_string(), &at("web.pay", 2)));
        assert_ne!(header, traceparent(&run.to_string(), &at("web.pay~undo", 1)));
    }
}
