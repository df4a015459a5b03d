//! Single values: text as written, numbers, words, durations, names.

use super::cursor::{Field, Obj, Reader, first_line};
use crate::runbook::model::Text;
use crate::runbook::units;
use crate::text::{Code, Kind, Node, suggest};
use std::ops::RangeInclusive;
use std::sync::Arc;

const DURATION: &str = "a duration such as 30s or 5m";

impl<'a> Reader<'a> {
    /// A scalar exactly as written, so that `1.10`, `0123456` and `no` survive.
    pub(super) fn text(&mut self, field: Field<'a>) -> Option<Text> {
        self.text_as(field, "text")
    }

    pub(super) fn text_as(&mut self, field: Field<'a>, wanted: &str) -> Option<Text> {
        match (&field.node.kind, field.node.scalar()) {
            (Kind::Null, _) | (_, None) => {
                self.wrong(field, wanted);
                None
            }
            (_, Some(value)) => Some(self.text_of(field.node, value)),
        }
    }

    pub(super) fn optional_text(&mut self, obj: &Obj<'a>, key: &str) -> Option<Text> {
        obj.get(key).and_then(|field| self.text(field))
    }

    /// A string; numbers and booleans are refused because the value would change.
    pub(super) fn string(&mut self, field: Field<'a>, wanted: &str) -> Option<Text> {
        match field.node.str() {
            Some(value) => Some(self.text_of(field.node, value)),
            None => {
                self.wrong(field, wanted);
                None
            }
        }
    }

    /// Names the author chose, each with a text.
    pub(super) fn named_texts(&mut self, field: Field<'a>, is_name: fn(&str) -> bool) -> Vec<(String, Text)> {
        let mut named = Vec::new();
        for entry in self.open_object(field, "a mapping of names") {
            if is_name(entry.name) {
                named.extend(self.text(entry).map(|text| (entry.name.to_string(), text)));
            } else {
                self.bad_name(entry.name, entry.key, name_rule(is_name));
            }
        }
        named
    }

    pub(super) fn duration(&mut self, field: Field<'a>) -> Option<Text> {
        let text = self.duration_text(field)?;
        if is_template(&text.value) || units::duration_us(&text.value).is_some() {
            return Some(text);
        }
        self.bad_duration(field, &text.value);
        None
    }

    /// A duration that is longer than nothing; `instead` says what to write where nothing was meant.
    pub(super) fn some_time(&mut self, field: Field<'a>, instead: &str) -> Option<Text> {
        let text = self.duration(field)?;
        if units::duration_us(&text.value) != Some(0) {
            return Some(text);
        }
        let message = format!("`{}: {}` is no time at all", field.name, text.value.trim());
        let at = first_line(self.source, field.node.span);
        self.error(Code::BAD_VALUE, message, at).help.push(instead.into());
        None
    }

    /// A duration that cannot be a template.
    pub(super) fn plain_duration(&mut self, field: Field<'a>) -> Option<Text> {
        let text = self.duration_text(field)?;
        if units::duration_us(&text.value).is_some() {
            return Some(text);
        }
        self.bad_duration(field, &text.value);
        None
    }

    fn duration_text(&mut self, field: Field<'a>) -> Option<Text> {
        if let Kind::Int(number) = field.node.kind {
            let message = format!("`{}` needs {DURATION}, found a number without a unit", field.name);
            self.error(Code::BAD_UNIT, message, field.node.span).help.push(format!("write `{number}s` or `{number}m`"));
            return None;
        }
        self.string(field, DURATION)
    }

    fn bad_duration(&mut self, field: Field<'a>, value: &str) {
        let message = format!("`{}` needs {DURATION}, found `{}`", field.name, value.trim());
        let at = first_line(self.source, field.node.span);
        self.error(Code::BAD_UNIT, message, at)
            .help
            .push("units are us, ms, s, m (or min), h and d, as in `1h30m`".into());
    }

    pub(super) fn int(&mut self, field: Field<'a>, range: RangeInclusive<i64>) -> Option<i64> {
        let Kind::Int(value) = field.node.kind else {
            self.wrong(field, "a whole number");
            return None;
        };
        if range.contains(&value) {
            return Some(value);
        }
        let message = format!("`{}` needs a number from {} to {}", field.name, range.start(), range.end());
        self.error(Code::BAD_VALUE, message, field.node.span);
        None
    }

    /// A whole number from 1 to `most`.
    pub(super) fn count(&mut self, obj: &Obj<'a>, key: &str, most: i64) -> Option<u32> {
        obj.get(key).and_then(|field| self.int(field, 1..=most)).and_then(|n| u32::try_from(n).ok())
    }

