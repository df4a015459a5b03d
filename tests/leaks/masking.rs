//! The masker alone.

use crate::canaries::Canary;
use runbook::drive::world::{Masker, SecretRequest, SecretSource, Secrets, ShortSecrets};
use std::sync::Arc;

/// What a run with these secrets masks with.
pub(crate) fn masker<'a>(canaries: impl IntoIterator<Item = &'a Canary>) -> Arc<Masker> {
    let sources = canaries.into_iter().map(|c| SecretRequest {
        name: c.name.clone(),
        source: SecretSource::Value(c.value.clone()),
        short: ShortSecrets::Refuse,
    });
    let secrets = Secrets::resolve(sources);
    assert_eq!(secrets.missing().count(), 0);
    secrets.masker()
}
