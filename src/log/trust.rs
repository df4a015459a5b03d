//! Whose key counts for what: OpenSSH's `allowed_signers` file. The namespaces of a line are the role of its key.

use super::keys::{KEY_TYPE, PublicKey};
use super::wire::FormatError;

/// The parsed lines of an `allowed_signers` file, and this machine's own key.
#[derive(Debug, Clone, Default)]
pub struct TrustStore {
    entries: Vec<Entry>,
    own: Option<PublicKey>,
    /// What a person should know about the file, for example a key without `namespaces=`.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone)]
struct Entry {
    principals: String,
    namespaces: Option<String>,
    /// `YYYYMMDDhhmmss`, UTC.
    valid_after: Option<String>,
    valid_before: Option<String>,
    key: PublicKey,
}

/// What the trust store knows about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The name the store gives the key's owner; for a key only this machine knows, its fingerprint.
    pub principal: String,
    /// The key is this machine's own: whoever verifies here could also have made the log.
    pub self_signed: bool,
}

impl TrustStore {
    /// Reads the text of an `allowed_signers` file. Keys of other types and certificate authorities are left out with
    /// a warning. Times without a time zone are taken as UTC.
    ///
    /// # Errors
    /// When a line does not follow the format; the message names its number.
    pub fn parse(text: &str) -> Result<TrustStore, FormatError> {
        let mut store = TrustStore::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let parsed = parse_line(line);
            match parsed.map_err(|e| FormatError::new(format!("line {}: {e}", index + 1)))? {
                Parsed::Entry(entry) => {
                    if entry.namespaces.is_none() {
                        let who = entry.principals.escape_debug();
                        store.warnings.push(format!("the key of {who} has no namespaces=, so it may also approve"));
                    }
                    store.entries.push(entry);
                }
                Parsed::LeftOut(why) => store.warnings.push(format!("line {} is not used: {why}", index + 1)),
            }
        }
        Ok(store)
    }

    /// The same store, knowing which key is this machine's own.
    pub fn with_own_key(mut self, key: PublicKey) -> TrustStore {
        self.own = Some(key);
        self
    }

    /// Whether `key` may sign in `namespace` at the time `t` (RFC 3339, UTC).
    ///
    /// # Errors
    /// The text says why not.
    pub fn check(&self, key: &PublicKey, namespace: &str, t: &str) -> Result<Trusted, String> {
        let self_signed = self.own == Some(*key);
        let moment: String = t.bytes().take(19).filter(u8::is_ascii_digit).map(char::from).collect();
        let known = || self.entries.iter().filter(|entry| entry.key == *key);
        let allowed =
            || known().filter(|e| e.namespaces.as_ref().is_none_or(|patterns| list_matches(patterns, namespace)));
        if let Some(entry) = allowed().find(|entry| entry.covers(&moment)) {
            return Ok(Trusted { principal: entry.principals.clone(), self_signed });
        }
        if known().next().is_none() && self_signed {
            return Ok(Trusted { principal: key.fingerprint(), self_signed });
        }
        let key = key.fingerprint();
        Err(if allowed().next().is_some() {
            format!("key {key} is in the trust store but was not valid at {t}")
        } else if known().next().is_some() {
            format!("key {key} is in the trust store but not for namespace {namespace}")
        } else {
            format!("key {key} is not in the trust store")
        })
    }
}

impl TrustStore {
    /// Whether some line of the store gives `key` to `principal`, whatever for.
    pub(crate) fn is_also(&self, key: &PublicKey, principal: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == *key && entry.principals == principal)
    }
}

impl Entry {
    fn covers(&self, moment: &str) -> bool {
        self.valid_after.as_deref().is_none_or(|after| after <= moment)
            && self.valid_before.as_deref().is_none_or(|before| moment <= before)
    }
}

enum Parsed {
    Entry(Entry),
    LeftOut(String),
}

