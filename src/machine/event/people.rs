//! What people are asked, what they answer, and why an answer does not count.

use super::Then;
use crate::decide::Issue;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A question for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Which step.
    pub path: String,
    /// What kind of question.
    pub question: Question,
    /// Words.
    pub title: String,
    /// Evidence: label and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<(String, String)>,
    /// What must come with the answer: name and whether it is required.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<(String, bool)>,
    /// Wall time (microseconds since 1970) after which it is a no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_wall_us: Option<i64>,
    /// What no answer means to a ruling: roll back, stop, or (`up`) ask the next level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<Then>,
    /// How many people of each role must say GO; the operator is none of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, u32>,
    /// Who holds each role: principals, or `*` for anybody whose approvals are trusted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub people: BTreeMap<String, Vec<String>>,
    /// What the operator must type for a GO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrase: Option<String>,
    /// How long a GO stays good before everything is there, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_for_us: Option<u64>,
    /// A GO must say where else it is written down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reference: bool,
    /// Why nobody may say GO: what is red where this is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red: Vec<String>,
    /// A waiver holds for this manual step: what not doing it is worth then, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<String>,
    /// What a table asks about: a GO covers this and nothing else. Older logs have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<About>,
    /// A table stands beside the step: after the answer it ends when that agrees. In older logs it ends with the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watched: bool,
}

/// One thing that a table asks about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What.
    pub issue: Issue,
    /// Wall time (microseconds since 1970) until which an answer to this is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_wall_us: Option<i64>,
}

impl Asked {
    /// A question with nothing around it.
    pub fn new(path: String, question: Question, title: String) -> Asked {
        Asked {
            path,
            question,
            title,
            evidence: Vec::new(),
            wanted: Vec::new(),
            expires_wall_us: None,
            unanswered: None,
            roles: BTreeMap::new(),
            people: BTreeMap::new(),
            phrase: None,
            good_for_us: None,
            reference: false,
            red: Vec::new(),
            waived: None,
            about: Vec::new(),
            watched: false,
        }
    }

    /// Whether more than one answer may be needed: of several people, or a phrase.
    pub fn gathers(&self) -> bool {
        !self.roles.is_empty() || self.phrase.is_some()
    }
}

/// A signature under an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// Fingerprint of the key, `SHA256:...`.
    pub key: String,
    /// The exact text that was signed.
    pub statement: String,
    /// The armored SSH signature.
    pub sig: String,
    /// What makes the statement one of its kind.
    pub nonce: String,
}

/// Why an answer does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// What was typed is not the phrase.
    WrongPhrase,
    /// It must be given where the run is driven, by typing the phrase.
    PhraseNeeded,
    /// Whoever gave it holds none of the roles that are asked for, or not the one named.
    NotEntitled,
    /// Whoever gave it holds more than one of the roles and did not say which is meant.
    WhichRole,
    /// Whoever gave it drives the run, or drove it.
    Operator,
    /// The same person has said GO already.
    Twice,
    /// It is older than a GO may be.
    Expired,
    /// It does not say where else it is written down.
    NoReference,
    /// It has no signature, or does not say when it was given.
    Unsigned,
    /// These are red, and nobody may say GO over them.
    Red(Vec<String>),
    /// Its signature, or the text under it, is not what it must be.
    Bad(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::WrongPhrase => "that was not the phrase",
            Refusal::PhraseNeeded => "the phrase must be typed where the run is driven",
            Refusal::NotEntitled => "they do not hold the role",
            Refusal::WhichRole => "they hold more than one of the roles and did not say which is meant",
            Refusal::Operator => "whoever drives the run, or drove it, does not count",
            Refusal::Twice => "the same person has said GO already",
            Refusal::Expired => "it is too old",
            Refusal::NoReference => "it does not say where else it is written down",
            Refusal::Unsigned => "it is not signed, or does not say when it was given",
            Refusal::Red(red) => return write!(f, "nobody may say GO over red: {}", red.join("; ")),
            Refusal::Bad(why) => why,
        })
    }
}

/// Kinds of questions and with them the answers that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// GO or NO-GO.
    Checkpoint,
    /// Done or not done, with evidence.
    Manual,
    /// The step was running when the tool died: done, not done (run it again), or failed.
    InDoubt,
    /// A step failed: retry, skip, back out or stop.
    Failure,
    /// A table wants a person to look: go on, back out or stop.
    Ruling,
}

/// A person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Go on.
    Go,
    /// Do not go on.
    NoGo,
    /// It was done.
    Done,
    /// It was not done; run it again.
    Again,
    /// It failed.
    Failed,
    /// Leave it and go on.
    Skip,
    /// Take back what was done.
    BackOut,
    /// Stop and keep what was done.
    Stop,
}
