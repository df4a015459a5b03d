//! What a row of a table asks for, from harmless to drastic.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a table asks for. The order is the order of severity: of two that fire under `hit: worst` the later one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Nothing is wrong.
    Ok,
    /// Something is known to be off, and the run goes on.
    Continue,
    /// Nothing can be said. Never a pass: a gate stays closed, a soak goes on, a guard waits for better data.
    Inconclusive,
    /// Stay here: the soak or stage does not end while this lasts.
    Hold,
    /// Stay here for one more soak.
    Extend,
    /// A person looks and answers; a timer and a declared outcome stand behind the question.
    Investigate,
    /// The next level of people is told and asked.
    Escalate,
    /// Stop here, without taking anything back.
    Abort,
    /// Take back what was done.
    Rollback,
}

impl Ruling {
    /// All of them, the least severe first.
    pub const ALL: [Ruling; 9] = [
        Ruling::Ok,
        Ruling::Continue,
        Ruling::Inconclusive,
        Ruling::Hold,
        Ruling::Extend,
        Ruling::Investigate,
        Ruling::Escalate,
        Ruling::Abort,
        Ruling::Rollback,
    ];

    /// The word for it in a runbook.
    pub fn word(self) -> &'static str {
        match self {
            Ruling::Ok => "ok",
            Ruling::Continue => "continue",
            Ruling::Inconclusive => "inconclusive",
            Ruling::Hold => "hold",
            Ruling::Extend => "extend",
            Ruling::Investigate => "investigate",
            Ruling::Escalate => "escalate",
            Ruling::Abort => "abort",
            Ruling::Rollback => "rollback",
        }
    }

    /// The ruling of a word.
    pub fn parse(word: &str) -> Option<Ruling> {
        Ruling::ALL.into_iter().find(|r| r.word() == word)
    }

    /// Whether the run goes on as if nothing were wrong.
    pub fn passes(self) -> bool {
        self <= Ruling::Continue
    }
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_complete_sorted_and_read_back() {
        assert!(Ruling::ALL.is_sorted());
        for ruling in Ruling::ALL {
            assert_eq!(Ruling::parse(ruling.word()), Some(ruling));
            assert_eq!(serde_json::to_value(ruling).unwrap(), ruling.word());
        }
        assert_eq!(Ruling::parse("shrug"), None);
    }

    #[test]
    fn only_ok_and_continue_pass() {
        let passing: Vec<Ruling> = Ruling::ALL.into_iter().filter(|r| r.passes()).collect();
        assert_eq!(passing, [Ruling::Ok, Ruling::Continue]);
    }
}
