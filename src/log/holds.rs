//! The history of a lock: who held it, who lifted that, and what stands now. Whatever cannot be read or verified holds.

use super::hold::{HoldAction, SignedHold};
use super::keys::PublicKey;
use super::signer::CheckError;
use super::sum::Sha256Sum;
use super::trust::TrustStore;
use super::{APPROVAL_NAMESPACE, HOLD_NAMESPACE, NAMESPACE};

/// A line of the history, as far as it can be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldEntry {
    /// What is said; none where the line cannot be read.
    pub action: Option<HoldAction>,
    /// Who says it: the name the trust store has for the key, or else what the statement claims.
    pub by: String,
    /// When, by that person's clock.
    pub at: String,
    /// Why.
    pub reason: String,
    /// The run whose step holds, or the run that is released.
    pub run: Option<String>,
    /// Fingerprint of the key.
    pub fingerprint: Option<String>,
    /// Why it cannot be believed: a hold stands all the same, a lift lifts nothing.
    pub doubt: Option<String>,
    /// For a hold: who lifted it, as an index into the entries.
    pub lifted_by: Option<usize>,
    key: Option<PublicKey>,
}

/// All that was said about a lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldHistory {
    /// Everything, oldest first.
    pub entries: Vec<HoldEntry>,
}

impl HoldHistory {
    /// Reads the history of `lock`. Nothing in it is an error: what cannot be believed is an entry that says so.
    pub fn read(lock: &str, bytes: &[u8], trust: &TrustStore) -> HoldHistory {
        let mut history = HoldHistory::default();
        let mut before = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let entry = entry(lock, &bytes[..before], line, trust);
            before += line.len();
            history.take(entry, trust);
        }
        history
    }

    fn take(&mut self, entry: HoldEntry, trust: &TrustStore) {
        let number = self.entries.len();
        if entry.action == Some(HoldAction::Lift) && entry.doubt.is_none() {
            let theirs: Vec<usize> = self.liftable(&entry.by, entry.key.as_ref(), trust);
            theirs.into_iter().for_each(|hold| self.entries[hold].lifted_by = Some(number));
        }
        self.entries.push(entry);
    }

    /// The holds that stand.
    pub fn standing(&self) -> impl Iterator<Item = &HoldEntry> {
        self.entries.iter().filter(|entry| entry.holds())
    }

    /// The hold that keeps a run from changing anything; one that its own step placed does not.
    pub fn against(&self, run: &str) -> Option<&HoldEntry> {
        self.standing().find(|hold| hold.run.as_deref() != Some(run) || hold.doubt.is_some())
    }

    /// Whether somebody else than this person holds, so that this person may lift that.
    pub fn may_lift(&self, principal: &str, key: &PublicKey, trust: &TrustStore) -> bool {
        !self.liftable(principal, Some(key), trust).is_empty()
    }

    /// The standing holds of other people.
    fn liftable(&self, principal: &str, key: Option<&PublicKey>, trust: &TrustStore) -> Vec<usize> {
        let same = |hold: &HoldEntry| {
            // A key that the store gives two names is the holder's if one of them is.
            let also = key.is_some_and(|key| trust.is_also(key, &hold.by));
            also || hold.by == principal || (hold.key.is_some() && hold.key.as_ref() == key)
        };
        let all = self.entries.iter().enumerate();
        all.filter(|(_, hold)| hold.holds() && !same(hold)).map(|(at, _)| at).collect()
    }
}

impl HoldEntry {
    /// Whether it keeps anybody from changing anything.
    pub fn holds(&self) -> bool {
        matches!(self.action, None | Some(HoldAction::Hold)) && self.lifted_by.is_none()
    }
}

fn entry(lock: &str, before: &[u8], line: &[u8], trust: &TrustStore) -> HoldEntry {
    let whole = line.ends_with(b"\n");
    let read = std::str::from_utf8(line).ok().filter(|_| whole).map(SignedHold::parse);
    let Some(Ok(signed)) = read else {
        let why = if whole { "the line cannot be read" } else { "the line is cut short" };
        return HoldEntry {
            action: None,
            by: "nobody knows who".into(),
            at: String::new(),
            reason: String::new(),
            run: None,
            fingerprint: None,
            doubt: Some(why.into()),
            lifted_by: None,
            key: None,
        };
    };
    let (key, said) = (signed.key(), signed.statement.clone());
    let believed = believe(&signed, lock, before, trust);
    let (by, doubt) = match believed {
        Ok(principal) => (principal, None),
        Err(why) => (said.by, Some(why)),
    };
    HoldEntry {
        action: Some(said.action),
        by,
        at: said.at,
        reason: said.reason,
        run: said.run,
        fingerprint: Some(key.fingerprint()),
        doubt,
        lifted_by: None,
        key: Some(key),
    }
}

/// Whose word it is, when it is good for what it says.
fn believe(signed: &SignedHold, lock: &str, before: &[u8], trust: &TrustStore) -> Result<String, String> {
    let said = &signed.statement;
    signed.check(trust.checker()).map_err(|error| match error {
        CheckError::Bad(why) => why,
        CheckError::Unchecked(why) => format!("its signature could not be checked: {why}"),
    })?;
    if said.lock != lock {
        return Err(format!("it was signed for the lock `{}`", said.lock.escape_debug()));
    }
    if said.bytes != before.len() as u64 || said.sha256 != Sha256Sum::of(before) {
        return Err("what stands before it is not what stood there when it was signed".into());
    }
    may_say(said.action, &signed.key(), &said.at, trust)
}

/// The name of whoever has this key, when the key may say this: anybody who runs or approves may hold, only who approves
/// may lift or release.
///
/// # Errors
/// Why not.
pub fn may_say(action: HoldAction, key: &PublicKey, at: &str, trust: &TrustStore) -> Result<String, String> {
    let roles: &[&str] = match action {
        HoldAction::Hold => &[HOLD_NAMESPACE, APPROVAL_NAMESPACE, NAMESPACE],
        HoldAction::Release => &[HOLD_NAMESPACE, APPROVAL_NAMESPACE, NAMESPACE],
        HoldAction::Lift => &[HOLD_NAMESPACE, APPROVAL_NAMESPACE],
    };
    let mut refused = String::new();
    for role in roles {
        match trust.check(key, role, at) {
            Ok(trusted) => return Ok(trusted.principal),
            Err(why) => refused = why,
        }
    }
    Err(refused)
}
