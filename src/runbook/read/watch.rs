//! Steps that look at what a log says.

use super::cursor::{Field, Reader};
use super::keys;
use crate::runbook::model::{NewPatterns, Text, Watch, WatchSource};

impl<'a> Reader<'a> {
    pub(super) fn watch(&mut self, field: Field<'a>) -> Option<Watch> {
        let obj = self.object(field, "a watch", &[keys::WATCH_SOURCES, keys::WATCH].concat())?;
        let source = self.one_of(&obj, keys::WATCH_SOURCES).and_then(|f| {
            Some(match f.name {
                "file" => WatchSource::File(self.text_as(f, "the path of a file")?),
                "journal" => WatchSource::Journal(self.text_as(f, "a systemd unit")?),
                _ => WatchSource::Shell(self.text_as(f, "a script that prints lines")?),
            })
        });
        let time = self.required(&obj, "for", "30s").and_then(|f| self.duration(f));
        let must = obj.get("must").map(|f| self.patterns(f)).unwrap_or_default();
        let must_not = obj.get("must_not").map(|f| self.patterns(f)).unwrap_or_default();
        let since = obj.get("since").and_then(|f| self.reference(f));
        let new_patterns = obj.get("new_patterns").and_then(|f| self.new_patterns(f));
        Some(Watch { source: source?, time: time?, since, must, must_not, new_patterns })
    }

    fn patterns(&mut self, field: Field<'a>) -> Vec<Text> {
        let items = self.list(field, "a list of regular expressions");
        items.into_iter().filter_map(|item| self.text_as(item, "a regular expression")).collect()
    }

    fn new_patterns(&mut self, field: Field<'a>) -> Option<NewPatterns> {
        let obj = self.object(field, "a limit of new patterns", keys::NEW_PATTERNS)?;
        let baseline = self.required(&obj, "baseline", "before").and_then(|f| self.reference(f));
        let max = obj.get("max").and_then(|f| self.int(f, 0..=10_000)).and_then(|n| u32::try_from(n).ok());
        Some(NewPatterns { baseline: baseline?, max: max.unwrap_or(0) })
    }
}
