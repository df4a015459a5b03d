//! The masker is tried out before anything is done with a secret: with a value made for this, on the same way that output
//! and records take.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::AttemptId;
use super::live::{Live, Stream};
use super::mask::{MASK, Masker};
use super::output::Sink;
use super::secrets::Secrets;

/// The masker does not do what it is there for, so nothing may be started.
#[derive(Debug, PartialEq, Eq)]
pub struct MaskerFailed(String);

impl fmt::Display for MaskerFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the masker of secrets failed its test before the start, so nothing was done: {}", self.0)
    }
}

impl std::error::Error for MaskerFailed {}

/// Try the masker of these secrets out in this directory; without secrets there is nothing to try.
///
/// # Errors
/// Something got through, something else was covered, or the test could not be made.
pub fn self_test(dir: &Path, secrets: &Secrets) -> Result<(), MaskerFailed> {
    if secrets.is_empty() {
        return Ok(());
    }
    let canary = secrets.canary();
    if canary.len() < 24 {
        return Err(MaskerFailed("this machine has no randomness for it".into()));
    }
    try_out(dir, &secrets.masker(), canary)
}

/// `letters` is a secret the masker knows; a multiple of three bytes long.
fn try_out(dir: &Path, masker: &Arc<Masker>, letters: &str) -> Result<(), MaskerFailed> {
    // Written down anew: a mistake in the forms must not hide itself.
    let hex: String = letters.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = letters
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("%{:02X}", c as u32) })
        .collect();
    let json = serde_json::Value::from(letters).to_string();
    let forms = [
        letters.to_owned(),
        hex.to_uppercase(),
        hex,
        STANDARD.encode(letters),
        percent,
        json.trim_matches('"').to_owned(),
    ];
    let text = format!("begin {} end\n", forms.join(" | "));
    let wanted = format!("begin {} end\n", [MASK; 6].join(" | "));

    let broken = |error: std::io::Error| MaskerFailed(format!("it could not be made: {error}"));
    let id = AttemptId { path: "self-test".to_owned(), attempt: 1 };
    let live = Arc::new(Live::new(id, String::new()).map_err(broken)?);
    let name = ".masker-test";
    let mut sink = Sink::new(dir, Some(name.to_owned()), Stream::Stdout, true, Arc::clone(masker), Arc::clone(&live));
    let path = dir.join(name);
    let written = text.as_bytes().chunks(7).try_for_each(|piece| sink.write(piece)).and_then(|()| sink.close());
    let read = written.and_then(|()| std::fs::read_to_string(&path));
    let _ = std::fs::remove_file(&path);
    let seen =
        [("output", read.map_err(broken)?), ("a record", masker.text(&text).into_owned()), ("the screen", live.tail())];
    match seen.into_iter().find(|(_, seen)| *seen != wanted) {
        None => Ok(()),
        Some((what, _)) => Err(MaskerFailed(format!("{what} was not as it must be"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::forms::Forms;
    use super::super::secrets::SecretRequest;
    use super::super::{SecretSource, ShortSecrets};
    use super::*;

    fn secrets(value: &str) -> Secrets {
        let source = SecretSource::Value(value.to_owned());
        Secrets::resolve([SecretRequest { name: "pw".to_owned(), source, short: ShortSecrets::Refuse }])
    }

    #[test]
    fn a_sound_masker_passes_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        for value in ["tr0ub4dor&3", "letters-that-are-longer-than-the-canary-itself"] {
            assert_eq!(self_test(dir.path(), &secrets(value)), Ok(()));
        }
        assert_eq!(self_test(Path::new("/nowhere"), &Secrets::default()), Ok(()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_masker_that_misses_a_form_or_cannot_be_tried_refuses_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let canary = "aV3ry0r4ndom/value&quite+un";
        let whole = || Forms::of([canary.as_bytes()]);
        let broken = [
            Masker::default(),
            Masker::new(Forms { hex: Vec::new(), ..whole() }),
            Masker::new(Forms { base64: Vec::new(), ..whole() }),
            Masker::new(Forms { exact: vec![b"begin".to_vec()], ..whole() }),
        ];
        assert_eq!(try_out(dir.path(), &Arc::new(Masker::new(whole())), canary), Ok(()));
        for masker in broken {
            assert!(try_out(dir.path(), &Arc::new(masker), canary).is_err());
        }
        assert!(self_test(Path::new("/nowhere"), &secrets("tr0ub4dor&3")).is_err());
    }

    #[test]
    fn trying_costs_milliseconds_at_most() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = secrets("tr0ub4dor&3");
        secrets.masker();
        let since = std::time::Instant::now();
        self_test(dir.path(), &secrets).unwrap();
        println!("the self-test took {:?}", since.elapsed());
        // Ten times what an optimized build may take.
        assert!(since.elapsed() < std::time::Duration::from_millis(50), "{:?}", since.elapsed());
    }
}
