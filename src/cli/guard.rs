//! The last line: once secrets are known, nothing leaves this process for a person or a file without being looked at,
//! whichever part of the program says it.

use crate::drive::world::Masker;
use crate::log::RecordType;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

static MASKER: OnceLock<Arc<Masker>> = OnceLock::new();

/// From now on these secrets are masked in all that is said. Nobody else of this user may look into this process, and it
/// leaves no core behind.
pub(crate) fn know(masker: Arc<Masker>) {
    if masker.is_empty() {
        return;
    }
    // One command has one set of secrets.
    let _ = MASKER.set(masker);
    // Best effort: where it is refused, the files and descriptors of other processes can be read as well.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The text without secrets.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    MASKER.get().map_or(Cow::Borrowed(text), |masker| masker.text(text))
}

/// A stream without secrets; what is written at once is looked at as a whole.
pub(crate) struct Guarded<W>(pub(crate) W);

impl<W: Write> Write for Guarded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match MASKER.get().and_then(|masker| masker.bytes(bytes)) {
            None => self.0.write(bytes),
            Some(masked) => self.0.write_all(&masked).map(|()| bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A record without secrets. What a person typed or a system said is masked; an intent is refused, because what would be
/// recorded is not what would be done.
pub(crate) fn record(kind: RecordType, fields: &mut Map<String, Value>) -> Result<(), String> {
    let Some(masker) = MASKER.get() else { return Ok(()) };
    let mut found = false;
    fields.values_mut().for_each(|value| mask(masker, value, &mut found));
    if found && kind == RecordType::StepStart {
        let path = fields.get("path").and_then(Value::as_str).unwrap_or("a step");
        return Err(format!(
            "what `{path}` would do contains the value of a secret, so it is neither recorded nor done; give the secret to \
             the step by its name"
        ));
    }
    Ok(())
}

fn mask(masker: &Masker, value: &mut Value, found: &mut bool) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(masked) = masker.text(text) {
                (*text, *found) = (masked, true);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(masker, item, found)),
        Value::Object(map) => {
            map.values_mut().for_each(|item| mask(masker, item, found));
            let keys: Vec<String> =
                map.keys().filter(|key| matches!(masker.text(key), Cow::Owned(_))).cloned().collect();
            for key in keys {
                if let Some(value) = map.remove(&key) {
                    map.insert(masker.text(&key).into_owned(), value);
                    *found = true;
                }
            }
        }
        _ => {}
    }
}
