//! Whose key counts for what: OpenSSH's `allowed_signers` file and a list of revoked keys. The namespaces of a line are
//! the role of its key.

use std::sync::Arc;

use super::keys::PublicKey;
use super::revoked::RevokedKeys;
use super::signer::{Ed25519Only, SignatureChecker};
use super::signers::{Parsed, SignerLine, parse_line};
use super::wire::FormatError;

/// The lines of an `allowed_signers` file, the revoked keys, this machine's own keys, and who checks signatures that are
/// not Ed25519.
#[derive(Debug, Clone, Default)]
pub struct TrustStore {
    lines: Vec<SignerLine>,
    revoked: RevokedKeys,
    own: Vec<PublicKey>,
    checker: Option<Arc<dyn SignatureChecker>>,
    /// What a person should know about the file, for example a key without `namespaces=`.
    pub warnings: Vec<String>,
}

/// What the trust store knows about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The name the store gives the key's owner; for a key only this machine knows, its fingerprint.
    pub principal: String,
    /// The key is this machine's own: whoever verifies here could also have made the log.
    pub self_signed: bool,
    /// The key counts only for some time, and the time that was asked about lies in it.
    pub limited: bool,
}

impl TrustStore {
    /// Reads the text of an `allowed_signers` file. Certificates and their authorities are left out with a warning. Times
    /// without a time zone are taken as UTC.
    ///
    /// # Errors
    /// When a line does not follow the format; the message names its number.
    pub fn parse(text: &str) -> Result<TrustStore, FormatError> {
        let mut store = TrustStore::default();
        for (index, line) in text.lines().enumerate() {
            let (line, number) = (line.trim(), index + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match parse_line(line).map_err(|e| FormatError::new(format!("line {number}: {e}")))? {
                Parsed::Line { line, zoneless } => store.add(line, zoneless, number),
                Parsed::LeftOut(why) => store.warnings.push(format!("line {number} is not used: {why}")),
            }
        }
        Ok(store)
    }

    fn add(&mut self, line: SignerLine, zoneless: bool, number: usize) {
        let who = line.principals.escape_debug().to_string();
        if line.namespaces.is_none() {
            self.warnings.push(format!("the key of {who} has no namespaces=, so it may also approve"));
        }
        if zoneless {
            self.warnings
                .push(format!("line {number} has a time without Z: it is UTC here, local time for ssh-keygen"));
        }
        if let Some(other) =
            self.lines.iter().find(|other| other.key == line.key && other.principals != line.principals)
        {
            let other = other.principals.escape_debug();
            self.warnings.push(format!("line {number} gives {who} the key that {other} has: one key is one person"));
        }
        self.lines.push(line);
    }

    /// The same store, knowing a key as this machine's own.
    pub fn with_own_key(mut self, key: PublicKey) -> TrustStore {
        self.own.push(key);
        self
    }

    /// The same store, with keys that count for nothing any more, whatever else is said of them.
    pub fn with_revoked(mut self, revoked: RevokedKeys) -> TrustStore {
        self.revoked = revoked;
        self
    }

    /// The same store, with somebody who can check signatures that are not Ed25519.
    pub fn with_checker(mut self, checker: Arc<dyn SignatureChecker>) -> TrustStore {
        self.checker = Some(checker);
        self
    }

    pub(crate) fn checker(&self) -> &dyn SignatureChecker {
        self.checker.as_deref().unwrap_or(&Ed25519Only)
    }

    /// The lines, in the order of the file.
    pub fn lines(&self) -> &[SignerLine] {
        &self.lines
    }

    /// The revoked keys.
    pub fn revoked(&self) -> &RevokedKeys {
        &self.revoked
    }

    /// The name the store has for a key, if it has one.
    pub fn principal_of(&self, key: &PublicKey) -> Option<&str> {
        self.lines.iter().find(|line| line.key == *key).map(|line| line.principals.as_str())
    }

    /// Whether `key` may sign in `namespace` at the time `t` (RFC 3339, UTC).
    ///
    /// # Errors
    /// The text says why not.
    pub fn check(&self, key: &PublicKey, namespace: &str, t: &str) -> Result<Trusted, String> {
        let fingerprint = key.fingerprint();
        if self.revoked.contains(key) {
            return Err(format!(
                "key {fingerprint} is revoked: whatever it signed, whenever it was, counts for nothing"
            ));
        }
        if key.is_certificate() {
            return Err("it is signed with a certificate, and certificates are not supported: trust a plain key".into());
        }
        let self_signed = self.own.contains(key);
        let moment: String = t.bytes().take(19).filter(u8::is_ascii_digit).map(char::from).collect();
        let known = || self.lines.iter().filter(|line| line.key == *key);
        let allowed = || known().filter(|line| line.allows(namespace));
        if let Some(line) = allowed().find(|line| line.covers(&moment)) {
            let limited = line.valid_after.is_some() || line.valid_before.is_some();
            return Ok(Trusted { principal: line.principals.clone(), self_signed, limited });
        }
        if known().next().is_none() && self_signed {
            return Ok(Trusted { principal: fingerprint, self_signed, limited: false });
        }
        Err(match (known().next(), allowed().next()) {
            (None, _) => format!("key {fingerprint} is not in the trust store"),
            (_, None) => format!("key {fingerprint} is in the trust store but not for namespace {namespace}"),
            (_, Some(line)) => {
                let when = |word: &str, end: &Option<String>| end.as_ref().map(|end| format!("{word} {end}Z"));
                let ends = [when("after", &line.valid_after), when("before", &line.valid_before)];
                let ends = ends.into_iter().flatten().collect::<Vec<_>>().join(" and ");
                format!("key {fingerprint} is in the trust store but was not valid at {t}, only {ends}")
            }
        })
    }
}

impl TrustStore {
    /// Whether some line of the store gives `key` to `principal`, whatever for.
    pub(crate) fn is_also(&self, key: &PublicKey, principal: &str) -> bool {
        self.lines.iter().any(|line| line.key == *key && line.principals == principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{SecretKey, Signer as _};

    const NOW: &str = "2026-11-21T00:18:07.009248Z";

    fn key() -> PublicKey {
        SecretKey::from_seed(&[1; 32]).public_key()
    }

    fn check(options: &str) -> Result<Trusted, String> {
        let store = TrustStore::parse(&format!("# team\n\nalice@example.com {options} {} laptop\n", key().to_line()));
        store.unwrap().check(&key(), "log.v1@runbook", NOW)
    }

    #[test]
    fn options_decide_what_a_key_may_do_and_when() {
        let good = [
            "",
            r#"namespaces="log.v1@runbook""#,
            r#"namespaces="git,log.*@runbook""#,
            "namespaces=log.v?@runbook",
            r#"valid-after="20261121",valid-before="20261122""#,
            r#"valid-before="202611210018Z",valid-before="20261121001807Z""#,
        ];
        for options in good {
            let alice = Trusted {
                principal: "alice@example.com".into(),
                self_signed: false,
                limited: options.contains("valid-"),
            };
            assert_eq!(check(options), Ok(alice), "{options}");
        }
        let bad = [
            (r#"namespaces="approval.v1@runbook""#, "not for namespace log.v1@runbook"),
            (r#"namespaces="*,!log.*""#, "not for namespace"),
            (r#"valid-after="20261122""#, "was not valid at 2026-11-21T00:18:07.009248Z"),
            (r#"valid-before="20261121001806Z""#, "was not valid at"),
        ];
        for (options, message) in bad {
            assert!(check(options).unwrap_err().contains(message), "{options}");
        }
    }

    #[test]
    fn a_line_that_is_not_understood_is_an_error_with_its_number() {
        let line = key().to_line();
        let cases = [
            ("alice".to_string(), "no public key"),
            (format!("alice namespaces=\"a {line}"), "a quote is not closed"),
            (format!("alice colour=red {line}"), "unknown option 'colour'"),
            (format!("alice valid-after=soon {line}"), "is not a time"),
            ("alice ssh-ed25519 AAAA".to_string(), "cut short"),
            ("alice ssh-dss AAAAB3NzaC1kc3M=".to_string(), "keys of type ssh-dss are not supported"),
        ];
        for (text, message) in cases {
            let error = TrustStore::parse(&format!("# one\n{text}")).unwrap_err().to_string();
            assert!(error.starts_with("line 2: ") && error.contains(message), "{error}");
        }
    }

    #[test]
    fn certificates_and_authorities_are_left_out_with_a_warning() {
        let certificate = crate::log::wire::base64(b"\0\0\0\x20ssh-ed25519-cert-v01@openssh.comrest");
        let text =
            format!("bob ssh-ed25519-cert-v01@openssh.com {certificate}\nca cert-authority {}\n", key().to_line());
        let store = TrustStore::parse(&text).unwrap();
        assert_eq!(store.warnings, [1, 2].map(|n| format!("line {n} is not used: certificates are not supported")));
        assert!(store.check(&key(), "log.v1@runbook", NOW).unwrap_err().contains("is not in the trust store"));
        let bob = PublicKey::parse_line(&format!("ssh-ed25519-cert-v01@openssh.com {certificate}")).unwrap();
        assert!(store.check(&bob, "log.v1@runbook", NOW).unwrap_err().contains("certificates are not supported"));
    }

    #[test]
    fn t53_keys_of_other_kinds_are_trusted_like_any_other() {
        let line = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAAEcG9pbg==";
        let store = TrustStore::parse(&format!("bob namespaces=\"log.v1@runbook\" {line}\n")).unwrap();
        let trusted = store.check(&PublicKey::parse_line(line).unwrap(), "log.v1@runbook", NOW).unwrap();
        assert_eq!((trusted.principal.as_str(), store.warnings.len()), ("bob", 0));
    }

    #[test]
    fn revoked_wins_over_every_line_and_over_the_own_key() {
        let text = format!("alice@example.com {}\n", key().to_line());
        let revoked = RevokedKeys::parse(key().to_line().as_bytes()).unwrap();
        let store = TrustStore::parse(&text).unwrap().with_own_key(key()).with_revoked(revoked);
        for t in [NOW, "2001-01-01T00:00:00.000000Z"] {
            let error = store.check(&key(), "log.v1@runbook", t).unwrap_err();
            assert!(error.ends_with("is revoked: whatever it signed, whenever it was, counts for nothing"), "{error}");
        }
    }

    #[test]
    fn one_key_under_two_names_and_times_without_a_zone_are_worth_a_warning() {
        let line = format!("namespaces=\"a\",valid-before=\"20301231\" {}", key().to_line());
        let store = TrustStore::parse(&format!("ana {line}\nbo {line}\n")).unwrap();
        let said = store.warnings.join("\n");
        assert!(said.contains("line 2 gives bo the key that ana has: one key is one person"), "{said}");
        assert_eq!(said.matches("has a time without Z").count(), 2);
    }

    #[test]
    fn the_own_key_is_accepted_as_self_signed_but_a_team_rule_about_it_wins() {
        let own = TrustStore::default().with_own_key(key());
        assert!(own.check(&key(), "log.v1@runbook", NOW).unwrap().self_signed);
        let text = format!("alice namespaces=\"approval.v1@runbook\" {}", key().to_line());
        let ruled = TrustStore::parse(&text).unwrap().with_own_key(key());
        assert!(ruled.check(&key(), "log.v1@runbook", NOW).is_err());
    }
}
