//! Where the value of an input comes from when none is given, as it is written and as a plan records it.

use serde_json::{Value, json};

/// `from:` of an input. Everything but a variable and a file is for secrets only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputSource {
    /// `env:NAME`: environment variable of the tool.
    Env(String),
    /// `file:PATH`: content of a file without its last line feed.
    File(String),
    /// `fd:N`: an open file descriptor the tool was started with.
    Fd(u32),
    /// `{ command: [PROGRAM, ARGUMENT...] }`: what a program prints.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
        /// Variables of the tool's own environment that the program gets.
        env: Vec<String>,
    },
    /// `pass:PATH`: first line of an entry of the password store.
    Pass(String),
    /// `sops:FILE#key.inner`: a value in a file encrypted with sops.
    Sops {
        /// The file.
        file: String,
        /// Names of the mappings it stands in, with dots.
        key: String,
    },
    /// `vault:PATH#field`: a field of a secret in HashiCorp Vault.
    Vault {
        /// Path of the secret.
        path: String,
        /// The field.
        field: String,
    },
}

/// The first descriptor a caller can give: 0, 1 and 2 are the terminal's.
const FIRST_FD: u32 = 3;

impl InputSource {
    /// Reads what is written as one text. None where it means nothing.
    pub fn parse(text: &str) -> Option<InputSource> {
        let (kind, rest) = text.split_once(':')?;
        if rest.is_empty() || rest.contains(['\n', '\0']) {
            return None;
        }
        let pair = || rest.rsplit_once('#').filter(|(first, last)| !first.is_empty() && !last.is_empty());
        let owned = |(first, last): (&str, &str)| (first.to_string(), last.to_string());
        match kind {
            "env" => is_env_name(rest).then(|| InputSource::Env(rest.into())),
            "file" => Some(InputSource::File(rest.into())),
            "fd" => rest.parse().ok().filter(|number| (FIRST_FD..1024).contains(number)).map(InputSource::Fd),
            "pass" => Some(InputSource::Pass(rest.into())).filter(|_| !rest.starts_with('-')),
            "sops" => pair().map(owned).map(|(file, key)| InputSource::Sops { file, key }),
            "vault" => pair().map(owned).map(|(path, field)| InputSource::Vault { path, field }),
            _ => None,
        }
    }

    /// As the plan records it: a text, or a mapping for a command.
    pub fn reference(&self) -> Value {
        match self {
            InputSource::Command { argv, env } if env.is_empty() => json!({ "command": argv }),
            InputSource::Command { argv, env } => json!({ "command": argv, "env": env }),
            other => Value::String(other.words()),
        }
    }

    /// The opposite of [`InputSource::reference`]; none for what is no source, such as a value that was asked for.
    pub fn from_reference(reference: &Value) -> Option<InputSource> {
        if let Some(text) = reference.as_str() {
            return InputSource::parse(text);
        }
        let words = |key: &str| -> Option<Vec<String>> {
            let words = reference.get(key)?.as_array()?.iter().map(|word| word.as_str().map(str::to_owned));
            words.collect()
        };
        Some(InputSource::Command { argv: words("command")?, env: words("env").unwrap_or_default() })
    }

    /// As it is written; a command by its program.
    pub fn words(&self) -> String {
        match self {
            InputSource::Env(name) => format!("env:{name}"),
            InputSource::File(path) => format!("file:{path}"),
            InputSource::Fd(number) => format!("fd:{number}"),
            InputSource::Command { argv, .. } => {
                format!("command {}", argv.first().map(String::as_str).unwrap_or_default())
            }
            InputSource::Pass(path) => format!("pass:{path}"),
            InputSource::Sops { file, key } => format!("sops:{file}#{key}"),
            InputSource::Vault { path, field } => format!("vault:{path}#{field}"),
        }
    }

    /// Whether it may be the source of a secret only.
    pub fn is_for_secrets(&self) -> bool {
        !matches!(self, InputSource::Env(_) | InputSource::File(_))
    }
}

fn is_env_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_what_was_written() {
        for text in ["env:A_1", "file:/run/x#y", "fd:3", "pass:web/db", "sops:a#b.yml#db.pass", "vault:kv/web#dsn"] {
            let source = InputSource::parse(text).unwrap();
            assert_eq!(source.words(), text);
            assert_eq!(InputSource::from_reference(&source.reference()), Some(source));
        }
        let command = InputSource::Command { argv: vec!["aws".into(), "x".into()], env: vec!["AWS_PROFILE".into()] };
        assert_eq!(InputSource::from_reference(&command.reference()), Some(command));
    }

    #[test]
    fn what_means_nothing_is_no_source() {
        for text in ["", "env:", "env:1A", "file:", "fd:2", "fd:x", "pass:-x", "sops:a", "vault:#f", "asked", "s3:x"] {
            assert_eq!(InputSource::parse(text), None, "{text}");
        }
    }
}
