//! The masker alone.

use crate::canaries::Canary;
use runbook::drive::world::{MaskStream, Masker, SecretRequest, SecretSource, Secrets, ShortSecrets};
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

/// What is written of a stream that comes in these pieces.
pub(crate) fn in_pieces(masker: &Masker, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut stream = MaskStream::default();
    for piece in pieces {
        stream.push(masker, piece, |part| out.extend_from_slice(part));
    }
    stream.finish(masker, |part| out.extend_from_slice(part));
    out
}
