//! Secrets by name: where their values come from, and the values, which leave this module only into a step's
//! environment, its standard input, a header, or the masker.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::forms::{self, SHORTEST};
use super::mask::Masker;
use crate::machine::action::{Datum, Ended};

/// No secret is longer.
const LONGEST: u64 = 1 << 20;

/// Where the value of a secret comes from.
pub enum SecretSource {
    /// This environment variable of the tool itself.
    Env(String),
    /// The content of this file, without one final newline.
    File(PathBuf),
    /// A value that was already asked for.
    Value(String),
}

/// May a secret be too short to be masked safely?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ShortSecrets {
    /// Refuse secrets under 6 bytes: masking them would garble ordinary output.
    #[default]
    Refuse,
    /// Take them; the operator said so.
    Allow,
}

/// The secrets of a run: each a value, or the reason why there is none. Values are read once, so a secret is the same
/// for the whole run.
#[derive(Default)]
pub struct Secrets(BTreeMap<String, Result<Vec<u8>, String>>);

impl Secrets {
    /// Read the value of every secret. A missing one is no error until a step needs it.
    pub fn resolve(sources: impl IntoIterator<Item = (String, SecretSource)>, short: ShortSecrets) -> Secrets {
        let read = |(name, source): (String, SecretSource)| {
            let value = value_of(source)
                .map_err(|why| format!("secret `{name}` has no value: {why}"))
                .and_then(|value| long_enough(&name, value, short));
            (name, value)
        };
        Secrets(sources.into_iter().map(read).collect())
    }

    /// The secrets that have no usable value, as messages.
    pub fn missing(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_ref().err()?.as_str())))
    }

    /// The bytes a datum stands for; [`Ended::Unavailable`] where a secret has no value.
    pub(crate) fn bytes(&self, datum: &Datum) -> Result<Vec<u8>, Ended> {
        match datum {
            Datum::Plain(text) => Ok(text.clone().into_bytes()),
            Datum::Secret(name) => match self.0.get(name) {
                Some(Ok(value)) => Ok(value.clone()),
                Some(Err(why)) => Err(Ended::Unavailable(why.clone())),
                None => Err(Ended::Unavailable(format!("secret `{name}` is not known to this run"))),
            },
        }
    }

    /// A masker for all forms of all values.
    pub(crate) fn masker(&self) -> Masker {
        Masker::new(self.0.values().flatten().flat_map(|value| forms::forms(value)))
    }
}

fn value_of(source: SecretSource) -> Result<Vec<u8>, String> {
    match source {
        SecretSource::Value(value) => Ok(value.into_bytes()),
        SecretSource::Env(name) => std::env::var_os(&name)
            .map(OsString::into_vec)
            .ok_or_else(|| format!("environment variable {name} is not set")),
        SecretSource::File(path) => {
            let mut bytes = read(&path).map_err(|why| format!("{} cannot be read: {why}", path.display()))?;
            if bytes.ends_with(b"\n") {
                bytes.pop();
            }
            Ok(bytes)
        }
    }
}

/// A regular file, or a pipe as `<(command)` makes one; nothing that never ends.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let words = |error: io::Error| error.to_string();
    let kind = std::fs::metadata(path).map_err(words)?.file_type();
    if !kind.is_file() && !kind.is_fifo() {
        return Err("it is neither a file nor a pipe".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(words)?;
    if bytes.len() as u64 > LONGEST { Err("it is larger than 1 MiB".to_owned()) } else { Ok(bytes) }
}

fn long_enough(name: &str, value: Vec<u8>, short: ShortSecrets) -> Result<Vec<u8>, String> {
    match short {
        _ if value.is_empty() => Err(format!("secret `{name}` is empty")),
        ShortSecrets::Refuse if value.len() < SHORTEST => Err(format!(
            "secret `{name}` is shorter than {SHORTEST} bytes, too short to be masked in output; use a longer one"
        )),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(source: SecretSource, short: ShortSecrets) -> Result<Vec<u8>, Ended> {
        Secrets::resolve([("pw".to_owned(), source)], short).bytes(&Datum::Secret("pw".to_owned()))
    }

    #[test]
    fn a_missing_secret_says_which_variable_is_not_set() {
        let missing = resolve(SecretSource::Env("RUNBOOK_TEST_NOT_SET".to_owned()), ShortSecrets::Refuse);
        let why = "secret `pw` has no value: environment variable RUNBOOK_TEST_NOT_SET is not set";
        assert_eq!(missing, Err(Ended::Unavailable(why.to_owned())));
    }

    #[test]
    fn a_short_secret_is_refused_unless_allowed() {
        let value = || SecretSource::Value("12345".to_owned());
        assert!(matches!(resolve(value(), ShortSecrets::Refuse), Err(Ended::Unavailable(_))));
        assert_eq!(resolve(value(), ShortSecrets::Allow), Ok(b"12345".to_vec()));
    }

    #[test]
    fn a_file_gives_its_content_without_the_final_newline() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "line one\nline two\n").unwrap();
        let value = resolve(SecretSource::File(file.path().to_owned()), ShortSecrets::Refuse);
        assert_eq!(value, Ok(b"line one\nline two".to_vec()));
    }
}
