//! OpenSSH's `allowed_signers`: its lines, read and written. What they mean together is the trust store's business.

use super::keys::{PublicKey, is_kind};
use super::wire::FormatError;

/// One line: whose key, for what and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerLine {
    /// The name of the key's owner; in a file written by people it may be a pattern list.
    pub principals: String,
    /// What the key may sign, as a pattern list; everything when there is none.
    pub namespaces: Option<String>,
    /// From when on, as `YYYYMMDDhhmmss` in UTC.
    pub valid_after: Option<String>,
    /// Until when, as `YYYYMMDDhhmmss` in UTC.
    pub valid_before: Option<String>,
    /// The key.
    pub key: PublicKey,
}

/// What a line turned out to be.
pub(crate) enum Parsed {
    Line { line: SignerLine, zoneless: bool },
    LeftOut(String),
}

impl SignerLine {
    /// The line as it stands in a file, without the line feed.
    pub fn to_line(&self) -> String {
        let mut options = Vec::new();
        options.extend(self.namespaces.as_ref().map(|list| format!("namespaces=\"{list}\"")));
        options.extend(self.valid_after.as_ref().map(|t| format!("valid-after=\"{t}Z\"")));
        options.extend(self.valid_before.as_ref().map(|t| format!("valid-before=\"{t}Z\"")));
        let words = [self.principals.clone(), options.join(","), self.key.to_line()];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Whether the key's time covers a moment of 14 digits.
    pub(crate) fn covers(&self, moment: &str) -> bool {
        self.valid_after.as_deref().is_none_or(|after| after <= moment)
            && self.valid_before.as_deref().is_none_or(|before| moment <= before)
    }

    /// Whether the key may sign in a namespace.
    pub fn allows(&self, namespace: &str) -> bool {
        self.namespaces.as_ref().is_none_or(|patterns| list_matches(patterns, namespace))
    }
}

/// A name that stands for itself in such a file: no pattern, no list, no blank.
///
/// # Errors
/// The text says what is wrong with it.
pub fn check_principal(name: &str) -> Result<(), FormatError> {
    let strange = |c: char| c.is_whitespace() || c.is_control() || "\"*?!,#\\".contains(c);
    if name.is_empty() || is_kind(name) || name.contains(strange) {
        return Err(FormatError::new(format!("'{}' is not a name like ana@example.com", name.escape_debug())));
    }
    Ok(())
}

/// The text of a file in which `line` is the only one for its key under its name; other lines and comments stay.
pub fn with_line(text: &str, line: &SignerLine) -> String {
    let same = |other: &SignerLine| other.key == line.key && other.principals == line.principals;
    let mut kept = rewrite(text, |other| if same(other) { Edit::Remove } else { Edit::Keep });
    kept.push_str(&line.to_line());
    kept.push('\n');
    kept
}

/// The text of a file in which a key is valid no longer than until `moment`, 14 digits in UTC.
pub fn with_end(text: &str, key: &PublicKey, moment: &str) -> String {
    rewrite(text, |line| {
        let ends_already = line.valid_before.as_deref().is_some_and(|end| end <= moment);
        if line.key != *key || ends_already {
            return Edit::Keep;
        }
        Edit::Replace(SignerLine { valid_before: Some(moment.to_string()), ..line.clone() }.to_line())
    })
}

enum Edit {
    Keep,
    Remove,
    Replace(String),
}

fn rewrite(text: &str, edit: impl Fn(&SignerLine) -> Edit) -> String {
    let mut out = String::with_capacity(text.len() + 200);
    for line in text.lines() {
        let edit = match parse_line(line.trim()) {
            Ok(Parsed::Line { line, .. }) => edit(&line),
            _ => Edit::Keep,
        };
        let kept = match edit {
            Edit::Remove => continue,
            Edit::Keep => line,
            Edit::Replace(ref new) => new,
        };
        out.push_str(kept);
        out.push('\n');
    }
    out
}

/// Reads one line that is neither empty nor a comment.
pub(crate) fn parse_line(line: &str) -> Result<Parsed, FormatError> {
    let words = split_words(line)?;
    let (principals, rest) = words.split_first().ok_or_else(|| FormatError::new("no principal"))?;
    let key_at = rest.iter().position(|word| is_kind(word)).ok_or_else(|| FormatError::new("no public key"))?;
    let encoded = rest.get(key_at + 1).ok_or_else(|| FormatError::new("no public key"))?;
    let (mut namespaces, mut valid_after, mut valid_before) = (None, None, None);
    let (mut authority, mut zoneless) = (false, false);
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
        zoneless |= name.to_ascii_lowercase().starts_with("valid-") && !value.ends_with('Z');
    }
    if authority {
        return Ok(Parsed::LeftOut("certificates are not supported".to_string()));
    }
    let key = PublicKey::parse_line(&format!("{} {encoded}", rest[key_at]))?;
    if key.is_certificate() {
        return Ok(Parsed::LeftOut("certificates are not supported".to_string()));
    }
    let principals = principals.trim_matches('"').to_string();
    Ok(Parsed::Line { line: SignerLine { principals, namespaces, valid_after, valid_before, key }, zoneless })
}

