//! The secrets of a run: those its steps name, each from where the plan says.

use super::error::CliError;
use super::inputs::hidden;
use crate::drive::world::{SecretCommand, SecretRequest, SecretSource, Secrets, ShortSecrets, base_env, self_test};
use crate::plan::{Plan, used};
use crate::policy::{Around, Finding, Verdict};
use crate::runbook::model::InputSource;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;

/// The values of all secrets the plan uses; all of them are needed before anything is touched. What was `typed` already is
/// not asked for again.
pub(crate) fn resolve(plan: &Plan, typed: &BTreeMap<String, String>, ask: bool) -> Result<Secrets, CliError> {
    let used = used::secrets(plan);
    let mut requests = Vec::new();
    for (name, recorded) in &plan.secrets {
        let request = Recorded::of(recorded);
        if used.contains(&name.as_str()) {
            let source = source(plan, name, &request, typed, ask)?;
            requests.push(SecretRequest { name: name.clone(), source, short: request.short });
        } else if let Some(InputSource::Fd(number)) = request.source {
            // Nobody needs it, so no step may inherit it.
            let _ = crate::drive::world::close_given(number);
        }
    }
    for request in &requests {
        if let SecretSource::Command(command) = &request.source {
            hold(plan, &request.name, &command.argv)?;
        }
    }
    let secrets = Secrets::resolve(requests);
    let missing: Vec<&str> = secrets.missing().map(|(_, why)| why).collect();
    if !missing.is_empty() {
        return Err(CliError::Usage(missing.join("; ")));
    }
    super::guard::know(secrets.masker());
    refuse_in("the plan, which is kept and shown", &crate::plan::encode(plan).0, &secrets)?;
    for complaint in secrets.complaints() {
        super::say(&format!("warning: {complaint}\n"));
    }
    Ok(secrets)
}

/// A program that prints a secret is held against the policies like any other, also where the target says how it is called.
fn hold(plan: &Plan, name: &str, argv: &[String]) -> Result<(), CliError> {
    let rails = plan.rails();
    if !rails.judge_commands() {
        return Ok(());
    }
    let words: Vec<Option<String>> = argv.iter().cloned().map(Some).collect();
    let findings = rails.words(&words, Around { dir: Some(""), ..Around::default() }).findings;
    let wrong = |finding: &Finding| rails.production || finding.verdict == Verdict::Refused;
    match findings.into_iter().find(wrong) {
        None => Ok(()),
        Some(finding) => {
            Err(CliError::Usage(format!("the program for the secret `{name}` is not started: {}", finding.message)))
        }
    }
}

/// Nothing is started with a masker that does not do what it is there for.
pub(crate) fn try_masker(dir: &std::path::Path, secrets: &Secrets) -> Result<(), CliError> {
    self_test(dir, secrets).map_err(|failed| CliError::Bug(failed.to_string()))
}

/// What a plan records of a secret.
struct Recorded {
    source: Option<InputSource>,
    short: ShortSecrets,
}

impl Recorded {
    fn of(recorded: &Value) -> Recorded {
        let short = match recorded.get("allow_short") {
            Some(Value::Bool(true)) => ShortSecrets::Allow,
            _ => ShortSecrets::Refuse,
        };
        Recorded { source: InputSource::from_reference(recorded.get("from").unwrap_or(recorded)), short }
    }
}

