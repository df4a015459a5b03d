//! What a person says about a lock: nothing may be changed there, it may again, or a run that owns it shall not any more.
//! A small text that names exactly what came before it in the lock's history, signed with that person's own key.

use serde_json::{Value, json};

use super::record::is_time;
use super::signer::{CheckError, Message, SignError, SignatureChecker, Signer};
use super::sshsig::SshSig;
use super::sum::Sha256Sum;
use super::wire::FormatError;
use super::{HOLD_NAMESPACE, PublicKey};

const FORMAT: &str = "runbook-hold v1";

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldAction {
    /// From now on nothing is changed under this lock.
    Hold,
    /// Whatever other people hold may be changed again.
    Lift,
    /// The run that is named does not own the lock any more.
    Release,
}

impl HoldAction {
    /// The word that stands in the statement.
    pub fn word(self) -> &'static str {
        match self {
            HoldAction::Hold => "hold",
            HoldAction::Lift => "lift",
            HoldAction::Release => "release",
        }
    }

    fn of(word: &str) -> Option<HoldAction> {
        [HoldAction::Hold, HoldAction::Lift, HoldAction::Release].into_iter().find(|action| action.word() == word)
    }
}

/// What a person signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldStatement {
    /// What is said.
    pub action: HoldAction,
    /// Name of the lock.
    pub lock: String,
    /// Who says it, in their own words; whose key it is says the trust store.
    pub by: String,
    /// When, by their own clock: the form of a record's `t`.
    pub at: String,
    /// The run whose step holds, or the run that is released.
    pub run: Option<String>,
    /// How long the history was before this.
    pub bytes: u64,
    /// SHA-256 of all of it.
    pub sha256: Sha256Sum,
    /// Why, in one line.
    pub reason: String,
}

/// A statement with its signature: one line of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHold {
    /// What was signed.
    pub statement: HoldStatement,
    sig: SshSig,
}

impl HoldStatement {
    /// The exact text that is signed in the namespace `hold.v1@runbook`.
    pub fn to_text(&self) -> String {
        let HoldStatement { action, lock, by, at, run, bytes, sha256, reason } = self;
        let (action, run) = (action.word(), run.as_deref().unwrap_or("-"));
        format!(
            "{FORMAT}\naction: {action}\nlock: {lock}\nby: {by}\nat: {at}\nrun: {run}\n\
             after: {bytes} bytes sha256:{sha256}\nreason: {reason}\n"
        )
    }

    fn parse(text: &str) -> Result<HoldStatement, FormatError> {
        let wrong = || FormatError::new("not a hold of this version");
        let mut lines = text.lines();
        lines.next().filter(|line| *line == FORMAT).ok_or_else(wrong)?;
        let mut field = |name: &str| lines.next().and_then(|line| line.strip_prefix(name)).ok_or_else(wrong);
        let action = HoldAction::of(field("action: ")?).ok_or_else(wrong)?;
        let (lock, by, at) = (field("lock: ")?.to_string(), field("by: ")?.to_string(), field("at: ")?.to_string());
        let run = Some(field("run: ")?.to_string()).filter(|run| run != "-");
        let (bytes, sum) = field("after: ")?.split_once(" bytes sha256:").ok_or_else(wrong)?;
        let bytes = bytes.parse().map_err(|_| wrong())?;
        let sha256 = Sha256Sum::from_hex(sum).ok_or_else(wrong)?;
        let reason = field("reason: ")?.to_string();
        let statement = HoldStatement { action, lock, by, at, run, bytes, sha256, reason };
        // One spelling only: nothing hides between the lines.
        if statement.to_text() == text && is_time(&statement.at) { Ok(statement) } else { Err(wrong()) }
    }
}

impl SignedHold {
    /// Signs a statement.
    ///
    /// # Errors
    /// When a field does not fit on one line or the key cannot sign.
    pub fn sign(statement: HoldStatement, signer: &dyn Signer) -> Result<SignedHold, SignError> {
        let fields = [&statement.lock, &statement.by, &statement.reason];
        if fields.iter().any(|field| field.chars().any(char::is_control)) || statement.reason.trim().is_empty() {
            return Err(SignError("the reason is not a single line of plain text".to_string()));
        }
        let sig = signer.sign(&Message::whole(HOLD_NAMESPACE, statement.to_text().as_bytes()))?;
        Ok(SignedHold { statement, sig })
    }

    /// The line of the history, with its line feed.
    pub fn to_line(&self) -> String {
        format!("{}\n", json!({ "statement": self.statement.to_text(), "sig": self.sig.to_armor() }))
    }

    /// Reads a line, whatever its signature is worth.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(line: &str) -> Result<SignedHold, FormatError> {
        let wrong = || FormatError::new("it is not a signed line of a history");
        let value: Value = serde_json::from_str(line).map_err(|_| wrong())?;
        let text = |name: &str| value[name].as_str().ok_or_else(wrong);
        Ok(SignedHold { statement: HoldStatement::parse(text("statement")?)?, sig: SshSig::parse(text("sig")?)? })
    }

    /// Checks the signature, of a key that is not Ed25519 with `checker`; whose key it is is not asked.
    ///
    /// # Errors
    /// When it does not fit the statement, or nobody can tell whether it does.
    pub fn check(&self, checker: &dyn SignatureChecker) -> Result<(), CheckError> {
        self.sig.check_message(HOLD_NAMESPACE, self.statement.to_text().as_bytes(), checker)
    }

    /// The key that signed.
    pub fn key(&self) -> PublicKey {
        self.sig.key.clone()
    }
}
