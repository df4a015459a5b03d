//! What a person signs to approve: one question of one run, or a plan before anybody runs it. Two texts with first lines
//! of their own, so that one can never be taken for the other; each has exactly one spelling.

use std::fmt;

use super::id::RunId;
use super::keys::PublicKey;
use super::record::is_time;
use super::signer::{Message, SignError, Signer};
use super::sshsig::SshSig;
use super::sum::Sha256Sum;
use super::wire::FormatError;
use super::{APPROVAL_NAMESPACE, Head};

const ANSWER: &str = "runbook-approval v2";
const PLAN: &str = "runbook-plan-approval v1";
const ARMOR: &str = "-----BEGIN SSH SIGNATURE-----\n";

/// A file with an approval is never longer, in bytes.
pub const MAX_APPROVAL: usize = 32 << 10;
/// One value of a statement is never longer, in bytes.
const MAX_VALUE: usize = 1000;

/// What a person says and signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What it is about.
    pub of: Subject,
    /// The plan: an approval of another one counts for nothing.
    pub plan_sha256: Sha256Sum,
    /// The role in which the person speaks.
    pub role: Option<String>,
    /// A ticket or the like, outside of this program.
    pub reference: Option<String>,
    /// Words.
    pub reason: Option<String>,
    /// When, by the person's own clock: the form of a record's `t`.
    pub time: String,
    /// Makes every approval another one.
    pub nonce: Nonce,
}

/// What an approval is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A question that a run has asked.
    Question {
        /// The run.
        run: RunId,
        /// Path of the checkpoint.
        checkpoint: String,
        /// The answer.
        decision: Decision,
        /// What the seal over the question covers.
        head: Head,
    },
    /// GO at some checkpoints of every run of a plan, until it expires.
    Plan {
        /// Name of the runbook, for people; the digest decides.
        runbook: String,
        /// Name of the target, for people; the digest decides.
        target: Option<String>,
        /// Paths of the checkpoints.
        checkpoints: Vec<String>,
        /// Until when it counts: the form of a record's `t`.
        expires: String,
    },
}

/// GO or NO-GO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Go,
    /// Do not go on.
    NoGo,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Decision::Go => "go",
            Decision::NoGo => "no-go",
        })
    }
}

impl Decision {
    /// The decision a word stands for.
    pub fn from_word(word: &str) -> Option<Decision> {
        [Decision::Go, Decision::NoGo].into_iter().find(|decision| decision.to_string() == word)
    }
}

/// 128 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub [u8; 16]);

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Nonce {
    fn from_hex(text: &str) -> Option<Nonce> {
        let nonce = Nonce(u128::from_str_radix(text, 16).ok()?.to_be_bytes());
        (nonce.to_string() == text).then_some(nonce)
    }
}

impl Approval {
    /// The exact text that is signed in the namespace `approval.v1@runbook`.
    pub fn to_text(&self) -> String {
        let Approval { of, plan_sha256, role, reference, reason, time, nonce } = self;
        let mut text = match of {
            Subject::Question { run, checkpoint, decision, head: Head { segment, bytes, sha256 } } => format!(
                "{ANSWER}\nrun: {run}\ncheckpoint: {checkpoint}\ndecision: {decision}\nplan: sha256:{plan_sha256}\n\
                 log: segment {segment}, {bytes} bytes sha256:{sha256}\n"
            ),
            Subject::Plan { runbook, target, checkpoints, expires } => {
                let target = target.as_deref().unwrap_or_default();
                let checkpoints: String = checkpoints.iter().map(|path| format!("checkpoint: {path}\n")).collect();
                format!(
                    "{PLAN}\nplan: sha256:{plan_sha256}\nrunbook: {runbook}\ntarget: {target}\n{checkpoints}\
                     expires: {expires}\n"
                )
            }
        };
        for (name, value) in [("role", role), ("reference", reference), ("reason", reason)] {
            text.push_str(&format!("{name}: {}\n", value.as_deref().unwrap_or_default()));
        }
        text + &format!("time: {time}\nnonce: {nonce}\n")
    }

    /// Reads such a text.
    ///
    /// # Errors
    /// When it is not exactly what `to_text` writes.
    pub fn parse(text: &str) -> Result<Approval, FormatError> {
        let wrong = || FormatError::new("not an approval of this version");
        let mut lines = Lines(text.split('\n'));
        let approval = match lines.0.next() {
            Some(ANSWER) => lines.answer(),
            Some(PLAN) => lines.plan(),
            _ => None,
        };
        let approval = approval.ok_or_else(wrong)?;
        // One spelling only: nothing hides between the lines.
        if approval.to_text() == text && approval.check().is_ok() { Ok(approval) } else { Err(wrong()) }
    }