    /// A whole number from 1 to `most`, or a template of one.
    pub(super) fn count_text(&mut self, field: Field<'a>, most: i64) -> Option<Text> {
        match field.node.str() {
            Some(text) if is_template(text) => self.text(field),
            _ => {
                self.int(field, 1..=most)?;
                self.text(field)
            }
        }
    }

    /// One whole number or a list of them.
    pub(super) fn ints(&mut self, field: Field<'a>, range: RangeInclusive<i64>) -> Vec<i64> {
        if field.node.seq().is_none() {
            return self.int(field, range).into_iter().collect();
        }
        let items = self.list(field, "a number or a list of numbers");
        items.into_iter().filter_map(|item| self.int(item, range.clone())).collect()
    }

    pub(super) fn flag(&mut self, obj: &Obj<'a>, key: &str) -> bool {
        match obj.get(key) {
            None => false,
            Some(Field { node: Node { kind: Kind::Bool(value), .. }, .. }) => *value,
            Some(field) => {
                self.wrong(field, "true or false");
                false
            }
        }
    }

    /// One of a few words; a misspelt one is an error and is read as the word it was meant to be.
    pub(super) fn word<T: Copy>(&mut self, field: Field<'a>, words: &[(&'static str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let wanted = format!("one of: {}", names.join(", "));
        let text = self.string(field, &wanted)?;
        if let Some((_, value)) = words.iter().find(|(name, _)| *name == text.value) {
            return Some(*value);
        }
        let near = suggest(&text.value, names.iter().copied());
        let did_you_mean = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        let shown = text.value.lines().next().unwrap_or_default();
        let message = format!("`{}` cannot be `{shown}`{did_you_mean}", field.name);
        let at = first_line(self.source, field.node.span);
        let problem = self.error(Code::BAD_VALUE, message, at);
        problem.help.push(format!("it is {wanted}"));
        let near = near?;
        *problem = problem.clone().fix(at, near, format!("write `{near}`"));
        words.iter().find(|(name, _)| *name == near).map(|(_, value)| *value)
    }

    /// A written id; an error when it is not one.
    pub(super) fn id(&mut self, field: Field<'a>) -> Option<String> {
        let text = self.text_as(field, "an id such as `check_disk`")?;
        if field.node.str().is_none() || !is_id(&text.value) {
            self.bad_name(&text.value, first_line(self.source, field.node.span), name_rule(is_id));
            return None;
        }
        Some(text.value)
    }

    pub(super) fn bad_name(&mut self, name: &str, at: crate::text::Span, rule: &str) {
        let shown = name.lines().next().unwrap_or_default();
        let meant = id_like(name);
        let problem = self.error(Code::BAD_NAME, format!("`{shown}` is not a usable name"), at);
        problem.help.push(rule.to_string());
        if let Some(meant) = meant.filter(|meant| meant != name && rule == ID_RULE) {
            *problem = problem.clone().fix(at, meant.clone(), format!("write `{meant}`"));
        }
    }

    pub(super) fn text_of(&self, node: &Node, value: &str) -> Text {
        Text { value: value.to_string(), place: self.place(node.span), node: Arc::new(node.clone()) }
    }
}

/// Whether a value has holes, so that it is only known later.
pub(super) fn is_template(value: &str) -> bool {
    value.contains("{{") || value.contains("{%")
}

/// Whether a value is written as one `{{ expression }}`.
pub(super) fn is_hole(value: &str) -> bool {
    value.len() >= 4 && value.starts_with("{{") && value.ends_with("}}")
}

pub(super) fn is_id(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

pub(super) fn is_env_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(super) fn is_anything(_: &str) -> bool {
    true
}

/// Lower-case letters, digits and dashes, a letter first.
pub(super) fn is_slug(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

pub(super) const ID_RULE: &str = "a name has lower-case letters, digits and underscores, and starts with a letter";
pub(super) const SLUG_RULE: &str = "a name has lower-case letters, digits and dashes, and starts with a letter";
const ENV_RULE: &str = "a variable has letters, digits and underscores, and does not start with a digit";

fn name_rule(is_name: fn(&str) -> bool) -> &'static str {
    // The two rules differ in what they say of a capital letter.
    if is_name("A") { ENV_RULE } else { ID_RULE }
}

/// The id that comes closest to a name, if there is one.
fn id_like(name: &str) -> Option<String> {
    let id: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    is_id(&id).then_some(id)
}
