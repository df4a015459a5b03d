//! Exit codes: part of the public interface.

use super::rows::Ending;
use crate::machine::event::{Outcome, Question};

/// Everything was done.
pub const DONE: u8 = 0;
/// A step failed and nothing handled it; what was done before is kept.
pub const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
pub const USAGE: u8 = 2;
/// The runbook has errors.
pub const INVALID: u8 = 3;
/// A person or a rule said no, or nobody answered in time.
pub const NO_GO: u8 = 4;
/// The run waits for a person or for its next time; `resume` goes on.
pub const WAITING: u8 = 5;
/// Plan, approval or content is not what was given.
pub const STALE: u8 = 6;
/// Another run has the lock, or a person holds it.
pub const LOCKED: u8 = 7;
/// The log cannot be written, so nothing may be started.
pub const JOURNAL: u8 = 8;
/// Verification failed, or there was nothing to verify.
pub const UNVERIFIED: u8 = 9;
/// `plan --detailed-exitcode`: there are changes.
pub const CHANGES: u8 = 10;
/// It failed and was backed out cleanly.
pub const ROLLED_BACK: u8 = 11;
/// The result of a step is not known; a person has to look.
pub const UNKNOWN: u8 = 12;
/// Backing out failed too.
pub const ROLLBACK_FAILED: u8 = 13;
/// A bug in the tool.
pub const BUG: u8 = 70;
/// Stopped by Ctrl-C and left to be resumed.
pub const INTERRUPTED: u8 = 130;

/// The exit code of a run that ended, or was left, like this.
pub fn exit_code(ending: Ending) -> u8 {
    match ending {
        Ending::Over(outcome) => of_outcome(outcome),
        Ending::Waiting(Question::InDoubt) => UNKNOWN,
        Ending::Waiting(Question::Checkpoint | Question::Manual | Question::Failure | Question::Ruling) => WAITING,
        Ending::Until(_) => WAITING,
        Ending::Interrupted => INTERRUPTED,
        Ending::OnHold => LOCKED,
        Ending::Trouble => JOURNAL,
        // Nobody wrote how it ended: what was running may or may not have happened.
        Ending::Open => UNKNOWN,
    }
}

/// The exit code of a run that is over.
pub fn of_outcome(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done => DONE,
        Outcome::Failed => FAILED,
        Outcome::NoGo => NO_GO,
        Outcome::RolledBack => ROLLED_BACK,
        Outcome::RollbackFailed => ROLLBACK_FAILED,
        Outcome::Unknown => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_the_documented_code() {
        let table = [
            (Ending::Over(Outcome::Done), 0),
            (Ending::Over(Outcome::Failed), 1),
            (Ending::Over(Outcome::NoGo), 4),
            (Ending::Waiting(Question::Checkpoint), 5),
            (Ending::Waiting(Question::Manual), 5),
            (Ending::Waiting(Question::Failure), 5),
            (Ending::Waiting(Question::Ruling), 5),
            (Ending::Trouble, 8),
            (Ending::Over(Outcome::RolledBack), 11),
            (Ending::Over(Outcome::Unknown), 12),
            (Ending::Waiting(Question::InDoubt), 12),
            (Ending::Open, 12),
            (Ending::Over(Outcome::RollbackFailed), 13),
            (Ending::Interrupted, 130),
            (Ending::OnHold, 7),
        ];
        for (ending, code) in table {
            assert_eq!(exit_code(ending), code, "{ending:?}");
        }
        assert_eq!((USAGE, INVALID, STALE, LOCKED, UNVERIFIED, CHANGES, BUG), (2, 3, 6, 7, 9, 10, 70));
    }
}