    /// Signs it.
    ///
    /// # Errors
    /// When a value does not fit on one line, or the key cannot sign.
    pub fn sign(self, signer: &dyn Signer) -> Result<SignedApproval, SignError> {
        self.check().map_err(SignError)?;
        let sig = signer.sign(&Message::whole(APPROVAL_NAMESPACE, self.to_text().as_bytes()))?;
        Ok(SignedApproval { approval: self, sig })
    }

    /// Every value stands on one line and reads as what it is.
    fn check(&self) -> Result<(), String> {
        let mut values: Vec<(&str, &str)> = Vec::new();
        for (name, value) in [("role", &self.role), ("reference", &self.reference), ("reason", &self.reason)] {
            values.extend(value.as_deref().map(|value| (name, value)));
        }
        let mut times = vec![self.time.as_str()];
        match &self.of {
            Subject::Question { checkpoint, .. } => values.push(("checkpoint", checkpoint)),
            Subject::Plan { runbook, target, checkpoints, expires } => {
                values.push(("runbook", runbook));
                values.extend(target.as_deref().map(|target| ("target", target)));
                values.extend(checkpoints.iter().map(|path| ("checkpoint", path.as_str())));
                times.push(expires);
                if checkpoints.is_empty() {
                    return Err("it names no checkpoint".to_string());
                }
            }
        }
        match values.into_iter().find(|(_, value)| !is_line(value)) {
            Some((name, _)) => Err(format!("the {name} is not a single line of plain text of up to {MAX_VALUE} bytes")),
            None if times.into_iter().all(is_time) => Ok(()),
            None => Err("it has no valid time".to_string()),
        }
    }
}

/// Whether a value stands on one line, whoever prints it, and nothing in it turns the direction of writing.
fn is_line(value: &str) -> bool {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !value.is_empty() && value.len() <= MAX_VALUE && !value.chars().any(|c| c.is_control() || turns(c))
}

/// The lines of a statement after the first.
struct Lines<'a>(std::str::Split<'a, char>);

impl Lines<'_> {
    fn value(&mut self, name: &str) -> Option<&str> {
        self.0.next()?.strip_prefix(name)?.strip_prefix(": ")
    }

    fn optional(&mut self, name: &str) -> Option<Option<String>> {
        self.value(name).map(|value| (!value.is_empty()).then(|| value.to_string()))
    }

    fn sum(&mut self, name: &str) -> Option<Sha256Sum> {
        Sha256Sum::from_hex(self.value(name)?.strip_prefix("sha256:")?)
    }

    fn answer(&mut self) -> Option<Approval> {
        let run = self.value("run")?.parse().ok()?;
        let checkpoint = self.value("checkpoint")?.to_string();
        let decision = Decision::from_word(self.value("decision")?)?;
        let plan_sha256 = self.sum("plan")?;
        let (segment, rest) = self.value("log")?.strip_prefix("segment ")?.split_once(", ")?;
        let (bytes, sum) = rest.split_once(" bytes sha256:")?;
        let sha256 = Sha256Sum::from_hex(sum)?;
        let head = Head { segment: segment.parse().ok()?, bytes: bytes.parse().ok()?, sha256 };
        self.rest(Subject::Question { run, checkpoint, decision, head }, plan_sha256)
    }

    fn plan(&mut self) -> Option<Approval> {
        let plan_sha256 = self.sum("plan")?;
        let (runbook, target) = (self.value("runbook")?.to_string(), self.optional("target")?);
        let mut checkpoints = Vec::new();
        let expires = loop {
            let line = self.0.next()?;
            match line.strip_prefix("checkpoint: ") {
                Some(path) => checkpoints.push(path.to_string()),
                None => break line.strip_prefix("expires: ")?.to_string(),
            }
        };
        self.rest(Subject::Plan { runbook, target, checkpoints, expires }, plan_sha256)
    }

    fn rest(&mut self, of: Subject, plan_sha256: Sha256Sum) -> Option<Approval> {
        let (role, reference) = (self.optional("role")?, self.optional("reference")?);
        let (reason, time) = (self.optional("reason")?, self.value("time")?.to_string());
        let nonce = Nonce::from_hex(self.value("nonce")?)?;
        Some(Approval { of, plan_sha256, role, reference, reason, time, nonce })
    }
}

/// An approval with its signature, of which nobody has asked yet whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedApproval {
    /// What was signed.
    pub approval: Approval,
    /// The signature.
    pub sig: SshSig,
}

