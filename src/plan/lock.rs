//! The lock of a plan: what the runbook says, else the name of its target.

use super::build::{Builder, Position};
use super::model::Lock;
use crate::runbook::model as doc;
use crate::text::Code;

/// Longest name in bytes: every byte may take three in the name of its file.
const LONGEST: usize = 80;

impl Builder<'_> {
    /// The lock of a runbook that changes something; what is written is looked at in any case.
    pub(super) fn lock(&mut self, book: &doc::Runbook, at: &Position<'_>) -> Option<Lock> {
        let name = match &book.lock {
            Some(text) if text.value == "none" => None,
            Some(text) => Some(self.lock_name(text, at)?),
            None => self.target.as_ref().map(|target| target.name.clone()),
        }?;
        let dir = self.lock_dir(book)?;
        let changes = self.nodes.iter().any(|node| node.effect != doc::Effect::Read);
        changes.then_some(Lock { name, dir })
    }

    fn lock_name(&mut self, text: &doc::Text, at: &Position<'_>) -> Option<String> {
        let known = self.known(at.scope);
        let value = match known.covers(&text.value) {
            true => known.text(&text.value),
            false => Err("the lock must be known when planning".into()),
        };
        let plain = |name: &str| !name.trim().is_empty() && name != "none" && !name.chars().any(char::is_control);
        let name = value.and_then(|name| match plain(&name) && name.len() <= LONGEST {
            true => Ok(name),
            false => Err(format!("`{}` is not the name of a lock", name.escape_debug())),
        });
        match name {
            Ok(name) => Some(name),
            Err(wrong) => {
                let help = "a name on one line, of up to 80 bytes, from `inputs.` and `target.` only";
                self.problem(Code::LOCK_NOT_KNOWN, &wrong, &text.place, help);
                None
            }
        }
    }

    /// Where the target wants its locks: none where it does not say, and nothing at all where what it says is wrong.
    fn lock_dir(&mut self, book: &doc::Runbook) -> Option<Option<String>> {
        let said = self.target.as_ref().map(|target| &target.values["lock_dir"]).filter(|dir| !dir.is_null());
        let Some(said) = said else { return Some(None) };
        match said.as_str().filter(|dir| dir.starts_with('/') && !dir.chars().any(char::is_control)) {
            Some(dir) => Some(Some(dir.to_string())),
            None => {
                let message = format!("`lock_dir` of the target is not an absolute path: {said}");
                let place = book.lock.as_ref().map_or(&book.place, |lock| &lock.place).clone();
                self.problem(Code::BAD_LOCK_DIR, &message, &place, "write it like `lock_dir: /var/lock/runbook`");
                None
            }
        }
    }
}
