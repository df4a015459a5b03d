//! `runbook keys`: the key that signs this user's runs, and whose keys are trusted.

use super::args::{Common, KeysArgs, KeysCommand, Output, Role, TrustArgs, UseArgs};
use super::error::CliError;
use crate::log::{APPROVAL_NAMESPACE, NAMESPACE, Signer as _, SignerLine, TrustStore, moment};
use crate::report::exit;
use crate::store::trust::{self, Change};
use crate::store::{Home, SigningKey, StoreError, keys, signing_key, use_key, use_own};
use serde_json::{Value, json};

pub(crate) fn run(common: &Common, args: KeysArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let (text, data) = match args.command.unwrap_or(KeysCommand::Show) {
        KeysCommand::Show => show(&home)?,
        KeysCommand::Use(args) => choose(&home, &args)?,
        KeysCommand::Trust(args) => trust_key(&home, args)?,
        KeysCommand::Revoke(args) => revoke(&home, &args.key)?,
        KeysCommand::Rotate => rotate(&home)?,
    };
    match common.output {
        Output::Text => super::print(&text)?,
        Output::Json => super::print(&format!("{data:#}\n"))?,
    }
    Ok(exit::DONE)
}

/// What a command says to people, and to programs.
type Said = (String, Value);

fn show(home: &Home) -> Result<Said, CliError> {
    let key = signing_key(home.config_dir(), super::say)?;
    let store = home.trust()?;
    let (mut text, mut data) = introduce(&key);
    let others: Vec<&SignerLine> = store.lines().iter().filter(|line| line.key != key.signer.public_key()).collect();
    if !others.is_empty() || store.revoked().contains(&key.signer.public_key()) {
        text.push_str("\nTrusted here:\n");
        store.lines().iter().for_each(|line| text.push_str(&format!("  {}\n", in_words(line, &store))));
    }
    if !store.revoked().is_empty() {
        text.push_str(&format!("\nRevoked: {} key(s) in {}\n", store.revoked().len(), trust::REVOKED_FILE));
    }
    store.warnings.iter().for_each(|warning| text.push_str(&format!("\nwarning: {warning}\n")));
    data["trusted"] = store.lines().iter().map(|line| as_data(line, &store)).collect();
    data["revoked_keys"] = store.revoked().len().into();
    data["warnings"] = json!(store.warnings);
    Ok((text, data))
}

fn choose(home: &Home, args: &UseArgs) -> Result<Said, CliError> {
    let key = match &args.path {
        Some(path) => use_key(home.config_dir(), path, super::say).map_err(refused)?,
        None => use_own(home.config_dir())?,
    };
    Ok(introduce(&key))
}

fn introduce(key: &SigningKey) -> Said {
    let (public, line) = (key.signer.public_key(), &key.signers_line);
    let from = key.chosen.as_ref().map(|path| path.display().to_string());
    let with = from.as_ref().map_or(String::new(), |path| format!(" with {path} ({})", public.kind()));
    let text = format!(
        "{} signs as {}{with}\n\nGive this line to whoever shall trust your logs (OpenSSH allowed_signers):\n{line}\n",
        public.fingerprint(),
        key.principal,
    );
    let data = json!({
        "principal": key.principal, "fingerprint": public.fingerprint(), "public_key": public.to_line(),
        "type": public.kind(), "file": from, "allowed_signers": line,
    });
    (text, data)
}

fn trust_key(home: &Home, args: TrustArgs) -> Result<Said, CliError> {
    let time = |text: Option<String>| {
        let read = |text: String| moment(&text).map_err(|e| CliError::Usage(e.to_string()));
        text.map(read).transpose()
    };
    let (valid_after, valid_before) = (time(args.valid_after)?, time(args.valid_before)?);
    if let (Some(after), Some(before)) = (&valid_after, &valid_before)
        && after >= before
    {
        return Err(CliError::Usage("--valid-after is not before --valid-before: the key would never count".into()));
    }
    let namespaces = match args.role {
        Role::Operator => NAMESPACE.to_string(),
        Role::Approver => APPROVAL_NAMESPACE.to_string(),
        Role::Both => format!("{NAMESPACE},{APPROVAL_NAMESPACE}"),
    };
    let key = trust::read_public_key(&args.file).map_err(refused)?;
    let line = SignerLine { principals: args.name, namespaces: Some(namespaces), valid_after, valid_before, key };
    let change = trust::trust(home.config_dir(), &line).map_err(refused)?;
    let store = home.trust()?;
    let done = match change {
        Change::Added => "trusted from now on",
        Change::Changed => "changed",
        Change::Nothing => "nothing to do, trusted already",
    };
    let mut data = as_data(&line, &store);
    data["changed"] = (change != Change::Nothing).into();
    Ok((format!("{done}: {}\n", in_words(&line, &store)), data))
}