fn parse_line(line: &str) -> Result<Parsed, FormatError> {
    let words = split_words(line)?;
    let (principals, rest) = words.split_first().ok_or_else(|| FormatError::new("no principal"))?;
    let key_at = rest.iter().position(|word| is_key_type(word)).ok_or_else(|| FormatError::new("no public key"))?;
    let encoded = rest.get(key_at + 1).ok_or_else(|| FormatError::new("no public key"))?;
    let (mut namespaces, mut valid_after, mut valid_before) = (None, None, None);
    let mut authority = false;
    for option in rest[..key_at].iter().flat_map(|word| split_options(word)) {
        let (name, value) = option.split_once('=').unwrap_or((&option, ""));
        let value = value.trim_matches('"');
        match name.to_ascii_lowercase().as_str() {
            "namespaces" => namespaces = Some(value.to_string()),
            "valid-after" => valid_after = Some(moment(value)?),
            "valid-before" => valid_before = Some(moment(value)?),
            "cert-authority" => authority = true,
            _ => return Err(FormatError::new(format!("unknown option '{}'", name.escape_debug()))),
        }
    }
    if authority {
        return Ok(Parsed::LeftOut("certificates are not supported".to_string()));
    }
    if rest[key_at] != KEY_TYPE {
        return Ok(Parsed::LeftOut(format!("keys of type {} are not supported", rest[key_at].escape_debug())));
    }
    let key = PublicKey::parse_line(&format!("{KEY_TYPE} {encoded}"))?;
    let principals = principals.trim_matches('"').to_string();
    Ok(Parsed::Entry(Entry { principals, namespaces, valid_after, valid_before, key }))
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|prefix| word.starts_with(prefix))
}

/// Words between blanks; blanks inside double quotes do not count.
fn split_words(line: &str) -> Result<Vec<String>, FormatError> {
    split_outside_quotes(line, |c| c == ' ' || c == '\t').ok_or_else(|| FormatError::new("a quote is not closed"))
}

fn split_options(word: &str) -> Vec<String> {
    // The quotes were balanced when the line was split into words.
    split_outside_quotes(word, |c| c == ',').unwrap_or_default()
}

fn split_outside_quotes(text: &str, separator: impl Fn(char) -> bool) -> Option<Vec<String>> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        quoted ^= c == '"';
        if separator(c) && !quoted {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(c);
        }
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    (!quoted).then_some(parts)
}

/// `YYYYMMDD`, `YYYYMMDDhhmm` or `YYYYMMDDhhmmss`, with or without `Z`, as 14 digits.
fn moment(text: &str) -> Result<String, FormatError> {
    let digits = text.strip_suffix('Z').unwrap_or(text);
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(FormatError::new(format!(
            "'{}' is not a time like 20261121 or 202611210018Z",
            text.escape_debug()
        )));
    }
    Ok(format!("{digits:0<14}"))
}

/// OpenSSH's pattern lists: comma-separated, `*` and `?`, `!` refuses.
fn list_matches(patterns: &str, name: &str) -> bool {
    let mut found = false;
    for pattern in patterns.split(',') {
        match pattern.strip_prefix('!') {
            Some(refused) if glob(refused.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => found |= glob(pattern.as_bytes(), name.as_bytes()),
        }
    }
    found
}

/// Linear in practice: on a mismatch only the last star is widened.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::keys::{SecretKey, Signer as _};

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
            let alice = Trusted { principal: "alice@example.com".into(), self_signed: false };
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
        ];
        for (text, message) in cases {
            let error = TrustStore::parse(&format!("# one\n{text}")).unwrap_err().to_string();
            assert!(error.starts_with("line 2: ") && error.contains(message), "{error}");
        }
    }

    #[test]
    fn other_key_types_and_authorities_are_left_out_with_a_warning() {
        let text = format!("bob ssh-rsa AAAAB3NzaC1yc2E=\nca cert-authority {}\n", key().to_line());
        let store = TrustStore::parse(&text).unwrap();
        assert_eq!(store.warnings.len(), 2);
        assert!(store.check(&key(), "log.v1@runbook", NOW).unwrap_err().contains("is not in the trust store"));
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
