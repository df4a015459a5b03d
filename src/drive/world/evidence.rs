//! What a look found, in words, kept as the output of its step.

use super::attempt::Attempt;
use super::live::Stream;
use crate::machine::action::{Done, Ended};

/// Store the words, masked like all output.
pub(super) fn keep(attempt: &Attempt, words: &str, done: &mut Done) {
    let mut sink = attempt.sink(Stream::Stdout);
    if let Err(error) = sink.write(words.as_bytes()) {
        attempt.output_lost(&error);
        done.ended = Ended::Failed(format!("its output could not be stored: {error}"));
        return;
    }
    attempt.finish_stream(sink, Stream::Stdout, done);
}
