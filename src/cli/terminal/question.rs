//! A question to a person as a conversation of lines: what is shown, what each line means. Pure.
//!
//! Nothing is ever agreed to by accident: an empty line asks again, and so does anything that is not one of the answers.

use super::awaited::Awaited;
use super::notice::{last_lines, unanswered_words};
use crate::machine::event::{About, Answer, Asked, Question};
use crate::report::look::{Ink, Mark, columns};
use crate::report::{Look, Row, clock_words, visible_line};
use serde_json::{Map, Value};

/// A question and how far its answer has come.
#[derive(Debug, Clone)]
pub(super) struct Conversation {
    asked: Asked,
    operator: String,
    look: Look,
    /// `12/18`, if the step has a number.
    number: String,
    /// The last output of a failed step, and its note.
    output: Vec<String>,
    /// What the run keeps from others while it asks.
    holding: Option<String>,
    evidence: Map<String, Value>,
    /// Pieces of evidence asked for so far.
    given: usize,
    /// Of a checkpoint: whose word is missing, and what is red.
    awaited: Awaited,
    /// GO was said, and this must come with it before it is one.
    owed: Option<Owed>,
    reason: Option<String>,
    reference: Option<String>,
}

/// What comes with a GO, a line each.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Owed {
    Reference,
    Phrase,
}

/// What follows from a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// Say this and ask again.
    Say(String),
    /// The answer.
    Answer { answer: Answer, reason: Option<String>, evidence: Map<String, Value> },
    /// A GO and what came with it.
    Go { reason: Option<String>, reference: Option<String>, phrase: Option<String> },
    /// Whoever sits here leaves the question open.
    Wait,
    /// Nobody answers here any more.
    Gone,
}

/// A key, the word for it, what it means, and whether words must follow. Without an answer it leaves the question open.
struct Choice {
    key: &'static str,
    word: &'static str,
    label: &'static str,
    answer: Option<Answer>,
    needs_reason: bool,
}

const fn choice(key: &'static str, word: &'static str, label: &'static str, answer: Answer) -> Choice {
    Choice { key, word, label, answer: Some(answer), needs_reason: false }
}

const GO: Choice = choice("g", "go", "GO", Answer::Go);
const NO_GO: Choice = choice("n", "no-go", "NO-GO", Answer::NoGo);
const WAIT: Choice = Choice { key: "w", word: "wait", label: "WAIT, leave it open", answer: None, needs_reason: false };
const CHECKPOINT: &[Choice] = &[GO, NO_GO];
/// Where others may be waited for.
const GATHERED: &[Choice] = &[GO, NO_GO, WAIT];
/// Where no GO from here counts.
const CLOSED: &[Choice] = &[NO_GO, WAIT];
const MANUAL: &[Choice] =
    &[choice("d", "done", "done", Answer::Done), choice("n", "not-done", "not done (NO-GO)", Answer::NoGo)];
const IN_DOUBT: &[Choice] = &[
    choice("d", "done", "it happened, go on", Answer::Done),
    choice("a", "again", "it did not happen, run it again", Answer::Again),
    choice("f", "failed", "it failed", Answer::Failed),
];
const FAILURE: &[Choice] = &[
    choice("r", "retry", "retry", Answer::Again),
    Choice { key: "s", word: "skip", label: "skip, with a reason", answer: Some(Answer::Skip), needs_reason: true },
    choice("b", "back-out", "back out", Answer::BackOut),
    choice("q", "stop", "stop, keep what was done", Answer::Stop),
];

const RULING: &[Choice] = &[
    Choice { key: "g", word: "go", label: "go on, with a reason", answer: Some(Answer::Go), needs_reason: true },
    choice("b", "back-out", "back out", Answer::BackOut),
    choice("q", "stop", "stop, keep what was done", Answer::Stop),
];

impl Conversation {
    pub(super) fn new(asked: &Asked, number: String, operator: &str, look: Look) -> Conversation {
        let (asked, operator) = (asked.clone(), operator.to_string());
        Conversation {
            asked,
            operator,
            look,
            number,
            output: Vec::new(),
            holding: None,
            evidence: Map::new(),
            given: 0,
            awaited: Awaited::default(),
            owed: None,
            reason: None,
            reference: None,
        }
    }

    /// Shows whose word is missing and what is red.
    pub(super) fn with_awaited(mut self, awaited: Awaited) -> Conversation {
        self.awaited = awaited;
        self
    }

