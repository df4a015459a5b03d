//! Secrets by name: their values leave this module only into a step's environment, its standard input, a private file, a
//! header, or the masker.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::forms::{Forms, SHORTEST};
use super::mask::Masker;
use super::ordinary;
use super::sources::{SecretSource, value_of};
use crate::machine::action::{Datum, Ended};

/// May a secret be too short to be masked safely?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ShortSecrets {
    /// Refuse secrets under 8 bytes: masking them would garble ordinary output.
    #[default]
    Refuse,
    /// Take them; the runbook says so.
    Allow,
}

/// One secret to be had.
#[derive(Debug)]
pub struct SecretRequest {
    /// The name steps know it by.
    pub name: String,
    /// Where its value comes from.
    pub source: SecretSource,
    /// Whether it may be short.
    pub short: ShortSecrets,
}

/// The secrets of a run: each a value, or the reason why there is none. Values are read once, so a secret is the same
/// for the whole run.
#[derive(Default)]
pub struct Secrets {
    values: BTreeMap<String, Result<Vec<u8>, String>>,
    /// A value nobody else knows, with which the masker is tried out.
    canary: String,
    masker: OnceLock<Arc<Masker>>,
}

impl Secrets {
    /// Read the value of every secret, one after the other: two password prompts at a time are one too many. A missing
    /// one is no error until it is asked for.
    pub fn resolve(requests: impl IntoIterator<Item = SecretRequest>) -> Secrets {
        let read = |SecretRequest { name, source, short }: SecretRequest| {
            let value = value_of(source)
                .map_err(|why| format!("secret `{name}` has no value: {why}"))
                .and_then(|value| long_enough(&name, value, short));
            (name, value)
        };
        let values: BTreeMap<_, _> = requests.into_iter().map(read).collect();
        let canary = if values.is_empty() { String::new() } else { canary(&values) };
        Secrets { values, canary, masker: OnceLock::new() }
    }

    /// The secrets that have no usable value, as messages.
    pub fn missing(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_ref().err()?.as_str())))
    }

    /// The secrets whose masking would hide ordinary text, as messages that do not tell what they are.
    pub fn complaints(&self) -> Vec<String> {
        let known = self.values.iter().filter_map(|(name, value)| Some((name, value.as_ref().ok()?)));
        let complaint = |(name, value): (&String, &Vec<u8>)| {
            let why = ordinary::complaint(value)?;
            Some(format!("the secret `{name}` is weak: {why}; wherever it stands in output, `***` will stand"))
        };
        known.filter_map(complaint).collect()
    }

    /// The bytes a datum stands for; [`Ended::Unavailable`] where a secret has no value.
    pub(crate) fn bytes(&self, datum: &Datum) -> Result<Vec<u8>, Ended> {
        match datum {
            Datum::Plain(text) => Ok(text.clone().into_bytes()),
            Datum::Secret(name) => match self.values.get(name) {
                Some(Ok(value)) => Ok(value.clone()),
                Some(Err(why)) => Err(Ended::Unavailable(why.clone())),
                None => Err(Ended::Unavailable(format!("secret `{name}` is not known to this run"))),
            },
        }
    }

    /// A masker for all forms of all values, made once.
    pub fn masker(&self) -> Arc<Masker> {
        let values = || self.values.values().flatten().map(Vec::as_slice).chain([self.canary.as_bytes()]);
        Arc::clone(self.masker.get_or_init(|| Arc::new(Masker::new(Forms::of(values())))))
    }

    /// A secret whose value stands in a text or in a JSON text. Weak ones stand there by chance.
    pub fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        let text = String::from_utf8_lossy(bytes);
        let stands = |value: &[u8]| {
            let value = String::from_utf8_lossy(value);
            let json = serde_json::Value::from(value.as_ref()).to_string();
            text.contains(value.as_ref()) || text.contains(&json[1..json.len() - 1])
        };
        let strong = |value: &[u8]| value.len() >= SHORTEST && ordinary::complaint(value).is_none();
        let mut known = self.values.iter().filter_map(|(name, value)| Some((name, value.as_ref().ok()?)));
        known.find(|(_, value)| strong(value) && stands(value)).map(|(name, _)| name.as_str())
    }

    /// Whether there is no secret at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value made for trying the masker out; empty where there was no randomness for it.
    pub(super) fn canary(&self) -> &str {
        &self.canary
    }
}

/// Random letters and marks, about as long as most of the secrets are; a multiple of three.
fn canary(values: &BTreeMap<String, Result<Vec<u8>, String>>) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789&/";
    let mut lengths: Vec<usize> = values.values().flatten().map(Vec::len).collect();
    lengths.sort_unstable();
    let usual = lengths.get(lengths.len() / 2).copied().unwrap_or(0);
    let mut bytes = vec![0; usual.clamp(24, 258) / 3 * 3];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)])).collect(),
        Err(_) => String::new(),
    }
}

fn long_enough(name: &str, value: Vec<u8>, short: ShortSecrets) -> Result<Vec<u8>, String> {
    match short {
        _ if value.is_empty() => Err(format!("secret `{name}` is empty")),
        ShortSecrets::Refuse if value.len() < SHORTEST => Err(format!(
            "secret `{name}` is shorter than {SHORTEST} bytes, too short to be masked in output; use a longer one, or \
             declare `allow_short: true` and have every such text in the output masked"
        )),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(source: SecretSource, short: ShortSecrets) -> Result<Vec<u8>, Ended> {
        let request = SecretRequest { name: "pw".to_owned(), source, short };
        Secrets::resolve([request]).bytes(&Datum::Secret("pw".to_owned()))
    }

    #[test]
    fn a_missing_secret_says_which_variable_is_not_set() {
        let missing = resolve(SecretSource::Env("RUNBOOK_TEST_NOT_SET".to_owned()), ShortSecrets::Refuse);
        let why = "secret `pw` has no value: environment variable RUNBOOK_TEST_NOT_SET is not set";
        assert_eq!(missing, Err(Ended::Unavailable(why.to_owned())));
    }

    #[test]
    fn a_short_secret_is_refused_unless_allowed() {
        let value = || SecretSource::Value("1234567".to_owned());
        assert!(matches!(resolve(value(), ShortSecrets::Refuse), Err(Ended::Unavailable(_))));
        assert_eq!(resolve(value(), ShortSecrets::Allow), Ok(b"1234567".to_vec()));
    }

    #[test]
    fn a_short_secret_that_is_allowed_is_masked_in_other_words_too() {
        let source = SecretSource::Value("abc".to_owned());
        let request = SecretRequest { name: "pw".to_owned(), source, short: ShortSecrets::Allow };
        assert_eq!(Secrets::resolve([request]).masker().text("the abcess, 616263"), "the ***ess, ***");
    }

    #[test]
    fn complaints_do_not_tell_the_secret() {
        let source = SecretSource::Value("production".to_owned());
        let secrets = Secrets::resolve([SecretRequest { name: "pw".to_owned(), source, short: ShortSecrets::Refuse }]);
        let complaints = secrets.complaints().join("");
        assert!(complaints.contains("`pw` is weak") && !complaints.contains("production"), "{complaints}");
    }
}
