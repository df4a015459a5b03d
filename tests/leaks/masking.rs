//! The masker alone.

use crate::canaries::Canary;
use runbook::drive::world::{Masker, SecretSource, Secrets, ShortSecrets};

/// What a run with these secrets masks with.
pub(crate) fn masker<'a>(canaries: impl IntoIterator<Item = &'a Canary>) -> Masker {
    let sources = canaries.into_iter().map(|c| (c.name.clone(), SecretSource::Value(c.value.clone())));
    let secrets = Secrets::resolve(sources, ShortSecrets::Refuse);
    assert_eq!(secrets.missing().count(), 0);
    secrets.masker()
}