impl SignedApproval {
    /// The contents of a file: the statement, then its armored signature.
    pub fn to_text(&self) -> String {
        self.approval.to_text() + &self.sig.to_armor()
    }

    /// Reads such a file. Whether the signature is good is not asked.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<SignedApproval, FormatError> {
        if text.len() > MAX_APPROVAL {
            return Err(FormatError::new("too long for an approval"));
        }
        let at = text.find(ARMOR).ok_or_else(|| FormatError::new("it has no signature"))?;
        let (statement, armor) = text.split_at(at);
        SignedApproval::of(statement, armor)
    }

    /// Puts a statement and its signature together.
    ///
    /// # Errors
    /// When one of them has another form.
    pub fn of(statement: &str, armor: &str) -> Result<SignedApproval, FormatError> {
        Ok(SignedApproval { sig: SshSig::parse(armor)?, approval: Approval::parse(statement)? })
    }

    /// The key that claims to have signed.
    pub fn key(&self) -> &PublicKey {
        &self.sig.key
    }
}

#[cfg(test)]
mod tests {
    use super::super::SecretKey;
    use super::*;

    const T: &str = "2026-11-21T00:18:07.009248Z";

    fn answer() -> Approval {
        let head = Head { segment: 2, bytes: 77, sha256: Sha256Sum::of(b"log") };
        let run = RunId::from_parts(1_795_219_087_009, [1; 10]);
        let of = Subject::Question { run, checkpoint: "a.b[x: y].go".into(), decision: Decision::NoGo, head };
        let (role, reference) = (Some("dba".to_string()), Some("CHG-1: é".to_string()));
        Approval {
            of,
            plan_sha256: Sha256Sum::of(b"plan"),
            role,
            reference,
            reason: None,
            time: T.into(),
            nonce: Nonce([7; 16]),
        }
    }

    fn of_plan() -> Approval {
        let checkpoints = vec!["a.go".to_string(), "b.go".to_string()];
        let of = Subject::Plan { runbook: "deploy".into(), target: None, checkpoints, expires: T.into() };
        Approval { of, ..answer() }
    }

    #[test]
    fn both_kinds_are_read_as_they_were_written() {
        for approval in [answer(), of_plan()] {
            assert_eq!(Approval::parse(&approval.to_text()).unwrap(), approval);
            let signed = approval.sign(&SecretKey::from_seed(&[1; 32])).unwrap();
            assert_eq!(SignedApproval::parse(&signed.to_text()).unwrap(), signed);
        }
    }

    #[test]
    fn no_value_can_begin_a_line_of_its_own_or_turn_the_writing() {
        for bad in ["x\nrole: dba", "x\r", "\u{2028}", "\u{202e}og", "\u{200b}", "", "\u{1b}[2J", &"x".repeat(1001)] {
            let mut approval = answer();
            approval.reason = Some(bad.to_string());
            assert!(approval.clone().sign(&SecretKey::from_seed(&[1; 32])).is_err(), "{bad:?}");
            assert!(Approval::parse(&approval.to_text()).is_err() || bad.is_empty(), "{bad:?}");
        }
    }

    #[test]
    fn another_spelling_of_a_statement_is_none() {
        for approval in [answer(), of_plan()] {
            let text = approval.to_text();
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            for at in 0..lines.len() {
                let without = [&lines[..at], &lines[at + 1..]].concat().concat();
                // Naming fewer checkpoints is another approval, not another spelling.
                let fewer = Approval::parse(&without).is_ok_and(|read| read != approval);
                assert!(Approval::parse(&without).is_err() || fewer, "{without}");
                let twice = [&lines[..at], &lines[at..=at], &lines[at..]].concat().concat();
                let more = lines[at].starts_with("checkpoint") && Approval::parse(&twice).is_ok();
                assert!(Approval::parse(&twice).is_err() || more, "{twice}");
                let spaced = text.replacen(": ", ":  ", at + 1);
                assert!(Approval::parse(&spaced).is_err(), "{spaced}");
            }
            for (from, to) in
                [("segment 2", "segment +2"), ("07070707", "0707070A"), ("\n", "\r\n"), ("bytes", "Bytes")]
            {
                let other = text.replacen(from, to, 1);
                assert!(other == text || Approval::parse(&other).is_err(), "{other}");
            }
            assert!(Approval::parse(&format!("{text}\n")).is_err());
        }
    }

    #[test]
    fn a_plan_approval_without_a_checkpoint_approves_nothing() {
        let mut approval = of_plan();
        if let Subject::Plan { checkpoints, .. } = &mut approval.of {
            checkpoints.clear();
        }
        assert!(Approval::parse(&approval.to_text()).is_err());
    }
}
