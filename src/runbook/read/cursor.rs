//! Walking the tree: objects with known keys, and everything that is wrong on the way.

use crate::text::{Code, Diagnostic, Node, Place, Source, Span, suggest};

/// Collects problems while the tree is read.
pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    pub(super) problems: Vec<Diagnostic>,
}

/// A value and the key it stands under; an element of a list has the list's key.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    /// Where the key stands.
    pub(super) key: Span,
    pub(super) node: &'a Node,
}

/// A mapping whose keys are known ones. A misspelt key stands under the name it was meant to have.
pub(super) struct Obj<'a> {
    /// What it is, for messages: `a step`.
    what: &'static str,
    /// Where to point for something missing.
    pub(super) at: Span,
    pub(super) fields: Vec<Field<'a>>,
    /// It also has keys that are not known.
    strange: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source) -> Reader<'a> {
        Reader { source, problems: Vec::new() }
    }

    /// Notes an error; the returned diagnostic takes label, help and fix.
    pub(super) fn error(&mut self, code: Code, message: impl Into<String>, at: Span) -> &mut Diagnostic {
        self.problems.push(Diagnostic::error(code, message, self.place(at)));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    pub(super) fn place(&self, span: Span) -> Place {
        self.source.place(span)
    }

    /// The value has the wrong type.
    pub(super) fn wrong(&mut self, field: Field<'a>, wanted: &str) {
        let message = format!("`{}` needs {wanted}, found {}", field.name, field.node.type_name());
        let at = self.span_of(field);
        self.error(Code::WRONG_TYPE, message, at);
    }

    /// The first line of a value; the key when there is none.
    pub(super) fn span_of(&self, field: Field<'a>) -> Span {
        if field.node.span.is_empty() { field.key } else { first_line(self.source, field.node.span) }
    }

    /// The mapping in `field`, its keys checked against `known`.
    pub(super) fn object(&mut self, field: Field<'a>, what: &'static str, known: &[&'static str]) -> Option<Obj<'a>> {
        if field.node.map().is_none() {
            let message = format!("{what} is a mapping of keys, found {}", field.node.type_name());
            let at = self.span_of(field);
            self.error(Code::WRONG_TYPE, message, at);
            return None;
        }
        Some(self.keys(field, what, known))
    }

    /// The entries of a mapping under keys the author chose.
    pub(super) fn open_object(&mut self, field: Field<'a>, wanted: &str) -> Vec<Field<'a>> {
        match field.node.map() {
            Some(entries) => entries.iter().map(|e| Field { name: &e.key, key: e.key_span, node: &e.value }).collect(),
            None => {
                self.wrong(field, wanted);
                Vec::new()
            }
        }
    }

    /// The elements of a list that has at least one.
    pub(super) fn list(&mut self, field: Field<'a>, wanted: &str) -> Vec<Field<'a>> {
        match field.node.seq() {
            Some([]) => {
                self.error(Code::EMPTY, format!("`{}` is empty", field.name), field.key)
                    .help
                    .push(format!("it needs {wanted}, or leave the key out"));
                Vec::new()
            }
            Some(items) => items.iter().map(|node| Field { name: field.name, key: node.span, node }).collect(),
            None => {
                self.wrong(field, wanted);
                Vec::new()
            }
        }
    }

    /// The one field of `choices` that is there. Several or none is an error.
    pub(super) fn one_of(&mut self, obj: &Obj<'a>, choices: &[&'static str]) -> Option<Field<'a>> {
        let found: Vec<Field<'a>> = obj.fields.iter().copied().filter(|f| choices.contains(&f.name)).collect();
        match found[..] {
            [one] => return Some(one),
            // An unknown key was most likely meant to be the one.
            [] if obj.strange => {}
            [] => {
                let message = format!("{} needs exactly one of: {}", obj.what, choices.join(", "));
                self.error(Code::ONE_OF, message, obj.at);
            }
            [first, second, ..] => {
                let message = format!("{} has both `{}` and `{}`", obj.what, first.name, second.name);
                let place = self.place(first.key);
                let problem = self.error(Code::ONE_OF, message, second.key);
                problem.also.push((place, "the first one".into()));
                problem.help.push(format!("keep one of: {}", choices.join(", ")));
            }
        }
        found.first().copied()
    }

    /// The field under `key`, or an error that says it is missing.
    pub(super) fn required(&mut self, obj: &Obj<'a>, key: &str, example: &str) -> Option<Field<'a>> {
        let found = obj.get(key);
        if found.is_none() {
            let message = format!("{} needs `{key}`", obj.what);
            self.error(Code::MISSING_KEY, message, obj.at).help.push(format!("add `{key}: {example}`"));
        }
        found
    }

    fn keys(&mut self, field: Field<'a>, what: &'static str, known: &[&'static str]) -> Obj<'a> {
        let entries = field.node.map().unwrap_or_default();
        let (mut fields, mut strange) = (Vec::new(), false);
        for entry in entries {
            let name = match known.iter().find(|k| **k == entry.key) {
                Some(name) => name,
                None => match self.unknown_key(&entry.key, entry.key_span, what, known) {
                    Some(meant) if entries.iter().all(|e| e.key != meant) => meant,
                    _ => {
                        strange = true;
                        continue;
                    }
                },
            };
            fields.push(Field { name, key: entry.key_span, node: &entry.value });
        }
        let at = entries.first().map_or(field.key, |e| e.key_span);
        Obj { what, at, fields, strange }
    }

    fn unknown_key(&mut self, key: &str, at: Span, what: &str, known: &[&'static str]) -> Option<&'static str> {
        let near = suggest(key, known.iter().copied());
        let meant = near.and_then(|n| known.iter().copied().find(|k| *k == n));
        let elsewhere = super::advice::for_unknown_key(what, key);
        let message = match (meant, &elsewhere) {
            (Some(meant), None) => format!("unknown key `{key}`; did you mean `{meant}`?"),
            _ => format!("unknown key `{key}` in {what}"),
        };
        let problem = self.error(Code::UNKNOWN_KEY, message, at);
        match (elsewhere, meant) {
            (Some(advice), _) => {
                problem.help.push(advice);
                None
            }
            (None, Some(meant)) => {
                *problem = problem.clone().fix(at, meant, format!("write `{meant}`"));
                Some(meant)
            }
            (None, None) => {
                problem.help.push(format!("known keys: {}", known.join(", ")));
                None
            }
        }
    }
}

impl<'a> Obj<'a> {
    pub(super) fn get(&self, key: &str) -> Option<Field<'a>> {
        self.fields.iter().copied().find(|f| f.name == key)
    }
}

/// The part of a span on its first line: enough to show where a long value stands.
pub(super) fn first_line(source: &Source, span: Span) -> Span {
    let text = source.slice(span);
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    Span::new(span.start as usize, span.start as usize + end)
}