    /// What it waits for has changed, or not; the words to say if it has.
    pub(super) fn renew(&mut self, awaited: &dyn Fn(&Asked) -> Awaited) -> Option<String> {
        let awaited = awaited(&self.asked);
        if awaited == self.awaited {
            return None;
        }
        let closed = !awaited.red.is_empty();
        self.owed = self.owed.filter(|_| !closed);
        self.awaited = awaited;
        let lines = self.awaited.lines(&self.asked, &self.look);
        let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
        Some(format!("\n{lines}{}", self.keys()))
    }

    /// Shows the last output of the step, and its note, above the answers.
    pub(super) fn with_output(mut self, row: &Row) -> Conversation {
        self.output = last_lines(&row.tail);
        if let Some(note) = &row.note {
            self.output.push(format!("note ({}): {}", visible_line(&row.at), visible_line(note)));
        }
        self
    }

    /// Says what the run keeps from others while it asks.
    pub(super) fn holding(self, words: Option<String>) -> Conversation {
        Conversation { holding: words, ..self }
    }

    pub(super) fn path(&self) -> &str {
        &self.asked.path
    }

    /// What a table asks about.
    pub(super) fn about(&self) -> &[About] {
        &self.asked.about
    }

    fn choices(&self) -> &'static [Choice] {
        match self.asked.question {
            Question::Checkpoint if !self.takes_go() => CLOSED,
            Question::Checkpoint if self.asked.gathers() => GATHERED,
            Question::Checkpoint => CHECKPOINT,
            Question::Manual => MANUAL,
            Question::InDoubt => IN_DOUBT,
            Question::Failure => FAILURE,
            Question::Ruling => RULING,
        }
    }

    /// Whether a GO from here can count: nothing is red, and it is not for others alone to say it.
    fn takes_go(&self) -> bool {
        let phrase_open = self.asked.phrase.is_some() && !self.awaited.phrase_typed;
        self.awaited.red.is_empty() && (phrase_open || !self.asked.gathers())
    }

    /// The question with its evidence and answers, without the prompt.
    pub(super) fn screen(&self) -> String {
        let look = &self.look;
        let kind = match self.asked.question {
            Question::Checkpoint => "go or no-go",
            Question::Manual => "to be done by a person",
            Question::InDoubt => "in doubt",
            Question::Failure => "failed",
            Question::Ruling => "look at this",
        };
        let path = visible_line(&self.asked.path);
        let number = if self.number.is_empty() { String::new() } else { format!("{} ", self.number) };
        let mut out = format!("\n {} {number}{path}  ({kind})\n", look.marked(Mark::Asking));
        out.push_str(&format!("    {}\n", look.paint(Ink::Strong, &visible_line(&self.asked.title))));
        if !self.asked.evidence.is_empty() {
            out.push('\n');
        }
        for (label, value) in &self.asked.evidence {
            out.push_str(&format!("    {:<24} {}\n", visible_line(label), visible_line(value)));
        }
        for line in self.awaited.lines(&self.asked, look) {
            out.push_str(&format!("    {line}\n"));
        }
        for line in &self.output {
            out.push_str(&format!("      {line}\n"));
        }
        out.push('\n');
        if self.asked.question == Question::InDoubt {
            out.push_str("    Nobody saw how this step ended. Look at what it changes before you answer.\n");
        }
        if let Some(waiver) = &self.asked.waived {
            out.push_str(&format!("    {}: not done is a warning\n", visible_line(waiver)));
        }
        if let Some(at) = self.asked.expires_wall_us {
            let at = clock_words(at);
            let at = format!("{} UTC", at.trim_end_matches('Z'));
            out.push_str(&format!("    {}\n", unanswered_words(&self.asked, &at)));
        }
        if let Some(words) = &self.holding {
            out.push_str(&format!("    holding: {words}\n"));
        }
        out.push_str(&self.keys());
        out
    }

    fn keys(&self) -> String {
        let keys: Vec<String> = self.choices().iter().map(|c| format!("[{}] {}", c.key, c.label)).collect();
        let hint = "(words may follow the letter)";
        let line = format!("    {}   {hint}\n", keys.join("   "));
        match columns(line.trim_end()) <= self.look.width {
            true => line,
            false => format!("    {}\n    {hint}\n", keys.join("\n    ")),
        }
    }

    /// What stands before the cursor.
    pub(super) fn prompt(&self) -> String {
        let who = visible_line(&self.operator);
        match self.owed {
            Some(Owed::Reference) => return format!(" {who}, where else is it written down (ticket, link): "),
            Some(Owed::Phrase) => return format!(" {who}, type the phrase exactly (an empty line goes back): "),
            None => {}
        }
        match self.wanted() {
            Some((name, required)) => {
                let how = if required { "required" } else { "optional" };
                format!(" {who}, {} ({how}): ", visible_line(name))
            }
            None => {
                let keys: Vec<&str> = self.choices().iter().map(|c| c.key).collect();
                format!(" {who}, {}: ", keys.join("/"))
            }
        }
    }

    /// The evidence asked for now.
    fn wanted(&self) -> Option<(&str, bool)> {
        self.asked.wanted.get(self.given).map(|(name, required)| (name.as_str(), *required))
    }

    /// A line was typed.
    pub(super) fn hear(&mut self, line: &str) -> Reply {
        if let Some(owed) = self.owed {
            return self.hear_owed(owed, line);
        }
        let line = line.trim();
        match self.wanted().map(|(name, required)| (name.to_string(), required)) {
            Some((name, required)) => self.hear_evidence(&name, required, line),
            None => self.hear_decision(line),
        }
    }

    fn hear_evidence(&mut self, name: &str, required: bool, line: &str) -> Reply {
        // Saying no must not need evidence.
        if line == "n" {
            return self.hear_decision(line);
        }
        if line.is_empty() && required {
            let name = visible_line(name);
            return Reply::Say(format!("    `{name}` is required; n says that it was not done\n"));
        }
        if !line.is_empty() {
            self.evidence.insert(name.to_string(), Value::from(line));
        }
        self.given += 1;
        Reply::Say(String::new())
    }

    fn hear_decision(&mut self, line: &str) -> Reply {
        if line.is_empty() {
            return Reply::Say(self.keys());
        }
        let lower = line.to_lowercase();
        let (first, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(a, b)| (a, b.trim()));
        // A whole word stands alone, so that "go no further" is not a GO; only a letter may be followed by words.
        let chosen = self.choices().iter().find(|c| first.eq_ignore_ascii_case(c.key) || lower == c.word);
        let Some(chosen) = chosen else {
            return Reply::Say(format!("    `{}` is not one of the answers\n{}", visible_line(line), self.keys()));
        };
        if chosen.needs_reason && rest.is_empty() {
            return Reply::Say(format!("    give the reason after the letter: {} REASON\n", chosen.key));
        }
        let reason = (!rest.is_empty()).then(|| rest.to_string());
        match chosen.answer {
            Some(Answer::Go) if self.asked.question == Question::Checkpoint => {
                self.reason = reason;
                self.go_on()
            }
            Some(answer) => Reply::Answer { answer, reason, evidence: self.evidence.clone() },
            None if self.awaited.must_stay => {
                Reply::Say("    a table looks beside this question, so somebody has to stay; it stays open\n".into())
            }
            None => Reply::Wait,
        }
    }

    /// What a GO still owes, or the GO.
    fn go_on(&mut self) -> Reply {
        let named_here = self.asked.reference && self.asked.roles.is_empty();
        self.owed = match self.reference {
            None if named_here => Some(Owed::Reference),
            _ => self.asked.phrase.as_ref().map(|_| Owed::Phrase),
        };
        match self.owed {
            Some(_) => Reply::Say(String::new()),
            None => Reply::Go { reason: self.reason.take(), reference: self.reference.take(), phrase: None },
        }
    }

    fn hear_owed(&mut self, owed: Owed, line: &str) -> Reply {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim().is_empty() {
            (self.owed, self.reference) = (None, None);
            return Reply::Say(self.keys());
        }
        match owed {
            Owed::Reference => {
                self.reference = Some(line.trim().to_string());
                self.go_on()
            }
            Owed::Phrase => {
                self.owed = None;
                let (reason, reference) = (self.reason.take(), self.reference.take());
                Reply::Go { reason, reference, phrase: Some(line.to_string()) }
            }
        }
    }

    /// Ctrl-D on a terminal that is still there: a no where a no is an answer, otherwise nobody is there.
    pub(super) fn end_of_input(&self) -> Reply {
        match self.asked.question {
            Question::Checkpoint | Question::Manual => {
                Reply::Answer { answer: Answer::NoGo, reason: Some("end of input".into()), evidence: Map::new() }
            }
            Question::InDoubt | Question::Failure | Question::Ruling => Reply::Gone,
        }
    }
}