/// Reads `YYYYMMDD`, `YYYYMMDDhhmm` or `YYYYMMDDhhmmss`, with or without `Z`, as 14 digits.
///
/// # Errors
/// When it is not such a time.
pub fn moment(text: &str) -> Result<String, FormatError> {
    let digits = text.strip_suffix('Z').unwrap_or(text);
    let shaped = matches!(digits.len(), 8 | 12 | 14) && digits.bytes().all(|b| b.is_ascii_digit());
    let padded = format!("{digits:0<14}");
    if !shaped || jiff::fmt::strtime::parse("%Y%m%d%H%M%S", &padded).and_then(|t| t.to_datetime()).is_err() {
        let text = text.escape_debug();
        return Err(FormatError::new(format!("'{text}' is not a time like 20261121 or 202611210018Z")));
    }
    Ok(padded)
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
    use crate::log::{SecretKey, Signer as _, TrustStore};

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed(&[seed; 32]).public_key()
    }

    fn line(name: &str, seed: u8) -> SignerLine {
        let namespaces = Some("log.v1@runbook".to_string());
        SignerLine { principals: name.into(), namespaces, valid_after: None, valid_before: None, key: key(seed) }
    }

    fn read(text: &str) -> SignerLine {
        match parse_line(text) {
            Ok(Parsed::Line { line, .. }) => line,
            _ => panic!("{text}"),
        }
    }

    #[test]
    fn a_line_survives_writing_and_reading() {
        let times = (Some("20261121000000".to_string()), Some("20271121235959".to_string()));
        let full = SignerLine { valid_after: times.0, valid_before: times.1, ..line("ana@example.com", 1) };
        for line in [full, SignerLine { namespaces: None, ..line("ana@example.com", 1) }] {
            assert_eq!(read(&line.to_line()), line);
        }
    }

    #[test]
    fn a_new_line_takes_the_place_of_the_same_name_and_key_and_nothing_else() {
        let text = format!("# team\n{}\n{}", line("ana", 1).to_line(), line("bo", 2).to_line());
        let wider = SignerLine { namespaces: None, ..line("ana", 1) };
        let changed = with_line(&text, &wider);
        assert_eq!(changed, format!("# team\n{}\n{}\n", line("bo", 2).to_line(), wider.to_line()));
        assert_eq!(with_line(&changed, &wider), changed);
        assert_eq!(TrustStore::parse(&changed).unwrap().lines().len(), 2);
    }

    #[test]
    fn an_end_is_put_to_every_line_of_a_key_that_has_no_earlier_one() {
        let early = SignerLine { valid_before: Some("20200101000000".into()), ..line("ana", 1) };
        let late = SignerLine { valid_before: Some("20990101000000".into()), ..line("anna", 1) };
        let text = format!("# team\n{}\n{}\n{}\n", early.to_line(), late.to_line(), line("bo", 2).to_line());
        let ended = with_end(&text, &key(1), "20261121000000");
        let expected = late.to_line().replace("20990101000000", "20261121000000");
        assert_eq!(ended, format!("# team\n{}\n{expected}\n{}\n", early.to_line(), line("bo", 2).to_line()));
    }

    #[test]
    fn a_name_is_one_plain_word() {
        for good in ["ana@example.com", "ana", "größe@host"] {
            assert_eq!(check_principal(good), Ok(()), "{good}");
        }
        for bad in ["", "a b", "*", "a,b", "\"a\"", "#a", "!a", "a\nb", "ssh-ed25519"] {
            assert!(check_principal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_a_real_one() {
        assert_eq!(moment("20261121").as_deref(), Ok("20261121000000"));
        assert_eq!(moment("202611210018Z").as_deref(), Ok("20261121001800"));
        for bad in ["", "2026", "20261321", "20260230", "202611212500", "soon", "2026-11-21"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