fn source(
    plan: &Plan,
    name: &str,
    recorded: &Recorded,
    typed: &BTreeMap<String, String>,
    ask: bool,
) -> Result<SecretSource, CliError> {
    Ok(match &recorded.source {
        Some(InputSource::Env(variable)) => SecretSource::Env(variable.clone()),
        Some(InputSource::File(path)) => SecretSource::File(path.into()),
        Some(InputSource::Fd(number)) => SecretSource::Fd(*number),
        Some(InputSource::Command { argv, env }) => SecretSource::Command(command(argv.clone(), env)),
        Some(InputSource::Pass(path)) => {
            let argv = tool(plan, "pass", &["pass", "show", "{path}"], &[("{path}", path)])?;
            SecretSource::Command(SecretCommand { first_line: true, ..command(argv, PASS_ENV) })
        }
        Some(InputSource::Sops { file, key }) => {
            let place: String = key.split('.').map(|name| format!("[{}]", Value::from(name))).collect();
            let argv = tool(
                plan,
                "sops",
                &["sops", "-d", "--extract", "{key}", "{file}"],
                &[("{file}", file), ("{key}", &place)],
            )?;
            SecretSource::Command(command(argv, SOPS_ENV))
        }
        Some(InputSource::Vault { path, field }) => {
            let argv = &["vault", "kv", "get", "-field={field}", "{path}"];
            let argv = tool(plan, "vault", argv, &[("{path}", path), ("{field}", field)])?;
            SecretSource::Command(command(argv, VAULT_ENV))
        }
        None => match typed.get(name) {
            Some(value) => SecretSource::Value(value.clone()),
            None if ask && std::io::stdin().is_terminal() => SecretSource::Value(hidden(name)?),
            None => {
                return Err(CliError::Usage(format!(
                    "the secret `{name}` was typed at a prompt and is not stored: resume the run at a terminal, or declare \
                     `from: env:NAME` or `from: file:PATH`"
                )));
            }
        },
    })
}

/// Where these programs find their stores and keys; `*` stands for any rest.
const PASS_ENV: &[&str] = &["PASSWORD_STORE_*", "GNUPGHOME", "GPG_TTY", "XDG_RUNTIME_DIR"];
const SOPS_ENV: &[&str] =
    &["SOPS_*", "AWS_*", "GOOGLE_*", "CLOUDSDK_*", "AZURE_*", "VAULT_*", "GNUPGHOME", "GPG_TTY", "XDG_CONFIG_HOME"];
const VAULT_ENV: &[&str] = &["VAULT_*", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "NO_PROXY"];

/// A program with the environment every step has, and these variables where they are set.
fn command(argv: Vec<String>, given: &[impl AsRef<str>]) -> SecretCommand {
    let matches = |name: &str| {
        given.iter().any(|wanted| match wanted.as_ref().strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == wanted.as_ref(),
        })
    };
    let exe = std::env::current_exe().unwrap_or_default();
    let given = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    SecretCommand {
        argv,
        env: base_env("", &exe).into_iter().filter(|(name, _)| name != "RUNBOOK_RUN_ID").collect(),
        given: given.filter(|(name, _)| matches(name)).collect(),
        first_line: false,
    }
}

/// The call of a password tool: its own form, or what the target says under `secret_tools`.
fn tool(plan: &Plan, name: &str, usual: &[&str], holes: &[(&str, &str)]) -> Result<Vec<String>, CliError> {
    let written = plan.target.as_ref().and_then(|target| target.values.get("secret_tools")?.get(name));
    let words: Vec<String> = match written {
        None => usual.iter().map(|word| (*word).to_owned()).collect(),
        Some(written) => {
            let words = written.as_array().map(|words| words.iter().map(|word| word.as_str().map(str::to_owned)));
            words.and_then(Iterator::collect).filter(|words: &Vec<String>| !words.is_empty()).ok_or_else(|| {
                CliError::Usage(format!(
                    "`secret_tools.{name}` of the target needs a list of words such as [{}]",
                    usual.join(", ")
                ))
            })?
        }
    };
    if let Some((hole, _)) = holes.iter().find(|(hole, _)| !words.iter().any(|word| word.contains(hole))) {
        return Err(CliError::Usage(format!(
            "`secret_tools.{name}` of the target never says {hole}; the usual form is [{}]",
            usual.join(", ")
        )));
    }
    // One pass over each word: what is put in is not looked at again.
    let filled = |word: &String| match holes.iter().find(|(hole, _)| word.contains(hole)) {
        Some((hole, value)) => word.replacen(hole, value, 1),
        None => word.clone(),
    };
    Ok(words.iter().map(filled).collect())
}

/// What is kept with a run, signed and shown, is not secret any more.
pub(crate) fn refuse_in(what: &str, bytes: &[u8], secrets: &Secrets) -> Result<(), CliError> {
    match secrets.found_in(bytes) {
        None => Ok(()),
        Some(name) => Err(CliError::Usage(format!(
            "the value of the secret `{name}` stands in {what}; take it out of the runbook, the inputs and the target \
             profile, and give the secret another value, because it was written down"
        ))),
    }
}
