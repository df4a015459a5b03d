//! A second person's signature over a head: a small text with its signature, which stands beside the log or anywhere
//! else. It is both a word of that person and an anchor.

use super::anchor::{Anchor, head_line, parse_head_line};
use super::approval::Driver;
use super::id::RunId;
use super::keys::PublicKey;
use super::record::is_time;
use super::signer::{CheckError, Message, SignError, SignatureChecker, Signer};
use super::sshsig::SshSig;
use super::trust::TrustStore;
use super::verdict::{Countersigned, Report, Verdict};
use super::wire::FormatError;
use super::{APPROVAL_NAMESPACE, Head};

const FORMAT: &str = "runbook-countersignature v1";
const ARMOR: &str = "-----BEGIN SSH SIGNATURE-----\n";

/// What a second person signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountersignStatement {
    /// The run.
    pub run: RunId,
    /// How far its log went.
    pub head: Head,
    /// Who signs, in their own words; whose key it is says the trust store.
    pub by: String,
    /// When, by their own clock: the form of a record's `t`.
    pub at: String,
    /// What they want to say, in one line; may be empty.
    pub note: String,
}

/// A statement with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countersignature {
    /// What was signed.
    pub statement: CountersignStatement,
    sig: SshSig,
}

impl CountersignStatement {
    /// The exact text that is signed in the namespace `approval.v1@runbook`.
    pub fn to_text(&self) -> String {
        let CountersignStatement { run, head, by, at, note } = self;
        format!("{FORMAT}\n{}\nby: {by}\nat: {at}\nnote: {note}\n", head_line(*run, head))
    }

    fn parse(text: &str) -> Result<CountersignStatement, FormatError> {
        let wrong = || FormatError::new("not a countersignature of this version");
        let mut lines = text.lines();
        let first = lines.next().filter(|line| *line == FORMAT);
        let (run, head) = first.and_then(|_| parse_head_line(lines.next()?)).ok_or_else(wrong)?;
        let mut field = |name: &str| lines.next().and_then(|line| line.strip_prefix(name)).map(str::to_string);
        let mut next = |name: &str| field(name).ok_or_else(wrong);
        let statement = CountersignStatement { run, head, by: next("by: ")?, at: next("at: ")?, note: next("note: ")? };
        // One spelling only: nothing hides between the lines.
        if statement.to_text() == text && is_time(&statement.at) { Ok(statement) } else { Err(wrong()) }
    }
}

impl Countersignature {
    /// Signs a statement.
    ///
    /// # Errors
    /// When a field does not fit on one line or the key cannot sign.
    pub fn sign(statement: CountersignStatement, signer: &dyn Signer) -> Result<Countersignature, SignError> {
        if [&statement.by, &statement.note].iter().any(|field| field.chars().any(char::is_control)) {
            return Err(SignError("the note is not a single line of plain text".to_string()));
        }
        let sig = signer.sign(&Message::whole(APPROVAL_NAMESPACE, statement.to_text().as_bytes()))?;
        Ok(Countersignature { statement, sig })
    }

    /// The contents of the file: the statement, then its armored signature.
    pub fn to_text(&self) -> String {
        self.statement.to_text() + &self.sig.to_armor()
    }

    /// Whether a file begins like a countersignature.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(FORMAT)
    }

    /// Reads such a file and checks the signature, of a key that is not Ed25519 with `checker`; whose key it is is not
    /// asked.
    ///
    /// # Errors
    /// When the file has another form, the signature does not fit the statement, or nobody can tell whether it does.
    pub fn parse(text: &str, checker: &dyn SignatureChecker) -> Result<Countersignature, CheckError> {
        let bad = |error: FormatError| CheckError::Bad(error.to_string());
        let at = text.find(ARMOR).ok_or_else(|| CheckError::Bad("it has no signature".to_string()))?;
        let (statement, armor) = text.split_at(at);
        let sig = SshSig::parse(armor).map_err(bad)?;
        sig.check_message(APPROVAL_NAMESPACE, statement.as_bytes(), checker)?;
        Ok(Countersignature { statement: CountersignStatement::parse(statement).map_err(bad)?, sig })
    }

    /// The key that signed.
    pub fn key(&self) -> PublicKey {
        self.sig.key.clone()
    }
}

impl Report {
    /// Whether somebody who drove the run would be countersigning it.
    ///
    /// # Errors
    /// The text says who may not.
    pub fn refuse_driver(&self, key: &PublicKey, principal: &str, trust: &TrustStore) -> Result<(), String> {
        // A key that the store gives two names is the operator's if one of them is.
        let is = |driver: &Driver| {
            driver.key == *key || driver.principal == principal || trust.is_also(key, &driver.principal)
        };
        match self.drivers.iter().find(|driver| is(driver)) {
            Some(driver) => Err(format!("the operator ({}) himself", driver.principal.escape_debug())),
            None => Ok(()),
        }
    }

    /// Takes in a countersignature found in the file `name`: a good one by an approver is listed and held against the
    /// log like any other anchor; a forged one convicts; a stranger's does not count.
    pub fn take_countersignature(&mut self, name: &str, text: &str, trust: &TrustStore) {
        let name = name.escape_debug().to_string();
        let found = match Countersignature::parse(text, trust.checker()) {
            Ok(found) => found,
            Err(CheckError::Bad(why)) => {
                return self.find(Verdict::Tampered, format!("countersignature {name}: {why}"));
            }
            Err(CheckError::Unchecked(why)) => {
                return self.note(format!("countersignature {name} does not count, it could not be checked: {why}"));
            }
        };
        let said = &found.statement;
        if let Some(run) = self.run.filter(|run| *run != said.run) {
            let text = format!("countersignature {name} is for run '{}', not for '{run}'", said.run);
            return self.find(Verdict::Tampered, text);
        }
        let trusted = match trust.check(&found.key(), APPROVAL_NAMESPACE, &said.at) {
            Ok(trusted) => trusted,
            Err(why) => return self.note(format!("countersignature {name} does not count: {why}")),
        };
        if let Err(who) = self.refuse_driver(&found.key(), &trusted.principal, trust) {
            return self.find(Verdict::Tampered, format!("countersignature {name} was given by {who}"));
        }
        let who = trusted.principal.escape_debug().to_string();
        let source = format!("the countersignature of {who}");
        self.hold_against(&[Anchor { source, head: said.head }]);
        let remark = if said.note.is_empty() { String::new() } else { format!(": {}", said.note.escape_debug()) };
        self.note(format!("countersigned by {who} at {}{remark}", said.at));
        let (by, at, note) = (trusted.principal, said.at.clone(), said.note.clone());
        self.countersigned.push(Countersigned { by, at, note, head: said.head });
    }
}