fn revoke(home: &Home, what: &str) -> Result<Said, CliError> {
    let (key, new) = trust::revoke(home.config_dir(), what).map_err(refused)?;
    let (store, fingerprint) = (home.trust()?, key.fingerprint());
    let whose = store.principal_of(&key).map_or(String::new(), |name| format!(" of {}", name.escape_debug()));
    let done = if new { "revoked" } else { "was revoked already" };
    let mut text = format!("{fingerprint}{whose} {done}: no log and no approval it signed is trusted, however old\n");
    let in_use = signing_key(home.config_dir(), super::say).is_ok_and(|used| used.signer.public_key() == key);
    if in_use {
        text.push_str(
            "It signs your runs; before the next one, `runbook keys rotate` or `runbook keys use` another.\n",
        );
    }
    Ok((text, json!({ "fingerprint": fingerprint, "public_key": key.to_line(), "changed": new, "in_use": in_use })))
}

fn rotate(home: &Home) -> Result<Said, CliError> {
    let chosen = signing_key(home.config_dir(), super::say)?.chosen;
    if let Some(path) = chosen {
        return Err(CliError::Usage(format!(
            "runs are signed with {}, which runbook did not make: replace it with ssh-keygen and `runbook keys use`, or go \
             back with `runbook keys use --own`",
            path.display()
        )));
    }
    let (old, new) = keys::rotate(home.config_dir())?;
    let (public, line) = (new.key.public_key(), &new.signers_line);
    let text = format!(
        "{} signs as {} now; {} is valid for what it signed until now, and its private half is gone\n\n\
         Give this line to whoever shall trust your logs (OpenSSH allowed_signers):\n{line}\n",
        public.fingerprint(),
        new.principal,
        old.fingerprint(),
    );
    let data = json!({
        "principal": new.principal, "fingerprint": public.fingerprint(), "public_key": public.to_line(), "allowed_signers": line,
        "replaced": old.fingerprint(),
    });
    Ok((text, data))
}

/// One line of the trust store for people.
fn in_words(line: &SignerLine, store: &TrustStore) -> String {
    let role = match roles(line).as_slice() {
        [] => "nothing of runbook's".to_string(),
        roles => roles.join(" and "),
    };
    let when = |word: &str, time: &Option<String>| time.as_ref().map_or(String::new(), |t| format!(", {word} {t}Z"));
    let revoked = if store.revoked().contains(&line.key) { ", REVOKED" } else { "" };
    format!(
        "{} for {role}{}{}{revoked}: {} {}",
        line.principals.escape_debug(),
        when("from", &line.valid_after),
        when("until", &line.valid_before),
        line.key.kind(),
        line.key.fingerprint(),
    )
}

fn as_data(line: &SignerLine, store: &TrustStore) -> Value {
    json!({
        "principal": line.principals, "fingerprint": line.key.fingerprint(), "type": line.key.kind(),
        "roles": roles(line), "valid_after": line.valid_after.as_ref().map(|t| format!("{t}Z")),
        "valid_before": line.valid_before.as_ref().map(|t| format!("{t}Z")),
        "revoked": store.revoked().contains(&line.key), "line": line.to_line(),
    })
}

fn roles(line: &SignerLine) -> Vec<&'static str> {
    let roles = [(NAMESPACE, "runs"), (APPROVAL_NAMESPACE, "approvals")];
    roles.into_iter().filter(|(namespace, _)| line.allows(namespace)).map(|(_, role)| role).collect()
}

/// A file that somebody named on the command line is wrong, not the log.
fn refused(error: StoreError) -> CliError {
    match error {
        StoreError::Io { .. } | StoreError::Format(..) | StoreError::WrongKind(..) => {
            CliError::Usage(error.to_string())
        }
        other => other.into(),
    }
}
