//! Tokens that are known by their form alone, and credentials in addresses.

use super::values::is_reference;
use regex::{Regex, RegexSet};

/// What each form is, and its pattern.
const FORMS: [(&str, &str); 12] = [
    ("a private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    ("an access key of AWS", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a token of GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    ("a token of GitLab", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a token of Slack", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("a webhook of Slack", r"hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+"),
    ("a key of Stripe", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("a key of Google", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a token of npm", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a key of SendGrid", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("a secret key of age", r"\bAGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
];

pub(super) struct Formats {
    forms: RegexSet,
    address: Regex,
}

impl Formats {
    pub(super) fn new() -> Formats {
        let forms = RegexSet::new(FORMS.map(|(_, pattern)| pattern));
        let address = Regex::new(r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'"]*:([^\s/@'"]+)@"#);
        Formats {
            forms: forms.expect("the patterns are constants that a test compiles"),
            address: address.expect("the pattern is a constant that a test compiles"),
        }
    }

    /// The first form on a line.
    pub(super) fn find(&self, line: &str) -> Option<&'static str> {
        if let Some(first) = self.forms.matches(line).iter().next() {
            return Some(FORMS[first].0);
        }
        let password = |found: regex::Captures<'_>| found.get(1).is_some_and(|value| !is_reference(value.as_str()));
        self.address.captures_iter(line).any(password).then_some("credentials in an address")
    }
}
