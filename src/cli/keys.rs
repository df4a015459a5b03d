//! `runbook keys`: the key that signs this user's logs.

use super::args::{Common, Output};
use super::error::CliError;
use crate::log::Signer as _;
use crate::report::exit;
use crate::store::{Home, keys};
use serde_json::json;

pub(crate) fn run(common: &Common) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let identity = keys::load_or_create(home.config_dir())?;
    let public = identity.key.public_key();
    let line = &identity.signers_line;
    if common.output == Output::Json {
        let shown = json!({
            "principal": identity.principal, "fingerprint": public.fingerprint(), "public_key": public.to_line(),
            "allowed_signers": line,
        });
        super::print(&format!("{shown:#}\n"))?;
    } else {
        super::print(&format!(
            "{} signs as {}\n\nGive this line to whoever shall trust your logs (OpenSSH allowed_signers):\n{line}\n",
            public.fingerprint(),
            identity.principal,
        ))?;
    }
    Ok(exit::DONE)
}
